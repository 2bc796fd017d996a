// SPDX-License-Identifier: Apache-2.0
#include "models/ops/op_util.h"

#include <fmt/format.h>

namespace triptych {

Status Expect(const Node& node, bool ok, const std::string& what) {
  if (ok) return {};
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}: {}", node.op->name, what));
}

Status ExpectInputs(const Node& node, size_t low, size_t high) {
  if (node.inputs.size() >= low && node.inputs.size() <= high) return {};
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{} takes {} to {} inputs, not {}",
                               node.op->name, low, high, node.inputs.size()));
}

Status ExpectCols(const Graph& graph, const Node& node, size_t i, int64_t cols,
                  const std::string& why) {
  const Value& value = InputOf(graph, node, i);
  if (value.shape.cols == cols) return {};
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: {} has {} columns, but {} is {}", node.op->name,
                  value.name, value.shape.cols, why, cols));
}

Status ExpectWeight(const Graph& graph, const Node& node, size_t i,
                    bool is_weight) {
  const Value& value = InputOf(graph, node, i);
  if ((value.kind == ValueKind::kWeight) == is_weight) return {};
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: input {} ({}) must {}be a weight", node.op->name, i,
                  value.name, is_weight ? "" : "not "));
}

Result<Shape> SameAsFirst(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 1, 1));
  return ShapeOf(graph, node, 0);
}

Work ElementwiseWork(const Graph& graph, const Node& node, const Binding& b,
                     int64_t flops) {
  Work work;
  work.vector_flops = flops * SizeOf(graph, node, 0, b);
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const bool weight = InputOf(graph, node, i).kind == ValueKind::kWeight;
    (weight ? work.weight_elements : work.input_elements) +=
        SizeOf(graph, node, i, b);
  }
  work.output_elements = OutputSizeOf(graph, node, b);
  return work;
}

}  // namespace triptych
