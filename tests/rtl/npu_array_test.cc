// The NPU's array tile: the RTL against the model, bits and cycles.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/base/rng.h"
#include "rtl/npu_array/npu_array_gemm.h"
#include "rtl/npu_array/npu_array_model.h"
#include "rtl/npu_array/npu_array_rtl.h"
#include "rtl/npu_array/npu_array_timing.h"
#include "tests/rtl/npu_array_programs.h"

namespace triptych::rtl {
namespace {

// Runs the program on both: every code, counter and edge must be the same.
NpuRun RunBoth(NpuArrayRtl& rtl, const NpuProgram& program,
               const NpuStalls& stalls = {}) {
  const NpuResults results = NpuCompute(rtl.shape(), program);
  const NpuTimes times = NpuTime(rtl.shape(), program, stalls);
  const uint64_t enough = 1000 + 2 * times.busy + 64 * program.commands.size();
  NpuRun run = rtl.Run(program, stalls, enough + times.accepted.back());
  REQUIRE(run.ended);
  REQUIRE(run.results.codes == results.codes);
  REQUIRE(run.results.overflows == results.overflows);
  REQUIRE(run.results.clamped == results.clamped);
  REQUIRE(run.times == times);
  std::vector<bool> last;
  for (const NpuCommand& command : program.commands) {
    if (command.op != NpuOp::kDrain) continue;
    last.insert(last.end(), static_cast<size_t>(command.rows) - 1, false);
    last.push_back(true);
  }
  REQUIRE(run.last == last);
  return run;
}

// A product in the plainest way.
std::vector<int8_t> Product(const NpuGemm& gemm, const std::vector<int8_t>& a,
                            const std::vector<int8_t>& w,
                            const std::vector<NpuRequant>& params) {
  std::vector<int8_t> c;
  for (int64_t m = 0; m < gemm.m; ++m) {
    for (int64_t n = 0; n < gemm.n; ++n) {
      int32_t sum = 0;
      for (int64_t k = 0; k < gemm.k; ++k) {
        sum += a[static_cast<size_t>(m * gemm.k + k)] *
               w[static_cast<size_t>(k * gemm.n + n)];
      }
      c.push_back(NpuRequantise(sum, params[static_cast<size_t>(n)]).code);
    }
  }
  return c;
}

void CheckGemm(NpuArrayRtl& rtl, const NpuGemm& gemm, Rng& rng,
               const NpuStalls* stalls) {
  CAPTURE(gemm.m);
  CAPTURE(gemm.n);
  CAPTURE(gemm.k);
  const bool extreme = rng.Below(3) == 0;
  const auto a =
      RandomBytes(rng, static_cast<size_t>(gemm.m * gemm.k), extreme);
  const auto w =
      RandomBytes(rng, static_cast<size_t>(gemm.k * gemm.n), extreme);
  const auto params = RandomRequants(rng, gemm.n, static_cast<int>(gemm.k));
  const NpuProgram program = NpuGemmProgram(rtl.shape(), gemm, a, w, params);
  const NpuRun run =
      RunBoth(rtl, program, stalls == nullptr ? NpuStalls{} : *stalls);
  CHECK(NpuGemmResult(rtl.shape(), gemm, run.results.codes) ==
        Product(gemm, a, w, params));
  const auto cycles =
      static_cast<uint64_t>(NpuGemmTime(rtl.shape(), gemm).total());
  if (stalls == nullptr) {
    CHECK(run.times.busy == cycles);
    CHECK(run.times.taken.back() == cycles);
  } else {
    CHECK(run.times.taken.back() >= cycles);
  }
}

NpuGemm RandomGemm(Rng& rng) {
  return {Between(rng, 1, 70), Between(rng, 1, 70), Between(rng, 1, 70)};
}

TEST_SUITE_BEGIN("npu_array 8 x 8");

TEST_CASE("any order of commands, any pattern of stalls") {
  NpuArrayRtl rtl(8, 8);
  for (uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    Rng rng(seed, 1);
    RunBoth(rtl, RandomProgram(rng, rtl.shape()).Make(Between(rng, 2, 60)),
            seed % 4 == 0 ? NpuStalls{} : RandomStalls(rng));
  }
}

TEST_CASE("products of all tails, and their cycles in closed form") {
  NpuArrayRtl rtl(8, 8);
  Rng rng(2);
  for (const int64_t m : {1, 2, 7, 8, 9, 31, 32, 33, 64, 65, 70}) {
    for (const int64_t n : {1, 8, 9, 23}) {
      for (const int64_t k : {1, 7, 8, 9, 25}) {
        CheckGemm(rtl, {m, n, k}, rng, nullptr);
      }
    }
  }
  for (int i = 0; i < 60; ++i) CheckGemm(rtl, RandomGemm(rng), rng, nullptr);
}

TEST_CASE("products when every port stalls") {
  NpuArrayRtl rtl(8, 8);
  Rng rng(3);
  for (int i = 0; i < 40; ++i) {
    const NpuStalls stalls = RandomStalls(rng);
    CheckGemm(rtl, RandomGemm(rng), rng, &stalls);
  }
}

// 2 x 16384 products of -128 and -128 in eight rows are 2^32.
TEST_CASE("sums wrap at int32, and are counted") {
  NpuArrayRtl rtl(8, 8);
  NpuProgram program;
  program.weights.assign(64, -128);
  program.params.resize(8, {.multiplier = 1, .shift = 24});
  program.commands = {{.op = NpuOp::kLoad},
                      {.op = NpuOp::kMatmul, .swap = true}};
  for (int i = 1; i < 16384; ++i) {
    program.commands.push_back({.op = NpuOp::kMatmul, .accumulate = true});
  }
  program.commands.push_back({.op = NpuOp::kDrain});
  program.activations.assign(16384 * 8, -128);
  const NpuRun run = RunBoth(rtl, program);
  // 2^31 is one more than fits: it wraps to the other end.
  CHECK(run.results.overflows == 8);
  CHECK(std::ranges::count(run.results.codes, -128) == 8);
  // A row a cycle, one command each: two to accept, eight to load.
  CHECK(run.times.finished[1].back() == 9 + 16383 + 8 + 7);
}

TEST_CASE("a command alone, and two in a row, by hand") {
  NpuArrayRtl rtl(8, 8);
  NpuProgram program;
  const auto load = [&] {
    program.commands.push_back({.op = NpuOp::kLoad});
    program.weights.resize(program.weights.size() + 64, 1);
  };
  const auto matmul = [&](int rows, int base, bool swap) {
    program.commands.push_back(
        {.op = NpuOp::kMatmul, .rows = rows, .base = base, .swap = swap});
    program.activations.resize(
        program.activations.size() + 8 * static_cast<size_t>(rows), 1);
  };
  program.params.resize(8, {.multiplier = 1, .shift = 0});
  load();
  // Accepted at 0, its rows shift at 1 to 8.
  CHECK(RunBoth(rtl, program).times.busy == 8);
  matmul(1, 0, true);
  // Launched at 9, down 8 rows, across to the eighth column.
  CHECK(RunBoth(rtl, program).times.busy == 9 + 8 + 7);
  matmul(4, 1, false);
  CHECK(RunBoth(rtl, program).times.busy == 13 + 8 + 7);
  program.commands.push_back({.op = NpuOp::kDrain, .rows = 1});
  NpuRun run = RunBoth(rtl, program);
  // Row 0 was launched at 9 and is read at 9 + 9; its codes can be taken
  // 13 later. All are the sum of eight ones.
  CHECK(run.times.taken == std::vector<uint64_t>{9 + 9 + 13});
  CHECK(run.results.codes == std::vector<int8_t>(8, 8));
  program.commands.push_back({.op = NpuOp::kDrain, .rows = 4, .base = 1});
  run = RunBoth(rtl, program);
  CHECK(run.times.taken == std::vector<uint64_t>{31, 32, 33, 34, 35});
  // The next weights shift in from the swap on, at 9: ready at 16.
  load();
  matmul(2, 0, true);
  run = RunBoth(rtl, program);
  CHECK(run.times.finished[0] == std::vector<uint64_t>{8, 16});
  // Row 0 was read at 18, so the new one is launched at 19.
  CHECK(run.times.finished[1].back() == 20 + 8 + 7);
}

TEST_CASE("a reset in the middle leaves nothing behind") {
  NpuArrayRtl rtl(8, 8);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed, 4);
    const NpuProgram program = RandomProgram(rng, rtl.shape()).Make(30);
    CHECK(!rtl.Run(program, {}, 10 + rng.Below(50)).ended);
    RunBoth(rtl, program);
  }
}

