// Operators that are several commands of the vector unit: the same bits on
// every machine, and close to the plain evaluation in f64.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "emulators/npu/compile/segment.h"
#include "emulators/npu/isa/order.h"
#include "emulators/npu/params.h"
#include "models/graph.h"
#include "tests/emulators/npu/compile/machines.h"

namespace triptych::npu {
namespace {

struct OneNode {
  std::string op;
  int64_t cols;
  Attributes attributes;
  bool bias = false;
};
Graph GraphOf(const OneNode& node) {
  GraphBuilder b("one");
  std::vector<ValueId> inputs = {b.Input("x", {kTokenRows, node.cols})};
  if (node.bias) inputs.push_back(b.Weight("bias", 1, node.cols));
  const ValueId y = b.Add(node.op, "node", inputs, node.attributes);
  b.AddEntry(Phase::kPrefill, 0, y);
  auto graph = b.Finish();
  REQUIRE_MESSAGE(graph.has_value(), (graph ? "" : graph.error().message));
  return std::move(*graph);
}

// That events make the queues do what the node's commands say.
void CheckOrdered(const Graph& graph, const Binding& binding) {
  for (const auto& [cores, kib] : {std::pair(4, 4096), {3, 16}, {16, 8}}) {
    Params params;
    params.cores = cores;
    params.scratchpad_kib = kib;
    const auto segment = CompileNode(params, graph, graph.nodes()[0], binding);
    REQUIRE_MESSAGE(segment.has_value(),
                    (segment ? "" : segment.error().message));
    const Status order = CheckOrder((*segment)->stream);
    CHECK_MESSAGE(order.has_value(), (order ? "" : order.error().message));
  }
}

// The plain evaluation, after it has been found that all machines agree in
// `bits`.
struct Answers {
  std::vector<float> bits, plain;
};
Answers AnswersOf(const OneNode& node, std::span<const float> input,
                  const Binding& binding) {
  const Graph graph = GraphOf(node);
  CheckOrdered(graph, binding);
  const Weights weights = Weights::Random(graph, 5);
  Answers answers{
      OutputOf(graph, weights, input, binding, {}),
      OutputOf(graph, weights, input, binding, {"schedule=closed_form"})};
  for (const Sets& machine : kMachines) {
    CAPTURE(TextOf(machine));
    for (const int threads : {1, 2}) {
      CHECK(OutputOf(graph, weights, input, binding, machine, threads) ==
            answers.bits);
    }
  }
  return answers;
}

void CheckClose(const Answers& answers, float bound) {
  REQUIRE(answers.bits.size() == answers.plain.size());
  for (size_t i = 0; i < answers.bits.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(answers.bits[i] - answers.plain[i]) <= bound);
  }
}

TEST_CASE("mean of rows") {
  for (const int64_t tokens : {1, 2, 7, 64, 130}) {
    for (const int64_t cols : {1, 12, 96}) {
      CAPTURE(tokens);
      CAPTURE(cols);
      const auto input = RandomRow(static_cast<size_t>(3 * tokens * cols), 2);
      const Answers answers = AnswersOf({"mean_pool", cols, {}}, input,
                                        {.batch = 3, .tokens = tokens});
      CHECK(answers.bits.size() == static_cast<size_t>(3 * cols));
      // Sums by halves: a rounding a level, of numbers below 5.
      CheckClose(answers, 5e-6f);
    }
  }
}

TEST_CASE("sinusoids of positions") {
  const Binding binding{.batch = 2, .tokens = 33};
  const auto input = RandomRow(2 * 33 * 24, 4);
  CheckClose(AnswersOf({"pos_sinusoid", 24, {}}, input, binding), 1e-6f);
}

Attributes Routing(int64_t top_k, int64_t groups, int64_t used, bool sigmoid,
                   bool normalize, double scale) {
  return {{"top_k", static_cast<double>(top_k)},
          {"groups", static_cast<double>(groups)},
          {"groups_used", static_cast<double>(used)},
          {"sigmoid", sigmoid ? 1.0 : 0.0},
          {"normalize", normalize ? 1.0 : 0.0},
          {"scale", scale}};
}

TEST_CASE("experts are chosen as they are in f64") {
  for (const OneNode& node :
       {OneNode{"moe_route", 8, Routing(2, 1, 1, false, true, 1)},
        OneNode{"moe_route", 64, Routing(6, 1, 1, false, false, 16)},
        OneNode{"moe_route", 16, Routing(1, 1, 1, true, false, 1), true},
        OneNode{"moe_route", 64, Routing(8, 8, 4, true, true, 2.5), true},
        OneNode{"moe_route", 24, Routing(24, 1, 1, false, true, 1)},
        OneNode{"moe_route", 6, Routing(3, 6, 3, false, true, 1)}}) {
    const int64_t tokens = 37;
    const auto input = RandomRow(static_cast<size_t>(tokens * node.cols), 9);
    CAPTURE(node.cols);
    CAPTURE(node.bias);
    const Answers answers = AnswersOf(node, input, {.tokens = tokens});
    size_t chosen = 0;
    for (size_t i = 0; i < answers.bits.size(); ++i) {
      CAPTURE(i);
      CHECK((answers.bits[i] != 0) == (answers.plain[i] != 0));
      chosen += answers.bits[i] != 0;
    }
    CHECK(chosen == static_cast<size_t>(tokens * node.attributes.Int("top_k")));
    CheckClose(answers, 1e-5f);
  }
}

TEST_CASE("of equal experts the first are chosen") {
  // Everything equal; two ties; numbers that only their last bit tells apart.
  const float next = std::nextafter(1.0f, 2.0f);
  const std::vector<float> input = {3,  3,    3,  3,    3, 3,   //
                                    0,  2,    1,  2,    1, 1,   //
                                    -1, 5,    -1, 5,    5, -1,  //
                                    1,  next, 1,  next, 0, 1};
  const std::vector<std::vector<size_t>> expected = {
      {0, 1, 2}, {1, 2, 3}, {1, 3, 4}, {0, 1, 3}};
  const Answers answers = AnswersOf(
      {"moe_route", 6, Routing(3, 1, 1, false, true, 1)}, input, {.tokens = 4});
  for (size_t r = 0; r < expected.size(); ++r) {
    for (size_t c = 0; c < 6; ++c) {
      CAPTURE(r);
      CAPTURE(c);
      CHECK((answers.bits[r * 6 + c] != 0) ==
            (std::ranges::count(expected[r], c) > 0));
    }
  }
}

}  // namespace
}  // namespace triptych::npu
