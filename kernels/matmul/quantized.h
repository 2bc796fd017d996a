// Products with quantised weights, end to end: f32 in and out.
//
//   C[m,n] = A[m,k] * W[n,k]^T (+ bias[n]) (+ residual[m,n])
//
// W is held in codes of 4 or 8 bits whose scale is shared by a group along k.
// What A becomes is the caller's choice:
//
// int8   A is quantised row by row in the call (one symmetric scale a row, as
//        QuantizeRowsI8), products and the sums of a group are exact integers,
//        and groups are added in f32:
//          C[r,j] = a_scale[r] * w_scale[j] * sum over g of
//                   group_scale[g,j] * (sum over k in g of a[r,k] * w[j,k])
//        It is one chain in the order of k: an integer sum is converted
//        (exact below 2^24) and enters by one fused multiply-add.
// bf16   A is rounded to bf16, and so is code * group_scale (with one scale a
//        row that is the code itself, exact); products and sums are those of
//        bf16 weights (matmul.h), times w_scale[j] at the end. Codes are
//        decoded once for up to 120 rows, so few rows pay for it.
//
// Either way no blocking, thread count or batch size enters a row's bits.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_MATMUL_QUANTIZED_H_
#define TRIPTYCH_KERNELS_MATMUL_QUANTIZED_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/base/aligned.h"
#include "kernels/base/mat_view.h"
#include "kernels/matmul/matmul.h"
#include "kernels/quant/quant.h"

namespace triptych {

struct CodeFormat {
  // A scale for a whole row of W ("per channel"); its sums are cut every
  // kMostGroup elements all the same, for the sake of the caches.
  static constexpr size_t kWholeRow = 0;
  static constexpr size_t kMostGroup = 2048;

  int bits = 8;              // 4 or 8
  size_t group = kWholeRow;  // or a multiple of 8 up to kMostGroup
};

// W[n,k] in codes, in the order the kernel reads them. Immutable once its rows
// are set; cheap to move.
//
// A panel is 64 rows of W. For each group of k it has a record: 64 scales in
// f16, and then, for every eight k, the unsigned codes (code + zero()) of the
// first four, four bytes an output, and those of the second four; with 4 bits
// the second are the high nibbles of the first. So one row of activations
// reads memory from end to end: 97 % of what memory gives, in int8, where
// panels of 16 rows, four of them side by side, took 80 %. Groups are dealt
// out in steps of about 2048 of k, and all panels of a step come before the
// next step, as in PackedWeights. What is missing in the last panel has scale
// 0; in the last group, code 0.
class QuantizedWeights {
 public:
  static constexpr size_t kPanelOutputs = 64;
  static constexpr size_t kScaleBytes = 2 * kPanelOutputs;  // of a record

  QuantizedWeights() = default;
  // Room for W[n,k], all zero. The format is as CodeFormat says (a check).
  QuantizedWeights(size_t n, size_t k, CodeFormat format);

  // Sets rows [first, first + rows) of W. Different rows may be set by
  // different threads at once.
  //
  // From floats: the scale of a group is absmax / qmax with qmax = 7 or 127,
  // rounded (f16, relative to the row's largest) before the codes are chosen;
  // codes are in -qmax..qmax.
  void SetRows(size_t first, StridedView<float> rows);
  // As given: codes[rows, k] in -8..7 or -128..127, group_scales[rows,
  // groups()], rounded to f16, and w_scale one a row.
  void SetRows(size_t first, ConstMatView<int8_t> codes,
               ConstMatView<float> group_scales,
               std::span<const float> w_scale);

  size_t n() const { return n_; }
  size_t k() const { return k_; }
  CodeFormat format() const { return format_; }
  size_t bytes() const { return data_.size() + 4 * w_scale_.size(); }
  // Elements of k that share a scale in memory: format().group, or what a
  // whole row is cut into.
  size_t group() const { return group_; }
  size_t groups() const { return groups_; }
  // What is added to a code to make it unsigned: 8 or 128.
  int32_t zero() const { return format_.bits == 4 ? 8 : 128; }

  // One weight as the product takes it, in double: for references.
  double Value(size_t row, size_t col) const;

  // Steps of k; the first group of a step, of step steps() their number.
  size_t steps() const { return steps_; }
  size_t first_group(size_t step) const { return step * groups_ / steps_; }
  size_t groups(size_t step) const {
    return first_group(step + 1) - first_group(step);
  }
  size_t record_bytes() const;
  // Bytes from panel to panel of a step.
  size_t panel_stride(size_t step) const {
    return groups(step) * record_bytes();
  }
  const std::byte* panel(size_t step, size_t p) const {
    return data_.data() + step * step_bytes_ + p * panel_stride(step);
  }
  std::span<const float> w_scale() const { return w_scale_; }

 private:
  void CheckRows(size_t first, size_t rows, size_t cols) const;
  // Where a group of a row is.
  struct Place {
    size_t scale;  // bytes into data_: an f16
    size_t codes;  // of the first four codes; the next four are, with 8 bits,
                   // a panel's units on, and with 4 in the high nibbles
  };
  Place PlaceOf(size_t row, size_t group) const;
  void SetGroup(size_t row, size_t group, float scale,
                std::span<const int8_t> codes);

  CodeFormat format_;
  size_t n_ = 0, k_ = 0, group_ = 8, groups_ = 0, steps_ = 1;
  size_t step_bytes_ = 0;  // of the largest step, all panels
  AlignedVector<std::byte> data_;
  AlignedVector<float> w_scale_;  // [n]
};

// Quantises and packs a whole matrix.
QuantizedWeights Quantize(StridedView<float> w, CodeFormat format,
                          int threads = 1);

enum class Activations : uint8_t { kInt8, kBf16 };

struct QuantizedOptions {
  int threads = 1;
  Activations activations = Activations::kInt8;
  std::span<const float> bias = {};   // n values, or none
  ConstMatView<float> residual = {};  // as C, or none; may be C itself
};

// C = A * W^T (+ bias) (+ residual). C must not overlap A or the bias. A row of
// A with anything not finite gives a row of NaN in int8. Thread-safe: a call
// keeps its scratch memory with the calling thread.
void Matmul(StridedView<float> a, const QuantizedWeights& w, MatView<float> c,
            const QuantizedOptions& options = {});

// The same from rows that are in int8 already, by a norm or a gated unit that
// ends so; options.activations is kInt8 (a check). The same bits as from the
// floats those codes are of.
void Matmul(const QuantizedRows& a, const QuantizedWeights& w, MatView<float> c,
            const QuantizedOptions& options = {});

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_MATMUL_QUANTIZED_H_
