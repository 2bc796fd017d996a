// Plans against times worked out by hand, and what every plan must satisfy.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/matmul_plan.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "emulators/mesh/attention_plan.h"
#include "emulators/mesh/tile.h"
#include "emulators/mesh/vector_plan.h"
#include "kernels/base/rng.h"

namespace triptych::mesh {
namespace {

// Round numbers, one core, DRAM that never limits.
Params Simple() {
  Params p;
  p.grid_cols = p.grid_rows = 1;
  p.clock = Hertz(1e9);
  p.launch_cycles = 100;
  p.l1_bytes = 1 << 20;
  p.unpack_bytes_per_cycle = 64;
  p.noc_cols = p.noc_rows = 10;
  p.noc_bytes_per_cycle = 32;
  p.noc_multicast_bytes_per_cycle = 32;
  p.noc_handshake_cycles = 10;
  p.dram_gb_per_s = 1e5;
  p.dram_latency_cycles = 50;
  p.dram_issue_cycles = 5;
  p.dram_banks = 1;
  return p;
}

std::vector<MatmulProblem> SomeProblems() {
  std::vector<MatmulProblem> problems;
  const std::array formats = {DType::kBf16, DType::kBfp8, DType::kBfp4};
  Rng rng(7);
  for (int i = 0; i < 60; ++i) {
    // Sizes from 1 to 2^13, all orders of magnitude alike.
    const auto size = [&] {
      const uint32_t most = uint32_t{1} << (1 + rng.Below(13));
      return std::max<int64_t>(1, rng.Below(most));
    };
    problems.push_back(
        {.m = size(),
         .k = size(),
         .n = size(),
         .activations = formats[rng.Below(2)],
         .weights = formats[rng.Below(3)],
         .phases = 1 + static_cast<int>(rng.Below(4)),
         .placement = rng.Below(2) == 0 ? Placement::kL1 : Placement::kDram});
  }
  return problems;
}

// A real machine's proportions without reading its preset.
Params Grid() {
  Params p = Simple();
  p.grid_cols = 8;
  p.grid_rows = 7;
  p.fpu_phase_cycles = 1;
  p.fpu_reload_cycles = 10;
  p.unpack_tile_cycles = 2;
  p.unpack_reload_cycles = 8;
  p.pack_tile_cycles = 10;
  p.dram_gb_per_s = 300;
  p.dram_efficiency = 0.9;
  p.dram_banks = 12;
  p.dram_issue_cycles = 40;
  p.noc_endpoint_cycles = 90;
  return p;
}

}  // namespace

TEST_CASE("mesh matmul: one tile product by hand") {
  // W: handshake 10, 2048 B at 32 B a cycle twice (DRAM to core, multicast),
  // latency 50: 188. Compute: two tiles unpacked at 64 B a cycle: 64.
  const auto plan =
      PlanLayout(Simple(), {.m = 32, .k = 32, .n = 32}, Layout::kBlocks2D);
  REQUIRE(plan.has_value());
  CHECK(plan->cost.fill == 188);
  CHECK(plan->cost.total == 100 + 188 + 64);
  CHECK(plan->cost.fpu == 16);
  CHECK(plan->cost.pack == 32);
  CHECK(plan->cost.macs == 32 * 32 * 32);
  CHECK(plan->cost.dram_bytes == 2048);
}

TEST_CASE("mesh matmul: a long K in steps by hand") {
  Params p = Simple();
  // Room for the A shard (4 tiles), one output tile and two steps of one
  // tile each; three tiles short of two steps of two.
  p.l1_bytes = (4 + 1 + 4) * 2048;
  const auto plan =
      PlanLayout(p, {.m = 32, .k = 128, .n = 32}, Layout::kBlocks2D);
  REQUIRE(plan.has_value());
  CHECK(plan->k_block == 1);
  CHECK(plan->l1_bytes == p.l1_bytes);
  // Four steps that wait for W (188 each); the last one's compute unpacks the
  // partial sum as well: 64 + 32.
  CHECK(plan->cost.total == 100 + 4 * 188 + 96);
  CHECK(plan->cost.unpack == 4 * 96);
}

TEST_CASE("mesh matmul: multiply-bound steps by hand") {
  Params p = Simple();
  p.fpu_macs_per_cycle = 32;  // 1024 cycles a tile product
  const auto plan = PlanLayout(p, {.m = 64, .k = 64, .n = 64, .phases = 2},
                               Layout::kBlocks2D);
  REQUIRE(plan.has_value());
  // Everything in one step of two K tiles: 8 products of 2 phases.
  CHECK(plan->k_block == 2);
  CHECK(plan->cost.fpu == 8 * 2 * 1024);
  CHECK(plan->cost.total == 100 + plan->cost.fill + 8 * 2 * 1024);
  CHECK(TileProductCycles(p, 2) == 2048);
}

TEST_CASE("mesh matmul: results in DRAM are written and waited for") {
  const MatmulProblem in_dram{
      .m = 32, .k = 32, .n = 32, .placement = Placement::kDram};
  const auto plan = PlanLayout(Simple(), in_dram, Layout::kBlocks2D);
  REQUIRE(plan.has_value());
  // Writing takes 64 cycles after the last product, and a latency.
  CHECK(plan->cost.tail == 64 + 50);
  CHECK(plan->cost.total == 100 + 188 + 64 + 64 + 50);
  CHECK(plan->cost.dram_bytes == 3 * 2048);
}

TEST_CASE("mesh matmul: few rows stream their weights at DRAM's pace") {
  const Params p = Grid();
  const MatmulProblem decode{
      .m = 1, .k = 4096, .n = 4096, .weights = DType::kBfp8};
  const MatmulPlan plan = PlanMatmul(p, decode);
  CHECK(plan.layout == Layout::kColumns);
  const double stream = 4096.0 * 4096 * 17 / 16 / p.dram_rate();
  CHECK(plan.cost.total >= stream);
  // 128 columns of tiles on 12 banks: the fullest bank has 11 of 10.67.
  CHECK(plan.cost.total < 1.15 * stream + p.launch_cycles + 2000);
}

TEST_CASE("mesh matmul: no plan takes more L1 than there is") {
  for (const int64_t l1 : {120000, 400000, 1500000}) {
    Params p = Grid();
    p.l1_bytes = l1;
    for (const MatmulProblem& problem : SomeProblems()) {
      const MatmulPlan plan = PlanMatmul(p, problem);
      CHECK(plan.l1_bytes <= p.l1_free());
      CHECK(plan.subblock_m * plan.subblock_n <= p.dst_tiles);
    }
  }
}

TEST_CASE("mesh matmul: no part is busier than the whole is long") {
  const Params p = Grid();
  for (const MatmulProblem& problem : SomeProblems()) {
    const Cost cost = PlanMatmul(p, problem).cost;
    const double start = cost.launch + cost.fill;
    for (const double busy : {cost.unpack, cost.fpu, cost.pack}) {
      CHECK(start + busy <= cost.total * (1 + 1e-12));
    }
    for (const double busy : {cost.noc, cost.dram}) {
      CHECK(cost.launch + busy <= cost.total * (1 + 1e-12));
    }
    CHECK(cost.macs >= problem.m * problem.k * problem.n);
    const double weights = static_cast<double>(problem.k * problem.n) *
                           BitsPerElement(problem.weights) / 8;
    CHECK(static_cast<double>(cost.dram_bytes) >= weights);
  }
}

TEST_CASE("mesh: more of a resource never takes longer") {
  const Params base = Grid();
  std::vector<Params> richer(9, base);
  richer[0].clock = Hertz(2e9);
  richer[1].launch_cycles /= 2;
  richer[2].fpu_macs_per_cycle *= 2;
  richer[3].unpack_bytes_per_cycle *= 2;
  richer[4].noc_bytes_per_cycle *= 2;
  richer[5].noc_multicast_bytes_per_cycle *= 2;
  richer[6].dram_gb_per_s *= 2;
  richer[7].dram_latency_cycles /= 2;
  richer[8].sfpu_lanes *= 2;
  const auto seconds = [](const Params& p, const Cost& cost) {
    return cost.total / p.clock.value;
  };
  const std::vector<AttentionProblem> attention = {
      {.heads = 8,
       .kv_heads = 2,
       .queries = 1,
       .keys = 3000,
       .head_dim = 64,
       .v_dim = 64,
       .phases = 2,
       .vector_flops = 5.0 * 8 * 3000},
      {.heads = 4,
       .kv_heads = 4,
       .queries = 700,
       .keys = 700,
       .head_dim = 128,
       .v_dim = 128,
       .phases = 2,
       .vector_flops = 5.0 * 4 * 700 * 350}};
  const VectorProblem vector{.rows = 100,
                             .cols = 4096,
                             .in_elements = 409600,
                             .out_elements = 409600,
                             .vector_flops = 4 * 409600,
                             .reduces_rows = true};
  for (size_t i = 0; i < richer.size(); ++i) {
    CAPTURE(i);
    const Params& more = richer[i];
    for (const MatmulProblem& problem : SomeProblems()) {
      CHECK(seconds(more, PlanMatmul(more, problem).cost) <=
            seconds(base, PlanMatmul(base, problem).cost) * (1 + 1e-12));
    }
    for (const AttentionProblem& problem : attention) {
      CHECK(seconds(more, PlanAttention(more, problem).cost) <=
            seconds(base, PlanAttention(base, problem).cost) * (1 + 1e-12));
    }
    CHECK(seconds(more, PlanVector(more, vector)) <=
          seconds(base, PlanVector(base, vector)) * (1 + 1e-12));
  }
}

TEST_CASE("mesh attention: chunks above the diagonal are skipped") {
  AttentionProblem a{.heads = 56,
                     .kv_heads = 56,
                     .queries = 1024,
                     .keys = 1024,
                     .head_dim = 64,
                     .v_dim = 64,
                     .vector_flops = 5.0 * 56 * 1024 * 512};
  const Cost causal = PlanAttention(Grid(), a).cost;
  a.causal = false;
  const Cost full = PlanAttention(Grid(), a).cost;
  CHECK(full.macs == int64_t{56} * 1024 * 1024 * 128);
  CHECK(causal.macs < full.macs);
  // Never less than what is on or below the diagonal.
  CHECK(causal.macs >= int64_t{56} * (1024 * 1025 / 2) * 128);
  CHECK(causal.total < full.total);
}

TEST_CASE("mesh attention: decode reads every key once and splits heads") {
  const AttentionProblem a{.heads = 32,
                           .kv_heads = 8,
                           .queries = 1,
                           .keys = 8192,
                           .head_dim = 128,
                           .v_dim = 128,
                           .vector_flops = 5.0 * 32 * 8192};
  const AttentionPlan plan = PlanAttention(Grid(), a);
  CHECK(plan.split_keys);
  CHECK(plan.cores_a_head == 56 / 8);
  CHECK(plan.cost.dram_bytes == int64_t{8} * 8192 * 256 * 17 / 16);
}

TEST_CASE("mesh vector: a tile's operations by hand") {
  Params p = Simple();
  // One tile, 4 operations an element on 32 lanes: 128 cycles.
  const Cost cost = PlanVector(p, {.rows = 32,
                                   .cols = 32,
                                   .in_elements = 1024,
                                   .out_elements = 1024,
                                   .vector_flops = 4096});
  CHECK(cost.sfpu == 128);
  CHECK(cost.total == 100 + 128);
  CHECK(cost.dram_bytes == 0);
}

TEST_CASE("mesh vector: a program's stages by hand") {
  VectorProblem one{.rows = 32,
                    .cols = 32,
                    .in_elements = 1024,
                    .out_elements = 1024,
                    .program = FindVectorProgram("silu")};
  REQUIRE(one.program != nullptr);
  // 8 moves, 5 cycles until they are in Dst, 29 instructions of 32 vectors, 2.
  const double silu = 8 + 5 + 29 * 32 + 2;
  CHECK(PlanVector(Simple(), one).total == 100 + silu);
  // From DRAM and back: a read, packing 32, a write.
  one.placement = Placement::kDram;
  const Cost cost = PlanVector(Simple(), one);
  CHECK(cost.dram_bytes == 2 * 2048);
  CHECK(cost.tail == 32 + 50);
  CHECK(cost.total >= 100 + 50 + silu + cost.tail);
  // A step of sums: pairs through both unpackers, 64 cycles each of 8.
  one = {.rows = 32,
         .cols = 128,
         .in_elements = 2 * 4096,
         .out_elements = 4096,
         .program = FindVectorProgram("add")};
  CHECK(FindVectorProgram("nothing") == nullptr);
  const VectorTimes add = TimesOf(Simple(), *one.program, 4, 2048);
  CHECK(add.total == 4 * 64);
  CHECK(add.fpu == 4 * 8);
}

}  // namespace triptych::mesh
