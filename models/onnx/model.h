// An ONNX model as plain data: what the reader makes of the protobuf, and all
// that the evaluator and the importer ever see. No protobuf here. Readers of
// other formats (models/formats/tflite_operators.h) write theirs down in these
// operators, too, and share all that follows.
//
// Values have numbers. A value is an initialiser, an input of the graph or
// the output of one node (the reader has checked that, and that nodes come
// after what they read).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_MODEL_H_
#define TRIPTYCH_MODELS_ONNX_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace triptych::onnx {

// Numbers as in TensorProto.DataType.
enum class ElementType : uint8_t {
  kNone = 0,
  kF32 = 1,
  kU8 = 2,
  kI8 = 3,
  kU16 = 4,
  kI16 = 5,
  kI32 = 6,
  kI64 = 7,
  kString = 8,
  kBool = 9,
  kF16 = 10,
  kF64 = 11,
  kU32 = 12,
  kU64 = 13,
  kBf16 = 16,
};

// "float", "int64", ...: as the ONNX documents spell them.
std::string_view NameOf(ElementType type);
// Bytes of one element; 0 for strings and kNone.
size_t BytesOf(ElementType type);
constexpr bool IsFloat(ElementType type) {
  return type == ElementType::kF32 || type == ElementType::kF64 ||
         type == ElementType::kF16 || type == ElementType::kBf16;
}

// What a value is: a tensor, tensors (or such values) in a row, or one or
// none of them. Messages call it by these names.
enum class ValueKind : uint8_t { kTensor, kSequence, kOptional };
std::string_view NameOf(ValueKind kind);

using Dims = std::vector<int64_t>;

// Product of the sizes; 1 for a scalar.
int64_t CountOf(const Dims& dims);
// "[2, 3]".
std::string TextOf(const Dims& dims);

// A stored tensor: little-endian elements, row-major, in bytes that `owner`
// keeps alive (the parsed message, or a mapped file of external data).
struct Constant {
  ElementType type = ElementType::kNone;
  Dims dims;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
  std::vector<std::string> strings;  // instead of bytes
};

struct Attribute {
  std::string name;
  // std::monostate: a kind (a graph, a sparse tensor) that no operator of
  // ours takes.
  std::variant<std::monostate, double, int64_t, std::string, Constant,
               std::vector<double>, std::vector<int64_t>,
               std::vector<std::string>>
      value;
};

inline constexpr int kAbsent = -1;  // an optional input or output left out

struct Node {
  std::string name;  // "" where the file has none
  std::string op;    // "Gemm"
  std::string domain;
  std::vector<int> inputs, outputs;  // values, or kAbsent
  std::vector<Attribute> attributes;
  // What messages call it, where a file of another format has other words.
  std::string source;

  const Attribute* Find(std::string_view attribute) const;
  // Its value, or `otherwise` if there is none or it is of another kind (what
  // the evaluator refuses).
  template <class T>
  T Get(std::string_view attribute, T otherwise) const {
    const Attribute* a = Find(attribute);
    const T* value = a ? std::get_if<T>(&a->value) : nullptr;
    return value ? *value : otherwise;
  }
};

struct InputInfo {
  int value = 0;
  ValueKind kind = ValueKind::kTensor;
  ElementType type = ElementType::kNone;  // kNone unless it is a tensor
  // Sizes; -1 where the model takes any, with the symbol's name ("" if none).
  Dims dims;
  std::vector<std::string> symbols;
};

struct Model {
  std::string file;  // for messages
  std::string name;  // of the graph
  std::string producer;
  int64_t opset = 0;                // of the default domain; 0: not used
  std::vector<std::string> values;  // their names
  std::vector<Node> nodes;
  std::map<int, Constant> initializers;  // by value
  std::vector<InputInfo> inputs;         // those without an initialiser
  std::vector<int> outputs;

  // "node 'x' (Gemm)"; an unnamed one is called by its place and output.
  std::string Label(const Node& node) const;
};

// Opsets of the default domain that we know.
inline constexpr int64_t kOldestOpset = 7;
inline constexpr int64_t kNewestOpset = 18;

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_MODEL_H_
