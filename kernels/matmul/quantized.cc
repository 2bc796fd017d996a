// The outer loops of quantised products: activations to codes, blocks of C
// over threads, steps over k.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/quantized.h"

#include <algorithm>

#include "kernels/base/check.h"
#include "kernels/base/parallel.h"
#include "kernels/base/units.h"
#include "kernels/matmul/block.h"
#include "kernels/matmul/groups.h"
#include "kernels/matmul/loops.h"
#include "kernels/quant/quant.h"

namespace triptych {
namespace {

using matmul::GroupFunctions;
using matmul::kMc;
using matmul::kNc;
using matmul::QuantizedRows;

// Scratch of one product, kept with the calling thread: fresh pages cost as
// much as a small product.
struct Scratch {
  AlignedVector<int8_t> codes;
  AlignedVector<float> scales;
  AlignedVector<int32_t> starts;
  AlignedVector<float> plain;  // rows that had to be gathered
};

template <class T>
T* Room(AlignedVector<T>& v, size_t size) {
  if (v.size() < size) v.resize(size);
  return v.data();
}

// Rows [first, first + count) of `a` to codes and starts.
void QuantizeSome(StridedView<float> a, const QuantizedWeights& w,
                  matmul::StartsFunction starts, size_t first, size_t count,
                  Scratch& to, size_t stride) {
  const ConstMatView<float> rows(a.at(first, 0), count, a.cols,
                                 std::max(a.row_stride, a.cols));
  const MatView<int8_t> codes(to.codes.data() + first * stride, count, a.cols,
                              stride);
  QuantizeRowsI8(rows, codes, std::span(to.scales).subspan(first, count));
  for (size_t r = 0; r < count; ++r) {
    std::fill(codes.row(r) + a.cols, codes.row(r) + stride, int8_t{0});
    starts(codes.row(r), w.group(), w.groups(), w.zero(),
           to.starts.data() + (first + r) * w.groups());
  }
}

QuantizedRows QuantizeRows(StridedView<float> a, const QuantizedWeights& w,
                           matmul::StartsFunction starts, int threads) {
  thread_local Scratch scratch;
  Scratch& to = scratch;  // the caller's, also in the threads below
  if (a.col_stride != 1) {
    float* plain = Room(to.plain, a.rows * a.cols);
    for (size_t r = 0; r < a.rows; ++r) {
      for (size_t k = 0; k < a.cols; ++k) plain[r * a.cols + k] = *a.at(r, k);
    }
    a = StridedView<float>(plain, a.rows, a.cols, a.cols, 1);
  }
  // An odd number of cache lines keeps the rows of a tile in different sets.
  const size_t stride =
      (CeilDiv(w.groups() * w.group(), kCacheLine) | 1) * kCacheLine;
  Room(to.codes, a.rows * stride);
  Room(to.scales, a.rows);
  Room(to.starts, a.rows * w.groups());
  constexpr size_t kPiece = 8;  // rows: few enough to share out evenly
  ParallelFor(CeilDiv(a.rows, kPiece), threads, [&](size_t piece) {
    const size_t first = piece * kPiece;
    QuantizeSome(a, w, starts, first, std::min(kPiece, a.rows - first), to,
                 stride);
  });
  return {to.codes.data(), stride, to.scales.data(), to.starts.data()};
}

// A block of sums: room for whole tiles, a stride that is no power of two.
constexpr size_t kSumsStride = kNc + kCacheLine / sizeof(float);

float* SumsOfThisThread() {
  thread_local AlignedVector<float> sums(kMc * kSumsStride);
  return sums.data();
}

// The block of C at (row, col), from its first step to its last line.
void RunBlock(const GroupFunctions& functions, const QuantizedRows& a,
              const QuantizedWeights& w, MatView<float> c,
              const QuantizedOptions& options, size_t row, size_t rows,
              size_t col, size_t cols) {
  float* sums = SumsOfThisThread();
  for (size_t step = 0; step < w.steps(); ++step) {
    const size_t group = w.first_group(step);
    functions.block(
        {.a = a.codes + row * a.stride + group * w.group(),
         .a_stride = a.stride,
         .starts = a.starts + row * w.groups() + group,
         .starts_stride = w.groups(),
         .w = w.panel(step, col / QuantizedWeights::kPanelOutputs),
         .w_stride = w.panel_stride(step),
         .scale_bytes = w.scale_bytes(step),
         .groups = w.groups(step),
         .lines = w.group() / 8,
         .from_zero = step == 0,
         .sums = sums,
         .sums_stride = kSumsStride,
         .rows = rows,
         .cols = cols});
  }
  const ConstMatView<float>& residual = options.residual;
  functions.finish({.sums = sums,
                    .sums_stride = kSumsStride,
                    .a_scale = a.scales + row,
                    .w_scale = w.w_scale().data() + col,
                    .bias = options.bias.empty() ? nullptr
                                                 : options.bias.data() + col,
                    .residual = residual.data() == nullptr
                                    ? nullptr
                                    : residual.row(row) + col,
                    .residual_stride = residual.stride(),
                    .c = &c(row, col),
                    .c_stride = c.stride(),
                    .rows = rows,
                    .cols = cols});
}

}  // namespace

void Matmul(StridedView<float> a, const QuantizedWeights& w, MatView<float> c,
            const QuantizedOptions& options) {
  const size_t m = c.rows(), n = c.cols();
  TRIPTYCH_CHECK(a.cols == w.k() && m == a.rows && n == w.n(), "A", a.rows, "x",
                 a.cols, "W", w.n(), "x", w.k(), "C", m, "x", n);
  TRIPTYCH_CHECK(options.bias.empty() || options.bias.size() == n, "bias",
                 options.bias.size(), "n", n);
  TRIPTYCH_CHECK(options.residual.data() == nullptr ||
                     (options.residual.rows() == m &&
                      options.residual.cols() == n),
                 "residual", options.residual.rows(), "x",
                 options.residual.cols(), "C", m, "x", n);
  if (m == 0 || n == 0) return;
  const GroupFunctions functions = matmul::GroupFunctionsOf(w.format().bits);
  const int threads = matmul::UsefulThreads(m, n, w.k(), options.threads);
  const QuantizedRows rows = QuantizeRows(a, w, functions.starts, threads);
  matmul::ForEachBlock(m, n, threads, [&](size_t row, size_t row_count,
                                          size_t col, size_t col_count) {
    RunBlock(functions, rows, w, c, options, row, row_count, col, col_count);
  });
}

}  // namespace triptych
