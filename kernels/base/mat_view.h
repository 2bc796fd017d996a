// Views of matrices somebody else owns.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_MAT_VIEW_H_
#define TRIPTYCH_KERNELS_BASE_MAT_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "kernels/base/check.h"

namespace triptych {

// rows x cols elements, row-major, `stride` elements from one row's start to
// the next (stride >= cols). Does not own. Cheap to copy.
template <class T>
class MatView {
 public:
  MatView() = default;
  MatView(T* data, size_t rows, size_t cols, size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {
    TRIPTYCH_DCHECK(stride >= cols, "stride", stride, "cols", cols);
  }
  MatView(T* data, size_t rows, size_t cols)
      : MatView(data, rows, cols, cols) {}
  // A writable view is a readable one.
  template <class U>
    requires(std::is_same_v<const U, T> && !std::is_same_v<U, T>)
  MatView(const MatView<U>& other)
      : MatView(other.data(), other.rows(), other.cols(), other.stride()) {}

  T* data() const { return data_; }
  size_t rows() const { return rows_; }
  size_t cols() const { return cols_; }
  size_t stride() const { return stride_; }
  size_t size() const { return rows_ * cols_; }
  bool contiguous() const { return stride_ == cols_ || rows_ <= 1; }

  T* row(size_t r) const { return data_ + r * stride_; }
  std::span<T> row_span(size_t r) const { return {row(r), cols_}; }
  T& operator()(size_t r, size_t c) const { return data_[r * stride_ + c]; }

  // `count` rows from `first`; the same memory.
  MatView Rows(size_t first, size_t count) const {
    TRIPTYCH_DCHECK(first + count <= rows_, "first", first, "count", count);
    return MatView(row(first), count, cols_, stride_);
  }
  // `count` columns from `first`; the same memory.
  MatView Cols(size_t first, size_t count) const {
    TRIPTYCH_DCHECK(first + count <= cols_, "first", first, "count", count);
    return MatView(data_ + first, rows_, count, stride_);
  }

 private:
  T* data_ = nullptr;
  size_t rows_ = 0, cols_ = 0, stride_ = 0;
};

template <class T>
using ConstMatView = MatView<const T>;

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_MAT_VIEW_H_
