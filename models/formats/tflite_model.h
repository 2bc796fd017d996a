// TFLite models as models of ours.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_TFLITE_MODEL_H_
#define TRIPTYCH_MODELS_FORMATS_TFLITE_MODEL_H_

#include <cstddef>
#include <span>
#include <string>

#include "kernels/base/result.h"
#include "models/weights.h"

namespace triptych {

namespace onnx {
struct Limits;
}

// Whether `bytes` start as a TFLite file does.
bool LooksLikeTflite(std::span<const std::byte> bytes);

// The transformer in `bytes`, which must outlive the result. It brings its
// own graph (ModelFile::graph), as models/onnx/import.h says of ONNX models,
// whose operators those of TFLite are written in first; and a front end, if
// the file makes features of sound. Names of tensors are the file's.
//
// Quantised weights are dequantised: of int8 with a scale for each row, a
// target that has such weights finds the same codes again wherever a row's
// largest is 127. Quantised activations become the real numbers they stand for:
// targets choose formats of their own, and what the file says of their ranges
// is not used.
//
// Errors are "file: offset N: ..." of what ReadModel refuses, one list of all
// operators that are not understood, or "file: node 'x' (OP): ..." for one
// in no pattern of ours. In a build without the feature `tflite` everything is
// refused, with how to get it.
Result<ModelFile> ParseTfliteModel(std::span<const std::byte> bytes,
                                   const std::string& file);
// The same within other limits (models/onnx/op.h) on what a file may make us
// compute.
Result<ModelFile> ParseTfliteModel(std::span<const std::byte> bytes,
                                   const std::string& file,
                                   const onnx::Limits& limits);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_TFLITE_MODEL_H_
