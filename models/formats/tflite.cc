// SPDX-License-Identifier: Apache-2.0
#include "models/formats/tflite.h"

#include <fmt/format.h>
#include <tflite_generated.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/check.h"
#include "models/formats/byte_reader.h"

namespace triptych::tflite {
namespace {

// Lengths and nesting of honest files stay far below.
constexpr uint32_t kMostDepth = 64, kMostTables = 1 << 20;
constexpr int64_t kMostElements = int64_t{1} << 40;
constexpr size_t kMostRank = 8;

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& file)
      : bytes_(bytes), file_(file), budget_(4 * bytes.size() + 4096) {}

  Result<Model> Read();

 private:
  size_t OffsetOf(const void* at) const {
    return static_cast<size_t>(static_cast<const std::byte*>(at) -
                               bytes_.data());
  }
  std::unexpected<Error> Fail(size_t offset, std::string_view what,
                              ErrorCode code = ErrorCode::kCorrupt) const {
    return MakeError(code,
                     fmt::format("{}: offset {}: {}", file_, offset, what));
  }

  // Every table, vector and text lies within the file; else which does not.
  Status Verify() const;
  template <class T>
  Status VerifyEach(const flatbuffers::Vector<flatbuffers::Offset<T>>* tables,
                    flatbuffers::Verifier& verifier,
                    std::string_view what) const;

  // Copies of what tables share could be far larger than the file.
  Status Spend(size_t bytes) {
    if (bytes > budget_) {
      return Fail(0,
                  "flatbuffer: its tables share what is copied to more "
                  "than four times the file");
    }
    budget_ -= bytes;
    return {};
  }
  Result<std::string> Text(const flatbuffers::String* text) {
    if (text == nullptr) return std::string();
    TRIPTYCH_TRY(Spend(text->size()));
    return text->str();
  }
  Status ReadTensors(const file::SubGraph& graph);
  Result<Tensor> ReadTensor(const file::Tensor& table, size_t index);
  Status ReadSizes(const file::Tensor& table, const std::string& label,
                   Tensor* tensor);
  Status ReadData(const file::Tensor& table, const std::string& label,
                  Tensor* tensor);
  Status ReadQuantization(const file::Quantization& table,
                          const std::string& label, Tensor* tensor);
  Status ReadOperators(const file::SubGraph& graph);
  Result<Operator> ReadOperator(const file::Operator& table, size_t index);
  void ReadOptions(const file::Operator& table, Options* options);
  Result<std::vector<int>> Indices(const flatbuffers::Vector<int32_t>* from,
                                   size_t offset, const std::string& what,
                                   bool may_be_absent);
  // Every tensor has one origin, and that before it is read.
  Status CheckOrder() const;
  Status ReadMetadata();

  std::span<const std::byte> bytes_;
  const std::string& file_;
  size_t budget_;
  const file::Model* root_ = nullptr;
  Model model_;
};

// ---- the flatbuffer ------------------------------------------------------

template <class T>
Status Reader::VerifyEach(
    const flatbuffers::Vector<flatbuffers::Offset<T>>* tables,
    flatbuffers::Verifier& verifier, std::string_view what) const {
  if (tables == nullptr) return {};
  for (flatbuffers::uoffset_t i = 0; i < tables->size(); ++i) {
    const auto* at = tables->Data() + i * sizeof(flatbuffers::uoffset_t);
    const auto offset = flatbuffers::ReadScalar<flatbuffers::uoffset_t>(at);
    const size_t start = OffsetOf(at) + offset;
    if (offset == 0 || start >= bytes_.size() ||
        !reinterpret_cast<const T*>(at + offset)->Verify(verifier)) {
      return Fail(OffsetOf(at),
                  fmt::format("{} {}: leaves the file, or is none", what, i));
    }
  }
  return {};
}

