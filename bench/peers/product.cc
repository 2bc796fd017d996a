// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/product.h"

#include <cmath>
#include <limits>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/rng.h"

namespace triptych::bench {
namespace {

constexpr float kUnwritten = std::numeric_limits<float>::quiet_NaN();
constexpr int32_t kUnwrittenInt = std::numeric_limits<int32_t>::min();

// Uniform in [-1, 1): cheap, and a lost term is as large as the others.
AlignedVector<float> DrawFloats(size_t count, bool as_bf16, Rng rng) {
  AlignedVector<float> values(count);
  for (float& x : values) {
    x = static_cast<float>(static_cast<int32_t>(rng.Next())) * 0x1p-31f;
    if (as_bf16) x = RoundToBf16(x);
  }
  return values;
}

template <class T>
AlignedVector<T> DrawBytes(size_t count, int bits, Rng rng) {
  AlignedVector<T> values(count);
  for (T& x : values) {
    x = static_cast<T>(static_cast<T>(rng.Next() & 0xFF) >> (8 - bits));
  }
  return values;
}

// C[row,col], and what it should be.
struct Element {
  double got;
  Expected expected;
};

Element IntegerAt(const Product& p, size_t row, size_t col) {
  int64_t sum = 0;
  for (size_t i = 0; i < p.k; ++i) {
    sum += int64_t{p.a_u8[row * p.k + i]} * p.b_s8[i * p.n + col];
  }
  return {static_cast<double>(p.c_s32[row * p.n + col]),
          {static_cast<double>(sum), 0}};
}

Element FloatAt(const Product& p, size_t row, size_t col) {
  double sum = 0, absolute = 0;
  for (size_t i = 0; i < p.k; ++i) {
    const double term =
        static_cast<double>(p.a[row * p.k + i]) * p.b[i * p.n + col];
    sum += term;
    absolute += std::abs(term);
  }
  constexpr double kUnit = 2 * 0x1p-24;
  const double ku = static_cast<double>(p.k) * kUnit;
  return {p.c[row * p.n + col], {sum, ku / (1 - ku) * absolute}};
}

}  // namespace

Product DrawProduct(size_t m, size_t n, size_t k, DType arithmetic,
                    uint64_t seed) {
  Product p = {.m = m, .n = n, .k = k, .arithmetic = arithmetic};
  const Rng for_a(seed, 0), for_b(seed, 1);
  if (arithmetic == DType::kI8) {
    p.a_u8 = DrawBytes<uint8_t>(m * k, 8, for_a);
    p.b_s8 = DrawBytes<int8_t>(k * n, 7, for_b);
    p.c_s32.assign(m * n, kUnwrittenInt);
    return p;
  }
  const bool as_bf16 = arithmetic == DType::kBf16;
  TRIPTYCH_CHECK(as_bf16 || arithmetic == DType::kF32, InfoOf(arithmetic).name);
  p.a = DrawFloats(m * k, as_bf16, for_a);
  p.b = DrawFloats(k * n, as_bf16, for_b);
  p.c.assign(m * n, kUnwritten);
  return p;
}

Verdict CheckProduct(const Product& p) {
  constexpr int kSamples = 64;
  Rng rng(p.m * p.n);
  for (int i = 0; i < kSamples && p.m * p.n > 0; ++i) {
    const size_t row = i == 0 ? p.m - 1 : rng.Below(static_cast<uint32_t>(p.m));
    const size_t col = i == 0 ? p.n - 1 : rng.Below(static_cast<uint32_t>(p.n));
    const Element element = p.arithmetic == DType::kI8 ? IntegerAt(p, row, col)
                                                       : FloatAt(p, row, col);
    Verdict verdict = Compare({&element.got, 1}, {&element.expected, 1});
    if (verdict.ok) continue;
    verdict.detail = "row " + std::to_string(row) + ", column " +
                     std::to_string(col) + ", " + verdict.detail;
    return verdict;
  }
  return {};
}

std::string_view ProductName(DType arithmetic) {
  return arithmetic == DType::kI8 ? "u8s8" : InfoOf(arithmetic).name;
}

}  // namespace triptych::bench
