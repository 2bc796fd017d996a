// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/codes.h"

#include <algorithm>

#include "kernels/base/aligned.h"
#include "kernels/base/parallel.h"
#include "kernels/base/units.h"
#include "kernels/matmul/groups.h"
#include "kernels/quant/quant.h"

namespace triptych::matmul {
namespace {

// Kept with the calling thread: fresh pages cost as much as a small product.
struct Scratch {
  AlignedVector<int8_t> codes;
  AlignedVector<float> scales;
  AlignedVector<int32_t> starts;
  AlignedVector<float> plain;  // rows that had to be gathered
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

// Elements from row to row of packed codes: an odd number of cache lines keeps
// the rows of a tile in different sets.
size_t Stride(const QuantizedWeights& w) {
  return (CeilDiv(w.groups() * w.group(), kCacheLine) | 1) * kCacheLine;
}

// body(first, count) on runs of rows: few enough to share out evenly.
template <class Body>
void ForEachPiece(size_t rows, int threads, const Body& body) {
  constexpr size_t kPiece = 8;
  ParallelFor(CeilDiv(rows, kPiece), threads, [&](size_t piece) {
    const size_t first = piece * kPiece;
    body(first, std::min(kPiece, rows - first));
  });
}

ConstMatView<float> Plain(StridedView<float> a, Scratch& scratch) {
  if (a.col_stride == 1) {
    return {a.data, a.rows, a.cols, std::max(a.row_stride, a.cols)};
  }
  float* plain = Room(scratch.plain, a.rows * a.cols);
  for (size_t r = 0; r < a.rows; ++r) {
    for (size_t k = 0; k < a.cols; ++k) plain[r * a.cols + k] = *a.at(r, k);
  }
  return {plain, a.rows, a.cols};
}

}  // namespace

PackedCodes PackCodes(StridedView<float> a, const QuantizedWeights& w,
                      int threads) {
  Scratch& to = ThreadScratch();
  const ConstMatView<float> rows = Plain(a, to);
  const size_t stride = Stride(w), groups = w.groups();
  int8_t* const codes = Room(to.codes, a.rows * stride);
  float* const scales = Room(to.scales, a.rows);
  int32_t* const starts = Room(to.starts, a.rows * groups);
  const StartsFunction row_starts = GroupFunctionsOf(w.format().bits).starts;
  ForEachPiece(a.rows, threads, [&](size_t first, size_t count) {
    const MatView<int8_t> piece(codes + first * stride, count, a.cols, stride);
    QuantizeRowsI8(rows.Rows(first, count), piece, {scales + first, count});
    for (size_t r = 0; r < count; ++r) {
      std::fill(piece.row(r) + a.cols, piece.row(r) + stride, int8_t{0});
      row_starts(piece.row(r), w.group(), groups, w.zero(),
                 starts + (first + r) * groups);
    }
  });
  return {codes, stride, scales, starts};
}

PackedCodes PackCodes(const QuantizedRows& a, const QuantizedWeights& w,
                      int threads) {
  Scratch& to = ThreadScratch();
  const size_t rows = a.codes.rows(), cols = a.codes.cols();
  const size_t groups = w.groups();
  // Whole groups are read where they are.
  const bool in_place = cols == groups * w.group();
  const size_t stride = in_place ? a.codes.stride() : Stride(w);
  int8_t* const copy = in_place ? nullptr : Room(to.codes, rows * stride);
  int32_t* const starts = Room(to.starts, rows * groups);
  const StartsFunction row_starts = GroupFunctionsOf(w.format().bits).starts;
  ForEachPiece(rows, threads, [&](size_t first, size_t count) {
    for (size_t r = first; r < first + count; ++r) {
      const int8_t* codes = a.codes.row(r);
      if (!in_place) {
        int8_t* const row = copy + r * stride;
        std::copy_n(codes, cols, row);
        std::fill(row + cols, row + stride, int8_t{0});
        codes = row;
      }
      row_starts(codes, w.group(), groups, w.zero(), starts + r * groups);
    }
  });
  return {in_place ? a.codes.data() : copy, stride, a.scales.data(), starts};
}

}  // namespace triptych::matmul
