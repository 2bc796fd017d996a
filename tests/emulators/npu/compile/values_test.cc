// Values of compiled operators: products from their definition, bit for bit,
// and the same bits however large the machine is that they are cut for.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "emulators/session.h"
#include "emulators/target.h"
#include "kernels/base/rng.h"
#include "models/build/build.h"
#include "models/reference.h"
#include "tests/models/tiny_config.h"

namespace triptych::npu {
namespace {

using Sets = std::vector<std::string>;

std::vector<float> RandomRow(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> row(n);
  for (float& x : row) x = static_cast<float>(rng.Normal());
  return row;
}

// One output of a product, from the definition: codes under scales, exact
// sums of each group of k, f32 scales one group after the other.
float ScalarTwin(std::span<const float> a, std::span<const float> w, int bits,
                 size_t group) {
  const auto top = [](std::span<const float> row) {
    float m = 0;
    for (const float x : row) m = std::max(m, std::abs(x));
    return m;
  };
  const auto code = [](float x, float most, int32_t qmax) {
    return static_cast<int32_t>(
        std::nearbyint(x * (static_cast<float>(qmax) / most)));
  };
  const int32_t w_max = (1 << (bits - 1)) - 1;
  float sum = 0;
  for (size_t g = 0; g < a.size(); g += group) {
    const float w_top = top(w.subspan(g, group));
    int32_t acc = 0;
    for (size_t i = g; i < g + group; ++i) {
      acc += code(a[i], top(a), 127) * code(w[i], w_top, w_max);
    }
    const float part =
        static_cast<float>(acc) * (w_top / static_cast<float>(w_max));
    sum = g == 0 ? part : part + sum;
  }
  return sum * (top(a) / 127.0f);
}

// What a graph of one phase gives on an NPU with these parameters.
std::vector<float> OutputOf(const Graph& graph, const Weights& weights,
                            std::span<const float> input, int64_t tokens,
                            const Sets& sets, int threads = 1) {
  const auto target = MakeTarget("npu", sets);
  REQUIRE_MESSAGE(target.has_value(), (target ? "" : target.error().message));
  const auto program = (*target)->Compile(graph, &weights);
  REQUIRE_MESSAGE(program.has_value(),
                  (program ? "" : program.error().message));
  TensorStore tensors(graph, 1, tokens + 1);
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kInput) continue;
    const auto view = tensors.Make(
        value.id, value.shape.rows.Bind({.tokens = tokens}), value.shape.cols);
    std::copy_n(input.begin(), view.size(), view.data());
  }
  Ledger ledger;
  const Entry& entry = graph.entries()[0];
  RunRequest request{.phase = entry.phase, .threads = threads};
  request.binding.tokens = tokens;
  REQUIRE((*program)->Run(request, &tensors, ledger));
  const auto out = tensors.At(entry.output);
  return {out.data(), out.data() + out.size()};
}

Graph OneProduct(int64_t n, int64_t k, bool bias) {
  GraphBuilder b("product");
  const ValueId x = b.Input("x", {kTokenRows, k});
  std::vector<ValueId> inputs = {x, b.Weight("w", n, k)};
  if (bias) inputs.push_back(b.Weight("b", 1, n));
  const ValueId y = b.Add("matmul", "product", inputs);
  b.AddEntry(Phase::kPrefill, 0, y);
  auto graph = b.Finish();
  REQUIRE(graph);
  return std::move(*graph);
}

std::string TextOf(const Sets& sets) {
  std::string text;
  for (const std::string& set : sets) text += set + " ";
  return text;
}

// Machines that cut the same work in very different ways.
const Sets kMachines[] = {
    {},
    {"cores=1"},
    {"cores=3", "array.rows=8", "array.cols=4", "scratchpad_kib=16"},
    {"cores=16", "array.rows=4", "array.cols=16", "accumulator.kib=1",
     "scratchpad_kib=8"},
    {"cores=2", "array.rows=5", "array.cols=3", "l2_kib=0"},
};

