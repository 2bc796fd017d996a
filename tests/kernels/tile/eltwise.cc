// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/eltwise.h"

#include <utility>

#include "emulators/mesh/tile/format.h"
#include "emulators/mesh/tile_matmul.h"
#include "kernels/base/formats.h"
#include "kernels/tile/abi.h"
#include "tests/kernels/tile/trial.h"

namespace triptych::mesh::tile {
namespace {

float Apply(uint32_t op, float a, float b) {
  switch (op) {
    case TILE_OP_ADD:
      return a + b;
    case TILE_OP_SUB:
      return a - b;
    default:
      return a * b;
  }
}

// Dst is bf16: rounded there, and once more to what is written.
Matrix Twin(uint32_t op, const Matrix& a, const Matrix& b, DType format) {
  Matrix out(a.rows, a.cols);
  for (size_t i = 0; i < out.data.size(); ++i) {
    out.data[i] = RoundToBf16(Apply(op, a.data[i], b.data[i]));
  }
  if (format != DType::kF32) RoundTo(format, out.view());
  return out;
}

Trial Make(std::string label, Grid grid, uint32_t op, DType format, size_t rows,
           size_t cols, uint32_t step, uint32_t depth) {
  return {std::move(label), std::move(grid), [=](Workspace* w) {
            const Tensor a = w->Put(format, NormalMatrix(rows, cols, 1));
            const Tensor b = w->Put(format, NormalMatrix(rows, cols, 2));
            const Tensor out = w->Room(format, rows, cols);
            const EltwiseArgs args = {.op = op,
                                      .format = CodeOf(format),
                                      .tiles = TilesIn(rows) * TilesIn(cols),
                                      .a = a.address,
                                      .b = b.address,
                                      .out = out.address,
                                      .step = step,
                                      .depth = depth};
            return Prepared{WordsOf(args), [=](const Workspace& after) {
                              return SameBits(
                                  after.Get(out),
                                  Twin(op, after.Get(a), after.Get(b), format));
                            }};
          }};
}

}  // namespace

std::vector<Trial> EltwiseTrials() {
  return {
      Make("one tile", {1, 1}, TILE_OP_ADD, DType::kBf16, 32, 32, 1, 1),
      Make("odd rows and columns", {1, 1}, TILE_OP_MUL, DType::kBf16, 70, 33, 1,
           2),
      Make("more tiles of the grid than of the tensor", {3, 2}, TILE_OP_SUB,
           DType::kBf16, 64, 64, 2, 2),
      Make("steps of 8 with a rest", {2, 2}, TILE_OP_ADD, DType::kBf16, 320,
           352, 8, 2),
      Make("bfp8", {2, 1}, TILE_OP_ADD, DType::kBfp8, 96, 96, 2, 2),
      Make("bfp4", {1, 2}, TILE_OP_MUL, DType::kBfp4, 64, 96, 2, 2),
      Make("wormhole", {2, 2, "wormhole-n150"}, TILE_OP_ADD, DType::kBf16, 320,
           352, 8, 2),
  };
}

}  // namespace triptych::mesh::tile
