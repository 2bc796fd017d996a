// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/quantiser/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "emulators/ledger.h"
#include "emulators/npu/isa/functions.h"
#include "emulators/target.h"
#include "kernels/base/log.h"
#include "kernels/base/parallel.h"
#include "kernels/base/rng.h"
#include "models/ops/op.h"
#include "models/tensors.h"

namespace triptych::npu {
namespace {

// Of a text: what comes later needs many keys and teaches little.
constexpr int64_t kTextTokens = 128;
constexpr uint64_t kSeed = 1;

using Moments = std::map<ValueId, InputMoments>;

bool IsProduct(const Graph& graph, const Node& node) {
  return node.op->name == "matmul" &&
         graph.value(node.inputs[1]).kind == ValueKind::kWeight;
}

class WatchedStep : public Step {
 public:
  WatchedStep(std::unique_ptr<Step> step, InputMoments& moments)
      : step_(std::move(step)), moments_(moments) {}
  Picos Run(const StepContext& ctx) const override {
    moments_.Add(ctx.inputs[0]);
    return step_->Run(ctx);
  }

 private:
  std::unique_ptr<Step> step_;
  InputMoments& moments_;
};

// A token by its probability, `u` uniform in (0, 1). Exp is the machine's: the
// same on every host.
int32_t Draw(std::span<const float> logits, double u) {
  const float most = *std::ranges::max_element(logits);
  std::vector<double> sums;
  double sum = 0;
  for (const float x : logits) sums.push_back(sum += Exp(x - most));
  const auto at = std::ranges::upper_bound(sums, u * sum);
  return static_cast<int32_t>(
      std::min<ptrdiff_t>(at - sums.begin(), std::ssize(sums) - 1));
}

// The texts' length: no more than positions that the model has learned.
int64_t MostTokens(const Graph& graph) {
  int64_t most = kTextTokens;
  for (const Node& node : graph.nodes()) {
    if (node.op->name != "pos_embed") continue;
    most = std::min(most, graph.value(node.inputs[1]).shape.rows.coefficient);
  }
  return most;
}

// Several texts side by side.
class Writer {
 public:
  Writer(const Graph& graph, int64_t texts, int64_t tokens)
      : graph_(graph),
        entry_(*graph.FindEntry(Phase::kDecode)),
        texts_(texts),
        tokens_(tokens),
        tensors_(graph, texts, tokens),
        rng_(kSeed) {}

  Status Run(const Program& program) {
    const ValueId input = graph_.FindValue("tokens")->id;
    const int64_t vocabulary = graph_.value(entry_.output).shape.cols;
    std::vector<int32_t> next;
    for (int64_t i = 0; i < texts_; ++i) {
      next.push_back(static_cast<int32_t>(rng_.Next() %
                                          static_cast<uint64_t>(vocabulary)));
    }
    Ledger ledger(Ledger::Mode::kFold);
    for (int64_t t = 0; t < tokens_; ++t) {
      const MatView<float> ids = tensors_.Make(input, texts_, 1);
      for (size_t i = 0; i < next.size(); ++i) {
        ids(i, 0) = static_cast<float>(next[i]);
      }
      TRIPTYCH_TRY(program.Run({.phase = Phase::kDecode,
                                .binding = {texts_, 1, t},
                                .position = static_cast<uint64_t>(t),
                                .threads = MaxThreads()},
                               &tensors_, ledger));
      const MatView<float> logits = tensors_.At(entry_.output);
      for (size_t i = 0; i < next.size(); ++i) {
        next[i] = Draw(logits.row_span(i), rng_.Uniform());
      }
    }
    return {};
  }

 private:
  const Graph& graph_;
  const Entry& entry_;
  int64_t texts_, tokens_;
  TensorStore tensors_;
  Rng rng_;
};

// Error: why there is none.
Result<Moments> Write(const Params& params, const Graph& graph,
                      const Weights& weights) {
  const auto most = params.quant.calibration_most;
  if (static_cast<double>(graph.Parameters()) > most) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("{} weights; quant.calibration_most is {:.0f}",
                                 graph.Parameters(), most));
  }
  if (graph.FindEntry(Phase::kDecode) == nullptr ||
      graph.FindValue("tokens") == nullptr) {
    return MakeError(ErrorCode::kUnsupported, "it does not write");
  }
  // Any machine of this kind has the same values.
  TRIPTYCH_ASSIGN(const auto machine, MakeTarget("npu:tri-npu-100"));
  Moments moments;
  CompileOptions options;
  options.wrap = [&](const Node& node,
                     std::unique_ptr<Step> step) -> std::unique_ptr<Step> {
    if (!IsProduct(graph, node)) return step;
    const auto cols =
        static_cast<size_t>(graph.value(node.inputs[1]).shape.cols);
    InputMoments& mine =
        moments.try_emplace(node.inputs[1], cols).first->second;
    return std::make_unique<WatchedStep>(std::move(step), mine);
  };
  TRIPTYCH_ASSIGN(const auto program,
                  machine->Compile(graph, &weights, options));
  const int64_t length =
      std::min(MostTokens(graph), params.quant.calibration_tokens);
  const int64_t texts = params.quant.calibration_tokens / length;
  TRIPTYCH_TRY(Writer(graph, texts, length).Run(*program));
  return moments;
}

}  // namespace

const InputMoments* Calibration::Of(ValueId weight) const {
  const auto found = moments_.find(weight);
  return found == moments_.end() ? nullptr : &found->second;
}

Calibration Calibrate(const Params& params, const Graph& graph,
                      const Weights& weights) {
  const QuantiserParams& q = params.quant;
  const bool used = q.scale == "search" || q.rounding == "compensated";
  if (q.calibration_tokens == 0 || params.weight_bits == 0 || !used) return {};
  auto moments = Write(params, graph, weights);
  if (moments) return Calibration(std::move(*moments));
  Log(LogLevel::kInfo, "npu",
      fmt::format("{} is not calibrated: {}", graph.name(),
                  moments.error().message));
  return {};
}

}  // namespace triptych::npu
