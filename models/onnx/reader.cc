// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "kernels/base/check.h"
#include "models/formats/byte_reader.h"
#include "models/mapped_file.h"
#include "models/onnx/proto.h"
#include "models/onnx/tensor.h"

namespace triptych::onnx {
namespace {

std::unexpected<Error> Fail(const std::string& file, std::string_view what,
                            std::string_view why,
                            ErrorCode code = ErrorCode::kCorrupt) {
  return MakeError(code, fmt::format("{}: {}: {}", file, what, why));
}

std::string Quote(const std::string& name) {
  return fmt::format("'{}'", Printable(name));
}

// Whole files of external data, each mapped once.
class ExternalData {
 public:
  explicit ExternalData(const std::string& file)
      : file_(file), folder_(file.substr(0, file.find_last_of('/') + 1)) {}

  // The bytes that the entries of `proto` locate; `size` is what its shape
  // needs.
  Status Find(const ::onnx::TensorProto& proto, size_t size,
              const std::string& what, Constant* constant);

 private:
  Result<std::shared_ptr<const MappedFile>> Open(const std::string& location,
                                                 const std::string& what);
  const std::string& file_;
  std::string folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> opened_;
};

Result<std::shared_ptr<const MappedFile>> ExternalData::Open(
    const std::string& location, const std::string& what) {
  const auto known = opened_.find(location);
  if (known != opened_.end()) return known->second;
  const bool leaves = location.empty() || location.front() == '/' ||
                      location.find("..") != std::string::npos ||
                      location.find('\0') != std::string::npos;
  if (leaves) {
    return Fail(file_, what,
                fmt::format("external data in {}: must be beside the model",
                            Quote(location)));
  }
  auto mapped = MappedFile::Open(folder_ + location);
  if (!mapped) return Fail(file_, what, mapped.error().message);
  auto owner = std::make_shared<const MappedFile>(std::move(*mapped));
  opened_[location] = owner;
  return owner;
}

Status ExternalData::Find(const ::onnx::TensorProto& proto, size_t size,
                          const std::string& what, Constant* constant) {
  std::string location;
  uint64_t offset = 0, length = size;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    const bool at = entry.key() == "offset";
    if (!at && entry.key() != "length") continue;
    uint64_t& number = at ? offset : length;
    const char* end = entry.value().data() + entry.value().size();
    const auto read = std::from_chars(entry.value().data(), end, number);
    if (read.ec != std::errc() || read.ptr != end) {
      return Fail(file_, what,
                  fmt::format("external data: {} {}: must be a number",
                              entry.key(), Quote(entry.value())));
    }
  }
  TRIPTYCH_ASSIGN(const auto owner, Open(location, what));
  const auto all = owner->bytes();
  if (length != size || offset > all.size() || size > all.size() - offset) {
    return Fail(file_, what,
                fmt::format("external data: {} bytes at {} of {}, which has "
                            "{}: its shape needs {}",
                            length, offset, Quote(location), all.size(), size));
  }
  constant->bytes = all.subspan(offset, size);
  constant->owner = owner;
  return {};
}

// Repeated fields as the little-endian bytes that raw_data would be.
template <class T, class Field>
void Pack(const Field& field, std::string* raw) {
  raw->reserve(sizeof(T) * static_cast<size_t>(field.size()));
  for (const auto number : field) {
    const T narrow = static_cast<T>(number);
    raw->append(reinterpret_cast<const char*>(&narrow), sizeof(T));
  }
}

void PackTyped(const ::onnx::TensorProto& proto, ElementType type,
               std::string* raw) {
  switch (type) {
    case ElementType::kF32:
      return Pack<float>(proto.float_data(), raw);
    case ElementType::kF64:
      return Pack<double>(proto.double_data(), raw);
    case ElementType::kI64:
      return Pack<int64_t>(proto.int64_data(), raw);
    case ElementType::kU32:
      return Pack<uint32_t>(proto.uint64_data(), raw);
    case ElementType::kU64:
      return Pack<uint64_t>(proto.uint64_data(), raw);
    case ElementType::kI32:
      return Pack<int32_t>(proto.int32_data(), raw);
    case ElementType::kU16:
    case ElementType::kI16:
    case ElementType::kF16:
    case ElementType::kBf16:
      return Pack<uint16_t>(proto.int32_data(), raw);
    case ElementType::kU8:
    case ElementType::kI8:
    case ElementType::kBool:
      return Pack<uint8_t>(proto.int32_data(), raw);
    case ElementType::kString:
    case ElementType::kNone:
      return;
  }
}

Result<ElementType> TypeOf(int number, const std::string& file,
                           const std::string& what) {
  const auto type = static_cast<ElementType>(number);
  if (number > 0 && number <= UINT8_MAX &&
      (type == ElementType::kString || BytesOf(type) > 0)) {
    return type;
  }
  return Fail(file, what,
              fmt::format("element type {}: must be a float, double, float16, "
                          "bfloat16, an integer of 8 to 64 bits, bool or "
                          "string",
                          number),
              ErrorCode::kUnsupported);
}

// Elements of `dims`, none negative and not too many.
Result<size_t> CheckDims(const Dims& dims, const std::string& file,
                         const std::string& what) {
  constexpr int64_t kMost = int64_t{1} << 40;
  int64_t most = 1;  // with 1 for 0, so that no part of the product overflows
  for (const int64_t size : dims) {
    const int64_t factor = std::max<int64_t>(size, 1);
    if (size < 0 || most > kMost / factor) {
      return Fail(file, what,
                  fmt::format("shape {}: sizes must be 0 or more, and the "
                              "elements fewer than 2^40",
                              TextOf(dims)));
    }
    most *= factor;
  }
  return static_cast<size_t>(CountOf(dims));
}

// Empties `proto`: what it holds moves into the result.
Result<Constant> TakeTensor(::onnx::TensorProto& proto, ExternalData& external,
                            const std::string& file, const std::string& what) {
  Constant constant;
  TRIPTYCH_ASSIGN(constant.type, TypeOf(proto.data_type(), file, what));
  constant.dims.assign(proto.dims().begin(), proto.dims().end());
  TRIPTYCH_ASSIGN(const size_t count, CheckDims(constant.dims, file, what));
  const size_t size = count * BytesOf(constant.type);
  if (proto.data_location() == ::onnx::TensorProto::EXTERNAL) {
    TRIPTYCH_TRY(external.Find(proto, size, what, &constant));
    return constant;
  }
  if (constant.type == ElementType::kString) {
    constant.strings.assign(proto.string_data().begin(),
                            proto.string_data().end());
    if (constant.strings.size() == count) return constant;
    return Fail(
        file, what,
        fmt::format("{} strings: shape {} needs {}", constant.strings.size(),
                    TextOf(constant.dims), count));
  }
  auto raw = std::make_shared<std::string>();
  if (proto.has_raw_data()) {
    *raw = std::move(*proto.mutable_raw_data());
  } else {
    PackTyped(proto, constant.type, raw.get());
  }
  if (raw->size() != size) {
    return Fail(
        file, what,
        fmt::format("{} bytes: {} of shape {} needs {}", raw->size(),
                    NameOf(constant.type), TextOf(constant.dims), size));
  }
  constant.bytes = std::as_bytes(std::span(*raw));
  constant.owner = std::move(raw);
  return constant;
}

// Sequences and optional values: messages that hold each other.
class HolderReader {
 public:
  explicit HolderReader(const std::string& file)
      : file_(file), external_(file) {}

