// The outer loops: blocks of C over threads, steps over k.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/matmul.h"

#include <algorithm>

#include "kernels/base/check.h"
#include "kernels/matmul/block.h"
#include "kernels/matmul/loops.h"
#include "kernels/matmul/packing.h"
#include "kernels/matmul/part.h"

namespace triptych {
namespace {

using matmul::Block;
using matmul::BlockFunction;
using matmul::PackedRows;

// Where the accumulators start: at zero, in a matrix (C itself), or in one
// row for all rows (the bias, the correction of int8).
template <class T>
struct Start {
  const T* data = nullptr;            // null: zero
  size_t row_step = 0, col_step = 0;  // elements
};

template <class T>
Start<T> StartFromRow(std::span<const T> row) {
  return {row.data(), 0, 1};
}

// One block of C through all steps of k. `block` comes without W.
void RunSteps(BlockFunction block_function, const PackedWeights& w,
              size_t first_col, Block block) {
  const size_t first_panel = first_col / PackedWeights::kPanelOutputs;
  for (size_t step = 0; step < w.steps(); ++step) {
    block.w = w.panel(step, first_panel);
    block.w_stride = w.panel_stride(step);
    block.lines = w.lines(step);
    block_function(block);
    block.a += block.lines * block.a_step;
    // From here on the sums so far are in C: exact, being f32 or int32.
    block.start = block.c;
    block.start_stride = block.c_stride;
  }
}

template <class T>
void Run(BlockFunction block_function, const PackedRows& a,
         const PackedWeights& w, Start<T> start, MatView<T> c, int threads,
         size_t first = 0) {
  const size_t m = c.rows(), n = c.cols();
  if (m == 0 || n == 0) return;
  matmul::ForEachBlock(
      m, n, threads, [&](size_t row, size_t rows, size_t col, size_t cols) {
        RunSteps(block_function, w, first + col,
                 {.a = a.data + row * a.stride,
                  .a_stride = a.stride,
                  .a_step = a.step,
                  .start = start.data == nullptr
                               ? nullptr
                               : start.data + row * start.row_step +
                                     col * start.col_step,
                  .start_stride = start.row_step,
                  .c = &c(row, col),
                  .c_stride = c.stride(),
                  .rows = rows,
                  .cols = cols});
      });
}

void CheckShapes(size_t a_rows, size_t a_cols, const PackedWeights& w,
                 size_t c_rows, size_t c_cols) {
  TRIPTYCH_CHECK(a_cols == w.k() && c_rows == a_rows && c_cols == w.n(), "A",
                 a_rows, "x", a_cols, "W", w.n(), "x", w.k(), "C", c_rows, "x",
                 c_cols);
}

void CheckPart(size_t a_rows, size_t a_cols, const PackedWeights& w,
               size_t first, size_t c_rows, size_t c_cols) {
  TRIPTYCH_CHECK(a_cols == w.k() && c_rows == a_rows &&
                     first % PackedWeights::kPanelOutputs == 0 &&
                     first + c_cols <= w.n(),
                 "A", a_rows, "x", a_cols, "W", w.n(), "x", w.k(), "outputs",
                 first, "to", first + c_cols, "C rows", c_rows);
}

Start<float> StartOf(const MatmulOptions& options, const PackedWeights& w,
                     MatView<float> c) {
  TRIPTYCH_CHECK(options.bias.empty() || options.bias.size() == w.n(), "bias",
                 options.bias.size(), "n", w.n());
  TRIPTYCH_CHECK(options.bias.empty() || !options.accumulate);
  if (!options.bias.empty()) return StartFromRow(options.bias);
  if (options.accumulate) return {c.data(), c.stride(), 1};
  return {};
}

}  // namespace

void Matmul(StridedView<float> a, const PackedWeights& w, MatView<float> c,
            const MatmulOptions& options) {
  CheckShapes(a.rows, a.cols, w, c.rows(), c.cols());
  const Start<float> start = StartOf(options, w, c);
  const int threads =
      matmul::UsefulThreads(c.rows(), w.n(), w.k(), options.threads);
  switch (w.dtype()) {
    case DType::kF32:
      return Run(matmul::BlockF32(), matmul::PackRowsF32(a), w, start, c,
                 threads);
    case DType::kBf16:
      return Run(matmul::BlockBf16(), matmul::PackRowsBf16(a, threads), w,
                 start, c, threads);
    default:
      TRIPTYCH_CHECK(false, "Matmul wants f32 or bf16 weights, got",
                     InfoOf(w.dtype()).name);
  }
}

void Matmul(StridedView<uint16_t> a, const PackedWeights& w, MatView<float> c,
            const MatmulOptions& options) {
  CheckShapes(a.rows, a.cols, w, c.rows(), c.cols());
  TRIPTYCH_CHECK(w.dtype() == DType::kBf16, InfoOf(w.dtype()).name);
  const Start<float> start = StartOf(options, w, c);
  const int threads =
      matmul::UsefulThreads(c.rows(), w.n(), w.k(), options.threads);
  Run(matmul::BlockBf16(), matmul::PackRowsBf16(a, threads), w, start, c,
      threads);
}

void MatmulI8(StridedView<uint8_t> a, const PackedWeights& w,
              MatView<int32_t> c, int threads) {
  CheckShapes(a.rows, a.cols, w, c.rows(), c.cols());
  TRIPTYCH_CHECK(w.dtype() == DType::kI8, InfoOf(w.dtype()).name);
  threads = matmul::UsefulThreads(c.rows(), w.n(), w.k(), threads);
  Run(matmul::BlockI8(), matmul::PackRowsU8(a, threads), w, Start<int32_t>(), c,
      threads);
}

void MatmulI8Part(StridedView<uint8_t> a, const PackedWeights& w, size_t first,
                  MatView<int32_t> c, int threads) {
  CheckPart(a.rows, a.cols, w, first, c.rows(), c.cols());
  TRIPTYCH_CHECK(w.dtype() == DType::kI8, InfoOf(w.dtype()).name);
  threads = matmul::UsefulThreads(c.rows(), c.cols(), w.k(), threads);
  Run(matmul::BlockI8(), matmul::PackRowsU8(a, threads), w, Start<int32_t>(), c,
      threads, first);
}

void FetchPart(const PackedWeights& w, size_t first) {
  const std::byte* const begin =
      w.panel(0, first / PackedWeights::kPanelOutputs);
  for (size_t line = 0; line < matmul::kAheadLines; ++line) {
    __builtin_prefetch(begin + line * PackedWeights::kLineBytes);
  }
}

void MatmulPart(StridedView<float> a, const PackedWeights& w, size_t first,
                MatView<float> c, int threads) {
  CheckPart(a.rows, a.cols, w, first, c.rows(), c.cols());
  TRIPTYCH_CHECK(w.dtype() == DType::kF32, InfoOf(w.dtype()).name);
  threads = matmul::UsefulThreads(c.rows(), c.cols(), w.k(), threads);
  Run(matmul::BlockF32(), matmul::PackRowsF32(a), w, Start<float>(), c, threads,
      first);
}

void MatmulI8(StridedView<int8_t> a, const PackedWeights& w, MatView<int32_t> c,
              int threads) {
  CheckShapes(a.rows, a.cols, w, c.rows(), c.cols());
  TRIPTYCH_CHECK(w.dtype() == DType::kI8, InfoOf(w.dtype()).name);
  threads = matmul::UsefulThreads(c.rows(), w.n(), w.k(), threads);
  // (a + 128) * w summed, less 128 * w summed.
  Run(matmul::BlockI8(), matmul::PackRowsS8(a, threads), w,
      StartFromRow(w.offset_correction()), c, threads);
}

}  // namespace triptych
