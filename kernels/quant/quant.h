// Conversions of whole rows between f32 and narrower formats, at the speed of
// memory. Bit for bit the scalar conversions of kernels/base/formats.h, on
// every SIMD target.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_QUANT_QUANT_H_
#define TRIPTYCH_KERNELS_QUANT_QUANT_H_

#include <cstdint>
#include <span>

#include "kernels/base/mat_view.h"

namespace triptych {

// Symmetric int8, one scale a row: scales[r] = absmax_r / 127, codes[r,c] =
// round(x[r,c] * (127 / absmax_r)) in -127..127; what cannot be scaled as in
// QuantizeRowInt. codes has the shape of x; scales.size() == x.rows().
void QuantizeRowsI8(ConstMatView<float> x, MatView<int8_t> codes,
                    std::span<float> scales, int threads = 1);

// out[r,c] = codes[r,c] * scales[r].
void DequantizeRowsI8(ConstMatView<int8_t> codes, std::span<const float> scales,
                      MatView<float> out, int threads = 1);

// out[r,c] = the bf16 nearest x[r,c], ties to even (Bf16FromF32).
void RowsToBf16(ConstMatView<float> x, MatView<uint16_t> out, int threads = 1);

// out[r,c] = the f32 that x[r,c] stands for.
void RowsFromBf16(ConstMatView<uint16_t> x, MatView<float> out,
                  int threads = 1);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_QUANT_QUANT_H_
