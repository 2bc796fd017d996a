// Programs that take whole rows: RMSNorm, softmax, rotary embedding.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/base/formats.h"
#include "kernels/ref/norm.h"
#include "kernels/ref/softmax.h"
#include "kernels/tile/abi.h"
#include "kernels/tile/programs/rmsnorm.h"
#include "kernels/tile/programs/rope.h"
#include "kernels/tile/programs/softmax.h"
#include "tests/kernels/tile/trial.h"

namespace triptych::mesh::tile {
namespace {

constexpr DType kFormat = DType::kBf16;
// Less than this is rounding of zero.
constexpr double kTiny = 1e-30;

// ---- RMSNorm ----

constexpr double kEpsilon = 1e-5;

double CheckRmsNorm(const Matrix& x, const Matrix& weight, const Matrix& got) {
  Matrix want(x.rows, x.cols);
  ref::RmsNorm<float>(x.view(), weight.view().row_span(0), kEpsilon,
                      want.view());
  // The sum of squares and 1 / root are cut off in a source register, the
  // former halved by the root; the result is rounded. The engine's root and
  // sums of single precision are far below.
  const double relative = kTf32 / 2 + kTf32 + kBf16 + 0x1p-14;
  return WorstOf(got, want, [&](size_t r, size_t c) {
    return relative * std::abs(double{want(r, c)}) + kTiny;
  });
}

Trial RmsNorm(std::string label, Grid grid, size_t rows, size_t cols) {
  return {std::move(label), std::move(grid), [=](Workspace* w) {
            const Tensor x = w->Put(kFormat, NormalMatrix(rows, cols, 1));
            const Tensor weight = w->Put(kFormat, NormalMatrix(1, cols, 2));
            const Tensor out = w->Room(kFormat, rows, cols);
            const RmsNormArgs args = {
                .rows = TilesIn(rows),
                .cols = TilesIn(cols),
                .format = TILE_BF16,
                .x = x.address,
                .weight = weight.address,
                .out = out.address,
                .inverse_n = BitsOf(1.0 / static_cast<double>(cols)),
                .epsilon = BitsOf(kEpsilon)};
            return Prepared{WordsOf(args), [=](const Workspace& after) {
                              return CheckRmsNorm(after.Get(x),
                                                  after.Get(weight),
                                                  after.Get(out));
                            }};
          }};
}

// ---- Softmax ----

double CheckSoftmax(Matrix x, const Matrix& got) {
  ref::Softmax<float>(x.view());
  // Each power is rounded, and so is their sum, which is of rounded ones;
  // 1 / sum is cut off; the result is rounded.
  const double relative = 3 * kBf16 + kTf32 + 0x1p-14;
  return WorstOf(got, x, [&](size_t r, size_t c) {
    return relative * std::abs(double{x(r, c)}) + kTiny;
  });
}

Trial Softmax(std::string label, Grid grid, size_t rows, size_t cols) {
  return {std::move(label), std::move(grid), [=](Workspace* w) {
            const Tensor x = w->Put(kFormat, NormalMatrix(rows, cols, 1));
            const Tensor out = w->Room(kFormat, rows, cols);
            const SoftmaxArgs args = {
                .rows = TilesIn(rows),
                .cols = TilesIn(cols),
                .tail = static_cast<uint32_t>((cols - 1) % 32 + 1),
                .format = TILE_BF16,
                .x = x.address,
                .out = out.address};
            return Prepared{WordsOf(args), [=](const Workspace& after) {
                              return CheckSoftmax(after.Get(x), after.Get(out));
                            }};
          }};
}

// ---- Rotary embedding ----

struct Angles {
  Matrix cosines, sines;
};
Angles AnglesOf(size_t rows, size_t cols) {
  Angles angles = {Matrix(rows, cols), Matrix(rows, cols)};
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c) {
      const double pair = static_cast<double>(c / 2 * 2);
      const double turn = static_cast<double>(r) *
                          std::pow(1e4, -pair / static_cast<double>(cols));
      angles.cosines(r, c) = static_cast<float>(std::cos(turn));
      angles.sines(r, c) = static_cast<float>(std::sin(turn));
    }
  }
  return angles;
}

// `x` has the heads one below the other, each padded to whole tiles.
double CheckRope(const Matrix& x, const Matrix& cosines, const Matrix& sines,
                 size_t head_rows, const Matrix& got) {
  Matrix want(x.rows, x.cols), size(x.rows, x.cols);
  for (size_t r = 0; r < x.rows; ++r) {
    const size_t position = r % head_rows;
    if (position >= cosines.rows) continue;  // padding
    for (size_t c = 0; c < x.cols; ++c) {
      const float other = c % 2 ? x(r, c - 1) : -x(r, c + 1);
      const double along = double{x(r, c)} * cosines(position, c);
      const double across = double{other} * sines(position, c);
      want(r, c) = static_cast<float>(along + across);
      size(r, c) = static_cast<float>(std::abs(along) + std::abs(across));
    }
  }
  // Products and their sum are in single precision; the result is rounded.
  return WorstOf(got, want, [&](size_t r, size_t c) {
    return kBf16 * std::abs(double{want(r, c)}) + 0x1p-22 * size(r, c) + kTiny;
  });
}

Trial Rope(std::string label, Grid grid, size_t heads, size_t positions,
           size_t dim) {
  return {std::move(label), std::move(grid), [=](Workspace* w) {
            const size_t head_rows = 32ul * TilesIn(positions);
            const Angles angles = AnglesOf(positions, dim);
            const Tensor x =
                w->Put(kFormat, NormalMatrix(heads * head_rows, dim, 1));
            const Tensor cosines = w->Put(kFormat, angles.cosines);
            const Tensor sines = w->Put(kFormat, angles.sines);
            const Tensor out = w->Room(kFormat, heads * head_rows, dim);
            const RopeArgs args = {.heads = static_cast<uint32_t>(heads),
                                   .rows = TilesIn(positions),
                                   .cols = TilesIn(dim),
                                   .format = TILE_BF16,
                                   .x = x.address,
                                   .out = out.address,
                                   .cosines = cosines.address,
                                   .sines = sines.address};
            return Prepared{WordsOf(args), [=](const Workspace& after) {
                              return CheckRope(after.Get(x), after.Get(cosines),
                                               after.Get(sines), head_rows,
                                               after.Get(out));
                            }};
          }};
}

}  // namespace

std::vector<Trial> RmsNormTrials() {
  return {
      RmsNorm("one tile", {1, 1}, 32, 32),
      RmsNorm("tails", {2, 1}, 70, 300),
      RmsNorm("a token", {2, 2}, 1, 2048),
      RmsNorm("many rows", {4, 2}, 320, 512),
      RmsNorm("wormhole", {2, 2, "wormhole-n150"}, 128, 256),
  };
}

std::vector<Trial> SoftmaxTrials() {
  return {
      Softmax("one tile", {1, 1}, 32, 32),
      Softmax("one column", {1, 1}, 32, 1),
      Softmax("tails", {2, 1}, 70, 300),
      Softmax("many rows", {4, 2}, 320, 512),
      Softmax("wormhole", {2, 2, "wormhole-n150"}, 128, 256),
  };
}

std::vector<Trial> RopeTrials() {
  return {
      Rope("one tile", {1, 1}, 1, 32, 32),
      Rope("a token", {2, 2}, 8, 1, 64),
      Rope("tails", {2, 2}, 3, 70, 48),
      Rope("many heads", {4, 2}, 8, 128, 128),
      Rope("wormhole", {2, 2, "wormhole-n150"}, 2, 64, 64),
  };
}

}  // namespace triptych::mesh::tile
