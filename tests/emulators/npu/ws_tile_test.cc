// The closed form of an array tile against the tile itself: Verilated RTL.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "emulators/npu/array.h"
#include "rtl/npu_array/npu_array_gemm.h"
#include "rtl/npu_array/npu_array_rtl.h"

namespace triptych::npu {
namespace {

// Busy cycles of the block, by its own counter.
int64_t RtlCycles(rtl::NpuArrayRtl& tile, const GemmSize& gemm) {
  const auto elements = [](int64_t rows, int64_t cols) {
    return std::vector<int8_t>(static_cast<size_t>(rows * cols), 1);
  };
  const rtl::NpuProgram program = rtl::NpuGemmProgram(
      tile.shape(), {gemm.m, gemm.n, gemm.k}, elements(gemm.m, gemm.k),
      elements(gemm.k, gemm.n),
      std::vector<rtl::NpuRequant>(static_cast<size_t>(gemm.n)));
  const rtl::NpuRun run = tile.Run(program);
  REQUIRE(run.ended);
  return static_cast<int64_t>(run.times.busy);
}

TEST_CASE("cycles of a tile are its closed form's") {
  for (const auto& [rows, cols] : {std::pair{8, 8}, {16, 16}, {4, 12}}) {
    rtl::NpuArrayRtl tile(rows, cols);
    const ArraySize array{rows, cols, true};
    const int64_t acc_rows = tile.shape().depth;
    for (const int64_t m : {1, 3, 8, 15, 16, 17, 32, 33, 70, 200}) {
      for (const int64_t n : {1, 16, 17, 60}) {
        for (const int64_t k : {1, 16, 17, 70}) {
          const GemmSize gemm{m, n, k};
          CAPTURE(rows);
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(k);
          const int64_t cycles = WsTileCycles(gemm, array, acc_rows).total();
          CHECK(cycles == RtlCycles(tile, gemm));
          // What the machine model has for an array in general.
          if (m > acc_rows / 2) continue;
          const int64_t unfilled = std::max<int64_t>(0, rows - m);
          CHECK(cycles ==
                ArrayCycles(Dataflow::kWeight, gemm, array) + 8 - unfilled);
        }
      }
    }
  }
}

}  // namespace
}  // namespace triptych::npu
