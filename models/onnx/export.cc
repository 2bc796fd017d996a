// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/export.h"

#include <fmt/format.h>

#include <cmath>
#include <set>
#include <vector>

#include "models/onnx/model.h"
#include "models/onnx/proto.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

constexpr const char* kDomain = "ai.triptych";

// "4*batch*tokens"; "" for a fixed number of rows.
std::string RowsText(const Dim& rows) {
  std::string text;
  const auto times = [&](bool present, const char* factor) {
    if (!present) return;
    if (!text.empty()) text += '*';
    text += factor;
  };
  times(rows.batch, "batch");
  times(rows.tokens, "tokens");
  times(rows.total, "(context+tokens)");
  if (text.empty() || rows.coefficient == 1) return text;
  return fmt::format("{}*{}", rows.coefficient, text);
}

class GraphWriter {
 public:
  explicit GraphWriter(const Graph& graph) : graph_(graph) {}
  std::string Write();

 private:
  // A name that no other value has.
  std::string Unique(const std::string& name);
  void Describe(const std::string& name, const Shape& shape,
                ::onnx::ValueInfoProto* info) const;
  void AddGiven(const Value& value);
  void AddNode(const Node& node);
  static void AddAttributes(const Attributes& from, ::onnx::NodeProto* node);

  const Graph& graph_;
  ::onnx::ModelProto model_;
  std::vector<std::string> names_;  // by value: the latest
  std::set<std::string> used_;
};

std::string GraphWriter::Unique(const std::string& name) {
  std::string unique = name;
  for (int n = 2; !used_.insert(unique).second; ++n) {
    unique = fmt::format("{}#{}", name, n);
  }
  return unique;
}

void GraphWriter::Describe(const std::string& name, const Shape& shape,
                           ::onnx::ValueInfoProto* info) const {
  info->set_name(name);
  auto* tensor = info->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(::onnx::TensorProto::FLOAT);
  auto* rows = tensor->mutable_shape()->add_dim();
  const std::string text = RowsText(shape.rows);
  if (text.empty()) {
    rows->set_dim_value(shape.rows.coefficient);
  } else {
    rows->set_dim_param(text);
  }
  tensor->mutable_shape()->add_dim()->set_dim_value(shape.cols);
}

void GraphWriter::AddGiven(const Value& value) {
  std::string& name = names_[value.id];
  if (value.kind == ValueKind::kActivation) return;
  name = Unique(value.name);
  if (value.kind != ValueKind::kWeight) {
    Describe(name, value.shape, model_.mutable_graph()->add_input());
    return;
  }
  ::onnx::TensorProto* tensor = model_.mutable_graph()->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(::onnx::TensorProto::FLOAT);
  tensor->add_dims(value.shape.rows.coefficient);
  tensor->add_dims(value.shape.cols);
  tensor->set_data_location(::onnx::TensorProto::EXTERNAL);
  auto* location = tensor->add_external_data();
  location->set_key("location");
  location->set_value("weights.bin");
}

void GraphWriter::AddAttributes(const Attributes& from,
                                ::onnx::NodeProto* node) {
  for (const auto& [name, value] : from.entries()) {
    ::onnx::AttributeProto* a = node->add_attribute();
    a->set_name(std::string(name));
    if (value == std::floor(value) && std::abs(value) < 0x1p53) {
      a->set_type(::onnx::AttributeProto::INT);
      a->set_i(static_cast<int64_t>(value));
    } else {
      a->set_type(::onnx::AttributeProto::FLOAT);
      a->set_f(static_cast<float>(value));
    }
  }
}

void GraphWriter::AddNode(const Node& node) {
  ::onnx::NodeProto* to = model_.mutable_graph()->add_node();
  to->set_name(node.name);
  to->set_op_type(std::string(node.op->name));
  to->set_domain(kDomain);
  to->set_doc_string(std::string(node.op->meaning));
  for (const ValueId input : node.inputs) to->add_input(names_[input]);
  const Value& output = graph_.value(node.output);
  const bool cache = output.kind == ValueKind::kCache;
  std::string& name = names_[node.output];
  name = Unique(cache ? output.name + ".next" : output.name);
  to->add_output(name);
  AddAttributes(node.attributes, to);
  auto* graph = model_.mutable_graph();
  Describe(name, output.shape,
           cache ? graph->add_output() : graph->add_value_info());
}

std::string GraphWriter::Write() {
  model_.set_ir_version(8);
  model_.set_producer_name("triptych");
  auto* standard = model_.add_opset_import();
  standard->set_version(onnx::kNewestOpset);
  auto* ours = model_.add_opset_import();
  ours->set_domain(kDomain);
  ours->set_version(1);
  model_.mutable_graph()->set_name(graph_.name());
  names_.resize(graph_.values().size());
  for (const Value& value : graph_.values()) AddGiven(value);
  for (const Node& node : graph_.nodes()) AddNode(node);
  std::set<ValueId> outputs;
  for (const Entry& entry : graph_.entries()) {
    if (!outputs.insert(entry.output).second) continue;
    Describe(names_[entry.output], graph_.value(entry.output).shape,
             model_.mutable_graph()->add_output());
  }
  return model_.SerializeAsString();
}

}  // namespace

Result<std::string> OnnxGraphBytes(const Graph& graph) {
  return GraphWriter(graph).Write();
}

}  // namespace triptych
