// Conversions of whole rows between f32 and narrower formats, at the speed of
// memory. Bit for bit the scalar conversions of kernels/base/formats.h, on
// every SIMD target.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_QUANT_QUANT_H_
#define TRIPTYCH_KERNELS_QUANT_QUANT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/base/mat_view.h"

namespace triptych {

// Rows in symmetric int8 with one scale each: x[r,c] = codes[r,c] * scales[r].
// scales.size() == codes.rows().
struct QuantizedRows {
  MatView<int8_t> codes;
  std::span<float> scales;
};

// Where an operator that ends in rows puts them: as f32, or quantised, with
// the codes and scales that QuantizeRowsI8 would give those f32, bit for bit.
// Both convert to this by themselves. Codes and scales overlap nothing.
class RowOutput {
 public:
  RowOutput(MatView<float> rows) : floats_(rows) {}
  RowOutput(QuantizedRows rows) : codes_(rows), quantized_(true) {
    TRIPTYCH_CHECK(rows.scales.size() == rows.codes.rows(), "scales",
                   rows.scales.size(), "rows", rows.codes.rows());
  }

  bool quantized() const { return quantized_; }
  size_t rows() const {
    return quantized_ ? codes_.codes.rows() : floats_.rows();
  }
  size_t cols() const {
    return quantized_ ? codes_.codes.cols() : floats_.cols();
  }
  // Whichever it is.
  const MatView<float>& floats() const { return floats_; }
  const QuantizedRows& codes() const { return codes_; }

  // `count` rows from `first`; the same memory.
  RowOutput Rows(size_t first, size_t count) const {
    if (!quantized_) return floats_.Rows(first, count);
    return QuantizedRows{codes_.codes.Rows(first, count),
                         codes_.scales.subspan(first, count)};
  }

 private:
  MatView<float> floats_;
  QuantizedRows codes_;
  bool quantized_ = false;
};

// n f32 of the calling thread's own, aligned: valid until it asks again.
float* ScratchRow(size_t n);

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
