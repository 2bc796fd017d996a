// SPDX-License-Identifier: Apache-2.0
#include "models/graph.h"

#include <fmt/format.h>

#include "kernels/base/check.h"
#include "models/ops/op.h"

namespace triptych {

std::string_view PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kPrefill:
      return "prefill";
    case Phase::kDecode:
      return "decode";
    case Phase::kEncode:
      return "encode";
  }
  return "?";
}

double Attributes::Get(std::string_view name) const {
  for (const auto& [key, value] : entries_) {
    if (key == name) return value;
  }
  TRIPTYCH_CHECK(false, "no attribute", name);
}

double Attributes::Get(std::string_view name, double otherwise) const {
  for (const auto& [key, value] : entries_) {
    if (key == name) return value;
  }
  return otherwise;
}

int64_t Attributes::Int(std::string_view name) const {
  return static_cast<int64_t>(Get(name));
}

int64_t Attributes::Int(std::string_view name, int64_t otherwise) const {
  return static_cast<int64_t>(Get(name, static_cast<double>(otherwise)));
}

const Entry* Graph::FindEntry(Phase phase) const {
  for (const Entry& entry : entries_) {
    if (entry.phase == phase) return &entry;
  }
  return nullptr;
}

const Value* Graph::FindValue(std::string_view name) const {
  for (const Value& value : values_) {
    if (value.name == name) return &value;
  }
  return nullptr;
}

int64_t Graph::Parameters() const {
  int64_t count = 0;
  for (const Value& value : values_) {
    if (value.kind == ValueKind::kWeight) {
      count += value.shape.rows.coefficient * value.shape.cols;
    }
  }
  return count;
}

GraphBuilder::GraphBuilder(std::string name) { graph_.name_ = std::move(name); }

ValueId GraphBuilder::NewValue(std::string name, ValueKind kind, Shape shape) {
  const auto id = static_cast<ValueId>(graph_.values_.size());
  graph_.values_.push_back({id, std::move(name), kind, shape});
  return id;
}

ValueId GraphBuilder::Input(std::string name, Shape shape) {
  return NewValue(std::move(name), ValueKind::kInput, shape);
}

ValueId GraphBuilder::Weight(std::string name, int64_t rows, int64_t cols) {
  return NewValue(std::move(name), ValueKind::kWeight, {FixedRows(rows), cols});
}

ValueId GraphBuilder::Cache(std::string name, Shape shape) {
  return NewValue(std::move(name), ValueKind::kCache, shape);
}

ValueId GraphBuilder::Add(std::string_view op, std::string name,
                          std::vector<ValueId> inputs,
                          Attributes attributes) {
  Node node;
  node.id = next_node();
  node.op = FindOp(op);
  node.name = std::move(name);
  node.layer = layer_;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  Shape shape;
  if (node.op == nullptr) {
    if (status_) {
      status_ = MakeError(ErrorCode::kNotFound,
                          fmt::format("{}: node {}: no operator \"{}\"",
                                      graph_.name_, node.name, op));
    }
    return 0;
  }
  if (status_) {
    Result<Shape> inferred = node.op->infer(graph_, node);
    if (inferred) {
      shape = *inferred;
    } else {
      status_ = Locate(inferred.error(),
                       fmt::format("{}: node {}", graph_.name_, node.name));
    }
  }
  // An operator that writes a cache has it as its last input: the cache is
  // its output too.
  if (node.op->kind == OpKind::kData && !node.inputs.empty() &&
      graph_.values_[node.inputs.back()].kind == ValueKind::kCache) {
    node.output = node.inputs.back();
  } else {
    node.output = NewValue(node.name, ValueKind::kActivation, shape);
  }
  graph_.nodes_.push_back(std::move(node));
  return graph_.nodes_.back().output;
}

void GraphBuilder::AddEntry(Phase phase, NodeId first, ValueId output) {
  graph_.entries_.push_back({phase, first, next_node(), output});
}

Result<Graph> GraphBuilder::Finish() {
  if (!status_) return std::unexpected<Error>(status_.error());
  if (graph_.entries_.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     graph_.name_ + ": a graph needs at least one entry");
  }
  return std::move(graph_);
}

}  // namespace triptych
