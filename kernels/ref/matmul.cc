// SPDX-License-Identifier: Apache-2.0
#include "kernels/ref/matmul.h"

#include "kernels/base/check.h"

namespace triptych::ref {
namespace {

template <class A, class W, class C>
void CheckShapes(ConstMatView<A> a, ConstMatView<W> w, MatView<C> c) {
  TRIPTYCH_CHECK(a.cols() == w.cols() && c.rows() == a.rows() &&
                     c.cols() == w.rows(),
                 "A", a.rows(), "x", a.cols(), "W", w.rows(), "x", w.cols(),
                 "C", c.rows(), "x", c.cols());
}

}  // namespace

template <class T>
void Matmul(ConstMatView<T> a, ConstMatView<float> w, MatView<T> c,
            std::span<const float> bias) {
  CheckShapes(a, w, c);
  TRIPTYCH_CHECK(bias.empty() || bias.size() == w.rows(), "bias", bias.size());
  for (size_t i = 0; i < c.rows(); ++i) {
    for (size_t j = 0; j < c.cols(); ++j) {
      double sum = bias.empty() ? 0.0 : bias[j];
      for (size_t k = 0; k < a.cols(); ++k) {
        sum += static_cast<double>(a(i, k)) * w(j, k);
      }
      c(i, j) = static_cast<T>(sum);
    }
  }
}

template <class T>
void MatmulI8(ConstMatView<T> a, ConstMatView<int8_t> w, MatView<int32_t> c) {
  CheckShapes(a, w, c);
  for (size_t i = 0; i < c.rows(); ++i) {
    for (size_t j = 0; j < c.cols(); ++j) {
      int64_t sum = 0;
      for (size_t k = 0; k < a.cols(); ++k) sum += a(i, k) * w(j, k);
      c(i, j) = static_cast<int32_t>(static_cast<uint64_t>(sum));
    }
  }
}

template void Matmul<float>(ConstMatView<float>, ConstMatView<float>,
                            MatView<float>, std::span<const float>);
template void Matmul<double>(ConstMatView<double>, ConstMatView<float>,
                             MatView<double>, std::span<const float>);
template void MatmulI8<int8_t>(ConstMatView<int8_t>, ConstMatView<int8_t>,
                               MatView<int32_t>);
template void MatmulI8<uint8_t>(ConstMatView<uint8_t>, ConstMatView<int8_t>,
                                MatView<int32_t>);

}  // namespace triptych::ref
