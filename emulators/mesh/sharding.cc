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

// A norm of each head by itself, on a chip that has whole heads.
bool IsOfHeads(const Node& node, int64_t cols) {
  return node.attributes.Int("group", cols) * 2 <= cols;
}

}  // namespace

Sharding::Sharding(const Graph& graph, const Ways& ways)
    : graph_(graph),
      ways_(ways),
      where_(graph.values().size(), Where::kWhole),
      gathered_(graph.values().size()),
      rows_(graph.values().size()),
      exchanged_(graph.values().size()),
      shares_(graph.nodes().size()) {
  PlaceInputs();
  const int64_t layers = LayersOf(graph);
  int64_t stage = 0;
  for (const Node& node : graph.nodes()) {
    Place(node);
    if (node.layer < 0 || layers == 0) continue;
    const int64_t now = node.layer * ways.stages / layers;
    shares_[node.id].stage = now > stage;
    stage = std::max(stage, now);
  }
  for (const Entry& entry : graph.entries()) {
    Sum(entry.output, shares_[entry.last - 1]);
  }
}

Sharding::Where Sharding::stream() const {
  return StreamColumns() > 1 ? Where::kScattered : Where::kWhole;
}

int64_t Sharding::StreamColumns() const {
  return ways_.stream > 0 ? ways_.stream : ways_.tensor;
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
        ways_.sequence > 1 && ((value.kind == ValueKind::kInput &&
                                (rows.tokens || rows.coefficient == longest)) ||
                               value.kind == ValueKind::kCache);
  }
}

void Sharding::Sum(ValueId value, Share& share) {
  if (where_[value] != Where::kPartial) return;
  if (ways_.stream > 0) {
    share.moves.push_back(
        {Collective::kAllReduce, value, Among::kOthers, ways_.stream});
  } else {
    share.moves.push_back({Collective::kReduceScatter, value});
  }
  where_[value] = stream();
}

void Sharding::Gather(ValueId value, Share& share) {
  Sum(value, share);
  if (where_[value] == Where::kWhole || gathered_[value]) return;
  const bool streamed = ways_.stream > 0 && where_[value] == Where::kScattered;
  share.moves.push_back({Collective::kAllGather, value,
                         streamed ? Among::kStream : Among::kTensor});
  gathered_[value] = true;
}

void Sharding::Place(const Node& node) {
  Share& share = shares_[node.id];
  for (const ValueId input : node.inputs) {
    if (graph_.value(input).kind == ValueKind::kCache) continue;
    share.rows = share.rows || rows_[input];
  }
  rows_[node.output] = share.rows;
  if (ways_.tensor == 1 && ways_.sequence == 1) return;
  const std::string_view op = node.op->name;
  if (op == "matmul") {
    return ways_.stream > 0 ? PlaceStreamed(node, share)
                            : PlaceMatmul(node, share);
  }
  if (IsNorm(op)) return PlaceNorm(node, share);
  if (op == "attention" || op == "mla_attention") {
    return PlaceAttention(node, share);
  }
  if (op == "moe_route") {
    for (const ValueId input : node.inputs) Gather(input, share);
    return;
  }
  if (op == "moe_ffn") return PlaceExperts(node, share);
  PlaceVector(node, share);
}

void Sharding::PlaceMatmul(const Node& node, Share& share) {
  const ValueId x = node.inputs[0];
  if (where_[x] == Where::kSplit) {
    share.inner = ways_.tensor;
    where_[node.output] = Where::kPartial;
    return;
  }
  Gather(x, share);
  const int64_t outputs = graph_.value(node.output).shape.cols;
  if (ways_.tensor == 1 || outputs < kTile * ways_.tensor) return;
  share.columns = ways_.tensor;
  where_[node.output] = Where::kSplit;
}

bool Sharding::NeededWhole(const Value& value) const {
  for (const Node& node : graph_.nodes()) {
    if (std::ranges::find(node.inputs, value.id) == node.inputs.end()) continue;
    if (node.op->name == "moe_route") return true;
    if (IsNorm(node.op->name) && !IsOfHeads(node, value.shape.cols)) {
      return true;
    }
  }
  return false;
}

