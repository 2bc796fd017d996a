// What a transformer computes between its matrix products, and the gradients
// of it, for one sequence at a time.
//
// All matrices are row-major f32, [tokens, features]. "d_x" is the gradient
// of the loss with respect to x. Outputs must not overlap inputs unless it
// says "in place". Each function runs on the calling thread, on the best
// SIMD target of the machine; sums run over lanes first, so that the last
// bits depend on the vector width, not on anything else.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_TRAINER_TRAIN_OPS_H_
#define TRIPTYCH_TOOLS_TRAINER_TRAIN_OPS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/base/mat_view.h"

namespace triptych::trainer {

// y = x * gain / rms(x), row by row; rms includes eps. inv_rms[tokens] is
// kept for the way back.
void RmsNormForward(ConstMatView<float> x, std::span<const float> gain,
                    float eps, MatView<float> y, std::span<float> inv_rms);
// d_x += ..., d_gain += ...
void RmsNormBackward(ConstMatView<float> x, std::span<const float> gain,
                     std::span<const float> inv_rms, ConstMatView<float> d_y,
                     MatView<float> d_x, std::span<float> d_gain);

// In place: row t becomes softmax(scale * row[0..t]), zero after t.
void CausalSoftmaxForward(MatView<float> scores, float scale);
// In place: d_p, the gradient of the probabilities p, becomes that of the
// scores.
void CausalSoftmaxBackward(ConstMatView<float> p, float scale,
                           MatView<float> d_p);

// h = silu(gate) * up, gate and up side by side: gate_up[tokens, 2 f].
void SwiGluForward(ConstMatView<float> gate_up, MatView<float> h);
void SwiGluBackward(ConstMatView<float> gate_up, ConstMatView<float> d_h,
                    MatView<float> d_gate_up);

// Returns the sum over rows of -log softmax(logits)[target], nats; replaces
// the logits by `weight` times the gradient of that sum.
double CrossEntropy(MatView<float> logits, std::span<const int32_t> targets,
                    float weight);

// to += from.
void AddTo(std::span<const float> from, std::span<float> to);
// The sum of the squares, in double over blocks of f32 lanes.
double SumOfSquares(std::span<const float> x);

struct AdamStep {
  float learning_rate, beta1, beta2, eps, weight_decay;
  float gradient_scale;          // clipping
  float correction1, correction2;  // 1 / (1 - beta^t)
};
// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization",
// 2019), elementwise over equally long spans.
void AdamUpdate(const AdamStep& step, std::span<const float> gradient,
                std::span<float> moment1, std::span<float> moment2,
                std::span<float> parameters);

}  // namespace triptych::trainer

#endif  // TRIPTYCH_TOOLS_TRAINER_TRAIN_OPS_H_
