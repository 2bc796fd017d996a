// Values of the operators that run beside the array: on the vector unit, in
// f32 with f64 sums, by functions that are the same on every host; and
// attention, whose products are integers when attention_bits says so.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_VECTOR_OPS_H_
#define TRIPTYCH_EMULATORS_NPU_VECTOR_OPS_H_

#include <span>

#include "emulators/target.h"

namespace triptych::npu {

// Computes one node into ctx.output. weights[i] is input i where that is a
// weight.
using PlainOp = void (*)(const StepContext& ctx,
                          std::span<const WeightRows> weights);

// nullptr for operators whose plain evaluation is already the same on every
// host: those that only add, multiply and move.
PlainOp FindPlainOp(std::string_view op);

// attention with Q, K, V quantised to `bits` a token and head (0: f32).
//   score = f32(q . k) * s_q * s_k * scale; e = exp(score - max), rounded to
//   f32; weights e * s_v quantised to `bits` over the keys; then
//   out = f32(weights . v) * s_w / sum of e.
void Attend(const StepContext& ctx, int bits);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_VECTOR_OPS_H_
