// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/quantiser/compensation.h"

#include <algorithm>

namespace triptych::npu {
namespace {

constexpr size_t kBlock = InputMoments::kBlock;

// A square matrix of a block, row after row.
class Square {
 public:
  explicit Square(size_t n) : n_(n), values_(n * n) {}
  double& operator()(size_t i, size_t j) { return values_[i * n_ + j]; }
  size_t n() const { return n_; }

 private:
  size_t n_;
  std::vector<double> values_;
};

Square Damped(const InputMoments& moments, size_t block) {
  Square m(moments.BlockCols(block));
  double trace = 0;
  for (size_t i = 0; i < m.n(); ++i) {
    for (size_t j = 0; j < m.n(); ++j) m(i, j) = moments.Mean(block, i, j);
    trace += m(i, i);
  }
  const double more = Compensation::kDamping * trace / double(m.n());
  // Inputs that are always 0 say nothing: any pivot will do.
  for (size_t i = 0; i < m.n(); ++i) m(i, i) += more > 0 ? more : 1;
  return m;
}

// M = U D U' from the last column to the first; leaves U above the diagonal.
void FactorUpper(Square& m) {
  for (size_t p = m.n(); p-- > 1;) {
    const double pivot = m(p, p);
    for (size_t i = 0; i < p; ++i) {
      const double u = m(i, p) / pivot;
      for (size_t j = i; j < p; ++j) m(i, j) -= u * m(j, p);
      // Row i needs m(j, p) of j >= i alone, which are still those of M.
      m(i, p) = u;
    }
  }
}

}  // namespace

Compensation::Compensation(const InputMoments& moments)
    : cols_(moments.cols()), factors_(cols_ * std::min(cols_, kBlock)) {
  for (size_t b = 0; b < moments.blocks(); ++b) Factor(moments, b);
}

void Compensation::Factor(const InputMoments& moments, size_t block) {
  Square u = Damped(moments, block);
  FactorUpper(u);
  const size_t n = u.n(), stride = std::min(cols_, kBlock);
  float* const to = factors_.data() + block * kBlock * stride;
  // The inverse of U, a row from the one below: V(i, j) = -U(i, j) -
  // sum over i < p < j of U(i, p) V(p, j).
  Square v(n);
  for (size_t i = n; i-- > 0;) {
    for (size_t j = i + 1; j < n; ++j) v(i, j) = -u(i, j);
    for (size_t p = i + 1; p < n; ++p) {
      for (size_t j = p + 1; j < n; ++j) v(i, j) -= u(i, p) * v(p, j);
    }
    for (size_t j = i + 1; j < n; ++j) {
      to[i * stride + j] = static_cast<float>(v(i, j));
    }
  }
}

std::span<const float> Compensation::Factors(size_t col) const {
  const size_t stride = std::min(cols_, kBlock), i = col % kBlock;
  const size_t n = std::min(kBlock, cols_ - (col - i));
  return std::span(factors_).subspan(col * stride + i + 1, n - i - 1);
}

}  // namespace triptych::npu
