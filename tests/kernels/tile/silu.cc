// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/silu.h"

#include <cmath>
#include <utility>

#include "tests/kernels/tile/trial.h"

namespace triptych::mesh::tile {
namespace {

double Compare(const Matrix& x, const Matrix& got) {
  Matrix want(x.rows, x.cols);
  for (size_t i = 0; i < x.data.size(); ++i) {
    want.data[i] =
        static_cast<float>(x.data[i] / (1 + std::exp(-double{x.data[i]})));
  }
  // One rounding, and the vector unit's own error far below it.
  return WorstOf(got, want, [&](size_t r, size_t c) {
    return (kBf16 + 0x1p-14) * std::abs(double{want(r, c)}) + 1e-30;
  });
}

Trial Silu(std::string label, Grid grid, size_t rows, size_t cols) {
  return {std::move(label), std::move(grid), [=](Workspace* w) {
            const Tensor x = w->Put(DType::kBf16, NormalMatrix(rows, cols, 1));
            const Tensor out = w->Room(DType::kBf16, rows, cols);
            const SiluArgs args = {.tiles = TilesIn(rows) * TilesIn(cols),
                                   .x = x.address,
                                   .out = out.address};
            return Prepared{WordsOf(args), [=](const Workspace& after) {
                              return Compare(after.Get(x), after.Get(out));
                            }};
          }};
}

}  // namespace

std::vector<Trial> SiluTrials() {
  return {
      Silu("one tile", {1, 1}, 32, 32),
      Silu("tails", {2, 2}, 70, 100),
      Silu("README", {4, 2}, 512, 1024),
  };
}

}  // namespace triptych::mesh::tile
