// A model as operators -> a model of ours: what all formats share that bring
// a graph of their own.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_IMPORT_MODEL_H_
#define TRIPTYCH_MODELS_ONNX_IMPORT_MODEL_H_

#include <string>

#include "kernels/base/result.h"
#include "models/onnx/model.h"
#include "models/onnx/op.h"
#include "models/weights.h"

namespace triptych::onnx {

// The transformer that the operators make up, as models/onnx/import.h says.
// `architecture` is what the format is called. Tensors may point into the
// constants of `model`; what was copied for them the result's storage keeps.
//
// Operators of no pattern of ours that make features of sound (FindCut) become
// the result's front end, and the features the graph's input "patches".
// Errors: a node in no pattern of ours, and which others there are; what
// Evaluate refuses.
Result<ModelFile> ImportModel(const Model& model, const Limits& limits,
                              const std::string& architecture);

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_IMPORT_MODEL_H_
