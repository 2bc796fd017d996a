// Values of products on the array.
//
//   codes      rows of A and of B scaled to their largest, `bits` each
//   S          sum of a b over the terms of one conversion
//   sum        S e(phi) + sqrt(Q v) g1 + output noise |S| g2
//   code       sum / full scale, rounded to the converter's codes
//   C          codes over all of k, times full scales and row scales
//
// with Q the sum of (a b)^2. A modulated value is off by a part of itself
// that is drawn anew for every use (standard deviation s), the phase between
// the operands by an angle phi of standard deviation p:
//
//   e(phi) = E[cos phi] = exp(-p^2 / 2)
//   v      = (1 + s^2)^2 E[cos^2 phi] - e^2,  E[cos^2 phi] = (1 + exp(-2 p^2))
//   / 2
//
// which is the exact variance of (1 + s g)(1 + s g') cos phi. One Gaussian a
// conversion stands for the sum of its terms.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_ARRAY_VALUES_H_
#define TRIPTYCH_EMULATORS_OPTICAL_ARRAY_VALUES_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "emulators/optical/array/params.h"
#include "kernels/base/mat_view.h"
#include "kernels/matmul/matmul.h"

namespace triptych::optical::array {

// Mean and variance of a modulated product of 1 and 1.
struct ProductNoise {
  double mean = 1, variance = 0;
};
ProductNoise NoiseOf(const Params& params);

// The operand whose rows are outputs, ready for many products: its terms in
// pieces of one conversion each.
struct Encoded {
  struct Piece {
    size_t k0 = 0;
    PackedWeights codes, squares;
    double rms = 0;  // of its codes
  };
  size_t n = 0, k = 0;
  std::vector<float> scale;  // of each row
  std::vector<Piece> pieces;
};
// `rows` [n, k].
Encoded Encode(const Params& params, ConstMatView<float> rows);

// Names the noise of one product; never used twice in a run.
struct NoiseKey {
  std::array<uint32_t, 2> run{};
  uint32_t node = 0, product = 0;
};

// C[m, n] = A[m, k] * B[n, k]^T. Results do not depend on threads.
void Multiply(const Params& params, ConstMatView<float> a, const Encoded& b,
              const NoiseKey& key, int threads, MatView<float> c);

}  // namespace triptych::optical::array

#endif  // TRIPTYCH_EMULATORS_OPTICAL_ARRAY_VALUES_H_
