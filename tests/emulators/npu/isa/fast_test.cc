// The fast machine against the scalar one: random streams, every byte of every
// memory, on each SIMD target and for any number of threads.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/text.h"
#include "tests/emulators/npu/isa/both_machines.h"
#include "tests/emulators/npu/isa/commands.h"
#include "tests/kernels/simd_targets.h"

namespace triptych::npu {
namespace {

// The shortest beginning of the stream after which the machines differ.
std::string FirstDifference(const RandomStream& random, uint64_t seed) {
  for (size_t n = 1; n <= random.commands.size(); ++n) {
    const std::span commands(random.commands.data(), n);
    const auto stream = Stream::Check(commands, random.machine, "part");
    if (!stream) continue;  // in the middle of a loop
    const Outcome scalar = ScalarOutcome(*stream, seed);
    const Outcome fast = FastOutcome(*stream, seed, 1);
    if (scalar != fast) {
      return std::to_string(n - 1) + ": " + Disassemble(commands[n - 1]) +
             " / " + scalar.error + " / " + fast.error;
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
    const Outcome want = ScalarOutcome(*stream, seed);
    REQUIRE_MESSAGE(want.error == "", want.error);
    ForEachSimdTarget([&](int64_t target) {
      for (const int threads : {1, 2}) {
        const Outcome got = FastOutcome(*stream, seed, threads);
        CAPTURE(seed);
        CAPTURE(std::string(hwy::TargetName(target)));
        CAPTURE(threads);
        REQUIRE_MESSAGE((got == want), FirstDifference(random, seed));
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

TEST_CASE("what one machine refuses the other refuses in the same words") {
  Rng rng(17);
  int refused = 0, ran = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    RandomStream random = MakeRandomStream(seed, 40);
    for (uint32_t n = 1 + rng.Below(2); n > 0; --n) {
      const uint32_t i =
          rng.Below(static_cast<uint32_t>(random.commands.size()));
      auto* bytes = reinterpret_cast<uint8_t*>(&random.commands[i]);
      bytes[1 + rng.Below(31)] ^= static_cast<uint8_t>(1u << rng.Below(8));
    }
    const auto stream =
        Stream::Check(random.commands, random.machine, "r", 100000);
    if (!stream) {
      ++refused;
      continue;
    }
    const Outcome want = ScalarOutcome(*stream, seed);
    const Outcome got = FastOutcome(*stream, seed, 1);
    CHECK(want.error == got.error);
    CHECK((want == got));
    (want.error.empty() ? ran : refused) += 1;
  }
  CHECK(refused > 50);
  CHECK(ran > 25);
}

TEST_CASE("rows without gaps that lie in two pieces") {
  const MachineSize machine = SmallMachine();
  std::vector<std::byte> one(100, std::byte{1}), two(100, std::byte{2});
  const auto run = [&](uint16_t rows, const auto& run_stream) {
    const std::vector<Command> commands = {
        Moves(Opcode::kLoad, Region::kWeights, 50, 0, 50, rows)};
    const auto stream = Stream::Check(commands, machine, "s");
    REQUIRE(stream);
    Memory memory(machine);
    memory.Bind(Region::kWeights,
                {ReadOnlyPiece(0, one), ReadOnlyPiece(100, two)});
    const Status status = run_stream(*stream, memory);
    const auto local = memory.scratchpad(0).first(150);
    return Outcome{status ? "" : status.error().message,
                   status ? std::vector(local.begin(), local.end())
                          : std::vector<std::byte>()};
  };
  const auto fast = [](const Stream& s, Memory& m) { return Execute(s, m); };
  for (const uint16_t rows : {uint16_t{2}, uint16_t{3}, uint16_t{4}}) {
    const Outcome want = run(rows, ExecuteScalar);
    CHECK((want.error == "") == (rows < 4));
    CHECK((run(rows, fast) == want));
  }
}

// Weights stay what they were when they were loaded, whatever is written to
// where they came from, before and after their first product.
TEST_CASE("weights outlive the place they came from") {
  const MachineSize machine = SmallMachine();
  for (const uint16_t rows : {uint16_t{1}, uint16_t{9}}) {
    for (const int overwritten : {0, 1, 2}) {
      std::vector<Command> commands = {Weights(0, 16, 16)};
      const Command write = Vectors(VectorOp::kExp, 4096, 0, 64, 4, 16);
      if (overwritten == 0) commands.push_back(write);
      commands.push_back(Product(512, 0, rows, kSwap));
      if (overwritten == 1) commands.push_back(write);
      commands.push_back(Weights(1024, 16, 16));
      if (overwritten == 2) commands.push_back(write);
      commands.push_back(Product(512, 16, 1, 0));
      commands.push_back(Product(512, 32, rows, kSwap));
      const auto stream = Stream::Check(commands, machine, "s");
      REQUIRE(stream);
      const Outcome want = ScalarOutcome(*stream, rows);
      CHECK(want.error == "");
      CHECK((FastOutcome(*stream, rows, 1) == want));
    }
  }
}

}  // namespace
}  // namespace triptych::npu
