// The array as the machine times it against the closed form that the RTL tile
// obeys (array.h, WsTileCycles): cycle by cycle.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/array.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/emulators/npu/machine/machine.h"

namespace triptych::npu {
namespace {

// Cycles from the first shift of weights to the last sum, data being there.
int64_t MachineCycles(const GemmSize& gemm, const ArraySize& array,
                      int64_t acc_rows) {
  Params params = SmallParams();
  params.array_rows = array.rows;
  params.array_cols = array.cols;
  std::vector<Command> commands;
  const int64_t block = acc_rows / 2;
  for (int64_t n = 0; n < gemm.n; n += array.cols) {
    for (int64_t m = 0; m < gemm.m; m += block) {
      for (int64_t k = 0; k < gemm.k; k += array.rows) {
        commands.push_back(Weights(
            kMiB / 64, static_cast<uint16_t>(std::min(array.rows, gemm.k - k)),
            static_cast<uint16_t>(std::min(array.cols, gemm.n - n))));
        commands.push_back(
            Product(0, 0, static_cast<uint16_t>(std::min(block, gemm.m - m)),
                    k == 0 ? kSwap : kSwap | kAccumulate));
      }
    }
  }
  KeepWork work;
  const TimingReport report = MustTime(params, commands, &work);
  int64_t first = report.cycles, last = 0;
  for (const Work& w : work.all) {
    first = std::min(first, w.start);
    last = std::max(last, w.done);
  }
  CHECK(report[Act::kMac] == static_cast<uint64_t>(gemm.m * gemm.n * gemm.k));
  return last - first;
}

TEST_CASE("the machine's array takes the cycles of the RTL tile") {
  constexpr int64_t kAccRows = 64;
  for (const auto& [rows, cols] :
       {std::pair<int64_t, int64_t>{8, 8}, {16, 16}, {4, 12}, {32, 16}}) {
    const ArraySize array{rows, cols, true};
    for (const int64_t m : {1, 3, 8, 15, 16, 17, 32, 33, 70, 200}) {
      for (const int64_t n : {1, 16, 17, 60}) {
        for (const int64_t k : {1, 16, 17, 70}) {
          const GemmSize gemm{m, n, k};
          CAPTURE(rows);
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(k);
          const WsCycles tile = WsTileCycles(gemm, array, kAccRows);
          // Without the cycle of the tile's own command, and up to the last
          // sum, R + C - 2 after its row, instead of the last code taken,
          // R + C + 5 after.
          CHECK(MachineCycles(gemm, array, kAccRows) ==
                tile.fill - 1 + tile.stream + tile.drain - 7);
        }
      }
    }
  }
}

}  // namespace
}  // namespace triptych::npu
