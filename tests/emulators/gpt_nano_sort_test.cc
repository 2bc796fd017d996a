// gpt-nano-sort on the targets: they sort every input, and the host computes
// every activation that was published.
// SPDX-License-Identifier: Apache-2.0
#include "tests/models/gpt_nano_sort.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "emulators/session.h"
#include "emulators/target.h"
#include "models/build/build.h"

namespace triptych {
namespace {

struct BoundModel {
  Graph graph;
  Weights weights;
};

BoundModel Bind(const NanoSort& model, bool all_logits) {
  auto graph = BuildGraph(model.file().config, {.all_logits = all_logits});
  REQUIRE(graph);
  auto weights = Weights::Bind(*graph, model.file());
  REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
  return {std::move(*graph), std::move(*weights)};
}

// Keeps what a step computed.
class Keep final : public Step {
 public:
  Keep(std::unique_ptr<Step> step, std::vector<float>& kept)
      : step_(std::move(step)), kept_(kept) {}
  Picos Run(const StepContext& ctx) const override {
    const Picos end = step_->Run(ctx);
    kept_.clear();
    for (size_t r = 0; r < ctx.output.rows(); ++r) {
      const auto row = ctx.output.row_span(r);
      kept_.insert(kept_.end(), row.begin(), row.end());
    }
    return end;
  }

 private:
  std::unique_ptr<Step> step_;
  std::vector<float>& kept_;
};

TEST_CASE("gpt-nano-sort: the host computes every published activation") {
  const auto model = NanoSort::Open();
  const auto partials = NanoSortPartials::Open();
  if (!model || !partials) return;
  const BoundModel bound = Bind(*model, /*all_logits=*/true);
  const auto cpu = MakeTarget("cpu");
  REQUIRE(cpu);
  std::map<std::string, std::vector<float>, std::less<>> computed;
  const auto program = (*cpu)->Compile(
      bound.graph, &bound.weights,
      {.on_host = {},
       .wrap = [&](const Node& node,
                   std::unique_ptr<Step> step) -> std::unique_ptr<Step> {
         return std::make_unique<Keep>(std::move(step), computed[node.name]);
       }});
  REQUIRE(program);
  TensorStore tensors(bound.graph, 3, NanoSort::kContext);
  std::ranges::copy(
      partials->tokens,
      tensors.Make(bound.graph.FindValue("tokens")->id, 33, 1).data());
  Ledger ledger(Ledger::Mode::kFold);
  REQUIRE((*program)->Run(
      {.phase = Phase::kPrefill, .binding = {3, NanoSort::kContext, 0}},
      &tensors, ledger));
  // Two computations in f32, each as far from the exact one as the test of
  // the reference derives.
  for (const auto& [node, want] : partials->outputs) {
    CAPTURE(node);
    REQUIRE(computed[node].size() == want.size());
    CHECK(WorstDifference(std::span<const float>(computed[node]),
                          std::span(want)) < 2e-5);
  }
}

TEST_CASE("gpt-nano-sort: cpu, mesh and npu sort all 729 inputs") {
  const auto model = NanoSort::Open();
  if (!model) return;
  const BoundModel bound = Bind(*model, /*all_logits=*/false);
  for (const std::string name : {"cpu", "mesh", "npu"}) {
    CAPTURE(name);
    const auto target = MakeTarget(name);
    REQUIRE(target);
    const auto program = (*target)->Compile(bound.graph, &bound.weights);
    REQUIRE(program);
    Session session(bound.graph, **program, {.capacity = NanoSort::kContext});
    const auto next = [&](std::span<const int32_t> tokens) -> int32_t {
      const auto logits = tokens.size() > 1 ? session.Prefill(tokens)
                                            : session.Decode(tokens[0]);
      if (!logits) return -1;
      const auto row = logits->row_span(logits->rows() - 1);
      return static_cast<int32_t>(std::ranges::max_element(row) - row.begin());
    };
    const int sorted = NanoSort::CountSorted(next, [&] { session.Reset(); });
    CHECK(sorted == NanoSort::kInputs);
    MESSAGE(name, ": ", sorted, " of ", NanoSort::kInputs, " are sorted");
  }
}

}  // namespace
}  // namespace triptych
