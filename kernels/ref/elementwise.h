// Element by element, plainly (see kernels/ref/norm.h for what that means).
// All spans of one size; out may be an input.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_REF_ELEMENTWISE_H_
#define TRIPTYCH_KERNELS_REF_ELEMENTWISE_H_

#include <cstddef>
#include <span>

namespace triptych::ref {

// out[i] = a[i] + b[i].
template <class T>
void Add(std::span<const T> a, std::span<const T> b, std::span<T> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<T>(double{a[i]} + double{b[i]});
  }
}

// out[i] = a[i] * b[i].
template <class T>
void Mul(std::span<const T> a, std::span<const T> b, std::span<T> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<T>(double{a[i]} * double{b[i]});
  }
}

// out[i] = x[i] * factor.
template <class T>
void Scale(std::span<const T> x, float factor, std::span<T> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<T>(double{x[i]} * double{factor});
  }
}

}  // namespace triptych::ref

#endif  // TRIPTYCH_KERNELS_REF_ELEMENTWISE_H_
