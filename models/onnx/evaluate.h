// Runs an ONNX model in f64, node by node: the oracle of imports, the folder
// of constants, and, where inputs are known by their shape alone, the
// inference of all other shapes.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_EVALUATE_H_
#define TRIPTYCH_MODELS_ONNX_EVALUATE_H_

#include <cstdint>
#include <map>
#include <vector>

#include "kernels/base/result.h"
#include "models/onnx/model.h"
#include "models/onnx/op.h"
#include "models/onnx/tensor.h"

namespace triptych::onnx {

struct EvaluateOptions {
  Limits limits;
  // A node whose inputs are all known is still done by shape alone if an
  // output would have more floats than this: weights that are transposed or
  // dequantised on the way are nobody's shape.
  int64_t fold = INT64_MAX;
};

// Every value by its number; those that nothing was asked of are kNone.
// Initialisers that no node had to look into keep their shape alone.
using Values = std::vector<Tensor>;

// All nodes, in order. `inputs` has a tensor for each input of the model,
// known or not. Errors: "file: node 'x' (Gemm): input 1: what", also for an
// operator that is not in the tables.
Result<Values> Evaluate(const Model& model, const std::map<int, Tensor>& inputs,
                        const EvaluateOptions& options = {});

// One value that depends on no input of the model, with its elements. Errors:
// as above, and a value that does depend on one.
Result<Tensor> EvaluateConstant(const Model& model, int value,
                                const EvaluateOptions& options = {});

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_EVALUATE_H_
