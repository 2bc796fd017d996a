// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/sobol_sequence.h"

#include <bit>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"

namespace triptych::analysis {
namespace {

// A primitive polynomial over GF(2), x^degree + ... + 1, whose inner
// coefficients are the bits of `inner`, and the first direction numbers, one
// a degree.
struct Polynomial {
  int degree;
  uint32_t inner;
  std::array<uint8_t, 7> first;
};

// Joe and Kuo's dimensions 2 to 37: the columns s, a and m_i of
// new-joe-kuo-6. Dimension 1 is the bits of the index reversed.
constexpr std::array<Polynomial, SobolSequence::kMaxDimensions - 1> kJoeKuo = {{
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
    {5, 14, {1, 3, 5, 5, 31}},
    {6, 1, {1, 3, 3, 9, 7, 49}},
    {6, 13, {1, 1, 1, 15, 21, 21}},
    {6, 16, {1, 3, 1, 13, 27, 49}},
    {6, 19, {1, 1, 1, 15, 7, 5}},
    {6, 22, {1, 3, 1, 15, 13, 25}},
    {6, 25, {1, 1, 5, 5, 19, 61}},
    {7, 1, {1, 3, 7, 11, 23, 15, 103}},
    {7, 4, {1, 3, 7, 13, 13, 15, 69}},
    {7, 7, {1, 1, 3, 13, 7, 35, 63}},
    {7, 8, {1, 3, 5, 9, 1, 25, 53}},
    {7, 14, {1, 3, 1, 13, 9, 35, 107}},
    {7, 19, {1, 3, 1, 5, 27, 61, 31}},
    {7, 21, {1, 1, 5, 11, 19, 41, 61}},
    {7, 28, {1, 3, 5, 3, 3, 13, 69}},
    {7, 31, {1, 1, 7, 13, 1, 19, 1}},
    {7, 32, {1, 3, 7, 5, 13, 19, 59}},
    {7, 37, {1, 1, 3, 9, 25, 29, 41}},
    {7, 41, {1, 3, 5, 13, 23, 1, 55}},
    {7, 42, {1, 3, 7, 3, 13, 59, 17}},
    {7, 50, {1, 3, 1, 3, 5, 53, 69}},
    {7, 55, {1, 1, 5, 5, 23, 33, 13}},
    {7, 56, {1, 1, 7, 7, 1, 61, 123}},
    {7, 59, {1, 1, 7, 9, 13, 61, 49}},
    {7, 62, {1, 3, 3, 5, 3, 55, 33}},
}};

// m_b of the paper's recurrence (2), scaled to fractions of 2^kBits.
std::array<uint64_t, SobolSequence::kBits> DirectionsOf(int dimension) {
  std::array<uint64_t, SobolSequence::kBits> v;
  constexpr int kTop = SobolSequence::kBits - 1;
  if (dimension == 0) {
    for (int b = 0; b <= kTop; ++b) v[b] = uint64_t{1} << (kTop - b);
    return v;
  }
  const Polynomial& p = kJoeKuo[dimension - 1];
  for (int b = 0; b <= kTop; ++b) {
    if (b < p.degree) {
      v[b] = uint64_t{p.first[b]} << (kTop - b);
      continue;
    }
    v[b] = v[b - p.degree] ^ (v[b - p.degree] >> p.degree);
    for (int i = 1; i < p.degree; ++i) {
      if ((p.inner >> (p.degree - 1 - i)) & 1) v[b] ^= v[b - i];
    }
  }
  return v;
}

}  // namespace

SobolSequence::SobolSequence(int dimensions, uint64_t seed) {
  TRIPTYCH_CHECK(dimensions >= 1 && dimensions <= kMaxDimensions, "dimensions",
                 dimensions);
  const Rng rng(seed);
  for (int d = 0; d < dimensions; ++d) {
    directions_.push_back(DirectionsOf(d));
    const auto words = rng.At(static_cast<uint64_t>(d));
    const uint64_t bits = uint64_t{words[0]} << 32 | words[1];
    shift_.push_back(seed == 0 ? 0 : bits >> (64 - kBits));
  }
}

double SobolSequence::At(uint64_t index, int dimension) const {
  TRIPTYCH_CHECK(index >> kBits == 0, "index", index);
  const auto d = static_cast<size_t>(dimension);
  uint64_t x = shift_[d];
  for (uint64_t gray = index ^ (index >> 1); gray != 0; gray &= gray - 1) {
    x ^= directions_[d][static_cast<size_t>(std::countr_zero(gray))];
  }
  return static_cast<double>(x) * 0x1p-52;
}

void SobolSequence::Point(uint64_t index, std::span<double> out) const {
  TRIPTYCH_CHECK(out.size() == directions_.size(), "out", out.size());
  for (size_t d = 0; d < out.size(); ++d) {
    out[d] = At(index, static_cast<int>(d));
  }
}

}  // namespace triptych::analysis
