// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/formats/byte_reader.h"

namespace triptych::onnx {
namespace {

struct TypeInfo {
  ElementType type;
  std::string_view name;
  size_t bytes;
};

constexpr TypeInfo kTypes[] = {
    {ElementType::kF32, "float", 4},  {ElementType::kU8, "uint8", 1},
    {ElementType::kI8, "int8", 1},    {ElementType::kU16, "uint16", 2},
    {ElementType::kI16, "int16", 2},  {ElementType::kI32, "int32", 4},
    {ElementType::kI64, "int64", 8},  {ElementType::kString, "string", 0},
    {ElementType::kBool, "bool", 1},  {ElementType::kF16, "float16", 2},
    {ElementType::kF64, "double", 8}, {ElementType::kU32, "uint32", 4},
    {ElementType::kU64, "uint64", 8}, {ElementType::kBf16, "bfloat16", 2},
};

}  // namespace

std::string_view NameOf(ElementType type) {
  for (const TypeInfo& info : kTypes) {
    if (info.type == type) return info.name;
  }
  return "no type";
}

std::string_view NameOf(ValueKind kind) {
  switch (kind) {
    case ValueKind::kTensor:
      return "a tensor";
    case ValueKind::kSequence:
      return "a sequence";
    case ValueKind::kOptional:
      return "an optional value";
  }
  return "";
}

size_t BytesOf(ElementType type) {
  for (const TypeInfo& info : kTypes) {
    if (info.type == type) return info.bytes;
  }
  return 0;
}

int64_t CountOf(const Dims& dims) {
  int64_t count = 1;
  for (const int64_t size : dims) count *= size;
  return count;
}

std::string TextOf(const Dims& dims) {
  return fmt::format("[{}]", fmt::join(dims, ", "));
}

const Attribute* Node::Find(std::string_view attribute) const {
  for (const Attribute& a : attributes) {
    if (a.name == attribute) return &a;
  }
  return nullptr;
}

std::string Model::Label(const Node& node) const {
  const std::string op = Printable(node.source.empty() ? node.op : node.source);
  if (!node.name.empty()) {
    return fmt::format("node '{}' ({})", Printable(node.name), op);
  }
  std::string output = "nothing";
  for (const int value : node.outputs) {
    if (value == kAbsent) continue;
    output = fmt::format("'{}'", Printable(values[static_cast<size_t>(value)]));
    break;
  }
  return fmt::format("node {} giving {} ({})", &node - nodes.data(), output,
                     op);
}

}  // namespace triptych::onnx
