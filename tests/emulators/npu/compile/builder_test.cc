// What the builder makes of transfers, strides and loops; and how work is cut.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/builder.h"

#include <doctest/doctest.h>

#include "emulators/npu/compile/share.h"
#include "emulators/npu/isa/check.h"

namespace triptych::npu {
namespace {

MachineSize SmallMachine() {
  MachineSize size;
  size.cores = 4;
  size.array_rows = size.array_cols = 8;
  size.scratchpad_bytes = 4096;
  size.accumulator_rows = 64;
  size.l2_bytes = 1 << 16;
  size.region_bytes = {1 << 16, 1 << 16, 1 << 16, 1 << 16, 1 << 16};
  return size;
}

TEST_CASE("rows without gaps are one row") {
  Builder b(SmallMachine());
  b.OnCores(b.all());
  b.Load({.remote = {Region::kL2, 64}, .bytes = 8, .rows = 4, .blocks = 3});
  REQUIRE(b.commands().size() == 1);
  const Dma& dma = b.commands()[0].operands.dma;
  CHECK(dma.size0 == 96);
  CHECK(dma.size1 == 1);
  CHECK(dma.size2 == 1);
  // A gap on one side keeps the rows apart on both.
  b.Load({.remote = {Region::kL2, 64},
          .bytes = 8,
          .rows = 4,
          .blocks = 3,
          .local_row = 12});
  REQUIRE(b.commands().size() == 3);
  CHECK(b.commands()[1].opcode == Opcode::kDmaConfig);
  CHECK(b.commands()[1].operands.dma_config.local_stride1 == 12);
  CHECK(b.commands()[2].operands.dma.size0 == 8);
  CHECK(b.commands()[2].operands.dma.size1 == 12);
}

TEST_CASE("strides are said once, and again where a loop begins") {
  Builder b(SmallMachine());
  b.OnCores(b.all());
  const Copy gaps{
      .remote = {Region::kL2, 0}, .bytes = 8, .rows = 4, .remote_row = 16};
  const auto configs = [&] {
    int count = 0;
    for (const Command& c : b.commands()) {
      count += c.opcode == Opcode::kDmaConfig;
    }
    return count;
  };
  b.Load(gaps);
  b.Load(gaps);
  CHECK(configs() == 1);
  b.Repeat(2, [&] { b.Load(gaps); });
  CHECK(configs() == 2);
  b.Load(gaps);  // what the loop leaves is not known
  CHECK(configs() == 3);
  b.Barrier();
  b.Load({.remote = {Region::kL2, 0}, .bytes = 8});
  CHECK(configs() == 3);
}

TEST_CASE("an offset beyond 32 bits goes through a register") {
  Builder b(SmallMachine());
  b.Load({.remote = {Region::kWeights, (int64_t{3} << 32) + 64}, .bytes = 8});
  REQUIRE(b.commands().size() == 2);
  CHECK(b.commands()[0].opcode == Opcode::kSet);
  CHECK(b.commands()[0].operands.reg.value == int64_t{3} << 32);
  CHECK(b.commands()[1].operands.dma.base == kFarRegister);
  CHECK(b.commands()[1].operands.dma.offset == 64);
}

TEST_CASE("what is between the members of a command is zero") {
  Builder b(SmallMachine());
  b.OnCores(b.all());
  b.Vector({.src0 = 0,
            .src1 = 64,
            .dst = 0,
            .rows = 1,
            .cols = 4,
            .op = VectorOp::kAdd,
            .operand = Operand::kFull},
           {});
  b.Reduce({.src = 0, .dst = 64, .rows = 1, .cols = 4, .op = ReduceOp::kMax},
           0);
  for (const Command& c : b.commands()) {
    CHECK(FaultOf(c, SmallMachine()).empty());
  }
}

TEST_CASE("parts cover everything, and no core writes another's") {
  for (int64_t total = 1; total < 70; ++total) {
    for (int64_t parts = 1; parts <= 16; ++parts) {
      CAPTURE(total);
      CAPTURE(parts);
      const Cut cut = CutOf(total, parts);
      CHECK(cut.parts <= parts);
      CHECK(cut.count >= 1);
      CHECK(cut.rest < cut.parts);
      CHECK(cut.whole() + cut.rest == total);
      const Share share = ShareOf(total, parts);
      CHECK(share.parts <= parts);
      CHECK((share.parts == 1 || share.step >= 1));
      CHECK(share.step <= share.count);
      CHECK((share.parts - 1) * share.step + share.count == total);
      CHECK(ShareOfAtMost(total, parts).count <= parts);
    }
  }
}

}  // namespace
}  // namespace triptych::npu