Status Reader::Verify() const {
  const auto* start = reinterpret_cast<const uint8_t*>(bytes_.data());
  flatbuffers::Verifier verifier(start, bytes_.size(), kMostDepth, kMostTables);
  if (file::VerifyModelBuffer(verifier)) return {};
  // Again, in parts, to say where. What is looked at here was verified before.
  flatbuffers::Verifier parts(start, bytes_.size(), kMostDepth, kMostTables);
  const auto general = [&] {
    return Fail(0, "flatbuffer: the root, or a list in it, leaves the file");
  };
  if (bytes_.size() < 12) return general();
  const auto root = flatbuffers::ReadScalar<flatbuffers::uoffset_t>(start);
  if (root >= bytes_.size() || root % 4 != 0) return general();
  const auto* table = reinterpret_cast<const flatbuffers::Table*>(start + root);
  if (!parts.VerifyTableStart(start + root)) return general();
  const auto list = [&]<class T>(flatbuffers::voffset_t field, const T*) {
    using List = flatbuffers::Vector<flatbuffers::Offset<T>>;
    using Found = std::pair<bool, const List*>;
    if (table->GetOptionalFieldOffset(field) == 0) return Found(true, nullptr);
    if (!table->VerifyOffset(parts, field)) return Found(false, nullptr);
    const auto* found = table->GetPointer<const List*>(field);
    return Found(parts.VerifyVector(found), found);
  };
  const auto each = [&]<class T>(flatbuffers::voffset_t field, const T* type,
                                 std::string_view what) -> Status {
    const auto [whole, found] = list(field, type);
    if (!whole) {
      return Fail(root, fmt::format("{}s: the list leaves the file", what));
    }
    return VerifyEach(found, parts, what);
  };
  const file::OperatorCode* codes = nullptr;
  const file::SubGraph* graphs = nullptr;
  const file::Buffer* buffers = nullptr;
  TRIPTYCH_TRY(each(file::Model::VT_OPERATOR_CODES, codes, "operator code"));
  TRIPTYCH_TRY(each(file::Model::VT_BUFFERS, buffers, "buffer"));
  TRIPTYCH_TRY(each(file::Model::VT_SUBGRAPHS, graphs, "subgraph"));
  return general();
}

// ---- tensors -------------------------------------------------------------

Status Reader::ReadSizes(const file::Tensor& table, const std::string& label,
                         Tensor* tensor) {
  const auto* shape = table.shape();
  const auto* signature = table.shape_signature();
  if (shape == nullptr) return {};
  if (shape->size() > kMostRank) {
    return Fail(tensor->offset, fmt::format("{}: shape: {} sizes: at most {}",
                                            label, shape->size(), kMostRank));
  }
  int64_t count = 1;
  for (flatbuffers::uoffset_t d = 0; d < shape->size(); ++d) {
    const int64_t size = shape->Get(d);
    if (size < 0 || (size > 0 && count > kMostElements / size)) {
      return Fail(tensor->offset,
                  fmt::format("{}: shape: size {} of dimension {}: must be 0 "
                              "or more, and all together 2^40 at most",
                              label, size, d));
    }
    count *= std::max<int64_t>(size, 1);
    const bool open = signature != nullptr &&
                      signature->size() == shape->size() &&
                      signature->Get(d) == -1;
    tensor->dims.push_back(open ? -1 : size);
  }
  return {};
}

Status Reader::ReadData(const file::Tensor& table, const std::string& label,
                        Tensor* tensor) {
  const auto* buffers = root_->buffers();
  const size_t count = buffers == nullptr ? 0 : buffers->size();
  if (table.buffer() >= std::max<size_t>(count, 1)) {
    return Fail(tensor->offset, fmt::format("{}: buffer {}: the file has {}",
                                            label, table.buffer(), count));
  }
  if (count == 0) return {};
  const file::Buffer* buffer = buffers->Get(table.buffer());
  // 0 and 1 stand for no bytes behind the tables.
  if (buffer->offset() > 1) {
    if (buffer->offset() > bytes_.size() ||
        buffer->size() > bytes_.size() - buffer->offset()) {
      return Fail(
          OffsetOf(buffer),
          fmt::format("buffer {}: {} bytes at {}: leave the file",
                      table.buffer(), buffer->size(), buffer->offset()));
    }
    tensor->data = bytes_.subspan(buffer->offset(), buffer->size());
  } else if (const auto* data = buffer->data()) {
    tensor->data = {reinterpret_cast<const std::byte*>(data->data()),
                    data->size()};
  }
  if (tensor->data.empty()) return {};
  tensor->constant = true;
  // Elements that are here are as many as they are.
  if (table.shape() != nullptr) {
    tensor->dims.assign(table.shape()->begin(), table.shape()->end());
  }
  const size_t element = onnx::BytesOf(InfoOfType(tensor->type)->type);
  const auto want = static_cast<uint64_t>(tensor->count()) * element;
  if (element != 0 && want != tensor->data.size()) {
    return Fail(tensor->offset,
                fmt::format("{}: {} bytes: its shape {} of {} needs {}", label,
                            tensor->data.size(), onnx::TextOf(tensor->dims),
                            InfoOfType(tensor->type)->name, want));
  }
  return {};
}

