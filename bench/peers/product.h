// One matrix product, as libraries take it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_PEERS_PRODUCT_H_
#define TRIPTYCH_BENCH_PEERS_PRODUCT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/base/aligned.h"
#include "kernels/base/dtype.h"
#include "kernels/variants.h"

namespace triptych::bench {

// C[m,n] = A[m,k] * B[k,n]; all row-major and without gaps. By arithmetic:
//
//   kF32   a, b, c
//   kBf16  a, b, c: a and b are values that bf16 holds
//   kI8    a_u8, b_s8, c_s32
//
// The other vectors are empty.
struct Product {
  size_t m, n, k;
  DType arithmetic;
  AlignedVector<float> a, b, c;
  AlignedVector<uint8_t> a_u8;
  AlignedVector<int8_t> b_s8;
  AlignedVector<int32_t> c_s32;
};

// Random operands; C is filled with what no product gives (NaN, or the least
// integer). Weights of kI8 have 7 bits: with 8, oneDNN and others saturate
// where the machine has no int8 dot product.
Product DrawProduct(size_t m, size_t n, size_t k, DType arithmetic,
                    uint64_t seed);

// Whether a sample of C, its last element and 63 at random, is what it must
// be: exactly for integers; for f32, within the bound on k rounded products
// summed in any order, k u / (1 - k u) * sum |a b| with u = 2^-24 (Higham,
// Accuracy and Stability of Numerical Algorithms, 2nd ed., 3.1), doubled for
// instructions that do not round to nearest.
Verdict CheckProduct(const Product& product);

// "f32", "bf16" or "u8s8".
std::string_view ProductName(DType arithmetic);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_PEERS_PRODUCT_H_
