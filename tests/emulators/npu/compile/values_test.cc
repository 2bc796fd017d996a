// Values of compiled operators: products from their definition, bit for bit,
// and the same bits however large the machine is that they are cut for.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/values.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "emulators/npu/compile/matmul.h"
#include "emulators/npu/compile/program.h"
#include "emulators/npu/machine/timing.h"
#include "emulators/session.h"
#include "emulators/target.h"
#include "kernels/base/rng.h"
#include "models/build/build.h"
#include "models/reference.h"
#include "tests/emulators/npu/compile/machines.h"
#include "tests/models/tiny_config.h"

namespace triptych::npu {
namespace {

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

// One product as one plan cuts it.
std::vector<float> ByPlan(const Params& params, const Graph& graph,
                          const Weights& weights, std::span<const float> input,
                          const MatmulSize& size, const MatmulPlan& plan) {
  const Node& node = graph.nodes()[0];
  const Binding binding{.tokens = size.m};
  NodeLayout layout =
      LayoutOf(params, SizeOf(params, {}), graph, node, binding);
  const MachineSize machine = SizeOf(params, layout.region_bytes);
  Builder builder(machine);
  builder.Mark(0);
  REQUIRE(EmitMatmul({params, graph, node, binding, layout.place}, size, plan,
                     builder));
  builder.Barrier();
  std::vector<Command> commands = builder.Take();
  auto stream = Stream::Check(commands, machine, "plan");
  REQUIRE_MESSAGE(stream.has_value(), (stream ? "" : stream.error().message));
  const Segment segment(std::move(layout), std::move(commands),
                        std::move(*stream));
  const NodeWeights packed(
      graph, node, weights,
      std::make_shared<const WeightImage>(MakeWeightImage(
          weights.Rows(node.inputs[1]), size.layout(machine), 1)));
  const auto rows = static_cast<size_t>(size.m);
  const ConstMatView<float> inputs[3] = {
      {input.data(), rows, static_cast<size_t>(size.k)}, {}, {}};
  std::vector<float> out(rows * static_cast<size_t>(size.n), -1);
  Ledger ledger;
  Memory memory(machine);
  RunValues(params, segment, packed,
            {.graph = graph,
             .node = node,
             .binding = binding,
             .phase = Phase::kPrefill,
             .inputs = std::span(inputs).first(node.inputs.size()),
             .output = {out.data(), rows, static_cast<size_t>(size.n)},
             .begin = Picos(),
             .ledger = ledger},
            memory);
  return out;
}

TEST_CASE("every way to cut a product gives the same bits") {
  Params params;
  params.cores = 3;
  params.array_rows = 8;
  params.array_cols = 4;
  params.chip.accumulator_kib = 1;
  params.weight_bits = 4;
  size_t prepared = 0, split = 0, several = 0, chunks = 0, looped = 0,
         one_group = 0, together = 0;
  for (const auto& [group, m] : {std::pair(16, 1),
                                 {16, 2},
                                 {16, 5},
                                 {16, 9},
                                 {16, 40},
                                 {16, 101},
                                 {0, 1},
                                 {0, 5},
                                 {0, 40}}) {
    params.weight_group = group;
    for (const int64_t n : {2, 12, 24, 41}) {
      for (const int64_t k : {16, 160, 1024, 1056}) {
        for (const int64_t kib : {16, 64}) {
          params.scratchpad_kib = kib;
          const Graph graph = OneProduct(n, k, n == 12);
          const Weights weights = Weights::Random(graph, 5);
          const auto input = RandomRow(static_cast<size_t>(m * k), 1);
          const Node& node = graph.nodes()[0];
          const MatmulSize size =
              MatmulSizeOf(params, graph, node, {.tokens = m});
          const auto plans = MatmulPlans(size, params, SizeOf(params, {}));
          CAPTURE(group);
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(k);
          REQUIRE(!plans.empty());
          const auto first =
              ByPlan(params, graph, weights, input, size, plans[0]);
          for (const MatmulPlan& plan : plans) {
            prepared += plan.prepared;
            split += plan.split_rows;
            several += plan.blocks.parts > 1;
            chunks += plan.buffers > 2;
            looped += plan.looped;
            one_group += plan.looped && group == 0;
            together += plan.together;
            CHECK(ByPlan(params, graph, weights, input, size, plan) == first);
          }
          const auto w = weights.Rows(node.inputs[1]);
          WeightRows::Tile tile;
          const auto cols = static_cast<size_t>(k);
          float last =
              ScalarTwin(std::span(input).last(cols),
                         w.ReadRow(static_cast<size_t>(n - 1), tile), 4,
                         group > 0 ? static_cast<size_t>(group) : cols);
          if (n == 12) last += weights.Rows(node.inputs[2]).vector().back();
          CHECK(first.back() == last);
        }
      }
    }
  }
  // All of these were tried.
  CHECK(prepared > 20);
  CHECK(split > 20);
  CHECK(several > 20);
  CHECK(chunks > 20);
  CHECK(looped > 10);
  CHECK(one_group > 10);
  CHECK(together > 5);
}

TEST_CASE("codes lie where the layout says, the low nibble first") {
  MachineSize machine;
  machine.cores = 2;
  machine.array_rows = 4;
  machine.array_cols = 2;
  // Three rows a tile of two for each core: one group of four, one row left.
  std::vector<float> w;
  for (int r = 0; r < 5; ++r) {
    for (int c = 0; c < 3; ++c) {
      w.push_back(static_cast<float>(c == 0 ? 7 : r + c - 3));
    }
  }
  const WeightLayout layout = WeightLayoutOf(5, 3, 3, 4, machine);
  CHECK(layout.order.mixed == 4);
  const WeightImage image =
      MakeWeightImage(ConstMatView<float>(w.data(), 5, 3), layout, 2);
  CHECK(layout.row_bytes() == 2);
  REQUIRE(image.codes.size() == 10);
  for (const float scale : image.scales) CHECK(scale == 1.0f);
  // Rows in memory: 0 and 2 are the cores' first, 1 and 3 their second.
  const int rows[] = {0, 2, 1, 3, 4};
  for (int place = 0; place < 5; ++place) {
    const int r = rows[place];
    CHECK(layout.order.PlaceOf(r) == place);
    const auto nibble = [](int x) { return static_cast<unsigned>(x) & 15u; };
    const size_t at = 2 * static_cast<size_t>(place);
    CHECK(image.codes[at] == (nibble(7) | nibble(r - 2) << 4));
    CHECK(image.codes[at + 1] == nibble(r - 1));
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

// The last row of logits, and the cycles, of a prompt on a machine.
struct Answer {
  std::vector<float> logits;
  Picos makespan;
};
Answer AnswerOf(const Graph& graph, const Weights* weights, const Sets& sets,
                int64_t tokens = 5) {
  const auto target = MakeTarget("npu", sets);
  REQUIRE(target);
  const auto program = (*target)->Compile(graph, weights);
  REQUIRE(program);
  TensorStore tensors(graph, 1, 8);
  const Entry& entry = *graph.FindEntry(Phase::kPrefill);
  RunRequest request{.phase = Phase::kPrefill};
  request.binding.tokens = tokens;
  if (weights != nullptr) {
    for (const Value& value : graph.values()) {
      if (value.kind != ValueKind::kInput) continue;
      const auto ids = tensors.Make(value.id, tokens, 1);
      for (size_t i = 0; i < ids.rows(); ++i) {
        ids(i, 0) = static_cast<float>(3 * i + 1);
      }
    }
  }
  Ledger ledger;
  REQUIRE((*program)->Run(request, weights ? &tensors : nullptr, ledger));
  Answer answer{{}, ledger.makespan()};
  if (weights == nullptr) return answer;
  const auto out = tensors.At(entry.output);
  answer.logits.assign(out.data(), out.data() + out.size());
  return answer;
}

TEST_CASE("how memory is timed changes times alone, values change no time") {
  const auto graph = BuildGraph(TinyLlama());
  REQUIRE(graph);
  const Weights weights = Weights::Random(*graph, 11);
  const Answer rows = AnswerOf(*graph, &weights, {"dram.model=rows"});
  const Answer bursts = AnswerOf(*graph, &weights, {"dram.model=bursts"});
  const Answer ideal = AnswerOf(*graph, &weights, {"dram.model=ideal"});
  CHECK(bursts.logits == rows.logits);
  CHECK(ideal.logits == rows.logits);
  CHECK(ideal.makespan < bursts.makespan);
  for (const char* model : {"rows", "bursts", "ideal"}) {
    const Sets sets = {std::string("dram.model=") + model};
    CHECK(AnswerOf(*graph, nullptr, sets).makespan ==
          AnswerOf(*graph, &weights, sets).makespan);
  }
}

TEST_CASE("fidelity: F0, F1 and F3 give the same bits, F1 and F2 times") {
  const auto graph = BuildGraph(TinyLlama());
  REQUIRE(graph);
  const Weights weights = Weights::Random(*graph, 11);
  const auto answer = [&](const char* level, bool values) {
    return AnswerOf(*graph, values ? &weights : nullptr,
                    {std::string("fidelity=") + level});
  };
  const Answer f0 = answer("F0", true), f1 = answer("F1", true),
               f2 = answer("F2", false), f3 = answer("F3", true);
  CHECK(f0.logits == f1.logits);
  CHECK(f3.logits == f1.logits);
  // What is left is the host's link.
  CHECK(f0.makespan < f1.makespan);
  CHECK(f2.makespan == f1.makespan);
  CHECK(f3.makespan ==
        AnswerOf(*graph, &weights, {"dram.model=bursts"}).makespan);
  // What a level does not give is not given silently.
  for (const auto& [level, values] : {std::pair("F0", false), {"F2", true}}) {
    const auto target =
        MakeTarget("npu", Sets{std::string("fidelity=") + level});
    REQUIRE(target);
    const auto program =
        (*target)->Compile(*graph, values ? &weights : nullptr);
    REQUIRE(!program);
    CHECK(program.error().message.contains("fidelity"));
  }
}

// Logits of a prompt by the whole phase's stream, in which groups are
// fused.
std::vector<float> ByPhase(const Params& params, const Graph& graph,
                           const Weights& weights, int64_t tokens) {
  const auto program = MakeProgram(params, graph, &weights, Phase::kPrefill,
                                   {.tokens = tokens}, 1);
  REQUIRE_MESSAGE(program.has_value(),
                  (program ? "" : program.error().message));
  const Tnpu& tnpu = program->tnpu;
  const auto stream = Stream::Check(tnpu.commands, tnpu.machine, "phase");
  REQUIRE(stream);
  Memory memory(tnpu.machine);
  std::vector<std::byte> cache(static_cast<size_t>(
      tnpu.machine.region_bytes[static_cast<size_t>(Region::kCache)]));
  std::vector<std::byte> activations(static_cast<size_t>(
      tnpu.machine.region_bytes[static_cast<size_t>(Region::kActivations)]));
  for (const Region region : {Region::kWeights, Region::kConstants}) {
    memory.Bind(region, tnpu.Pieces(region));
  }
  memory.Bind(Region::kCache, {WritablePiece(0, cache)});
  memory.Bind(Region::kActivations, {WritablePiece(0, activations)});
  const auto label = [&](std::string_view name) {
    const auto found = std::ranges::find(tnpu.labels, name, &Label::name);
    REQUIRE(found != tnpu.labels.end());
    return *found;
  };
  const std::vector<int32_t> all = {1, 4, 7, 10, 13};
  const auto ids = std::span(all).first(static_cast<size_t>(tokens));
  std::ranges::copy(
      std::as_bytes(ids),
      activations.begin() +
          static_cast<std::ptrdiff_t>(label("tokens.activations").offset));
  REQUIRE(Execute(*stream, memory));
  const Value& output = graph.value(graph.FindEntry(Phase::kPrefill)->output);
  const Label out = label(output.name + ".activations");
  std::vector<float> logits(out.bytes / sizeof(float));
  std::ranges::copy(std::span(activations).subspan(out.offset, out.bytes),
                    std::as_writable_bytes(std::span(logits)).begin());
  return logits;
}

TEST_CASE("a phase as one stream computes what its nodes do one by one") {
  const auto graph = BuildGraph(TinyLlama());
  REQUIRE(graph);
  const Weights weights = Weights::Random(*graph, 11);
  ModelConfig wide = TinyLlama();
  wide.ffn = 160;
  const auto wide_graph = BuildGraph(wide);
  REQUIRE(wide_graph);
  const Weights wide_weights = Weights::Random(*wide_graph, 11);
  struct Machine {
    int64_t cores, rows, cols, scratchpad_kib, l2_kib, bits, group;
    bool wide = false;
  };
  // The second has no room for all hidden rows on the chip, the third none at
  // all; the next two sum groups in a loop, the last two a group.
  for (const Machine& m : {Machine{4, 128, 128, 4096, 16384, 8, 0},
                           {2, 8, 8, 64, 5, 8, 0},
                           {3, 8, 4, 32, 0, 8, 0},
                           {2, 8, 8, 64, 16, 4, 2},
                           {4, 128, 128, 4096, 16384, 4, 2},
                           {3, 2, 4, 32, 16, 8, 0, true},
                           {5, 2, 4, 32, 0, 8, 0, true}}) {
    Params params;
    params.cores = m.cores;
    params.array_rows = m.rows;
    params.array_cols = m.cols;
    params.scratchpad_kib = m.scratchpad_kib;
    params.l2_kib = m.l2_kib;
    params.weight_bits = m.bits;
    params.weight_group = m.group;
    const Graph& g = m.wide ? *wide_graph : *graph;
    const Weights& w = m.wide ? wide_weights : weights;
    for (const int64_t tokens : {1, 5}) {
      CAPTURE(m.l2_kib);
      CAPTURE(m.bits);
      CAPTURE(m.wide);
      CAPTURE(tokens);
      CHECK(ByPhase(params, g, w, tokens) ==
            AnswerOf(g, &w,
                     {"weight_bits=" + std::to_string(m.bits),
                      "weight_group=" + std::to_string(m.group)},
                     tokens)
                .logits);
    }
  }
}

}  // namespace
}  // namespace triptych::npu