void Sharding::PlaceStreamed(const Node& node, Share& share) {
  const ValueId x = node.inputs[0];
  const bool along_stream = ways_.stream > 1;
  Sum(x, share);
  if (where_[x] == Where::kSplit) {
    if (along_stream) {
      share.moves.push_back(
          {Collective::kAllGather, x, Among::kStream, ways_.others()});
    }
    share.inner = ways_.others();
    share.columns = ways_.stream;
    where_[node.output] = Where::kPartial;
    return;
  }
  const Value& output = graph_.value(node.output);
  const bool whole =
      output.shape.cols < kTile * ways_.others() || NeededWhole(output);
  if (!whole) share.columns = ways_.others();
  where_[node.output] = whole ? Where::kWhole : Where::kSplit;
  if (where_[x] != Where::kScattered) return;
  share.inner = ways_.stream;
  share.moves.push_back(
      {.kind = whole ? Collective::kAllReduce : Collective::kReduceScatter,
       .value = node.output,
       .among = Among::kStream,
       .parts = share.columns,
       .joined = exchanged_[x]});
  exchanged_[x] = true;
}

// Sums over whole rows have to meet; norms of single heads stay on a chip.
void Sharding::PlaceNorm(const Node& node, Share& share) {
  const ValueId x = node.inputs[0];
  Sum(x, share);
  where_[node.output] = where_[x];
  if (where_[x] == Where::kWhole) return;
  const bool streamed = ways_.stream > 0 && where_[x] == Where::kScattered;
  share.columns = streamed ? ways_.stream : ways_.tensor;
  if (where_[x] == Where::kSplit &&
      IsOfHeads(node, graph_.value(x).shape.cols)) {
    return;
  }
  share.moves.push_back({.kind = Collective::kAllGather,
                         .value = x,
                         .among = streamed ? Among::kStream : Among::kTensor,
                         .statistics = true});
  where_[node.output] = Where::kScattered;
}

void Sharding::PlaceAttention(const Node& node, Share& share) {
  share.columns = ways_.tensor;
  where_[node.output] = ways_.tensor > 1 ? Where::kSplit : Where::kWhole;
  if (ways_.sequence == 1) return;
  for (const size_t slot : {size_t{1}, size_t{2}}) {
    const ValueId keys = node.inputs[slot];
    if (!rows_[keys] || graph_.value(keys).kind == ValueKind::kWeight) continue;
    share.moves.push_back({.kind = Collective::kAllGather,
                           .value = keys,
                           .among = Among::kSequence,
                           .parts = ways_.tensor,
                           .hidden = true});
  }
}

// All tensor chips divide the inner columns of every expert.
void Sharding::PlaceExperts(const Node& node, Share& share) {
  Gather(node.inputs[0], share);
  share.columns = ways_.tensor;
  if (ways_.tensor == 1) return;
  where_[node.output] = Where::kPartial;
  if (ways_.stream > 1) {
    share.moves.push_back(
        {Collective::kReduceScatter, node.output, Among::kStream});
  }
}

void Sharding::PlaceVector(const Node& node, Share& share) {
  const ValueId first = node.inputs[0];
  const std::string_view op = node.op->name;
  Where& out = where_[node.output];
  if (op == "embed") {  // each chip looks its own columns up
    out = stream();
  } else if (op == "kv_append" && where_[first] == Where::kScattered) {
    // A latent row that all heads share; a cache of heads lies as they do.
    Gather(first, share);
  } else if (op == "add" &&
             std::ranges::all_of(node.inputs, [&](ValueId input) {
               return where_[input] == Where::kPartial;
             })) {
    out = Where::kPartial;  // a sum of parts is a part of the sum
    return;
  } else {
    for (const ValueId input : node.inputs) {
      Sum(input, share);
      out = std::max(out, where_[input]);
    }
  }
  if (out == Where::kScattered) share.columns = StreamColumns();
  if (out == Where::kSplit) share.columns = ways_.tensor;
}

}  // namespace triptych::mesh
