// The .tnpu container: round trips, hostile bytes, relocations.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/tnpu.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "models/mapped_file.h"
#include "tests/emulators/npu/isa/commands.h"

namespace triptych::npu {
namespace {

using Bytes = std::vector<std::byte>;

Tnpu Sample(const Bytes& weights, const Bytes& scales) {
  Tnpu t;
  t.machine = SmallMachine(2);
  t.commands = {OnRegister(Opcode::kSet, 2, 0), Marked(7),
                Moves(Opcode::kLoad, Region::kWeights, 0, 0, 16, 1, 2),
                Barrier(), Plain(Opcode::kHalt)};
  t.labels = {{"layer0.wq", Region::kWeights, 64, 100},
              {"kv", Region::kCache, 0, 4096}};
  t.data = {{Region::kWeights, 0, weights},
            {Region::kConstants, 128, scales},
            {Region::kWeights, 2000, weights}};
  t.relocations = {{"position", 0, 1, 16, -8}, {"length", 2, 4, 1, 0}};
  t.marks = {{7, "layer0/attention \"q\""}};
  t.notes = {{"model", "tiny"}};
  return t;
}

std::string ErrorOf(const Bytes& bytes) {
  const auto parsed = ParseTnpu(bytes, "f");
  return parsed ? "" : parsed.error().message;
}

TEST_CASE("a container reads back as it was") {
  const Bytes weights(100, std::byte{3}), scales(17, std::byte{5});
  const Tnpu t = Sample(weights, scales);
  const Bytes bytes = WriteTnpu(t);
  const auto back = ParseTnpu(bytes, "f");
  REQUIRE_MESSAGE(back, (back ? "" : back.error().message));
  REQUIRE(back->commands.size() == t.commands.size());
  CHECK(std::memcmp(back->commands.data(), t.commands.data(),
                    t.commands.size() * sizeof(Command)) == 0);
  CHECK(back->labels == t.labels);
  CHECK(back->relocations == t.relocations);
  CHECK(back->marks == t.marks);
  CHECK(back->notes == t.notes);
  CHECK(back->machine.cores == 2);
  CHECK(back->machine.region_bytes == t.machine.region_bytes);
  REQUIRE(back->data.size() == 3);
  CHECK(back->data[1].offset == 128);
  CHECK(std::memcmp(back->data[1].bytes.data(), scales.data(), 17) == 0);
  // In place, and where a mapped file has them on cache lines.
  CHECK(back->data[2].bytes.data() >= bytes.data());
  CHECK((back->data[2].bytes.data() - bytes.data()) % 64 == 0);
  const auto pieces = back->Pieces(Region::kWeights);
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[1].offset == 2000);
  CHECK(!pieces[1].writable);
  // To a file: the same bytes.
  const std::string path = "npu_tnpu_test.tnpu";
  REQUIRE(WriteTnpu(t, path));
  {
    const auto file = MappedFile::Open(path);
    REQUIRE(file);
    CHECK(Bytes(file->bytes().begin(), file->bytes().end()) == bytes);
  }
  std::remove(path.c_str());
  const auto nowhere = WriteTnpu(t, "no/such/folder/x.tnpu");
  REQUIRE(!nowhere);
  CHECK(nowhere.error().message.starts_with("no/such/folder/x.tnpu: "));
}

TEST_CASE("relocations set operands") {
  Tnpu t = Sample({}, {});
  REQUIRE(Relocate(t.relocations, {{"position", 5}, {"length", 48}}, t.commands,
                   "s"));
  CHECK(t.commands[0].operands.reg.value == 72);
  CHECK(t.commands[2].operands.dma.local == 48);
  const auto missing =
      Relocate(t.relocations, {{"position", 5}}, t.commands, "s");
  CHECK(missing.error().message == "s: command 2 wants a value for length");
  const auto large = Relocate(t.relocations, {{"position", 5}, {"length", -1}},
                              t.commands, "s");
  CHECK(large.error().message.ends_with("does not fit; allowed 32 bits"));
}

TEST_CASE("files that are not what they claim") {
  const Bytes weights(100, std::byte{3});
  const Bytes good = WriteTnpu(Sample(weights, weights));
  CHECK(ErrorOf({}).starts_with("f: offset 0: header: "));
  const auto with = [&](size_t offset, uint64_t value, size_t size) {
    Bytes bad = good;
    std::memcpy(bad.data() + offset, &value, size);
    return ErrorOf(bad);
  };
  CHECK(with(0, 'X', 1) == "f: offset 0: magic: this is no .tnpu file");
  CHECK(with(8, 2, 4).ends_with("version: 2; allowed 1"));
  CHECK(with(12, 1u << 30, 4).find("sections") != std::string::npos);
  CHECK(with(16, 17, 4) == "f: offset 16: cores: 17; allowed 1 to 16");
  CHECK(with(24, 0, 4).ends_with("array_cols: 0; allowed 1 to 4096"));
  CHECK(with(32, uint64_t{1} << 60, 8).find("scratchpad_bytes") !=
        std::string::npos);
  CHECK(with(40, uint64_t{1} << 40, 8).find("accumulator_rows") !=
        std::string::npos);
  CHECK(with(90, 1, 1).ends_with("unused bytes; allowed only 0"));
  CHECK(with(128, 9, 4) == "f: offset 128: section kind: 9; allowed 1 to 5");
  CHECK(with(136, 64, 8).starts_with("f: offset 136: commands: "));
  CHECK(with(144, uint64_t{1} << 63, 8).starts_with("f: offset 136: "));
  CHECK(with(144, 33, 8).ends_with("33 bytes; allowed multiples of 32"));
  CHECK(with(160, 1, 4).ends_with("a second one; allowed once"));
  uint64_t commands;
  std::memcpy(&commands, good.data() + 136, 8);
  CHECK(with(commands, 99, 1).starts_with("f: command 0: .word"));
}

TEST_CASE("no change of a byte or two breaks the reader") {
  const Bytes weights(100, std::byte{3});
  const Bytes good = WriteTnpu(Sample(weights, weights));
  Rng rng(3);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    Bytes bad = good;
    for (uint32_t n = rng.Below(3); n < 3; ++n) {
      const uint32_t at = rng.Below(static_cast<uint32_t>(bad.size()));
      bad[at] = static_cast<std::byte>(rng.Next());
    }
    if (rng.Below(4) == 0) {
      bad.resize(rng.Below(static_cast<uint32_t>(bad.size())));
    }
    const std::string error = ErrorOf(bad);
    refused += !error.empty();
    REQUIRE_MESSAGE((error.empty() || error.starts_with("f: ")), error);
  }
  CHECK(refused > 10000);
}

}  // namespace
}  // namespace triptych::npu