  Result<Tensor> Take(::onnx::TensorProto& proto) {
    TRIPTYCH_ASSIGN(const Constant constant,
                    TakeTensor(proto, external_, file_, "tensor"));
    return Widen(constant);
  }
  Result<Tensor> Take(::onnx::SequenceProto& proto);
  Result<Tensor> Take(::onnx::OptionalProto& proto);

 private:
  template <class Protos>
  Status TakeAll(Protos* protos, std::vector<Tensor>* items) {
    for (auto& proto : *protos) {
      TRIPTYCH_ASSIGN(Tensor item, Take(proto));
      items->push_back(std::move(item));
    }
    return {};
  }

  const std::string& file_;
  ExternalData external_;
};

Result<Tensor> HolderReader::Take(::onnx::SequenceProto& proto) {
  std::vector<Tensor> items;
  TRIPTYCH_TRY(TakeAll(proto.mutable_tensor_values(), &items));
  TRIPTYCH_TRY(TakeAll(proto.mutable_sequence_values(), &items));
  TRIPTYCH_TRY(TakeAll(proto.mutable_optional_values(), &items));
  return Holding(ValueKind::kSequence, std::move(items));
}

Result<Tensor> HolderReader::Take(::onnx::OptionalProto& proto) {
  std::vector<Tensor> items;
  const auto take = [&](auto& value) -> Status {
    TRIPTYCH_ASSIGN(Tensor item, Take(value));
    items.push_back(std::move(item));
    return {};
  };
  if (proto.has_tensor_value()) {
    TRIPTYCH_TRY(take(*proto.mutable_tensor_value()));
  } else if (proto.has_sequence_value()) {
    TRIPTYCH_TRY(take(*proto.mutable_sequence_value()));
  } else if (proto.has_optional_value()) {
    TRIPTYCH_TRY(take(*proto.mutable_optional_value()));
  }
  return Holding(ValueKind::kOptional, std::move(items));
}

class ModelReader {
 public:
  explicit ModelReader(const std::string& file) : external_(file) {
    model_.file = file;
  }

