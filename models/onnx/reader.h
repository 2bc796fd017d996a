// Bytes of a .onnx file -> Model, through protobuf.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_READER_H_
#define TRIPTYCH_MODELS_ONNX_READER_H_

#include <cstddef>
#include <span>
#include <string>

#include "kernels/base/result.h"
#include "models/onnx/model.h"
#include "models/onnx/tensor.h"

namespace triptych::onnx {

// The model in `bytes`, which need not outlive the result: its constants are
// moved out of the message, not copied. External data is looked for beside
// `file` and mapped; a location that leaves that folder is refused. Errors
// are "file: what is it about: what is wrong and what is allowed": bytes that
// are no ModelProto, another opset than kOldestOpset..kNewestOpset, a value
// that is defined twice or used before it is defined, a tensor whose bytes
// are not what its shape says.
Result<Model> ReadModel(std::span<const std::byte> bytes,
                        const std::string& file);

// The bytes of a TensorProto, as test data has them. Errors as above.
Result<Constant> ReadTensor(std::span<const std::byte> bytes,
                            const std::string& file);

// The bytes of a SequenceProto or an OptionalProto, as `kind` says (a tensor
// is a programmer's error). Errors as above.
Result<Tensor> ReadHolder(std::span<const std::byte> bytes, ValueKind kind,
                          const std::string& file);

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_READER_H_
