// Weights into panels, activations into rows of four-byte units.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/packing.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"
#include "kernels/base/units.h"
#include "kernels/matmul/block.h"

namespace triptych {

namespace {

size_t PerUnit(DType dtype) {
  TRIPTYCH_CHECK(
      dtype == DType::kF32 || dtype == DType::kBf16 || dtype == DType::kI8,
      "cannot pack as", InfoOf(dtype).name);
  return dtype == DType::kF32 ? 1 : dtype == DType::kBf16 ? 2 : 4;
}

template <class T>
StridedView<T> RowsOf(StridedView<T> w, size_t first, size_t count) {
  return {w.at(first, 0), count, w.cols, w.row_stride, w.col_stride};
}

template <class T>
PackedWeights PackAll(StridedView<T> w, DType as, int threads) {
  constexpr size_t kRows = PackedWeights::kPanelOutputs;
  PackedWeights packed(w.rows, w.cols, as);
  ParallelFor(CeilDiv(w.rows, kRows), threads, [&](size_t panel) {
    const size_t first = panel * kRows;
    packed.SetRows(first, RowsOf(w, first, std::min(kRows, w.rows - first)));
  });
  return packed;
}

}  // namespace

PackedWeights::PackedWeights(size_t n, size_t k, DType dtype)
    : dtype_(dtype),
      n_(n),
      k_(k),
      lines_(CeilDiv(k, PerUnit(dtype))),
      steps_(std::max<size_t>(1, CeilDiv(lines_, matmul::kKcLines))),
      step_bytes_(CeilDiv(n, kPanelOutputs) * (CeilDiv(lines_, steps_) | 1) *
                  kLineBytes),
      data_(steps_ * step_bytes_, std::byte{0}),
      correction_(dtype == DType::kI8 ? n : 0) {}

void PackedWeights::CheckRows(size_t first, size_t rows, size_t cols) const {
  TRIPTYCH_CHECK(
      cols == k_ && first % kPanelOutputs == 0 && first + rows <= n_ &&
          (rows % kPanelOutputs == 0 || first + rows == n_),
      "rows from", first, "count", rows, "x", cols, "of", n_, "x", k_);
}

template <class Out, class In, class Convert>
void PackedWeights::Fill(size_t first, StridedView<In> rows, Convert convert) {
  constexpr size_t kPerUnit = kUnitBytes / sizeof(Out);
  for (size_t row = 0; row < rows.rows; row += kPanelOutputs) {
    const size_t p = (first + row) / kPanelOutputs;
    const size_t outputs = std::min(kPanelOutputs, rows.rows - row);
    for (size_t step = 0; step < steps_; ++step) {
      const size_t begin = first_line(step) * kPerUnit;
      const size_t end = std::min(k_, first_line(step + 1) * kPerUnit);
      auto* line =
          reinterpret_cast<Out*>(const_cast<std::byte*>(panel(step, p)));
      for (size_t k = begin; k < end; ++k) {
        const In* const from = rows.at(row, k);
        const size_t within = k % kPerUnit;  // a step starts with a whole unit
        for (size_t j = 0; j < outputs; ++j) {
          line[j * kPerUnit + within] = convert(from[j * rows.row_stride]);
        }
        if (within == kPerUnit - 1) line += kPanelOutputs * kPerUnit;
      }
    }
  }
}

void PackedWeights::SetRows(size_t first, StridedView<float> rows) {
  CheckRows(first, rows.rows, rows.cols);
  if (dtype_ == DType::kF32) {
    Fill<float>(first, rows, [](float x) { return x; });
  } else {
    TRIPTYCH_CHECK(dtype_ == DType::kBf16, "floats into", InfoOf(dtype_).name);
    Fill<uint16_t>(first, rows, Bf16FromF32);
  }
}

void PackedWeights::SetRows(size_t first, StridedView<int8_t> rows) {
  CheckRows(first, rows.rows, rows.cols);
  TRIPTYCH_CHECK(dtype_ == DType::kI8, "int8 into", InfoOf(dtype_).name);
  Fill<int8_t>(first, rows, [](int8_t x) { return x; });
  for (size_t j = 0; j < rows.rows; ++j) {
    int32_t sum = 0;
    for (size_t k = 0; k < rows.cols; ++k) sum += *rows.at(j, k);
    correction_[first + j] = -128 * sum;
  }
}

PackedWeights Pack(StridedView<float> w, DType as, int threads) {
  TRIPTYCH_CHECK(as == DType::kF32 || as == DType::kBf16, "cannot pack as",
                 InfoOf(as).name);
  return PackAll(w, as, threads);
}

PackedWeights Pack(StridedView<int8_t> w, int threads) {
  return PackAll(w, DType::kI8, threads);
}

namespace matmul {
namespace {

// Scratch of the calling thread: grows and is kept, because mapping fresh
// pages costs as much as a small product.
std::byte* Scratch(size_t bytes) {
  thread_local AlignedVector<std::byte> scratch;
  if (scratch.size() < bytes) scratch.resize(bytes);
  return scratch.data();
}

// Room for rows of `units` each. A stride that is an odd number of cache lines
// keeps the rows of a tile in different L1 sets.
PackedRows AllocateRows(size_t rows, size_t units, std::byte** to) {
  const size_t lines = CeilDiv(units * PackedWeights::kUnitBytes, kCacheLine);
  const size_t stride = (lines | 1) * kCacheLine;
  *to = Scratch(rows * stride);
  return {*to, stride, PackedWeights::kUnitBytes};
}

// Element by element, for views whose columns are not side by side.
template <class Out, class In, class Convert>
PackedRows Gather(StridedView<In> a, int threads, Convert convert) {
  constexpr size_t kPerUnit = PackedWeights::kUnitBytes / sizeof(Out);
  const size_t units = CeilDiv(a.cols, kPerUnit);
  std::byte* to;
  const PackedRows packed = AllocateRows(a.rows, units, &to);
  // Square pieces: of a transposed view, 16 rows share their cache lines.
  constexpr size_t kPiece = 16;
  ParallelFor(CeilDiv(a.rows, kPiece), threads, [&](size_t band) {
    const size_t first = band * kPiece;
    const size_t last = std::min(a.rows, first + kPiece);
    for (size_t k0 = 0; k0 < units * kPerUnit; k0 += kPiece) {
      const size_t k1 = std::min(a.cols, k0 + kPiece);
      for (size_t r = first; r < last; ++r) {
        Out* const row = reinterpret_cast<Out*>(to + r * packed.stride);
        const In* const from = a.at(r, 0);
        for (size_t k = k0; k < k1; ++k) {
          row[k] = convert(from[k * a.col_stride]);
        }
        // The last unit is a whole one.
        if (k1 == a.cols) std::fill(row + k1, row + units * kPerUnit, Out{0});
      }
    }
  });
  return packed;
}

// Rows side by side in memory, each byte xored with `flip`.
template <class T>
PackedRows Copy(StridedView<T> a, uint8_t flip, int threads) {
  const ConstMatView<uint8_t> from(reinterpret_cast<const uint8_t*>(a.data),
                                   a.rows, a.cols * sizeof(T),
                                   a.row_stride * sizeof(T));
  std::byte* to;
  const PackedRows packed = AllocateRows(
      a.rows, CeilDiv(from.cols(), PackedWeights::kUnitBytes), &to);
  const CopyFunction copy = CopyUnits();
  ParallelForRows(a.rows, from.cols(), threads, [&](size_t r, size_t count) {
    copy(from.Rows(r, count), flip, to + r * packed.stride, packed.stride);
  });
  return packed;
}

// Rows whose units lie in memory as they are wanted.
template <class T>
bool IsOfWholeUnits(StridedView<T> a) {
  return a.col_stride == 1 &&
         a.cols % (PackedWeights::kUnitBytes / sizeof(T)) == 0;
}
template <class T>
PackedRows InPlace(StridedView<T> a) {
  return {reinterpret_cast<const std::byte*>(a.data), a.row_stride * sizeof(T),
          a.col_stride * PackedWeights::kUnitBytes};
}

}  // namespace

PackedRows PackRowsF32(StridedView<float> a) {
  return InPlace(a);  // an element is a unit: any strides will do
}

PackedRows PackRowsBf16(StridedView<float> a, int threads) {
  if (a.col_stride != 1) return Gather<uint16_t>(a, threads, Bf16FromF32);
  std::byte* to;
  const PackedRows packed =
      AllocateRows(a.rows, CeilDiv(a.cols, size_t{2}), &to);
  const RoundFunction round = RoundBf16();
  const ConstMatView<float> from(a.data, a.rows, a.cols, a.row_stride);
  ParallelForRows(a.rows, a.cols, threads, [&](size_t r, size_t count) {
    round(from.Rows(r, count), to + r * packed.stride, packed.stride);
  });
  return packed;
}

PackedRows PackRowsBf16(StridedView<uint16_t> a, int threads) {
  if (IsOfWholeUnits(a)) return InPlace(a);
  if (a.col_stride == 1) return Copy(a, 0, threads);
  return Gather<uint16_t>(a, threads, [](uint16_t x) { return x; });
}

PackedRows PackRowsU8(StridedView<uint8_t> a, int threads) {
  if (IsOfWholeUnits(a)) return InPlace(a);
  if (a.col_stride == 1) return Copy(a, 0, threads);
  return Gather<uint8_t>(a, threads, [](uint8_t x) { return x; });
}

PackedRows PackRowsS8(StridedView<int8_t> a, int threads) {
  if (a.col_stride == 1) return Copy(a, 0x80, threads);
  return Gather<uint8_t>(
      a, threads, [](int8_t x) { return static_cast<uint8_t>(x + 128); });
}

}  // namespace matmul
}  // namespace triptych
