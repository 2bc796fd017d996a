// Activations in int8, as the blocks of quantised products read them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_MATMUL_CODES_H_
#define TRIPTYCH_KERNELS_MATMUL_CODES_H_

#include <cstddef>
#include <cstdint>

#include "kernels/matmul/quantized.h"

namespace triptych::matmul {

// Rows of codes with zeros up to whole groups; one scale a row; and, where a
// group's integer sum starts, -zero times the sum of the group's codes, which
// takes back the zero that was added to the weights'. In the caller's own
// memory or in scratch of the calling thread, valid until it packs the next.
struct PackedCodes {
  const int8_t* codes;
  size_t stride;          // elements from row to row
  const float* scales;    // [rows]
  const int32_t* starts;  // [rows, groups]
};

PackedCodes PackCodes(StridedView<float> a, const QuantizedWeights& w,
                      int threads);
PackedCodes PackCodes(const QuantizedRows& a, const QuantizedWeights& w,
                      int threads);

}  // namespace triptych::matmul

#endif  // TRIPTYCH_KERNELS_MATMUL_CODES_H_
