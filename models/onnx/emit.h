// Steps -> a graph of ours.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_EMIT_H_
#define TRIPTYCH_MODELS_ONNX_EMIT_H_

#include <span>

#include "kernels/base/result.h"
#include "models/build/build.h"
#include "models/config.h"
#include "models/graph.h"
#include "models/onnx/facts.h"
#include "models/onnx/match.h"
#include "models/onnx/tables.h"

namespace triptych::onnx {

// The graph that computes `output`; its weights are added to `tables`, and
// the sizes that it shows are noted in `config`. Errors name the node whose
// step does not fit our matrices.
Result<Graph> EmitGraph(const Facts& facts, std::span<const Step> steps,
                        int output, const BuildOptions& options, Tables& tables,
                        ModelConfig& config);

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_EMIT_H_
