// SPDX-License-Identifier: Apache-2.0
#include "models/reference.h"

#include <fmt/format.h>

#include <utility>

#include "models/ops/op.h"

namespace triptych {

Reference::Reference(const Graph& graph, const Weights& weights, int64_t batch,
                     int64_t capacity, int threads)
    : graph_(graph),
      weights_(weights),
      store_(graph, batch, capacity),
      threads_(threads) {}

Status Reference::CheckInputs(const Entry& entry, const Binding& binding) {
  for (const Node& node : graph_.NodesOf(entry)) {
    for (const ValueId input : node.inputs) {
      const Value& value = graph_.value(input);
      if (value.kind != ValueKind::kInput) continue;
      const MatView<double> given = store_.At(input);
      const int64_t rows = value.shape.rows.Bind(binding);
      if (std::cmp_equal(given.rows(), rows) &&
          std::cmp_equal(given.cols(), value.shape.cols)) {
        continue;
      }
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("{}: input {}: {} x {}: must be {} x {}",
                                   graph_.name(), value.name, given.rows(),
                                   given.cols(), rows, value.shape.cols));
    }
  }
  return {};
}

void Reference::Evaluate(const Node& node, const Binding& binding) {
  std::vector<ConstMatView<double>> inputs(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    inputs[i] = store_.At(node.inputs[i]);  // empty where it is a weight
  }
  const Value& output = graph_.value(node.output);
  const MatView<double> out =
      output.kind == ValueKind::kCache
          ? store_.At(output.id)
          : store_.Make(output.id, output.shape.rows.Bind(binding),
                        output.shape.cols);
  node.op->reference({graph_, node, binding, inputs,
                      weights_.InputsOf(graph_, node), out, store_.capacity(),
                      threads_});
}

Result<ConstMatView<double>> Reference::Run(Phase phase,
                                            const Binding& binding) {
  const Entry* entry = graph_.FindEntry(phase);
  if (entry == nullptr) {
    return MakeError(
        ErrorCode::kNotFound,
        fmt::format("{}: has no {} entry", graph_.name(), PhaseName(phase)));
  }
  if (phase != Phase::kEncode && binding.total() > store_.capacity()) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: {} tokens, but the caches hold {}", graph_.name(),
                    binding.total(), store_.capacity()));
  }
  TRIPTYCH_TRY(CheckInputs(*entry, binding));
  for (const Node& node : graph_.NodesOf(*entry)) Evaluate(node, binding);
  return ConstMatView<double>(store_.At(entry->output));
}

Result<ConstMatView<double>> Reference::Feed(std::span<const int32_t> tokens) {
  const Value* input = graph_.FindValue("tokens");
  if (input == nullptr) {
    return MakeError(ErrorCode::kUnsupported,
                     graph_.name() + ": takes no tokens");
  }
  const auto count = static_cast<int64_t>(tokens.size());
  MatView<double> ids = store_.Make(input->id, count, 1);
  for (size_t i = 0; i < tokens.size(); ++i) ids(i, 0) = tokens[i];
  const Binding binding{1, count, context_};
  auto logits = Run(Phase::kPrefill, binding);
  if (logits) context_ += count;
  return logits;
}

}  // namespace triptych
