// Matrix products against packed weights.
//
//   C[m,n] = A[m,k] * W[n,k]^T (+ bias[n])
//
// W is rearranged once by Pack() and then used any number of times; A and C
// stay as they are. The packed form is the same for every SIMD width. Views
// may be transposed at packing time, so A*B, A^T*B and A*B^T are all the same
// call (see Transposed). A W that is nowhere in memory as a whole is packed a
// few rows at a time (PackedWeights::SetRows).
//
// Numbers. Each f32 output is one chain over k, in order: start, then one
// fused multiply-add a step (bf16: one pair a step). No blocking, thread
// count or batch size enters it: a row gives the same bits alone (decode) or
// in a batch (prefill). On one machine type, that is: targets without fused
// multiply-add (SSE) and those that round bf16 products differently give
// other last bits. Integer results are the same everywhere, modulo 2^32.
//
// Thread-safe: a call keeps its scratch memory with the calling thread. C
// must not overlap A or the bias. Sizes of zero are allowed; k = 0 gives the
// start value. Shapes that do not fit together are programmer errors (abort).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_MATMUL_MATMUL_H_
#define TRIPTYCH_KERNELS_MATMUL_MATMUL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "kernels/base/aligned.h"
#include "kernels/base/dtype.h"
#include "kernels/base/mat_view.h"

namespace triptych {

// A read-only matrix whose rows and columns both have a stride, in elements.
template <class T>
struct StridedView {
  const T* data = nullptr;
  size_t rows = 0, cols = 0, row_stride = 0, col_stride = 1;

  StridedView() = default;
  StridedView(const T* d, size_t r, size_t c, size_t row_step, size_t col_step)
      : data(d), rows(r), cols(c), row_stride(row_step), col_stride(col_step) {}
  template <class U>
    requires std::is_same_v<std::remove_const_t<U>, T>
  StridedView(MatView<U> v)
      : data(v.data()), rows(v.rows()), cols(v.cols()), row_stride(v.stride()) {
  }
  const T* at(size_t r, size_t c) const {
    return data + r * row_stride + c * col_stride;
  }
};

// The same memory with rows and columns exchanged.
template <class T>
StridedView<std::remove_const_t<T>> Transposed(MatView<T> v) {
  return {v.data(), v.cols(), v.rows(), 1, v.stride()};
}

// W[n,k] in the order the kernels read it. Immutable once its rows are set;
// cheap to move.
//
// A panel is 16 rows of W (16 outputs). It is a run of 64-byte lines; a line
// holds, for each of the 16 outputs, four bytes of consecutive k: one f32, two
// bf16 or four int8. The lines are cut into even steps, and all panels of a
// step come before the next step: what one block of the product reads is one
// piece of memory. (Whole panels one after the other put the pieces a power of
// two apart, in the same few sets of the caches: int8 at 1024^3 then reached
// 84 % of the peak instead of 96 %.) For the same reason a panel's stride is
// an odd number of lines. What is missing in the last panel and in the last
// line is zero.
class PackedWeights {
 public:
  static constexpr size_t kPanelOutputs = 16;
  static constexpr size_t kLineBytes = 64;
  static constexpr size_t kUnitBytes = 4;

  PackedWeights() = default;
  // Room for W[n,k] as kF32, kBf16 or kI8 (a check), all zero.
  PackedWeights(size_t n, size_t k, DType dtype);

  // Sets rows [first, first + rows.rows) of W. They are whole panels but for
  // the last one of W, and rows.cols is k (checks). Different rows may be set
  // by different threads at once. Floats are for kF32 and kBf16, which rounds
  // to nearest even; int8 is for kI8.
  void SetRows(size_t first, StridedView<float> rows);
  void SetRows(size_t first, StridedView<int8_t> rows);

  DType dtype() const { return dtype_; }  // kF32, kBf16 or kI8
  size_t n() const { return n_; }
  size_t k() const { return k_; }
  size_t bytes() const { return data_.size(); }

  // Steps of k; at least one, which at k = 0 has no lines.
  size_t steps() const { return steps_; }
  // The first line of a step; of step steps(), the number of lines.
  size_t first_line(size_t step) const { return step * lines_ / steps_; }
  size_t lines(size_t step) const {
    return first_line(step + 1) - first_line(step);
  }
  // Bytes from a panel to the next one of the same step.
  size_t panel_stride(size_t step) const {
    return (lines(step) | 1) * kLineBytes;
  }
  const std::byte* panel(size_t step, size_t p) const {
    return data_.data() + step * step_bytes_ + p * panel_stride(step);
  }
  // int8 only: -128 * sum over k of W[j,k], for s8 activations (which the
  // kernels read as u8 after adding 128).
  std::span<const int32_t> offset_correction() const { return correction_; }

 private:
  void CheckRows(size_t first, size_t rows, size_t cols) const;
  template <class Out, class In, class Convert>
  void Fill(size_t first, StridedView<In> rows, Convert convert);

  DType dtype_ = DType::kF32;
  size_t n_ = 0, k_ = 0, lines_ = 0, steps_ = 1;
  size_t step_bytes_ = 0;  // of the largest step, all panels
  AlignedVector<std::byte> data_;
  AlignedVector<int32_t> correction_;
};

// Packs f32 weights as kF32 or, rounded to nearest even, as kBf16.
PackedWeights Pack(StridedView<float> w, DType as, int threads = 1);
// Packs int8 weights as kI8.
PackedWeights Pack(StridedView<int8_t> w, int threads = 1);

struct MatmulOptions {
  int threads = 1;
  std::span<const float> bias = {};  // n values, or none
  bool accumulate = false;           // start from C; excludes a bias
};

// C = A * W^T (+ bias), or C += A * W^T. W is kF32, or kBf16: then A is
// rounded to bf16 too, and products and sums are f32.
void Matmul(StridedView<float> a, const PackedWeights& w, MatView<float> c,
            const MatmulOptions& options = {});
// The same from rows that are bf16 already (RowsToBf16), against bf16 weights
// (a check); the same bits as from the floats those codes stand for.
void Matmul(StridedView<uint16_t> a, const PackedWeights& w, MatView<float> c,
            const MatmulOptions& options = {});

// C = A * W^T in int32, modulo 2^32; W is kI8. Nothing can wrap while
// k <= 65793 (u8) or k <= 131071 (s8).
void MatmulI8(StridedView<uint8_t> a, const PackedWeights& w,
              MatView<int32_t> c, int threads = 1);
void MatmulI8(StridedView<int8_t> a, const PackedWeights& w,
              MatView<int32_t> c, int threads = 1);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_MATMUL_MATMUL_H_