TEST_CASE("five loads without a swap, and it waits for ever") {
  NpuArrayRtl rtl(8, 8);
  NpuProgram program;
  program.commands.assign(5, {.op = NpuOp::kLoad});
  program.commands.push_back({.op = NpuOp::kMatmul, .swap = true});
  program.weights.assign(5 * 64, 1);
  program.activations.assign(8, 1);
  const NpuRun run = rtl.Run(program, {}, 10'000);
  CHECK(!run.ended);
  CHECK(run.times.accepted.size() == 5);
  // One fewer is the most there can be.
  program.commands.erase(program.commands.begin());
  program.commands.insert(program.commands.end(), 2, program.commands.back());
  program.weights.resize(4 * 64);
  program.activations.resize(3 * 8, 1);
  RunBoth(rtl, program);
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("npu_array of other sizes");

TEST_CASE("any order of commands, any pattern of stalls") {
  for (const auto& [rows, cols] : {std::pair{16, 16}, {4, 12}}) {
    NpuArrayRtl rtl(rows, cols);
    CAPTURE(rows);
    for (uint64_t seed = 0; seed < 100; ++seed) {
      CAPTURE(seed);
      Rng rng(seed, 5);
      RunBoth(rtl, RandomProgram(rng, rtl.shape()).Make(Between(rng, 2, 60)),
              seed % 4 == 0 ? NpuStalls{} : RandomStalls(rng));
    }
  }
}

TEST_CASE("products of all tails, and their cycles in closed form") {
  for (const auto& [rows, cols] : {std::pair{16, 16}, {4, 12}}) {
    NpuArrayRtl rtl(rows, cols);
    CAPTURE(rows);
    Rng rng(6);
    for (const int64_t m : {1, rows - 1, rows, rows + 1, 32, 33, 70}) {
      for (const int64_t n : {1, cols, cols + 1}) {
        for (const int64_t k : {1, rows - 1, rows, 2 * rows + 1}) {
          CheckGemm(rtl, {m, n, k}, rng, nullptr);
        }
      }
    }
    for (int i = 0; i < 40; ++i) CheckGemm(rtl, RandomGemm(rng), rng, nullptr);
    for (int i = 0; i < 20; ++i) {
      const NpuStalls stalls = RandomStalls(rng);
      CheckGemm(rtl, RandomGemm(rng), rng, &stalls);
    }
  }
}

TEST_SUITE_END();

// The timing that the RTL was held to holds the closed form, for arrays that
// nobody builds here.
TEST_CASE("cycles of a product in closed form, for any array") {
  Rng rng(7);
  for (int i = 0; i < 400; ++i) {
    constexpr int kSizes[] = {3, 4, 5, 8, 12, 16, 32, 64, 128};
    NpuArrayShape shape{.rows = kSizes[rng.Below(9)],
                        .cols = kSizes[rng.Below(9)],
                        .depth = 2 << rng.Below(9),
                        .sets = 64};
    const NpuGemm gemm{Between(rng, 1, 300), Between(rng, 1, 3 * shape.cols),
                       Between(rng, 1, 4 * shape.rows)};
    CAPTURE(shape.rows);
    CAPTURE(shape.cols);
    CAPTURE(shape.depth);
    CAPTURE(gemm.m);
    CAPTURE(gemm.n);
    CAPTURE(gemm.k);
    const auto elements = [](int64_t rows, int64_t cols) {
      return std::vector<int8_t>(static_cast<size_t>(rows * cols));
    };
    const NpuProgram program = NpuGemmProgram(
        shape, gemm, elements(gemm.m, gemm.k), elements(gemm.k, gemm.n),
        std::vector<NpuRequant>(static_cast<size_t>(gemm.n)));
    const NpuTimes times = NpuTime(shape, program);
    const NpuGemmCycles cycles = NpuGemmTime(shape, gemm);
    CHECK(times.busy == static_cast<uint64_t>(cycles.total()));
    CHECK(times.taken.back() == static_cast<uint64_t>(cycles.total()));
  }
}

}  // namespace
}  // namespace triptych::rtl
