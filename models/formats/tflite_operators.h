// TFLite's operators, written in those of ONNX: what evaluates them, tells
// their shapes and finds our operators in them is then the same for both.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_TFLITE_OPERATORS_H_
#define TRIPTYCH_MODELS_FORMATS_TFLITE_OPERATORS_H_

#include <string>

#include "kernels/base/result.h"
#include "models/formats/tflite.h"
#include "models/onnx/model.h"

namespace triptych::tflite {

// What makes the first output of `model`, whose bytes must outlive the result.
// Quantised tensors are the real numbers they stand for: constants through
// DequantizeLinear, activations as they are. Nodes are named by the tensor
// they make, and messages about them name the operator of the file.
//
// Errors: all operators that are not understood, in one list with how often
// each is there and which are; one whose operands or options are outside what
// is understood of it.
Result<onnx::Model> ToOperators(const Model& model);

// The names of the operators that are understood, for messages.
std::string UnderstoodOperators();

}  // namespace triptych::tflite

#endif  // TRIPTYCH_MODELS_FORMATS_TFLITE_OPERATORS_H_
