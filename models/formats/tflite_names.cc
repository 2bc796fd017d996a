// What TFLite calls things.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <iterator>

#include "models/formats/byte_reader.h"
#include "models/formats/tflite.h"

namespace triptych::tflite {
namespace {

using onnx::ElementType;

// By number.
constexpr TypeInfo kTypes[] = {
    {"FLOAT32", ElementType::kF32},    {"FLOAT16", ElementType::kF16},
    {"INT32", ElementType::kI32},      {"UINT8", ElementType::kU8},
    {"INT64", ElementType::kI64},      {"STRING", ElementType::kNone},
    {"BOOL", ElementType::kBool},      {"INT16", ElementType::kI16},
    {"COMPLEX64", ElementType::kNone}, {"INT8", ElementType::kI8},
    {"FLOAT64", ElementType::kF64},    {"COMPLEX128", ElementType::kNone},
    {"UINT64", ElementType::kU64},     {"RESOURCE", ElementType::kNone},
    {"VARIANT", ElementType::kNone},   {"UINT32", ElementType::kU32},
    {"UINT16", ElementType::kU16},     {"INT4", ElementType::kNone},
    {"BFLOAT16", ElementType::kBf16},
};

// By code. Operators of control flow, of text and of hash tables end the list
// that there is a use for naming; newer ones go by their number.
constexpr std::string_view kOperators[] = {
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEPTH_TO_SPACE",
    "DEQUANTIZE",
    "EMBEDDING_LOOKUP",
    "FLOOR",
    "FULLY_CONNECTED",
    "HASHTABLE_LOOKUP",
    "L2_NORMALIZATION",
    "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION",
    "LOGISTIC",
    "LSH_PROJECTION",
    "LSTM",
    "MAX_POOL_2D",
    "MUL",
    "RELU",
    "RELU_N1_TO_1",
    "RELU6",
    "RESHAPE",
    "RESIZE_BILINEAR",
    "RNN",
    "SOFTMAX",
    "SPACE_TO_DEPTH",
    "SVDF",
    "TANH",
    "CONCAT_EMBEDDINGS",
    "SKIP_GRAM",
    "CALL",
    "CUSTOM",
    "EMBEDDING_LOOKUP_SPARSE",
    "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "GATHER",
    "BATCH_TO_SPACE_ND",
    "SPACE_TO_BATCH_ND",
    "TRANSPOSE",
    "MEAN",
    "SUB",
    "DIV",
    "SQUEEZE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "EXP",
    "TOPK_V2",
    "SPLIT",
    "LOG_SOFTMAX",
    "DELEGATE",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "CAST",
    "PRELU",
    "MAXIMUM",
    "ARG_MAX",
    "MINIMUM",
    "LESS",
    "NEG",
    "PADV2",
    "GREATER",
    "GREATER_EQUAL",
    "LESS_EQUAL",
    "SELECT",
    "SLICE",
    "SIN",
    "TRANSPOSE_CONV",
    "SPARSE_TO_DENSE",
    "TILE",
    "EXPAND_DIMS",
    "EQUAL",
    "NOT_EQUAL",
    "LOG",
    "SUM",
    "SQRT",
    "RSQRT",
    "SHAPE",
    "POW",
    "ARG_MIN",
    "FAKE_QUANT",
    "REDUCE_PROD",
    "REDUCE_MAX",
    "PACK",
    "LOGICAL_OR",
    "ONE_HOT",
    "LOGICAL_AND",
    "LOGICAL_NOT",
    "UNPACK",
    "REDUCE_MIN",
    "FLOOR_DIV",
    "REDUCE_ANY",
    "SQUARE",
    "ZEROS_LIKE",
    "FILL",
    "FLOOR_MOD",
    "RANGE",
    "RESIZE_NEAREST_NEIGHBOR",
    "LEAKY_RELU",
    "SQUARED_DIFFERENCE",
    "MIRROR_PAD",
    "ABS",
    "SPLIT_V",
    "UNIQUE",
    "CEIL",
    "REVERSE_V2",
    "ADD_N",
    "GATHER_ND",
    "COS",
    "WHERE",
    "RANK",
    "ELU",
    "REVERSE_SEQUENCE",
    "MATRIX_DIAG",
    "QUANTIZE",
    "MATRIX_SET_DIAG",
    "ROUND",
    "HARD_SWISH",
    "IF",
    "WHILE",
    "NON_MAX_SUPPRESSION_V4",
    "NON_MAX_SUPPRESSION_V5",
    "SCATTER_ND",
    "SELECT_V2",
    "DENSIFY",
    "SEGMENT_SUM",
    "BATCH_MATMUL",
    "PLACEHOLDER_FOR_GREATER_OP_CODES",
    "CUMSUM",
    "CALL_ONCE",
    "BROADCAST_TO",
    "RFFT2D",
    "CONV_3D",
    "IMAG",
    "REAL",
    "COMPLEX_ABS",
};
// After a stretch of those.
constexpr int kGelu = 150;

}  // namespace

const TypeInfo* InfoOfType(int number) {
  if (number < 0 || number >= std::ssize(kTypes)) return nullptr;
  return &kTypes[number];
}

std::string OperatorName(int code) {
  if (code >= 0 && code < std::ssize(kOperators)) {
    return std::string(kOperators[code]);
  }
  return code == kGelu ? "GELU" : fmt::format("operator {}", code);
}

int64_t Tensor::count() const {
  int64_t count = 1;
  for (const int64_t size : dims) count *= size < 0 ? 1 : size;
  return count;
}

std::string Operator::name() const {
  if (code != kCustom) return OperatorName(code);
  return fmt::format("CUSTOM '{}'", Printable(custom));
}

std::string Model::Label(const Tensor& tensor) const {
  return fmt::format("tensor {} '{}'", &tensor - tensors.data(),
                     Printable(tensor.name));
}

std::string Model::Label(const Operator& op) const {
  return fmt::format("operator {} ({})", &op - operators.data(), op.name());
}

std::unexpected<Error> Model::Fail(const Operator& op, std::string_view what,
                                   ErrorCode code) const {
  return MakeError(code, fmt::format("{}: offset {}: {}: {}", file, op.offset,
                                     Label(op), what));
}

std::unexpected<Error> Model::Fail(const Tensor& tensor, std::string_view what,
                                   ErrorCode code) const {
  return MakeError(code, fmt::format("{}: offset {}: {}: {}", file,
                                     tensor.offset, Label(tensor), what));
}

}  // namespace triptych::tflite
