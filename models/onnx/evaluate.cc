// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/formats/byte_reader.h"

namespace triptych::onnx {
namespace {

// Initialisers up to this size are looked into by nodes that are done by
// shape: sizes, axes, indices. Larger ones are data.
constexpr int64_t kSmall = 1 << 16;

// Shape and Size need no elements: their result is known if nothing else is.
bool OfShape(const Op& op) { return op.name == "Shape" || op.name == "Size"; }

class Evaluation {
 public:
  Evaluation(const Model& model, const EvaluateOptions& options)
      : model_(model), options_(options), values_(model.values.size()) {
    for (const auto& [value, constant] : model.initializers) {
      At(value) = ShapeOnly(constant.type, constant.dims);
    }
  }

  Tensor& At(int value) { return values_[static_cast<size_t>(value)]; }
  Values Take() { return std::move(values_); }
  Status Run(const Node& node);
  // The elements of a value that is an initialiser.
  Status Load(int value);

 private:
  bool Knowable(int value) {
    return value == kAbsent || At(value).known ||
           model_.initializers.contains(value);
  }
  Status CheckInputs(const Node& node, const Op& op);
  Status Compute(const Node& node, const Op& op, bool known,
                 std::vector<Tensor>* outputs);
  bool TooLargeToFold(const std::vector<Tensor>& outputs) const {
    return std::any_of(outputs.begin(), outputs.end(), [&](const Tensor& t) {
      return t.count() > options_.fold;
    });
  }

  const Model& model_;
  const EvaluateOptions& options_;
  Values values_;
  int64_t elements_ = 0;  // of all that was computed
};

Status Evaluation::Load(int value) {
  Tensor& tensor = At(value);
  const auto constant = model_.initializers.find(value);
  if (tensor.known || constant == model_.initializers.end()) return {};
  TRIPTYCH_ASSIGN(tensor, Widen(constant->second));
  return {};
}

Status Evaluation::CheckInputs(const Node& node, const Op& op) {
  size_t present = node.inputs.size();
  while (present > 0 && node.inputs[present - 1] == kAbsent) --present;
  if (present < op.least_inputs || node.inputs.size() > op.most_inputs) {
    const std::string most = op.most_inputs == kAnyNumber
                                 ? "any number"
                                 : std::to_string(op.most_inputs);
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{} inputs: must be {} to {}", present,
                                 op.least_inputs, most));
  }
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const int value = node.inputs[i];
    const bool absent = value == kAbsent;
    const bool optional = i >= op.least_inputs && op.most_inputs != kAnyNumber;
    if (absent && optional) continue;
    if (absent) {
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("input {}: is missing", i));
    }
    const Tensor& input = At(value);
    if (input.kind != ValueKind::kTensor && op.takes_any_kind) continue;
    if (input.kind != ValueKind::kTensor || input.type == ElementType::kNone) {
      const std::string_view name = input.kind == ValueKind::kTensor
                                        ? "nothing that is computed"
                                        : NameOf(input.kind);
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("input {}: is {}: must be a tensor", i, name));
    }
  }
  return {};
}

Status Evaluation::Compute(const Node& node, const Op& op, bool known,
                           std::vector<Tensor>* outputs) {
  std::vector<const Tensor*> inputs;
  for (const int value : node.inputs) {
    const bool read = known && !OfShape(op);
    if (value != kAbsent && (read || At(value).count() <= kSmall)) {
      TRIPTYCH_TRY(Load(value));
    }
    inputs.push_back(value == kAbsent ? nullptr : &At(value));
  }
  Call call(node, inputs, model_.opset, known, options_.limits);
  TRIPTYCH_TRY(op.run(call));
  *outputs = std::move(call.outputs());
  return {};
}

Status Evaluation::Run(const Node& node) {
  const Op* op = FindOp(node, model_.opset);
  if (op == nullptr) {
    const std::string domain =
        node.domain.empty() ? "" : " of domain " + Printable(node.domain);
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("no such operator{} in opset {}", domain, model_.opset));
  }
  TRIPTYCH_TRY(CheckInputs(node, *op));
  const bool of_shape = OfShape(*op);
  const bool known =
      of_shape || std::all_of(node.inputs.begin(), node.inputs.end(),
                              [&](int value) { return Knowable(value); });
  std::vector<Tensor> outputs;
  if (!known || (!of_shape && options_.fold != INT64_MAX)) {
    TRIPTYCH_TRY(Compute(node, *op, false, &outputs));
  }
  if (known && (outputs.empty() || !TooLargeToFold(outputs))) {
    TRIPTYCH_TRY(Compute(node, *op, true, &outputs));
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == kAbsent) continue;
    if (i >= outputs.size()) {
      return MakeError(ErrorCode::kUnsupported,
                       fmt::format("output {}: is not computed", i));
    }
    if (outputs[i].known) elements_ += outputs[i].count();
    At(node.outputs[i]) = std::move(outputs[i]);
  }
  if (elements_ <= options_.limits.all) return {};
  return MakeError(ErrorCode::kUnsupported,
                   fmt::format("with it, more than {} elements were computed",
                               options_.limits.all));
}

Status RunLocated(const Model& model, const Node& node,
                  Evaluation* evaluation) {
  Status status = evaluation->Run(node);
  if (status) return status;
  return Locate(std::move(status).error(),
                model.file + ": " + model.Label(node));
}

}  // namespace

Result<Values> Evaluate(const Model& model, const std::map<int, Tensor>& inputs,
                        const EvaluateOptions& options) {
  Evaluation evaluation(model, options);
  for (const auto& [value, tensor] : inputs) evaluation.At(value) = tensor;
  for (const Node& node : model.nodes) {
    TRIPTYCH_TRY(RunLocated(model, node, &evaluation));
  }
  return evaluation.Take();
}

Result<Tensor> EvaluateConstant(const Model& model, int value,
                                const EvaluateOptions& options) {
  // What it is made of, found backwards; nodes are in order.
  std::vector<bool> needed(model.values.size(), false);
  needed[static_cast<size_t>(value)] = true;
  std::vector<const Node*> nodes;
  for (size_t n = model.nodes.size(); n-- > 0;) {
    const Node& node = model.nodes[n];
    const bool used =
        std::any_of(node.outputs.begin(), node.outputs.end(), [&](int output) {
          return output != kAbsent && needed[static_cast<size_t>(output)];
        });
    if (!used) continue;
    nodes.push_back(&node);
    for (const int input : node.inputs) {
      if (input != kAbsent) needed[static_cast<size_t>(input)] = true;
    }
  }
  Evaluation evaluation(model, options);
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    TRIPTYCH_TRY(RunLocated(model, **node, &evaluation));
  }
  if (Status status = evaluation.Load(value); !status) {
    return Locate(std::move(status).error(), model.file);
  }
  if (!evaluation.At(value).known) {
    return MakeError(ErrorCode::kInvalid,
                     model.file + ": value '" +
                         Printable(model.values[static_cast<size_t>(value)]) +
                         "': depends on an input");
  }
  return std::move(evaluation.At(value));
}

}  // namespace triptych::onnx
