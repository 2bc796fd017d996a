// SPDX-License-Identifier: Apache-2.0
#include "models/graph.h"

#include <fmt/format.h>

#include <atomic>

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
  const bool given = kind != ValueKind::kActivation;
  if (given && (shape.rows.coefficient < 1 || shape.cols < 1)) {
    KeepFirst(
        "value", name,
        {ErrorCode::kInvalid, fmt::format("{} x {}: sizes must be 1 or more",
                                          shape.rows.coefficient, shape.cols)});
  }
  graph_.values_.push_back({id, std::move(name), kind, shape});
  return id;
}

void GraphBuilder::KeepFirst(std::string_view what, std::string_view name,
                             Error error) {
  if (!status_) return;
  status_ = Locate(std::move(error),
                   fmt::format("{}: {} {}", graph_.name_, what, name));
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
                          std::vector<ValueId> inputs, Attributes attributes) {
  Node node;
  node.id = next_node();
  node.op = FindOp(op);
  node.name = std::move(name);
  node.layer = layer_;
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  if (node.op == nullptr) {
    KeepFirst("node", node.name,
              {ErrorCode::kNotFound, fmt::format("no operator \"{}\"", op)});
    return NewValue(node.name, ValueKind::kActivation, {});
  }
  Result<Shape> shape = Shape{};
  if (status_) shape = node.op->infer(graph_, node);
  if (!shape) {
    KeepFirst("node", node.name, std::move(shape).error());
    shape = Shape{};
  }
  // An operator that writes a cache has it as its last input: the cache is
  // its output too.
  if (node.op->kind == OpKind::kData && !node.inputs.empty() &&
      graph_.values_[node.inputs.back()].kind == ValueKind::kCache) {
    node.output = node.inputs.back();
  } else {
    node.output = NewValue(node.name, ValueKind::kActivation, *shape);
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
  static std::atomic<uint64_t> last_id{0};
  graph_.id_ = ++last_id;
  return std::move(graph_);
}

}  // namespace triptych
