// A matrix that owns its elements: zeros, or normal numbers of a seed.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_KERNELS_NORMAL_MATRIX_H_
#define TRIPTYCH_TESTS_KERNELS_NORMAL_MATRIX_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/base/mat_view.h"
#include "kernels/base/rng.h"

namespace triptych {

struct Matrix {
  Matrix(size_t r, size_t c) : rows(r), cols(c), data(r * c) {}
  Matrix(size_t r, size_t c, uint64_t seed) : Matrix(r, c) {
    Rng rng(seed);
    for (float& x : data) x = static_cast<float>(rng.Normal());
  }
  MatView<float> view() { return {data.data(), rows, cols}; }
  ConstMatView<float> view() const { return {data.data(), rows, cols}; }
  size_t rows, cols;
  std::vector<float> data;
};

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_KERNELS_NORMAL_MATRIX_H_
