// The wiring of GPT-2 against weights and activations that others published,
// in f64. On the targets: tests/emulators/gpt_nano_sort_test.cc.
// SPDX-License-Identifier: Apache-2.0
#include "tests/models/gpt_nano_sort.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "models/build/build.h"
#include "models/reference.h"

namespace triptych {
namespace {

ValueId OutputOf(const Graph& graph, std::string_view node) {
  const auto found = std::ranges::find(graph.nodes(), node, &Node::name);
  REQUIRE_MESSAGE(found != graph.nodes().end(), node);
  return found->output;
}

TEST_CASE("gpt-nano-sort: every published activation of a batch of three") {
  const auto model = NanoSort::Open();
  const auto partials = NanoSortPartials::Open();
  if (!model || !partials) return;
  const auto graph = BuildGraph(model->file().config, {.all_logits = true});
  REQUIRE(graph);
  const auto weights = Weights::Bind(*graph, model->file());
  REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
  Reference reference(*graph, *weights, 3, NanoSort::kContext);
  std::ranges::copy(
      partials->tokens,
      reference.store().Make(graph->FindValue("tokens")->id, 33, 1).data());
  REQUIRE(reference.Run(Phase::kPrefill, {3, NanoSort::kContext, 0}));
  // Published in f32: sums of up to 192 terms of magnitude about one, that is
  // (192 + 16) 2^-24.
  constexpr double kRounding = 1.3e-5;
  for (const auto& [node, want] : partials->outputs) {
    CAPTURE(node);
    const auto got = reference.store().At(OutputOf(*graph, node));
    REQUIRE(got.size() == want.size());
    CHECK(WorstDifference(std::span<const double>(got.data(), got.size()),
                          std::span(want)) < kRounding);
  }
}

TEST_CASE("gpt-nano-sort: all 729 inputs are sorted") {
  const auto model = NanoSort::Open();
  if (!model) return;
  const auto graph = BuildGraph(model->file().config);
  REQUIRE(graph);
  const auto weights = Weights::Bind(*graph, model->file());
  REQUIRE(weights);
  std::optional<Reference> reference;
  const auto next = [&](std::span<const int32_t> tokens) -> int32_t {
    const auto logits = reference->Feed(tokens);
    if (!logits) return -1;
    const auto row = logits->row_span(logits->rows() - 1);
    return static_cast<int32_t>(std::ranges::max_element(row) - row.begin());
  };
  CHECK(NanoSort::CountSorted(next, [&] {
          reference.emplace(*graph, *weights, 1, NanoSort::kContext);
        }) == NanoSort::kInputs);
}

}  // namespace
}  // namespace triptych
