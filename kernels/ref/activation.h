// Activation functions, plainly (see kernels/ref/norm.h for what that means).
// All: out[i] = f(x[i]); spans of one size; out may be x.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_REF_ACTIVATION_H_
#define TRIPTYCH_KERNELS_REF_ACTIVATION_H_

#include <span>

namespace triptych::ref {

// x / (1 + exp(-x)).
template <class T>
void Silu(std::span<const T> x, std::span<T> out);

// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): Hendrycks and Gimpel 2016.
template <class T>
void GeluTanh(std::span<const T> x, std::span<T> out);

// x/2 (1 + erf(x / sqrt(2))): x times the normal distribution function.
template <class T>
void GeluErf(std::span<const T> x, std::span<T> out);

// silu(gate[i]) * up[i]. out may be gate or up.
template <class T>
void SiluMul(std::span<const T> gate, std::span<const T> up, std::span<T> out);

}  // namespace triptych::ref

#endif  // TRIPTYCH_KERNELS_REF_ACTIVATION_H_
