// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/sharding.h"

#include <algorithm>

#include "emulators/mesh/tile.h"
#include "models/ops/op.h"

namespace triptych::mesh {
namespace {

int LayersOf(const Graph& graph) {
  int layers = 0;
  for (const Node& node : graph.nodes()) {
    layers = std::max(layers, node.layer + 1);
  }
  return layers;
}

bool IsNorm(std::string_view op) {
  return op == "rmsnorm" || op == "layernorm";
}

}  // namespace

Sharding::Sharding(const Graph& graph, int64_t tensor, int64_t sequence,
                   int64_t stages)
    : graph_(graph),
      tensor_(tensor),
      sequence_(sequence),
      where_(graph.values().size(), Where::kWhole),
      gathered_(graph.values().size()),
      rows_(graph.values().size()),
      shares_(graph.nodes().size()) {
  PlaceInputs();
  const int64_t layers = LayersOf(graph);
  int64_t stage = 0;
  for (const Node& node : graph.nodes()) {
    Place(node);
    if (node.layer < 0 || layers == 0) continue;
    const int64_t now = node.layer * stages / layers;
    shares_[node.id].stage = now > stage;
    stage = std::max(stage, now);
  }
}

// Of inputs with rows of their own, the longest: tokens, patches. Texts that
// steer a video model are short beside it, and are not divided.
void Sharding::PlaceInputs() {
  int64_t longest = 2;
  for (const Value& value : graph_.values()) {
    if (value.kind != ValueKind::kInput) continue;
    longest = std::max(longest, value.shape.rows.coefficient);
  }
  for (const Value& value : graph_.values()) {
    const Dim& rows = value.shape.rows;
    rows_[value.id] =
        sequence_ > 1 && ((value.kind == ValueKind::kInput &&
                           (rows.tokens || rows.coefficient == longest)) ||
                          value.kind == ValueKind::kCache);
  }
}

void Sharding::Gather(ValueId value, Share& share) {
  if (where_[value] == Where::kWhole || gathered_[value]) return;
  share.moves.push_back({Collective::kAllGather, value});
  gathered_[value] = true;
}

void Sharding::Place(const Node& node) {
  Share& share = shares_[node.id];
  const ValueId first = node.inputs[0];
  for (const ValueId input : node.inputs) {
    if (graph_.value(input).kind == ValueKind::kCache) continue;
    share.rows = share.rows || rows_[input];
  }
  rows_[node.output] = share.rows;
  if (tensor_ == 1 && sequence_ == 1) return;
  const std::string_view op = node.op->name;
  if (op == "matmul") return PlaceMatmul(node, share);
  if (IsNorm(op)) return PlaceNorm(node, share);
  if (op == "attention" || op == "mla_attention") {
    return PlaceAttention(node, share);
  }
  if (op == "moe_route") {
    for (const ValueId input : node.inputs) Gather(input, share);
    return;
  }
  if (op == "moe_ffn") {
    Gather(first, share);
    share.columns = tensor_;
    share.moves.push_back({Collective::kReduceScatter, node.output});
    where_[node.output] = tensor_ > 1 ? Where::kScattered : Where::kWhole;
    return;
  }
  if (op == "embed") {  // each chip looks its own columns up
    where_[node.output] = tensor_ > 1 ? Where::kScattered : Where::kWhole;
  } else if (op == "kv_append" && where_[first] == Where::kScattered) {
    // A latent row that all heads share; a cache of heads lies as they do.
    Gather(first, share);
  } else {
    for (const ValueId input : node.inputs) {
      where_[node.output] = std::max(where_[node.output], where_[input]);
    }
  }
  if (where_[node.output] != Where::kWhole) share.columns = tensor_;
}

void Sharding::PlaceMatmul(const Node& node, Share& share) {
  const ValueId x = node.inputs[0];
  if (where_[x] == Where::kSplit) {
    share.inner = tensor_;
    share.moves.push_back({Collective::kReduceScatter, node.output});
    where_[node.output] = Where::kScattered;
    return;
  }
  Gather(x, share);
  if (tensor_ == 1 || graph_.value(node.output).shape.cols < kTile * tensor_) {
    return;
  }
  share.columns = tensor_;
  where_[node.output] = Where::kSplit;
}

// Sums over whole rows have to meet; norms of single heads stay on a chip.
void Sharding::PlaceNorm(const Node& node, Share& share) {
  const ValueId x = node.inputs[0];
  where_[node.output] = where_[x];
  if (where_[x] == Where::kWhole) return;
  share.columns = tensor_;
  const int64_t cols = graph_.value(x).shape.cols;
  if (node.attributes.Int("group", cols) * 2 <= cols &&
      where_[x] == Where::kSplit) {
    return;
  }
  share.moves.push_back(
      {.kind = Collective::kAllGather, .value = x, .statistics = true});
  where_[node.output] = Where::kScattered;
}

void Sharding::PlaceAttention(const Node& node, Share& share) {
  share.columns = tensor_;
  where_[node.output] = tensor_ > 1 ? Where::kSplit : Where::kWhole;
  if (sequence_ == 1) return;
  for (const size_t slot : {size_t{1}, size_t{2}}) {
    const ValueId keys = node.inputs[slot];
    if (!rows_[keys] || graph_.value(keys).kind == ValueKind::kWeight) continue;
    share.moves.push_back({.kind = Collective::kAllGather,
                           .value = keys,
                           .over_sequence = true,
                           .hidden = true});
  }
}

}  // namespace triptych::mesh
