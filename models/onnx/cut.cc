// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "models/onnx/evaluate.h"
#include "models/onnx/tensor.h"

namespace triptych::onnx {
namespace {

// By node: whether it is needed for one of `wanted`. What makes `stop` is not
// asked for.
std::vector<bool> NeededNodes(const Model& model,
                              const std::vector<int>& wanted, int stop) {
  std::vector<bool> values(model.values.size(), false);
  for (const int value : wanted) values[static_cast<size_t>(value)] = true;
  std::vector<bool> nodes(model.nodes.size(), false);
  for (size_t n = model.nodes.size(); n-- > 0;) {
    const Node& node = model.nodes[n];
    nodes[n] =
        std::any_of(node.outputs.begin(), node.outputs.end(), [&](int output) {
          return output != kAbsent && output != stop &&
                 values[static_cast<size_t>(output)];
        });
    if (!nodes[n]) continue;
    for (const int input : node.inputs) {
      if (input != kAbsent) values[static_cast<size_t>(input)] = true;
    }
  }
  return nodes;
}

// The nodes for `output` that come after `stop`, with their constants.
Model Part(const Model& model, int output, int stop) {
  Model part = model;
  part.nodes.clear();
  part.outputs = {output};
  std::vector<bool> used(model.values.size(), false);
  const std::vector<bool> needed = NeededNodes(model, {output}, stop);
  for (size_t n = 0; n < model.nodes.size(); ++n) {
    if (!needed[n]) continue;
    part.nodes.push_back(model.nodes[n]);
    for (const int input : model.nodes[n].inputs) {
      if (input != kAbsent) used[static_cast<size_t>(input)] = true;
    }
  }
  const auto unused = [&](int value) {
    return !used[static_cast<size_t>(value)];
  };
  std::erase_if(part.initializers,
                [&](const auto& entry) { return unused(entry.first); });
  std::erase_if(part.inputs,
                [&](const InputInfo& input) { return unused(input.value); });
  return part;
}

bool IsSound(const Facts& facts, const InputInfo& input) {
  const Dims& dims = input.dims;
  return facts.RoleOf(input) == InputRole::kFeatures && !dims.empty() &&
         dims.size() <= 2 && dims.back() > 0 &&
         (dims.size() == 1 || dims[0] == 1 || dims[0] < 0);
}

class EvaluatedFrontEnd : public FrontEnd {
 public:
  EvaluatedFrontEnd(Model model, const Limits& limits, int64_t rows,
                    int64_t cols)
      : model_(std::move(model)), limits_(limits), rows_(rows), cols_(cols) {}
  int64_t samples() const override { return model_.inputs[0].dims.back(); }
  int64_t rows() const override { return rows_; }
  int64_t cols() const override { return cols_; }
  Result<std::vector<float>> Run(std::span<const float> sound) const override;

 private:
  Model model_;
  Limits limits_;
  int64_t rows_, cols_;
};

Dims OneSequence(const InputInfo& input) {
  Dims dims = input.dims;
  if (dims.size() == 2) dims[0] = 1;
  return dims;
}

Result<std::vector<float>> EvaluatedFrontEnd::Run(
    std::span<const float> sound) const {
  if (std::cmp_not_equal(sound.size(), samples())) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: {} samples: must be {}", model_.file,
                                 sound.size(), samples()));
  }
  const InputInfo& input = model_.inputs[0];
  const std::map<int, Tensor> given = {
      {input.value,
       FloatTensor(OneSequence(input), {sound.begin(), sound.end()})}};
  TRIPTYCH_ASSIGN(const Values values,
                  Evaluate(model_, given, {.limits = limits_}));
  const Tensor& y = values[static_cast<size_t>(model_.outputs[0])];
  return std::vector<float>(y.floats.begin(), y.floats.end());
}

}  // namespace

std::optional<int> FindCut(const Facts& facts, int output, const Node& last) {
  const Model& model = facts.model();
  const std::vector<bool> needed = NeededNodes(model, {output}, kAbsent);
  // Of each value, the last node that reads it; the output is read at the end.
  std::vector<size_t> last_use(model.values.size(), 0);
  last_use[static_cast<size_t>(output)] = model.nodes.size();
  for (size_t n = 0; n < model.nodes.size(); ++n) {
    for (const int input : model.nodes[n].inputs) {
      if (!needed[n] || input == kAbsent) continue;
      last_use[static_cast<size_t>(input)] = n;
    }
  }
  std::vector<int> live;
  for (const InputInfo& input : model.inputs) {
    if (!facts.IsConstant(input.value)) live.push_back(input.value);
  }
  if (live.size() != 1 || !IsSound(facts, model.inputs[0])) return {};
  // [batch, rows, features]: the rows of a batch are told apart.
  const bool open = model.inputs[0].dims[0] < 0;
  for (size_t n = 0; n < model.nodes.size(); ++n) {
    const Node& node = model.nodes[n];
    if (!needed[n] || node.op == "Softmax") {
      if (needed[n]) return {};
      continue;
    }
    for (const int value : node.outputs) {
      if (value != kAbsent && !facts.IsConstant(value)) live.push_back(value);
    }
    std::erase_if(live, [&](int value) {
      return last_use[static_cast<size_t>(value)] <= n;
    });
    const bool features = live.size() == 1 && live[0] != output &&
                          IsFloat(facts.TypeOf(live[0])) &&
                          facts.Rank(live[0]) >= (open ? 3 : 2);
    if (features && &node >= &last) return live[0];
  }
  return {};
}

Halves CutAt(const Facts& facts, int output, int value) {
  const Model& model = facts.model();
  Halves halves = {Part(model, value, kAbsent), Part(model, output, value)};
  InputInfo cut;
  cut.value = value;
  cut.type = facts.TypeOf(value);
  cut.dims = facts.ShapeOf(value);
  // An open batch stays open.
  const InputInfo& sound = halves.before.inputs[0];
  if (sound.dims.size() == 2 && sound.dims[0] < 0) cut.dims[0] = -1;
  halves.after.inputs = {cut};
  halves.after.values[static_cast<size_t>(value)] = "patches";
  return halves;
}

Result<std::shared_ptr<const FrontEnd>> MakeFrontEnd(Model before,
                                                     const Limits& limits) {
  const InputInfo& input = before.inputs[0];
  // By shape alone, to know what comes out.
  TRIPTYCH_ASSIGN(
      const Values values,
      Evaluate(before,
               {{input.value, ShapeOnly(input.type, OneSequence(input))}},
               {.limits = limits, .fold = 0}));
  const Tensor& y = values[static_cast<size_t>(before.outputs[0])];
  const int64_t cols = y.dims.back();
  const int64_t rows = cols > 0 ? y.count() / cols : 0;
  return std::make_shared<EvaluatedFrontEnd>(std::move(before), limits, rows,
                                             cols);
}

}  // namespace triptych::onnx
