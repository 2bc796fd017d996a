// Activation functions, element by element, and the gated units made of them.
//
// Spans of one size; out may be an input, but not overlap one otherwise. An
// element's bits depend on its inputs alone.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ACTIVATION_ACTIVATION_H_
#define TRIPTYCH_KERNELS_ACTIVATION_ACTIVATION_H_

#include <cstdint>
#include <span>

#include "kernels/base/mat_view.h"
#include "kernels/quant/quant.h"

namespace triptych {

// out[i] = x / (1 + exp(-x)).
void Silu(std::span<const float> x, std::span<float> out, int threads = 1);

// out[i] = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
void GeluTanh(std::span<const float> x, std::span<float> out, int threads = 1);

// out[i] = x/2 (1 + erf(x / sqrt(2))).
void GeluErf(std::span<const float> x, std::span<float> out, int threads = 1);

// out[i] = silu(gate[i]) * up[i].
void SiluMul(std::span<const float> gate, std::span<const float> up,
             std::span<float> out, int threads = 1);

// Gated linear units (Shazeer, "GLU variants improve transformer", 2020), by
// the function the gate goes through.
enum class Glu : uint8_t { kSilu, kGeluTanh, kGeluErf };

// out[r,c] = f(gate[r,c]) * up[r,c]. The two are views of one shape: halves
// of the rows of one product (MatView::Cols), or two matrices. Floats of out
// may be either. Quantised, a row's codes are those of its f32 elements.
void GatedUnit(Glu f, ConstMatView<float> gate, ConstMatView<float> up,
               const RowOutput& out, int threads = 1);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_ACTIVATION_ACTIVATION_H_
