// The two levels agree: each row runs a program on emulated tiles, and asks
// the graph level's plan for the same operator, shape, formats and grid.
//
// Neither counts the launch. What a program needs to start, which a launch
// covers on silicon, is taken off: the cycles of the same program with nothing
// to do.
//
// Usage: tile_levels_test DIRECTORY_OF_ELFS [options of doctest]
// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "emulators/mesh/attention_plan.h"
#include "emulators/mesh/matmul_plan.h"
#include "emulators/mesh/tile.h"
#include "emulators/mesh/tile/format.h"
#include "emulators/mesh/vector_plan.h"
#include "kernels/tile/abi.h"
#include "kernels/tile/programs/attention.h"
#include "kernels/tile/programs/eltwise.h"
#include "kernels/tile/programs/matmul.h"
#include "kernels/tile/programs/rmsnorm.h"
#include "kernels/tile/programs/rope.h"
#include "kernels/tile/programs/silu.h"
#include "kernels/tile/programs/softmax.h"
#include "tests/kernels/tile/workspace.h"

namespace triptych::mesh::tile {
namespace {

std::string directory;

constexpr double kAllowed = 0.05;

using Words = std::vector<uint32_t>;
// A program's arguments, and those with which it has nothing to do.
struct Job {
  Words args, idle;
  Cost plan;
};
struct Row {
  std::string label, program;
  Grid grid;
  std::function<Job(const Params&)> make;
  // Why the levels do not agree yet; then they must be as far apart as that
  // says, so that who mends it takes the reason away.
  std::string apart = {};
};

uint64_t CyclesOf(const Row& row, const Words& args) {
  Workspace w(row.grid, fmt::format("{}/{}.elf", directory, row.program), 1,
              /*timing_only=*/true);
  REQUIRE(w.chip().SetArguments(args));
  const Result<RunReport> report = w.chip().Run(10'000'000);
  if (!report) FAIL(report.error().message);
  return report->cycles;
}

Params ParamsOf(const Row& row) {
  const Workspace w(row.grid, fmt::format("{}/{}.elf", directory, row.program),
                    1, true);
  Params params = w.chip().config().params;
  params.grid_cols = row.grid.cols;
  params.grid_rows = row.grid.rows;
  return params;
}

// The plan's own blocks, double buffers, sums that stay in L1.
Row Product(std::string label, Grid grid, const MatmulProblem& problem) {
  return {
      std::move(label), "matmul_multicast", std::move(grid),
      [=](const Params& params) {
        const auto plan = PlanLayout(params, problem, Layout::kBlocks2D);
        REQUIRE(plan.has_value());
        const auto word = [](int64_t n) { return static_cast<uint32_t>(n); };
        MatmulArgs args = {
            .m = word(Tiles(problem.m)),
            .n = word(Tiles(problem.n)),
            .k = word(Tiles(problem.k)),
            .formats = {CodeOf(problem.activations), CodeOf(problem.weights),
                        CodeOf(problem.activations), TILE_BF16,
                        word(problem.phases)},
            .by = {.block_m = word(plan->block_m),
                   .block_n = word(plan->block_n),
                   .block_k = word(plan->k_block),
                   .sub_m = word(plan->subblock_m),
                   .sub_n = word(plan->subblock_n),
                   .depth = 2,
                   .adds = 1}};
        MatmulArgs idle = args;
        idle.k = 0;
        return Job{WordsOf(args), WordsOf(idle), plan->cost};
      }};
}

// Of bf16 in DRAM: rows x cols tiles, of each of the inputs and of tables.
struct Shape {
  uint32_t rows = 1, cols = 1;
  int64_t inputs = 1, tables = 0;
  int64_t elements() const { return int64_t{rows} * cols * kTileElements; }
};
template <class MakeArgs>
Row Vector(std::string label, std::string program, std::string_view op,
           Grid grid, Shape shape, MakeArgs make) {
  return {std::move(label), std::move(program), std::move(grid),
          [=](const Params& params) {
            const VectorProblem problem = {
                .rows = shape.rows * kTile,
                .cols = shape.cols * kTile,
                .in_elements = shape.inputs * shape.elements(),
                .out_elements = shape.elements(),
                .reduces_rows = op == "rmsnorm" || op == "softmax",
                .program = FindVectorProgram(op),
                .placement = Placement::kDram,
                .dram_read_bytes = shape.tables * shape.elements() * 2};
            REQUIRE(problem.program != nullptr);
            return Job{make(shape.rows), make(0), PlanVector(params, problem)};
          }};
}

// Addresses in every bank, far apart.
constexpr uint32_t kFirst = 0, kSecond = 1 << 20, kThird = 2 << 20,
                   kFourth = 3 << 20;

// Heads of 128, bfp8 keys and values, two passes.
Row Attention(std::string label, std::string program, Grid grid,
              uint32_t queries, uint32_t keys, uint32_t splits) {
  return {std::move(label), std::move(program), std::move(grid),
          [=](const Params& params) {
            AttentionArgs args = {.heads = 8,
                                  .kv_heads = 8,
                                  .queries = queries,
                                  .keys = keys,
                                  .dim = 4,
                                  .tail = 32,
                                  .scale = BitsOf(1 / std::sqrt(128.0)),
                                  .chunk = 4,
                                  .splits = splits,
                                  .fidelity = 2,
                                  .format = TILE_BF16,
                                  .kv_format = TILE_BFP8,
                                  .q = kFirst,
                                  .k = kSecond,
                                  .v = kThird,
                                  .out = kFourth};
            const int64_t scores =
                int64_t{args.heads} * queries * keys * kTileElements;
            const AttentionProblem problem = {
                .heads = args.heads,
                .kv_heads = args.kv_heads,
                .queries = queries * kTile,
                .keys = keys * kTile,
                .head_dim = 128,
                .v_dim = 128,
                .causal = false,
                .phases = 2,
                .vector_flops = 5.0 * static_cast<double>(scores)};
            const AttentionPlan plan = PlanAttention(params, problem);
            if (splits > 1) REQUIRE(plan.cores_a_head == splits);
            AttentionArgs idle = args;
            idle.heads = idle.kv_heads = 0;
            return Job{WordsOf(args), WordsOf(idle), plan.cost};
          }};
}

std::vector<Row> Rows() {
  constexpr DType kBf16 = DType::kBf16, kBfp8 = DType::kBfp8,
                  kBfp4 = DType::kBfp4;
  const Grid square = {5, 5}, wormhole = {5, 5, "wormhole-n150"};
  const Grid grid = {4, 2}, small = {2, 1};
  const auto product = [](DType format, int phases) {
    return MatmulProblem{.m = 1280,
                         .k = 1280,
                         .n = 1280,
                         .activations = format,
                         .weights = format,
                         .phases = phases};
  };
  std::vector<Row> rows = {
      Product("matmul bf16 hifi4", square, product(kBf16, 4)),
      Product("matmul bf16 hifi2", square, product(kBf16, 2)),
      Product("matmul bfp8 hifi2", square, product(kBfp8, 2)),
      Product("matmul bfp8 lofi", square, product(kBfp8, 1)),
      Product("matmul bfp4 lofi", square, product(kBfp4, 1)),
      Product("matmul bf16 hifi4, wormhole", wormhole, product(kBf16, 4)),
      Product("matmul bfp8 hifi2, wormhole", wormhole, product(kBfp8, 2)),
  };
  const auto eltwise = [](uint32_t op) {
    return [op](uint32_t tiles) {
      return WordsOf(EltwiseArgs{.op = op,
                                 .format = TILE_BF16,
                                 .tiles = tiles,
                                 .a = kFirst,
                                 .b = kSecond,
                                 .out = kThird,
                                 .step = 4,
                                 .depth = 4});
    };
  };
  const auto silu = [](uint32_t tiles) {
    return WordsOf(SiluArgs{.tiles = tiles, .x = kFirst, .out = kSecond});
  };
  const auto rms = [](uint32_t tiles) {
    return WordsOf(RmsNormArgs{.rows = tiles,
                               .cols = 16,
                               .format = TILE_BF16,
                               .x = kFirst,
                               .weight = kSecond,
                               .out = kThird});
  };
  const auto softmax = [](uint32_t tiles) {
    return WordsOf(SoftmaxArgs{.rows = tiles,
                               .cols = 16,
                               .tail = 32,
                               .format = TILE_BF16,
                               .x = kFirst,
                               .out = kSecond});
  };
  const auto rope = [](uint32_t tiles) {
    return WordsOf(RopeArgs{.heads = tiles,
                            .rows = 1,
                            .cols = 4,
                            .format = TILE_BF16,
                            .x = kFirst,
                            .out = kSecond,
                            .cosines = kThird,
                            .sines = kFourth});
  };
  // Shares that begin in different banks.
  rows.push_back(Vector("add", "eltwise", "add", grid, {2056, 1, 2},
                        eltwise(TILE_OP_ADD)));
  rows.push_back(Vector("mul", "eltwise", "mul", grid, {2056, 1, 2},
                        eltwise(TILE_OP_MUL)));
  rows.push_back(Vector("add, wormhole", "eltwise", "add",
                        {8, 8, "wormhole-n150"}, {1024, 1, 2},
                        eltwise(TILE_OP_ADD)));
  rows.push_back(Vector("silu", "silu", "silu", grid, {512, 1, 1}, silu));
  rows.push_back(Vector("silu, wormhole", "silu", "silu",
                        {4, 2, "wormhole-n150"}, {512, 1, 1}, silu));
  rows.push_back(Vector("rmsnorm", "rmsnorm", "rmsnorm", grid, {64, 16}, rms));
  rows.push_back(
      Vector("softmax", "softmax", "softmax", grid, {32, 16}, softmax));
  rows.push_back(Vector("rope", "rope", "rope", small, {32, 4, 1, 2}, rope));
  rows.push_back(
      Attention("attention, decode", "attention_decode", {4, 4}, 1, 64, 2));
  rows.push_back(
      Attention("attention, prefill", "attention_prefill", grid, 8, 8, 1));
  rows.back().apart =
      "the program takes 32 queries at a time, so its stages wait for one "
      "another, and the vector unit's exponential 18 instructions; the plan "
      "follows kernels on silicon that overlap stages and approximate";
  return rows;
}

}  // namespace

TEST_CASE("levels of the mesh agree") {
  for (const Row& row : Rows()) {
    CAPTURE(row.label);
    const Job job = row.make(ParamsOf(row));
    const uint64_t start = CyclesOf(row, job.idle);
    const auto executed = static_cast<double>(CyclesOf(row, job.args) - start);
    const double planned = job.plan.total - job.plan.launch;
    fmt::print("{:<28} {}x{}: executed {:>7.0f}, planned {:>7.0f}: {:+.1f} %\n",
               row.label, row.grid.cols, row.grid.rows, executed, planned,
               100 * (planned / executed - 1));
    if (!row.apart.empty()) fmt::print("  not held: {}\n", row.apart);
    CHECK((std::abs(planned / executed - 1) <= kAllowed) == row.apart.empty());
    // So large that what only happens once does not decide it.
    CHECK(executed > 10.0 * static_cast<double>(start));
  }
}

}  // namespace triptych::mesh::tile

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  if (argc < 2) {
    fmt::print(stderr, "usage: tile_levels_test ELF_DIRECTORY\n");
    return 2;
  }
  triptych::mesh::tile::directory = argv[1];
  return context.run();
}