Status Reader::ReadQuantization(const file::Quantization& table,
                                const std::string& label, Tensor* tensor) {
  const auto* scales = table.scale();
  const auto* zeros = table.zero_point();
  if (scales == nullptr || scales->size() == 0) return {};
  const auto fail = [&](const std::string& what) {
    return Fail(OffsetOf(&table),
                fmt::format("{}: quantization: {}", label, what));
  };
  if (table.details() != nullptr) {
    return fail("of a kind that is not scale and zero point");
  }
  Quantization q;
  q.dimension = table.quantized_dimension();
  const size_t count = scales->size();
  if (count > 1) {
    const bool inside =
        q.dimension >= 0 && std::cmp_less(q.dimension, tensor->dims.size());
    if (!inside || std::cmp_not_equal(
                       count, tensor->dims[static_cast<size_t>(q.dimension)])) {
      return fail(
          fmt::format("{} scales: must be one, or one for each index "
                      "of dimension {} of {}",
                      count, q.dimension, onnx::TextOf(tensor->dims)));
    }
  }
  const size_t zero_count = zeros == nullptr ? 0 : zeros->size();
  if (zero_count != 0 && zero_count != count && zero_count != 1) {
    return fail(fmt::format("{} zero points: must be as many as scales, {}",
                            zero_count, count));
  }
  TRIPTYCH_TRY(Spend(count * (sizeof(float) + sizeof(int64_t))));
  for (flatbuffers::uoffset_t i = 0; i < count; ++i) {
    const float scale = scales->Get(i);
    const int64_t zero =
        zero_count == 0 ? 0 : zeros->Get(zero_count == 1 ? 0 : i);
    // TensorFlow writes 0 for a channel of which all weights are 0.
    if (!std::isfinite(scale) || scale < 0) {
      return fail(fmt::format("scale {}: {}: must be finite and not below 0", i,
                              scale));
    }
    if (zero < std::numeric_limits<int32_t>::min() ||
        zero > std::numeric_limits<int32_t>::max()) {
      return fail(
          fmt::format("zero point {}: {}: must be of 32 bits", i, zero));
    }
    q.scales.push_back(scale);
    q.zero_points.push_back(zero);
  }
  tensor->quantization = std::move(q);
  return {};
}

Result<Tensor> Reader::ReadTensor(const file::Tensor& table, size_t index) {
  Tensor tensor;
  tensor.offset = OffsetOf(&table);
  TRIPTYCH_ASSIGN(tensor.name, Text(table.name()));
  const std::string label =
      fmt::format("tensor {} '{}'", index, Printable(tensor.name));
  tensor.type = static_cast<int>(table.type());
  if (InfoOfType(tensor.type) == nullptr) {
    return Fail(tensor.offset, fmt::format("{}: type {}: not one of the format",
                                           label, tensor.type));
  }
  TRIPTYCH_TRY(ReadSizes(table, label, &tensor));
  if (table.sparsity() != nullptr) {
    return Fail(tensor.offset, label + ": sparse weights are not read",
                ErrorCode::kUnsupported);
  }
  TRIPTYCH_TRY(ReadData(table, label, &tensor));
  if (table.quantization() != nullptr) {
    TRIPTYCH_TRY(ReadQuantization(*table.quantization(), label, &tensor));
  }
  return tensor;
}

Status Reader::ReadTensors(const file::SubGraph& graph) {
  if (graph.tensors() == nullptr) return {};
  for (flatbuffers::uoffset_t i = 0; i < graph.tensors()->size(); ++i) {
    TRIPTYCH_ASSIGN(Tensor tensor, ReadTensor(*graph.tensors()->Get(i), i));
    model_.tensors.push_back(std::move(tensor));
  }
  return {};
}

// ---- operators -----------------------------------------------------------

