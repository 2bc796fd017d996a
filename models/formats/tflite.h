// A .tflite file as plain data: its tensors, operators and quantisation, as
// they are there. Whether anything of ours can run it is for
// tflite_operators.h and what follows to say.
//
// The format is FlatBuffers; formats/tflite.fbs has the tables that are read.
// No flatbuffers in this header.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_TFLITE_H_
#define TRIPTYCH_MODELS_FORMATS_TFLITE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/result.h"
#include "models/onnx/model.h"

namespace triptych::tflite {

// What the format calls an element type, and what it is for the operators.
struct TypeInfo {
  std::string_view name;   // "INT8"
  onnx::ElementType type;  // kNone: nothing of ours reads it
};
// Of a number in the file; null if the format has none of that number.
const TypeInfo* InfoOfType(int number);

// "FULLY_CONNECTED"; "operator 999" for a number that the format had not got
// when this was written.
std::string OperatorName(int code);

// real = scale * (stored - zero_point). One of each for the whole tensor, or
// one for each index of `dimension`; none: the numbers are what they are.
struct Quantization {
  std::vector<float> scales;
  std::vector<int64_t> zero_points;  // as many as scales
  int64_t dimension = 0;
  bool any() const { return !scales.empty(); }
};

struct Tensor {
  std::string name;
  int type = 0;     // InfoOfType
  onnx::Dims dims;  // -1: open
  // Row-major; empty unless the file has the elements.
  std::span<const std::byte> data;
  bool constant = false;
  Quantization quantization;
  size_t offset = 0;  // of its table, for messages

  // Elements, open sizes counted as one.
  int64_t count() const;
};

enum class Fused : uint8_t {
  kNone,
  kRelu,
  kReluN1To1,
  kRelu6,
  kTanh,
  kSignBit
};

// What an operator's options say; those that it has not got are as here.
struct Options {
  Fused fused = Fused::kNone;
  int64_t axis = 0, batch_dims = 0, splits = 0;
  double beta = 1;
  bool keep_dims = false;  // of a reduction, of what is fully connected
  bool shuffled = false;   // weights in an order of some processor's own
  bool adjoint_x = false, adjoint_y = false;
  bool approximate = false;
  std::optional<onnx::Dims> shape;
  struct Masks {
    int32_t begin = 0, end = 0, ellipsis = 0, new_axis = 0, shrink_axis = 0;
  } masks;
};

struct Operator {
  int code = 0;
  std::string custom;                // name, if code is kCustom
  std::vector<int> inputs, outputs;  // tensors, or -1
  Options options;
  size_t offset = 0;

  std::string name() const;
};
inline constexpr int kCustom = 32;

struct Model {
  std::string file;
  std::string graph;  // name of the graph
  std::string description;
  std::vector<Tensor> tensors;
  std::vector<Operator> operators;  // after what they read
  std::vector<int> inputs, outputs;
  size_t subgraphs = 0;  // all but the first are left out
  std::vector<std::pair<std::string, size_t>> metadata;  // name, bytes

  // "tensor 12 'name'", "operator 5 (ADD)".
  std::string Label(const Tensor& tensor) const;
  std::string Label(const Operator& op) const;
  // "file: offset N: operator 5 (ADD): what".
  std::unexpected<Error> Fail(const Operator& op, std::string_view what,
                              ErrorCode code = ErrorCode::kUnsupported) const;
  std::unexpected<Error> Fail(const Tensor& tensor, std::string_view what,
                              ErrorCode code = ErrorCode::kUnsupported) const;
};

// The first graph of the file in `bytes`, which must start at an address that
// is a multiple of 16 (a mapped file's does) and outlive the result. Nothing
// in it is believed: tables, indices, shapes against bytes, quantisation and
// the order of operators are checked, and errors are "file: offset N: what is
// it about: what is wrong". Operators may be of any kind.
Result<Model> ReadModel(std::span<const std::byte> bytes,
                        const std::string& file);

}  // namespace triptych::tflite

#endif  // TRIPTYCH_MODELS_FORMATS_TFLITE_H_
