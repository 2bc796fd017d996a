// A matrix that notices when somebody writes where it has no elements.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_GUARDED_MATRIX_H_
#define TRIPTYCH_KERNELS_GUARDED_MATRIX_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/mat_view.h"

namespace triptych {

// rows x cols with `gap` guard elements after each row and a guard row before
// and behind. Rows start unaligned when the stride is odd. T is trivially
// copyable.
template <class T>
class GuardedMatrix {
 public:
  GuardedMatrix(size_t rows, size_t cols, size_t gap = 3)
      : rows_(rows), cols_(cols), stride_(cols + gap),
        data_((rows + 2) * stride_) {
    std::memset(static_cast<void*>(data_.data()), kGuard,
                data_.size() * sizeof(T));
  }

  MatView<T> view() { return {data_.data() + stride_, rows_, cols_, stride_}; }
  ConstMatView<T> view() const {
    return {data_.data() + stride_, rows_, cols_, stride_};
  }

  bool Intact() const {
    const auto untouched = [](const T& element) {
      const auto* bytes = reinterpret_cast<const unsigned char*>(&element);
      return std::all_of(bytes, bytes + sizeof(T),
                         [](unsigned char b) { return b == kGuard; });
    };
    for (size_t i = 0; i < data_.size(); ++i) {
      const size_t row = i / stride_, col = i % stride_;
      const bool inside = row >= 1 && row <= rows_ && col < cols_;
      if (!inside && !untouched(data_[i])) return false;
    }
    return true;
  }

 private:
  static constexpr unsigned char kGuard = 0xA5;

  size_t rows_, cols_, stride_;
  AlignedVector<T> data_;
};

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_GUARDED_MATRIX_H_