Result<std::vector<int>> Reader::Indices(
    const flatbuffers::Vector<int32_t>* from, size_t offset,
    const std::string& what, bool may_be_absent) {
  std::vector<int> indices;
  if (from == nullptr) return indices;
  TRIPTYCH_TRY(Spend(from->size() * sizeof(int)));
  for (const int32_t index : *from) {
    const bool absent = may_be_absent && index == -1;
    if (!absent &&
        !(index >= 0 && std::cmp_less(index, model_.tensors.size()))) {
      return Fail(offset, fmt::format("{}: tensor {}: the graph has {}", what,
                                      index, model_.tensors.size()));
    }
    indices.push_back(index);
  }
  return indices;
}

onnx::Dims DimsOf(const flatbuffers::Vector<int32_t>& list) {
  return onnx::Dims(list.begin(), list.end());
}

// Table T of the options; null if they are of another operator.
template <class T>
const T* As(const file::Operator& table) {
  return table.options_as<T>();
}

void Reader::ReadOptions(const file::Operator& table, Options* o) {
  const auto fuse = [&](const auto* t) {
    if (t) o->fused = static_cast<Fused>(t->fused());
  };
  fuse(As<file::Add>(table));
  fuse(As<file::Sub>(table));
  fuse(As<file::Mul>(table));
  fuse(As<file::Div>(table));
  if (const auto* t = As<file::FullyConnected>(table)) {
    fuse(t);
    o->keep_dims = t->keep_num_dims();
    o->shuffled = t->weights_format() != 0;
  } else if (const auto* t = As<file::Concatenation>(table)) {
    fuse(t);
    o->axis = t->axis();
  } else if (const auto* t = As<file::Softmax>(table)) {
    o->beta = t->beta();
  } else if (const auto* t = As<file::Reshape>(table)) {
    if (t->new_shape() && t->new_shape()->size() <= kMostRank) {
      o->shape = DimsOf(*t->new_shape());
    }
  } else if (const auto* t = As<file::Gather>(table)) {
    o->axis = t->axis();
    o->batch_dims = t->batch_dims();
  } else if (const auto* t = As<file::Reducer>(table)) {
    o->keep_dims = t->keep_dims();
  } else if (const auto* t = As<file::StridedSlice>(table)) {
    o->masks = {t->begin_mask(), t->end_mask(), t->ellipsis_mask(),
                t->new_axis_mask(), t->shrink_axis_mask()};
  } else if (const auto* t = As<file::Split>(table)) {
    o->splits = t->num_splits();
  } else if (const auto* t = As<file::BatchMatMul>(table)) {
    o->adjoint_x = t->adj_x();
    o->adjoint_y = t->adj_y();
  } else if (const auto* t = As<file::Gelu>(table)) {
    o->approximate = t->approximate();
  }
}

Result<Operator> Reader::ReadOperator(const file::Operator& table,
                                      size_t index) {
  Operator op;
  op.offset = OffsetOf(&table);
  const std::string label = fmt::format("operator {}", index);
  const auto* codes = root_->operator_codes();
  const size_t count = codes == nullptr ? 0 : codes->size();
  if (table.code() >= count) {
    return Fail(op.offset, fmt::format("{}: code {}: the file has {}", label,
                                       table.code(), count));
  }
  const file::OperatorCode& code = *codes->Get(table.code());
  op.code = std::max<int>(code.short_code(), code.code());
  if (op.code < 0) {
    return Fail(OffsetOf(&code),
                fmt::format("{}: code {}: must be 0 or more", label, op.code));
  }
  if (op.code == kCustom) {
    TRIPTYCH_ASSIGN(op.custom, Text(code.custom_code()));
  }
  TRIPTYCH_ASSIGN(op.inputs,
                  Indices(table.inputs(), op.offset, label + ": input", true));
  TRIPTYCH_ASSIGN(op.outputs, Indices(table.outputs(), op.offset,
                                      label + ": output", false));
  ReadOptions(table, &op.options);
  if (op.options.fused > Fused::kSignBit) {
    return Fail(op.offset,
                fmt::format("{}: fused activation {}: must be 0..5", label,
                            static_cast<int>(op.options.fused)));
  }
  return op;
}

