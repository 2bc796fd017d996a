// SPDX-License-Identifier: Apache-2.0
#include "tools/graph/fold.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "models/ops/op.h"

namespace triptych::picture {
namespace {

// A run of nodes of one layer, as they stand in the graph.
struct Run {
  NodeId first = 0, last = 0;
  int layer = -1;
  std::string prefix;  // "encoder.layers.3."; "" outside layers
};

// "layers.3.attn.q" in layer 3 -> "layers.3.".
std::string PrefixOf(const Node& node) {
  if (node.layer < 0) return "";
  const std::string number = fmt::format(".{}.", node.layer);
  const size_t at = node.name.find(number);
  return at == std::string::npos ? "" : node.name.substr(0, at + number.size());
}

std::vector<Run> RunsOf(const Graph& graph) {
  std::vector<Run> runs;
  for (const Node& node : graph.nodes()) {
    const std::string prefix = PrefixOf(node);
    if (runs.empty() || runs.back().layer != node.layer ||
        runs.back().prefix != prefix) {
      runs.push_back({node.id, node.id, node.layer, prefix});
    }
    runs.back().last = node.id + 1;
  }
  return runs;
}

std::string Without(const std::string& name, const std::string& prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

// Everything that makes a layer what it is, as one text. Values from outside
// are told apart, not named.
std::string SignatureOf(const Graph& graph, const Run& run) {
  std::string text;
  std::map<ValueId, std::string> known;
  for (NodeId id = run.first; id < run.last; ++id) {
    const Node& node = graph.node(id);
    text +=
        fmt::format("{} {} [", node.op->name, Without(node.name, run.prefix));
    for (const auto& [key, value] : node.attributes.entries()) {
      text += fmt::format("{}={} ", key, value);
    }
    text += "] ";
    for (const ValueId input : node.inputs) {
      const Value& value = graph.value(input);
      const bool own = value.kind != ValueKind::kActivation;
      const auto [entry, added] =
          known.try_emplace(input, fmt::format("outer{}", known.size()));
      text += fmt::format("{}:{} ",
                          own ? Without(value.name, run.prefix) : entry->second,
                          ShapeText(value.shape));
    }
    known[node.output] = Without(node.name, run.prefix);
    text += fmt::format("-> {}\n", ShapeText(graph.value(node.output).shape));
  }
  return text;
}

std::string CaptionOf(const Run& first, int last, int64_t times) {
  if (first.layer < 0) return "";
  const std::string stack = first.prefix.substr(
      0, first.prefix.find(fmt::format(".{}.", first.layer)));
  if (times == 1) return fmt::format("{} {}", stack, first.layer);
  return fmt::format("{} {} to {}: {} times", stack, first.layer, last, times);
}

// Weights and caches of a node, which are not drawn as nodes.
std::vector<std::string> DetailsOf(const Graph& graph, const Node& node) {
  std::vector<std::string> lines;
  std::string biases;
  for (const ValueId input : node.inputs) {
    const Value& value = graph.value(input);
    const bool cache = value.kind == ValueKind::kCache;
    if (value.kind != ValueKind::kWeight && !cache) continue;
    if (value.name.ends_with(".bias")) {
      biases = " + bias";
      continue;
    }
    // The cache that an operator writes is its own; one that it reads was
    // drawn where it is written.
    if (cache && input != node.output) continue;
    lines.push_back(fmt::format("{} {}", cache ? "cache" : "weight",
                                ShapeText(value.shape)));
  }
  if (!lines.empty()) lines.back() += biases;
  return lines;
}

class Folder {
 public:
  explicit Folder(const Graph& graph) : graph_(graph) {}

  FoldedGraph Run() {
    const std::vector<picture::Run> runs = RunsOf(graph_);
    std::vector<std::string> signatures;
    for (const auto& run : runs) {
      signatures.push_back(SignatureOf(graph_, run));
    }
    for (size_t r = 0; r < runs.size();) {
      size_t end = r + 1;
      while (end < runs.size() && runs[r].layer >= 0 &&
             signatures[end] == signatures[r]) {
        ++end;
      }
      AddBlock(runs[r], runs[end - 1].layer, static_cast<int64_t>(end - r));
      // The copies' results are those of the one that is drawn.
      for (size_t copy = r + 1; copy < end; ++copy) Alias(runs[r], runs[copy]);
      r = end;
    }
    return std::move(out_);
  }

 private:
  void AddBlock(const picture::Run& run, int last, int64_t times) {
    const size_t block = out_.blocks.size();
    const size_t first = out_.nodes.size();
    for (NodeId id = run.first; id < run.last; ++id) {
      const Node& node = graph_.node(id);
      FoldedNode folded;
      folded.op = node.op->name;
      folded.name = Without(node.name, run.prefix);
      folded.def = node.op;
      folded.details = DetailsOf(graph_, node);
      folded.shape = ShapeText(graph_.value(node.output).shape);
      folded.block = block;
      for (const ValueId input : node.inputs) {
        const std::optional<size_t> from = NodeOf(input, block);
        if (from && std::find(folded.inputs.begin(), folded.inputs.end(),
                              *from) == folded.inputs.end()) {
          folded.inputs.push_back(*from);
        }
      }
      made_by_[node.output] = out_.nodes.size();
      out_.nodes.push_back(std::move(folded));
    }
    out_.blocks.push_back(
        {CaptionOf(run, last, times), times, first, out_.nodes.size()});
  }

  // The node that makes `value`; an input of the graph becomes one.
  std::optional<size_t> NodeOf(ValueId value, size_t block) {
    const auto made = made_by_.find(value);
    if (made != made_by_.end()) return made->second;
    const Value& v = graph_.value(value);
    if (v.kind != ValueKind::kInput) return {};
    made_by_[value] = out_.nodes.size();
    out_.nodes.push_back(
        {"", v.name, nullptr, {}, ShapeText(v.shape), block, {}});
    return made_by_[value];
  }

  void Alias(const picture::Run& drawn, const picture::Run& copy) {
    for (NodeId i = 0; i < copy.last - copy.first; ++i) {
      made_by_[graph_.node(copy.first + i).output] =
          made_by_[graph_.node(drawn.first + i).output];
    }
  }

  const Graph& graph_;
  FoldedGraph out_;
  std::map<ValueId, size_t> made_by_;
};

}  // namespace

std::string ShapeText(const Shape& shape) {
  const Dim& rows = shape.rows;
  std::string text;
  const auto add = [&](const std::string& part) {
    text += (text.empty() ? "" : " ") + part;
  };
  const bool symbols = rows.batch || rows.tokens || rows.total;
  if (rows.coefficient != 1 || !symbols) add(std::to_string(rows.coefficient));
  if (rows.batch) add("B");
  if (rows.tokens) add("T");
  if (rows.total) add("S");
  return fmt::format("{} \u00d7 {}", text, shape.cols);
}

FoldedGraph Fold(const Graph& graph) { return Folder(graph).Run(); }

}  // namespace triptych::picture
