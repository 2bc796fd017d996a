// The outer loops of quantised products: blocks of C over threads, steps over
// k.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/quantized.h"

#include <algorithm>

#include "kernels/base/check.h"
#include "kernels/base/units.h"
#include "kernels/matmul/block.h"
#include "kernels/matmul/codes.h"
#include "kernels/matmul/groups.h"
#include "kernels/matmul/loops.h"
#include "kernels/matmul/packing.h"

namespace triptych {
namespace {

using matmul::GroupFunctions;
using matmul::kMc;
using matmul::kNc;
using matmul::PackedCodes;
using matmul::PackedRows;

// A block of sums: room for whole tiles, a stride that is no power of two.
constexpr size_t kSumsStride = kNc + kCacheLine / sizeof(float);

float* SumsOfThisThread() {
  thread_local AlignedVector<float> sums(kMc * kSumsStride);
  return sums.data();
}

// One product: what its blocks share.
struct Product {
  const QuantizedWeights& w;
  MatView<float> c;
  const QuantizedOptions& options;
  GroupFunctions functions;
  PackedCodes a8;  // one of the two
  PackedRows a16;
};

struct Place {
  size_t row, rows, col, cols;
};

// The sums of a block in integers, step by step.
void SumInt8(const Product& p, const Place& at, float* sums) {
  const QuantizedWeights& w = p.w;
  for (size_t step = 0; step < w.steps(); ++step) {
    const size_t group = w.first_group(step);
    p.functions.block(
        {.a = p.a8.codes + at.row * p.a8.stride + group * w.group(),
         .a_stride = p.a8.stride,
         .starts = p.a8.starts + at.row * w.groups() + group,
         .starts_stride = w.groups(),
         .w = w.panel(step, at.col / QuantizedWeights::kPanelOutputs),
         .w_stride = w.panel_stride(step),
         .groups = w.groups(step),
         .octets = w.group() / 8,
         .from_zero = step == 0,
         .sums = sums,
         .sums_stride = kSumsStride,
         .rows = at.rows,
         .cols = at.cols});
  }
}

// The same in bf16: a column tile of a step is decoded, then multiplied with
// all rows. A tile of 64 columns and 2048 k is 256 KiB, a quarter of L2.
void SumBf16(const Product& p, const Place& at, float* sums) {
  constexpr size_t kTile = QuantizedWeights::kPanelOutputs;
  constexpr size_t kPanels = kTile / PackedWeights::kPanelOutputs;
  thread_local AlignedVector<std::byte> tile;
  const QuantizedWeights& w = p.w;
  for (size_t col = 0; col < at.cols; col += kTile) {
    const size_t cols = std::min(kTile, at.cols - col);
    for (size_t step = 0; step < w.steps(); ++step) {
      const size_t lines = w.groups(step) * w.group() / 2;
      const size_t stride = (lines | 1) * PackedWeights::kLineBytes;
      std::byte* const to = Room(tile, kPanels * stride);
      p.functions.decode({.w = w.panel(step, (at.col + col) / kTile),
                          .groups = w.groups(step),
                          .octets = w.group() / 8,
                          .outputs = cols,
                          .to = to,
                          .to_stride = stride});
      const size_t first_line = w.first_group(step) * w.group() / 2;
      matmul::BlockBf16()(
          {.a = p.a16.data + at.row * p.a16.stride + first_line * p.a16.step,
           .a_stride = p.a16.stride,
           .a_step = p.a16.step,
           .w = to,
           .w_stride = stride,
           // A has no more than its own units; what it lacks is zero in W.
           .lines = std::min(lines, CeilDiv(w.k(), size_t{2}) - first_line),
           .start = step == 0 ? nullptr : sums + col,
           .start_stride = kSumsStride,
           .c = sums + col,
           .c_stride = kSumsStride,
           .rows = at.rows,
           .cols = cols});
    }
  }
}

// The block of C at `at`, from its first step to its last line.
void RunBlock(const Product& p, const Place& at) {
  float* sums = SumsOfThisThread();
  const bool int8 = p.options.activations == Activations::kInt8;
  (int8 ? SumInt8 : SumBf16)(p, at, sums);
  const ConstMatView<float>& residual = p.options.residual;
  const std::span<const float> bias = p.options.bias;
  p.functions.finish({.sums = sums,
                      .sums_stride = kSumsStride,
                      .a_scale = int8 ? p.a8.scales + at.row : nullptr,
                      .w_scale = p.w.w_scale().data() + at.col,
                      .bias = bias.empty() ? nullptr : bias.data() + at.col,
                      .residual = residual.data() == nullptr
                                      ? nullptr
                                      : residual.row(at.row) + at.col,
                      .residual_stride = residual.stride(),
                      .c = &p.c(at.row, at.col),
                      .c_stride = p.c.stride(),
                      .rows = at.rows,
                      .cols = at.cols});
}

void CheckShapes(size_t a_rows, size_t a_cols, const QuantizedWeights& w,
                 MatView<float> c, const QuantizedOptions& options) {
  const size_t m = c.rows(), n = c.cols();
  TRIPTYCH_CHECK(a_cols == w.k() && m == a_rows && n == w.n(), "A", a_rows, "x",
                 a_cols, "W", w.n(), "x", w.k(), "C", m, "x", n);
  TRIPTYCH_CHECK(options.bias.empty() || options.bias.size() == n, "bias",
                 options.bias.size(), "n", n);
  const ConstMatView<float>& residual = options.residual;
  TRIPTYCH_CHECK(residual.data() == nullptr ||
                     (residual.rows() == m && residual.cols() == n),
                 "residual", residual.rows(), "x", residual.cols(), "C", m, "x",
                 n);
}

void RunAll(const Product& product, int threads) {
  matmul::ForEachBlock(product.c.rows(), product.c.cols(), threads,
                       [&](size_t row, size_t rows, size_t col, size_t cols) {
                         RunBlock(product, {row, rows, col, cols});
                       });
}

}  // namespace

void Matmul(StridedView<float> a, const QuantizedWeights& w, MatView<float> c,
            const QuantizedOptions& options) {
  CheckShapes(a.rows, a.cols, w, c, options);
  if (c.rows() == 0 || c.cols() == 0) return;
  const int threads =
      matmul::UsefulThreads(c.rows(), c.cols(), w.k(), options.threads);
  Product product = {.w = w,
                     .c = c,
                     .options = options,
                     .functions = matmul::GroupFunctionsOf(w.format().bits)};
  if (options.activations == Activations::kInt8) {
    product.a8 = matmul::PackCodes(a, w, threads);
  } else {
    product.a16 = matmul::PackRowsBf16(a, threads);
  }
  RunAll(product, threads);
}

void Matmul(const QuantizedRows& a, const QuantizedWeights& w, MatView<float> c,
            const QuantizedOptions& options) {
  CheckShapes(a.codes.rows(), a.codes.cols(), w, c, options);
  TRIPTYCH_CHECK(options.activations == Activations::kInt8, "A is in int8");
  if (c.rows() == 0 || c.cols() == 0) return;
  const int threads =
      matmul::UsefulThreads(c.rows(), c.cols(), w.k(), options.threads);
  RunAll({.w = w,
          .c = c,
          .options = options,
          .functions = matmul::GroupFunctionsOf(w.format().bits),
          .a8 = matmul::PackCodes(a, w, threads)},
         threads);
}

}  // namespace triptych
