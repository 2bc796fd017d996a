// What a pair of tables of cosines and sines rotates by.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_ROTATION_H_
#define TRIPTYCH_MODELS_ONNX_ROTATION_H_

#include <cstddef>
#include <cstdint>

#include "kernels/base/result.h"
#include "models/onnx/facts.h"

namespace triptych::onnx {

// The theta for which pair i of `head_dim` features at position p turns by
// p * theta^(-2i / head_dim). `cos` and `sin` are constants; their tokens are
// the `from_end`-th axis from the end. `half`: pair i is features i and
// i + head_dim / 2, else 2i and 2i + 1. Errors: tables that say otherwise.
Result<double> ThetaOf(const Facts& facts, const Node& node, int cos, int sin,
                       size_t from_end, int64_t head_dim, bool half);

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_ROTATION_H_