  Result<Model> Read(::onnx::ModelProto& proto);

 private:
  Status ReadOpset(const ::onnx::ModelProto& proto);
  Status ReadInitializers(::onnx::GraphProto& graph);
  Status ReadInput(const ::onnx::ValueInfoProto& info);
  Status ReadNode(::onnx::NodeProto& proto);
  Status ReadAttribute(::onnx::AttributeProto& proto, const std::string& what,
                       Attribute* attribute);
  // A new value; an error if there is one of that name.
  Result<int> Define(const std::string& name, const std::string& what);
  Result<int> Use(const std::string& name, const std::string& what) const;

  Model model_;
  ExternalData external_;
  std::unordered_map<std::string, int> by_name_;
};

Result<int> ModelReader::Define(const std::string& name,
                                const std::string& what) {
  const auto value = static_cast<int>(model_.values.size());
  if (name.empty()) return Fail(model_.file, what, "a value without a name");
  if (!by_name_.emplace(name, value).second) {
    return Fail(model_.file, what,
                Quote(name) + ": is defined twice; a value has one origin");
  }
  model_.values.push_back(name);
  return value;
}

Result<int> ModelReader::Use(const std::string& name,
                             const std::string& what) const {
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return found->second;
  return Fail(model_.file, what,
              Quote(name) +
                  ": is no initialiser, no input of the graph and no output "
                  "of a node before this one");
}

Status ModelReader::ReadOpset(const ::onnx::ModelProto& proto) {
  bool used = false;
  for (const auto& opset : proto.opset_import()) {
    if (!opset.domain().empty() && opset.domain() != "ai.onnx") continue;
    model_.opset = opset.version();
    used = true;
  }
  if (!used && proto.opset_import_size() > 0) return {};
  if (model_.opset >= kOldestOpset && model_.opset <= kNewestOpset) return {};
  return Fail(model_.file, "opset_import",
              fmt::format("opset {}: must be {} to {}", model_.opset,
                          kOldestOpset, kNewestOpset),
              ErrorCode::kUnsupported);
}

Status ModelReader::ReadInitializers(::onnx::GraphProto& graph) {
  if (graph.sparse_initializer_size() > 0) {
    return Fail(model_.file, "sparse_initializer",
                "sparse weights are not supported: store them dense",
                ErrorCode::kUnsupported);
  }
  for (auto& proto : *graph.mutable_initializer()) {
    const std::string what = "initialiser " + Quote(proto.name());
    TRIPTYCH_ASSIGN(const int value, Define(proto.name(), what));
    TRIPTYCH_ASSIGN(model_.initializers[value],
                    TakeTensor(proto, external_, model_.file, what));
  }
  return {};
}

Status ModelReader::ReadInput(const ::onnx::ValueInfoProto& info) {
  // Until IR version 4 initialisers were listed as inputs too: defaults.
  const auto known = by_name_.find(info.name());
  if (known != by_name_.end() && model_.initializers.contains(known->second)) {
    return {};
  }
  const std::string what = "input " + Quote(info.name());
  InputInfo input;
  TRIPTYCH_ASSIGN(input.value, Define(info.name(), what));
  if (info.type().has_sequence_type()) input.kind = ValueKind::kSequence;
  if (info.type().has_optional_type()) input.kind = ValueKind::kOptional;
  if (!info.type().has_tensor_type()) {
    model_.inputs.push_back(std::move(input));
    return {};
  }
  const auto& tensor = info.type().tensor_type();
  TRIPTYCH_ASSIGN(input.type, TypeOf(tensor.elem_type(), model_.file, what));
  for (const auto& dim : tensor.shape().dim()) {
    input.dims.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    input.symbols.push_back(dim.dim_param());
    if (dim.has_dim_value() && dim.dim_value() < 0) {
      return Fail(model_.file, what,
                  fmt::format("size {}: must be 0 or more", dim.dim_value()));
    }
  }
  model_.inputs.push_back(std::move(input));
  return {};
}

Status ModelReader::ReadAttribute(::onnx::AttributeProto& proto,
                                  const std::string& what,
                                  Attribute* attribute) {
  using ::onnx::AttributeProto;
  attribute->name = proto.name();
  switch (proto.type()) {
    case AttributeProto::FLOAT:
      attribute->value = static_cast<double>(proto.f());
      break;
    case AttributeProto::INT:
      attribute->value = proto.i();
      break;
    case AttributeProto::STRING:
      attribute->value = std::move(*proto.mutable_s());
      break;
    case AttributeProto::TENSOR: {
      TRIPTYCH_ASSIGN(attribute->value,
                      TakeTensor(*proto.mutable_t(), external_, model_.file,
                                 what + ": attribute " + Quote(proto.name())));
      break;
    }
    case AttributeProto::FLOATS:
      attribute->value =
          std::vector<double>(proto.floats().begin(), proto.floats().end());
      break;
    case AttributeProto::INTS:
      attribute->value =
          std::vector<int64_t>(proto.ints().begin(), proto.ints().end());
      break;
    case AttributeProto::STRINGS:
      attribute->value = std::vector<std::string>(proto.strings().begin(),
                                                  proto.strings().end());
      break;
    default:
      break;
  }
  return {};
}

Status ModelReader::ReadNode(::onnx::NodeProto& proto) {
  Node node;
  node.name = proto.name();
  node.op = proto.op_type();
  if (proto.domain() != "ai.onnx") node.domain = proto.domain();
  const std::string what =
      fmt::format("node {} ({})",
                  node.name.empty() ? std::to_string(model_.nodes.size())
                                    : Quote(node.name),
                  Printable(node.op));
  for (size_t i = 0; const std::string& name : proto.input()) {
    const std::string where = fmt::format("{}: input {}", what, i++);
    int value = kAbsent;
    if (!name.empty()) {
      TRIPTYCH_ASSIGN(value, Use(name, where));
    }
    node.inputs.push_back(value);
  }
  for (auto& attribute : *proto.mutable_attribute()) {
    node.attributes.emplace_back();
    TRIPTYCH_TRY(ReadAttribute(attribute, what, &node.attributes.back()));
  }
  for (const std::string& name : proto.output()) {
    int value = kAbsent;
    if (!name.empty()) {
      TRIPTYCH_ASSIGN(value, Define(name, what));
    }
    node.outputs.push_back(value);
  }
  model_.nodes.push_back(std::move(node));
  return {};
}

Result<Model> ModelReader::Read(::onnx::ModelProto& proto) {
  if (!proto.has_graph() || proto.graph().node_size() == 0) {
    return Fail(model_.file, "graph", "has no nodes: not an ONNX model");
  }
  ::onnx::GraphProto& graph = *proto.mutable_graph();
  model_.name = graph.name();
  model_.producer = proto.producer_name();
  TRIPTYCH_TRY(ReadOpset(proto));
  TRIPTYCH_TRY(ReadInitializers(graph));
  for (const auto& input : graph.input()) TRIPTYCH_TRY(ReadInput(input));
  for (auto& node : *graph.mutable_node()) TRIPTYCH_TRY(ReadNode(node));
  for (const auto& output : graph.output()) {
    TRIPTYCH_ASSIGN(const int value,
                    Use(output.name(), "output " + Quote(output.name())));
    model_.outputs.push_back(value);
  }
  return std::move(model_);
}

// Protobuf counts bytes with an int.
template <class Message>
bool Parse(std::span<const std::byte> bytes, Message* message) {
  return bytes.size() <= INT_MAX &&
         message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace

Result<Model> ReadModel(std::span<const std::byte> bytes,
                        const std::string& file) {
  ::onnx::ModelProto proto;
  if (!Parse(bytes, &proto)) {
    return Fail(file, "offset 0",
                fmt::format("{} bytes that are no ONNX ModelProto; one has at "
                            "most 2 GiB, with larger weights beside it",
                            bytes.size()));
  }
  return ModelReader(file).Read(proto);
}

Result<Constant> ReadTensor(std::span<const std::byte> bytes,
                            const std::string& file) {
  ::onnx::TensorProto proto;
  if (!Parse(bytes, &proto)) {
    return Fail(file, "offset 0", "not an ONNX TensorProto");
  }
  ExternalData external(file);
  return TakeTensor(proto, external, file, "tensor");
}

Result<Tensor> ReadHolder(std::span<const std::byte> bytes, ValueKind kind,
                          const std::string& file) {
  const auto read = [&](auto proto) -> Result<Tensor> {
    if (Parse(bytes, &proto)) return HolderReader(file).Take(proto);
    return Fail(file, "offset 0",
                fmt::format("not the ONNX message of {}", NameOf(kind)));
  };
  TRIPTYCH_CHECK(kind != ValueKind::kTensor, "ReadTensor is for those");
  if (kind == ValueKind::kSequence) return read(::onnx::SequenceProto());
  return read(::onnx::OptionalProto());
}

}  // namespace triptych::onnx
