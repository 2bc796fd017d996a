// Graphs: shapes are inferred, mistakes are named, work is exact.
// SPDX-License-Identifier: Apache-2.0
#include "models/graph.h"

#include <doctest/doctest.h>

#include "models/build/build.h"
#include "models/ops/op.h"
#include "tests/models/tiny_config.h"

namespace triptych {
namespace {

// With the head's weights in the embedding's table.
ModelConfig Tied() {
  ModelConfig c = TinyLlama();
  c.tied_head = true;
  return c;
}

Work WorkOfOps(const Graph& graph, std::string_view op, Phase phase,
               const Binding& binding) {
  Work total;
  for (const Node& node : graph.NodesOf(*graph.FindEntry(phase))) {
    if (node.op->name == op) total += WorkOf(graph, node, binding);
  }
  return total;
}

TEST_CASE("work of a small decoder, counted by hand") {
  const Result<Graph> graph = BuildGraph(Tied(), {.all_logits = true});
  REQUIRE(graph);
  const Binding b{.batch = 1, .tokens = 3, .context = 5};

  // Per layer and token: q and o 32 x 32, k and v 16 x 32, gate, up and down
  // 48 x 32; then the head, 50 x 32.
  const int64_t weights = 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32);
  const Work matmul = WorkOfOps(*graph, "matmul", Phase::kPrefill, b);
  CHECK(matmul.matrix_flops == 2 * 3 * (weights + 50 * 32));
  CHECK(matmul.weight_elements == weights + 50 * 32);
  CHECK(matmul.vector_flops == 0);

  // Queries at 5, 6, 7 see 6 + 7 + 8 = 21 keys; 4 heads of 8 + 8 features.
  const Work attention = WorkOfOps(*graph, "attention", Phase::kPrefill, b);
  CHECK(attention.matrix_flops == 2 * (2 * 21 * 4 * (8 + 8)));
  CHECK(attention.vector_flops == 2 * (5 * 21 * 4 + 3 * 32));
  CHECK(attention.cache_read_elements == 2 * 2 * 8 * 16);
  CHECK(
      WorkOfOps(*graph, "kv_append", Phase::kPrefill, b).cache_write_elements ==
      2 * 2 * 3 * 16);

  // Norms: 4 n + 4 a row; two a layer and the last.
  CHECK(WorkOfOps(*graph, "rmsnorm", Phase::kPrefill, b).vector_flops ==
        5 * 3 * (4 * 32 + 4));
  // Rope turns q (32) and k (16), 3 flops a feature.
  CHECK(WorkOfOps(*graph, "rope", Phase::kPrefill, b).vector_flops ==
        2 * 3 * 3 * (32 + 16));
  CHECK(graph->Parameters() == weights + 50 * 32 + 5 * 32);
}

TEST_CASE("batch multiplies work, context adds to attention alone") {
  const Result<Graph> graph = BuildGraph(TinyLlama());
  REQUIRE(graph);
  const Entry& entry = *graph->FindEntry(Phase::kDecode);
  const Work one = WorkOf(*graph, entry, {1, 1, 7});
  const Work four = WorkOf(*graph, entry, {4, 1, 7});
  CHECK(four.flops() == 4 * one.flops());
  CHECK(four.cache_read_elements == 4 * one.cache_read_elements);
  const Work later = WorkOf(*graph, entry, {1, 1, 8});
  CHECK(later.flops() - one.flops() == 2 * 4 * (2 * 16 + 5));
  CHECK(later.weight_elements == one.weight_elements);
}

TEST_CASE("only the last row's logits, unless all are asked for") {
  const Result<Graph> last = BuildGraph(TinyLlama());
  REQUIRE(last);
  const Entry& entry = *last->FindEntry(Phase::kPrefill);
  const Shape& shape = last->value(entry.output).shape;
  CHECK(shape.rows.Bind({2, 9, 0}) == 2);
  CHECK(shape.cols == 50);
}

TEST_CASE("mistakes are errors with the node's name") {
  SUBCASE("an operator that does not exist") {
    GraphBuilder b("g");
    const ValueId x = b.Input("x", {kTokenRows, 4});
    b.AddEntry(Phase::kEncode, 0, b.Add("conv9d", "n", {x}));
    const auto graph = b.Finish();
    REQUIRE(!graph);
    CHECK(graph.error().message == "g: node n: no operator \"conv9d\"");
  }
  SUBCASE("widths that do not match") {
    GraphBuilder b("g");
    const ValueId x = b.Input("x", {kTokenRows, 4});
    const ValueId w = b.Weight("w", 3, 5);
    b.AddEntry(Phase::kEncode, 0, b.Add("matmul", "n", {x, w}));
    const auto graph = b.Finish();
    REQUIRE(!graph);
    CHECK(graph.error().message.find("g: node n: matmul: w has 5 columns") ==
          0);
  }
  SUBCASE("heads that do not divide") {
    ModelConfig c = TinyLlama();
    c.kv_heads = 3;
    const auto graph = BuildGraph(c);
    REQUIRE(!graph);
    CHECK(graph.error().message.find("kv_heads must divide heads") !=
          std::string::npos);
  }
  SUBCASE("sizes that a configuration left out") {
    ModelConfig c = TinyLlama();
    c.ffn = 0;
    const auto graph = BuildGraph(c);
    REQUIRE(!graph);
    CHECK(graph.error().message ==
          "tiny: value layers.0.ffn.gate: 0 x 32: sizes must be 1 or more");
  }
  SUBCASE("a rotation of nothing") {
    ModelConfig c = TinyLlama();
    c.rope.dim = 0;
    const auto graph = BuildGraph(c);
    REQUIRE(!graph);
    CHECK(graph.error().message.find("pairs inside a head") !=
          std::string::npos);
  }
  SUBCASE("no entry") { CHECK(!GraphBuilder("g").Finish()); }
}

TEST_CASE("the op table is complete") {
  for (const OpDef& op : AllOps()) {
    CAPTURE(op.name);
    CHECK(FindOp(op.name) == &op);
    CHECK((op.infer != nullptr));
    CHECK((op.work != nullptr));
    CHECK((op.reference != nullptr));
    CHECK((op.host != nullptr));
    CHECK(!op.meaning.empty());
  }
}

}  // namespace
}  // namespace triptych