Status Reader::ReadOperators(const file::SubGraph& graph) {
  if (graph.operators() == nullptr) return {};
  for (flatbuffers::uoffset_t i = 0; i < graph.operators()->size(); ++i) {
    TRIPTYCH_ASSIGN(Operator op, ReadOperator(*graph.operators()->Get(i), i));
    model_.operators.push_back(std::move(op));
  }
  return {};
}

Status Reader::CheckOrder() const {
  std::vector<bool> made(model_.tensors.size(), false);
  for (size_t i = 0; i < model_.tensors.size(); ++i) {
    const Tensor& tensor = model_.tensors[i];
    // No elements are no bytes; there is nothing to be made.
    made[i] = tensor.constant || tensor.count() == 0;
  }
  for (const int input : model_.inputs) {
    const auto i = static_cast<size_t>(input);
    if (made[i]) {
      return model_.Fail(model_.tensors[i],
                         "is an input twice, or an input and a constant",
                         ErrorCode::kCorrupt);
    }
    made[i] = true;
  }
  for (const Operator& op : model_.operators) {
    for (const int input : op.inputs) {
      if (input < 0 || made[static_cast<size_t>(input)]) continue;
      return model_.Fail(
          op,
          fmt::format("reads {} before anything makes it",
                      model_.Label(model_.tensors[static_cast<size_t>(input)])),
          ErrorCode::kCorrupt);
    }
    for (const int output : op.outputs) {
      const auto i = static_cast<size_t>(output);
      if (made[i]) {
        return model_.Fail(op,
                           fmt::format("makes {}, which is made already",
                                       model_.Label(model_.tensors[i])),
                           ErrorCode::kCorrupt);
      }
      made[i] = true;
    }
  }
  for (const int output : model_.outputs) {
    if (made[static_cast<size_t>(output)]) continue;
    return model_.Fail(model_.tensors[static_cast<size_t>(output)],
                       "is an output that nothing makes", ErrorCode::kCorrupt);
  }
  return {};
}

Status Reader::ReadMetadata() {
  if (root_->metadata() == nullptr) return {};
  const auto* buffers = root_->buffers();
  for (const file::Metadata* entry : *root_->metadata()) {
    TRIPTYCH_ASSIGN(std::string name, Text(entry->name()));
    size_t size = 0;
    if (buffers != nullptr && entry->buffer() < buffers->size()) {
      const file::Buffer* buffer = buffers->Get(entry->buffer());
      size = buffer->data() ? buffer->data()->size() : buffer->size();
    }
    model_.metadata.emplace_back(std::move(name), size);
  }
  return {};
}

Result<Model> Reader::Read() {
  TRIPTYCH_TRY(Verify());
  root_ = file::GetModel(bytes_.data());
  model_.file = file_;
  if (root_->version() != 3) {
    return Fail(OffsetOf(root_),
                fmt::format("version {}: must be 3", root_->version()),
                ErrorCode::kUnsupported);
  }
  if (root_->subgraphs() == nullptr || root_->subgraphs()->size() == 0) {
    return Fail(OffsetOf(root_), "subgraphs: there is none");
  }
  TRIPTYCH_ASSIGN(model_.description, Text(root_->description()));
  model_.subgraphs = root_->subgraphs()->size();
  const file::SubGraph& graph = *root_->subgraphs()->Get(0);
  TRIPTYCH_ASSIGN(model_.graph, Text(graph.name()));
  TRIPTYCH_TRY(ReadTensors(graph));
  TRIPTYCH_TRY(ReadOperators(graph));
  const size_t offset = OffsetOf(&graph);
  TRIPTYCH_ASSIGN(model_.inputs,
                  Indices(graph.inputs(), offset, "subgraph 0: input", false));
  TRIPTYCH_ASSIGN(model_.outputs, Indices(graph.outputs(), offset,
                                          "subgraph 0: output", false));
  TRIPTYCH_TRY(CheckOrder());
  TRIPTYCH_TRY(ReadMetadata());
  return std::move(model_);
}

}  // namespace

Result<Model> ReadModel(std::span<const std::byte> bytes,
                        const std::string& file) {
  TRIPTYCH_CHECK(reinterpret_cast<uintptr_t>(bytes.data()) % 16 == 0, file);
  return Reader(bytes, file).Read();
}

}  // namespace triptych::tflite
