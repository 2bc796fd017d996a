// Assembler and disassembler.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/text.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "emulators/npu/isa/opcodes.h"
#include "kernels/base/rng.h"
#include "tests/emulators/npu/isa/commands.h"
#include "tests/emulators/npu/isa/random_stream.h"

namespace triptych::npu {
namespace {

bool SameBytes(const std::vector<Command>& a, const std::vector<Command>& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(Command)) == 0;
}

Listing MustAssemble(const std::string& text) {
  auto listing = Assemble(text, "f");
  REQUIRE_MESSAGE(listing, (listing ? "" : listing.error().message));
  return *std::move(listing);
}

std::string ErrorOf(const std::string& text) {
  const auto listing = Assemble(text, "f");
  return listing ? "" : listing.error().message;
}

TEST_CASE("a listing reads as it was written") {
  const Listing listing = MustAssemble(R"(
.region wq weights 4096 65536   # the first of two
.region x activations 0 512
LOOP count=8
  LD.unpack4.multicast region=weights offset=wq+64 local=0x100 size0=64 cores=3
  MMLD local=0x100 k=128 n=64 wait=1,2 signal=3
  MM.accumulate.swap a=acc+0x40 acc_row=2 rows=7
  QT.bits8 src=0x0 dst=0x400 scales=0x800 rows=1 cols=4 multiplier=0.125f
  VEC op=mul src0=0x0 src1=1065353216 operand=immediate dst=0x0 rows=1 cols=4
  NORM src=0x0 dst=0x0 weight=none bias=none eps=1e-05f rows=1 cols=4
  ADD reg=3 value=-4096
END
)");
  REQUIRE(listing.commands.size() == 9);
  const Command& load = listing.commands[1];
  CHECK(load.operands.dma.offset == 4096 + 64);
  CHECK(load.flags == (kUnpack4 | kMulticast));
  CHECK(load.cores == 3);
  CHECK(listing.commands[2].wait == std::array<uint8_t, 2>{1, 2});
  CHECK(listing.commands[3].operands.matmul.a == (kAccBit | 64));
  CHECK(listing.commands[4].operands.quantize.multiplier == 0.125f);
  CHECK(listing.commands[6].operands.norm.bias == kNoOperand);
  CHECK(listing.commands[7].operands.reg.value == -4096);
  const std::string text = Disassemble(listing);
  CHECK(text.find("\n  LD.unpack4.multicast region=weights offset=wq+64 ") !=
        std::string::npos);
  const Listing again = MustAssemble(text);
  CHECK(again.labels == listing.labels);
  CHECK(SameBytes(again.commands, listing.commands));
}

TEST_CASE("any bytes survive the round trip") {
  Rng rng(5);
  Listing listing;
  listing.labels = {{"a", Region::kWeights, 0, 1u << 31},
                    {"b.c", Region::kCache, 100, 50}};
  const auto fill = [&](Command& c) {
    for (uint64_t& word : c.operands.words) {
      word = rng.Next() | uint64_t{rng.Next()} << 32;
    }
  };
  for (int i = 0; i < 20000; ++i) {
    Command c;
    const uint32_t head[] = {rng.Next(), rng.Next()};
    std::memcpy(static_cast<void*>(&c), head, sizeof(head));
    fill(c);
    // Mostly commands there are; half of those with nothing beside operands.
    if (rng.Below(8) != 0) c.opcode = static_cast<Opcode>(rng.Below(kOpcodes));
    if (static_cast<int>(c.opcode) < kOpcodes && rng.Below(2) != 0) {
      Command told = c;
      told.operands = {};
      for (const Field& field : InfoOf(c.opcode).fields) {
        if (rng.Below(3) != 0) WriteField(told, field, ReadField(c, field));
      }
      c = told;
    }
    listing.commands.push_back(c);
  }
  const Listing again = MustAssemble(Disassemble(listing));
  REQUIRE(again.commands.size() == listing.commands.size());
  for (size_t i = 0; i < again.commands.size(); ++i) {
    REQUIRE_MESSAGE(std::memcmp(&again.commands[i], &listing.commands[i],
                                sizeof(Command)) == 0,
                    Disassemble(listing.commands[i]));
  }
}

TEST_CASE("errors of the assembler say where and what is allowed") {
  CHECK(ErrorOf("\nFOO a=1\n")
            .starts_with("f:2: FOO: no such command; allowed HALT MARK SET"));
  CHECK(ErrorOf("LD.fast size0=1")
            .ends_with("flag fast; allowed unpack4 multicast"));
  CHECK(ErrorOf("LD size=1")
            .ends_with("operand size; allowed region offset reg base local "
                       "size0 size1 size2 "
                       "wait signal cores"));
  CHECK(ErrorOf("LD region=attic") ==
        "f:1: LD: region attic; allowed l2, weights, constants, cache, "
        "activations");
  CHECK(ErrorOf("LD size1=65536").ends_with("allowed 16 bits"));
  CHECK(ErrorOf("RQ low=-129").ends_with("allowed 8 bits"));
  CHECK(ErrorOf("NORM eps=x")
            .ends_with("allowed a number with an f behind, or bits as 0x..."));
  CHECK(ErrorOf(".region w weights 0 4\nLD region=l2 offset=w")
            .ends_with("allowed a number, a label of the region, or "
                       "label+bytes"));
  CHECK(ErrorOf(".region w weights 0 4\n.region w l2 0 4")
            .starts_with("f:2: label w"));
  CHECK(ErrorOf(".region 1w weights 0 4").starts_with("f:1: label 1w"));
  CHECK(ErrorOf(".word 1 2 3").ends_with("allowed four numbers"));
  CHECK(ErrorOf("MARK 7").ends_with("allowed operand=value"));
  CHECK(ErrorOf("MM wait=1,2,3").ends_with("allowed one or two events"));
}

}  // namespace
}  // namespace triptych::npu
