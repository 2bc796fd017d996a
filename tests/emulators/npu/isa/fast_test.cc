// The fast machine against the scalar one: random streams, every byte of every
// memory, on each SIMD target and for any number of threads.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "emulators/npu/isa/access.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/text.h"
#include "emulators/npu/isa/walk.h"
#include "tests/emulators/npu/isa/random_stream.h"
#include "tests/kernels/simd_targets.h"

namespace triptych::npu {
namespace {

// What a stream leaves behind; empty after an error, which `error` then is.
using Machine = Status (*)(const Stream&, Memory&, int threads);
std::vector<std::byte> After(const Stream& stream, uint64_t seed,
                             Machine machine, int threads, std::string* error) {
  Image image(stream.machine(), seed);
  const Status status = machine(stream, image.memory(), threads);
  *error = status ? "" : status.error().message;
  return status ? image.Contents() : std::vector<std::byte>();
}

constexpr Machine kScalar = [](const Stream& s, Memory& m, int) {
  return ExecuteScalar(s, m);
};
constexpr Machine kFast = [](const Stream& s, Memory& m, int threads) {
  return Execute(s, m, {.threads = threads});
};

// The shortest beginning of the stream after which the machines differ.
std::string FirstDifference(const RandomStream& random, uint64_t seed) {
  for (size_t n = 1; n <= random.commands.size(); ++n) {
    const std::span commands(random.commands.data(), n);
    const auto stream = Stream::Check(commands, random.machine, "part");
    if (!stream) continue;  // in the middle of a loop
    std::string scalar_error, fast_error;
    if (After(*stream, seed, kScalar, 1, &scalar_error) !=
            After(*stream, seed, kFast, 1, &fast_error) ||
        scalar_error != fast_error) {
      return std::to_string(n - 1) + ": " + Disassemble(commands[n - 1]) +
             " / " + scalar_error + " / " + fast_error;
    }
  }
  return "";
}

TEST_CASE("random streams leave the same bytes on both machines") {
  // Which opcodes the streams really had.
  std::array<int, kOpcodes> met{};
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const RandomStream random = MakeRandomStream(seed, 120);
    const auto stream = Stream::Check(random.commands, random.machine, "r");
    REQUIRE_MESSAGE(stream, (stream ? "" : stream.error().message));
    for (const Command& c : random.commands) {
      ++met[static_cast<size_t>(c.opcode)];
    }
    std::string error;
    const auto want = After(*stream, seed, kScalar, 1, &error);
    REQUIRE_MESSAGE(error == "", error);
    ForEachSimdTarget([&](int64_t target) {
      for (const int threads : {1, 2}) {
        const auto got = After(*stream, seed, kFast, threads, &error);
        CAPTURE(seed);
        CAPTURE(std::string(hwy::TargetName(target)));
        CAPTURE(threads);
        CAPTURE(error);
        REQUIRE_MESSAGE(got == want, FirstDifference(random, seed));
      }
    });
  }
  for (const OpcodeInfo& info : OpcodeTable()) {
    if (info.opcode == Opcode::kHalt || info.opcode == Opcode::kMark ||
        info.opcode == Opcode::kSet || info.opcode == Opcode::kEvent) {
      continue;
    }
    CHECK_MESSAGE(met[static_cast<size_t>(info.opcode)] > 30,
                  std::string(info.name));
  }
}

}  // namespace
}  // namespace triptych::npu
