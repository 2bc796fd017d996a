// Pictures of graphs: what is folded, and that nothing lies on anything else.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "models/build/build.h"
#include "models/presets/presets.h"
#include "tools/graph/fold.h"
#include "tools/graph/layout.h"
#include "tools/graph/picture.h"

namespace triptych::picture {
namespace {

Graph GraphOf(const char* preset) {
  const auto config = PresetByName(preset);
  REQUIRE(config);
  auto graph = BuildGraph(*config);
  REQUIRE(graph);
  return std::move(*graph);
}

std::vector<std::string> Captions(const char* preset) {
  std::vector<std::string> captions;
  for (const FoldedBlock& block : Fold(GraphOf(preset)).blocks) {
    if (!block.caption.empty()) captions.push_back(block.caption);
  }
  return captions;
}

TEST_CASE("Layers that repeat are drawn once, others are not") {
  using Texts = std::vector<std::string>;
  CHECK(Captions("llama-3.2-1b") == Texts{"layers 0 to 15: 16 times"});
  CHECK(Captions("deepseek-v3") ==
        Texts{"layers 0 to 2: 3 times", "layers 3 to 60: 58 times"});
  CHECK(Captions("whisper-base") == Texts{"encoder.layers 0 to 5: 6 times",
                                          "layers 0 to 5: 6 times",
                                          "layers 0 to 5: 6 times"});
}

TEST_CASE("A folded layer has the graph's operators, shapes and edges") {
  const FoldedGraph folded = Fold(GraphOf("llama-3.2-1b"));
  const auto find = [&](const std::string& name) {
    for (const FoldedNode& node : folded.nodes) {
      if (node.name == name) return node;
    }
    return FoldedNode{};
  };
  const FoldedNode q = find("attn.q");
  CHECK(q.op == "matmul");
  CHECK(q.shape == "B T \u00d7 2048");
  CHECK(q.details == std::vector<std::string>{"weight 2048 \u00d7 2048"});
  CHECK(find("attn.k_append").details ==
        std::vector<std::string>{"cache B S \u00d7 512"});
  const FoldedNode attention = find("attn.attention");
  std::set<std::string> inputs;
  for (const size_t input : attention.inputs) {
    inputs.insert(folded.nodes[input].name);
  }
  CHECK(inputs ==
        std::set<std::string>{"attn.q_rope", "attn.k_append", "attn.v_append"});
  // What follows the layers follows the one that is drawn.
  const FoldedNode last = find("norm.final");
  REQUIRE(last.inputs.size() == 1);
  CHECK(folded.nodes[last.inputs[0]].name == "ffn.residual");
  for (const FoldedNode& node : folded.nodes) {
    for (const size_t input : node.inputs) CHECK(input < folded.nodes.size());
  }
}

TEST_CASE("Nodes keep apart, edges go down and pass none") {
  for (const ModelPreset& preset : ModelPresets()) {
    CAPTURE(preset.config.name);
    const FoldedGraph folded = Fold(GraphOf(preset.config.name.c_str()));
    std::vector<LayoutNode> nodes;
    for (const FoldedNode& node : folded.nodes) {
      nodes.push_back({80 + 8.0 * static_cast<double>(node.name.size()), 40,
                       node.block, node.inputs});
    }
    const Layout layout = Arrange(nodes);
    const auto overlap = [&](size_t a, size_t b) {
      const Place &p = layout.places[a], &q = layout.places[b];
      return std::abs(p.x - q.x) < (nodes[a].width + nodes[b].width) / 2 &&
             std::abs(p.y - q.y) < (nodes[a].height + nodes[b].height) / 2;
    };
    size_t edges = 0;
    for (size_t a = 0; a < nodes.size(); ++a) {
      edges += nodes[a].inputs.size();
      CHECK(layout.places[a].x - nodes[a].width / 2 >= -1e-6);
      CHECK(layout.places[a].x + nodes[a].width / 2 <= layout.width + 1e-6);
      for (size_t b = a + 1; b < nodes.size(); ++b) CHECK(!overlap(a, b));
    }
    CHECK(layout.routes.size() == edges);
    for (const Route& route : layout.routes) {
      for (size_t i = 1; i < route.points.size(); ++i) {
        const Place &from = route.points[i - 1], &to = route.points[i];
        CHECK(from.y <= to.y);
        if (i % 2 != 0) continue;  // between ranks, where no node is
        for (size_t n = 0; n < nodes.size(); ++n) {
          const Place& p = layout.places[n];
          const bool beside = std::abs(p.x - to.x) >= nodes[n].width / 2;
          CHECK((beside || p.y < from.y || p.y > to.y));
        }
      }
    }
  }
}

TEST_CASE("Both files say the same") {
  const Graph graph = GraphOf("gpt2");
  const std::string svg = GraphSvg(graph), dot = GraphDot(graph);
  CHECK(svg.starts_with("<svg"));
  CHECK(svg.find("layers 0 to 11: 12 times") != std::string::npos);
  CHECK(dot.starts_with("digraph \"gpt2\" {"));
  CHECK(dot.find("layers 0 to 11: 12 times") != std::string::npos);
  const auto count = [](const std::string& text, const std::string& part) {
    size_t n = 0;
    for (size_t at = text.find(part); at != std::string::npos;
         at = text.find(part, at + 1)) {
      ++n;
    }
    return n;
  };
  CHECK(count(svg, "class=\"edge\"") == count(dot, " -> "));
  CHECK(count(svg, "class=\"card\"") == Fold(graph).nodes.size());
  CHECK(svg.find("var(") == std::string::npos);
}

}  // namespace
}  // namespace triptych::picture