TEST_CASE("products equal their definition on every machine") {
  struct Case {
    int64_t m, n, k;
    int bits;
    int64_t group;
    bool bias;
  };
  for (const Case& c :
       {Case{7, 19, 96, 8, 0, false}, Case{1, 130, 33, 5, 0, true},
        Case{5, 3, 96, 4, 32, true}, Case{30, 37, 33, 4, 0, false},
        Case{9, 40, 64, 4, 2, false}, Case{4, 16, 300, 8, 100, true}}) {
    const Graph graph = OneProduct(c.n, c.k, c.bias);
    const Weights weights = Weights::Random(graph, 5);
    const auto cols = static_cast<size_t>(c.k);
    const auto input = RandomRow(static_cast<size_t>(c.m) * cols, 1);
    const auto group = static_cast<size_t>(c.group == 0 ? c.k : c.group);
    std::vector<float> expected;
    WeightRows::Tile tile;
    const Node& node = graph.nodes()[0];
    for (int64_t r = 0; r < c.m; ++r) {
      for (int64_t j = 0; j < c.n; ++j) {
        const auto w =
            weights.Rows(node.inputs[1]).ReadRow(static_cast<size_t>(j), tile);
        const auto a =
            std::span(input).subspan(static_cast<size_t>(r) * cols, cols);
        float y = ScalarTwin(a, w, c.bits, group);
        if (c.bias) {
          y += weights.Rows(node.inputs[2]).vector()[static_cast<size_t>(j)];
        }
        expected.push_back(y);
      }
    }
    for (const Sets& machine : kMachines) {
      Sets sets = machine;
      sets.push_back("weight_bits=" + std::to_string(c.bits));
      sets.push_back("weight_group=" + std::to_string(c.group));
      CAPTURE(c.n);
      CAPTURE(c.k);
      CAPTURE(TextOf(sets));
      CHECK(OutputOf(graph, weights, input, c.m, sets) == expected);
      CHECK(OutputOf(graph, weights, input, c.m, sets, 2) == expected);
    }
  }
}

ModelConfig Vit() {
  ModelConfig c = TinyLlama();
  c.name = "vit";
  c.family = Family::kVit;
  c.norm = NormKind::kLayer;
  c.activation = Activation::kGeluErf;
  c.positions = Positions::kLearned;
  c.kv_heads = c.heads;
  c.attn_bias = c.key_bias = c.ffn_bias = c.head_bias = true;
  c.patch = {.height = 12,
             .width = 12,
             .channels = 3,
             .patch_height = 4,
             .patch_width = 4};
  c.classes = 10;
  c.class_token = true;
  return c;
}

// Logits of prompts and of a few decoded tokens.
std::vector<float> LogitsOf(const Graph& graph, const Weights& weights,
                            const Sets& sets) {
  const auto target = MakeTarget("npu", sets);
  REQUIRE_MESSAGE(target.has_value(), (target ? "" : target.error().message));
  const auto program = (*target)->Compile(graph, &weights);
  REQUIRE(program);
  Session session(graph, **program, {.capacity = 32});
  std::vector<float> all;
  const auto keep = [&](const auto& logits) {
    REQUIRE(logits.has_value());
    for (size_t r = 0; r < logits->rows(); ++r) {
      const auto row = logits->row_span(r);
      all.insert(all.end(), row.begin(), row.end());
    }
  };
  keep(session.Prefill(std::vector<int32_t>{3, 1, 4, 1, 5, 9, 2}));
  for (const int32_t token : {6, 5, 3}) keep(session.Decode(token));
  return all;
}

TEST_CASE("a language model has the same bits on machines of any size") {
  const auto graph = BuildGraph(TinyLlama(), {.all_logits = true});
  REQUIRE(graph);
  const Weights weights = Weights::Random(*graph, 11);
  const auto expected = LogitsOf(*graph, weights, {});
  CHECK(expected.size() == 10 * 50);
  for (const Sets& machine : kMachines) {
    CAPTURE(TextOf(machine));
    CHECK(LogitsOf(*graph, weights, machine) == expected);
  }
}

TEST_CASE("an encoder has the same bits on machines of any size") {
  const auto graph = BuildGraph(Vit());
  REQUIRE_MESSAGE(graph.has_value(), (graph ? "" : graph.error().message));
  const Weights weights = Weights::Random(*graph, 11);
  const auto input = RandomRow(9 * 48, 3);
  const auto expected = OutputOf(*graph, weights, input, 1, {});
  CHECK(expected.size() == 10);
  for (const Sets& machine : kMachines) {
    CAPTURE(TextOf(machine));
    CHECK(OutputOf(*graph, weights, input, 1, machine) == expected);
  }
}

}  // namespace
}  // namespace triptych::npu
