// SPDX-License-Identifier: Apache-2.0
#include "emulators/encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace triptych {
namespace {

// The only input; null if there is none, several, or one of open size.
const Value* InputOf(const Graph& graph) {
  const Value* input = nullptr;
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kInput) continue;
    const bool open = value.shape.rows.tokens || value.shape.rows.total;
    if (input != nullptr || open) return nullptr;
    input = &value;
  }
  return input;
}

}  // namespace

Encoder::Encoder(const Graph& graph, const Program& program,
                 const EncoderOptions& options)
    : graph_(graph),
      program_(program),
      options_(options),
      tensors_(graph, /*batch=*/1, /*capacity=*/1),
      ledger_(options.mode) {}

Result<ConstMatView<float>> Encoder::Run(std::span<const float> features) {
  const Entry* entry = graph_.FindEntry(Phase::kEncode);
  const Value* input = InputOf(graph_);
  if (entry == nullptr || input == nullptr) {
    return MakeError(ErrorCode::kInvalid,
                     graph_.name() +
                         ": must be an encoder with one input of a fixed "
                         "number of rows");
  }
  const Binding binding = {.batch = 1, .tokens = 1, .context = 0};
  const int64_t rows = input->shape.rows.Bind(binding);
  const int64_t cols = input->shape.cols;
  if (std::cmp_not_equal(features.size(), rows * cols)) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: input {}: {} numbers: must be {} rows of {}",
                    graph_.name(), input->name, features.size(), rows, cols));
  }
  const MatView<float> x = tensors_.Make(input->id, rows, cols);
  std::copy(features.begin(), features.end(), x.data());
  TRIPTYCH_TRY(program_.Run({.phase = Phase::kEncode,
                             .binding = binding,
                             .seed = options_.seed,
                             .position = position_,
                             .threads = options_.threads},
                            &tensors_, ledger_));
  ++position_;
  return ConstMatView<float>(tensors_.At(entry->output));
}

std::vector<double> ProbabilitiesOf(std::span<const float> logits) {
  std::vector<double> p(logits.begin(), logits.end());
  if (p.empty()) return p;
  const double top = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& x : p) sum += x = std::exp(x - top);
  for (double& x : p) x /= sum;
  return p;
}

}  // namespace triptych
