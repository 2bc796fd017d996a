// SPDX-License-Identifier: Apache-2.0
#include "emulators/profile.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "models/ops/op.h"

namespace triptych {
namespace {

OpCost EmptyRow(const Node& node) {
  OpCost row;
  row.name = node.name;
  row.op = node.op->name;
  row.layer = node.layer;
  return row;
}

std::vector<OpCost> KindsOf(const std::vector<OpCost>& nodes) {
  std::map<std::string, OpCost> kinds;
  for (const OpCost& node : nodes) {
    OpCost& kind = kinds[node.op];
    if (kind.op.empty()) {
      kind.name = kind.op = node.op;
      kind.nodes = 0;
    }
    kind.nodes += 1;
    kind.time_share += node.time_share;
    kind.cost += node.cost;
  }
  std::vector<OpCost> rows;
  for (auto& [op, row] : kinds) rows.push_back(std::move(row));
  std::ranges::sort(rows, {}, [](const OpCost& row) {
    return std::pair(-row.cost.seconds, std::string_view(row.op));
  });
  return rows;
}

RooflinePoint PlaceUnderRoof(const Cost& total, const Roofline& roof) {
  RooflinePoint point;
  if (total.seconds <= 0) return point;
  const auto flops = static_cast<double>(total.matrix_flops);
  const auto bytes = static_cast<double>(total.off_chip_bytes);
  point.flops_per_second = flops / total.seconds;
  point.roof_flops_per_second = roof.matrix.value;
  if (bytes > 0) {
    point.flops_per_byte = flops / bytes;
    point.roof_flops_per_second =
        std::min(roof.matrix.value, point.flops_per_byte * roof.off_chip.value);
  }
  if (point.roof_flops_per_second > 0) {
    point.roof_fraction = point.flops_per_second / point.roof_flops_per_second;
  }
  return point;
}

std::string BusiestUnit(const std::map<std::string, double>& busy) {
  const auto longest = std::ranges::max_element(
      busy, {}, [](const auto& unit) { return unit.second; });
  // Below half, most of the time no unit of the machine was what took it.
  if (longest == busy.end() || longest->second < 0.5) return "latency";
  return longest->first;
}

}  // namespace

Cost CostOf(const Action& action, uint64_t count) {
  Cost cost;
  cost.energy_j = action.energy.value * static_cast<double>(count);
  if (action.basis == Basis::kAssumed) cost.assumed_energy_j = cost.energy_j;
  const uint64_t flops = action.flops * count;
  const uint64_t bytes = action.bytes.value * count;
  switch (action.kind) {
    case ActionClass::kMatrix:
      cost.matrix_flops = flops;
      cost.flops = flops;
      break;
    case ActionClass::kVector:
      cost.flops = flops;
      break;
    case ActionClass::kPadding:
      cost.padding_flops = flops;
      break;
    case ActionClass::kMove:
      cost.internal_bytes = bytes;
      break;
    case ActionClass::kOffChip:
      cost.off_chip_bytes = bytes;
      break;
    case ActionClass::kOther:
      break;
  }
  return cost;
}

Cost& Cost::operator+=(const Cost& o) {
  seconds += o.seconds;
  energy_j += o.energy_j;
  assumed_energy_j += o.assumed_energy_j;
  flops += o.flops;
  matrix_flops += o.matrix_flops;
  padding_flops += o.padding_flops;
  off_chip_bytes += o.off_chip_bytes;
  internal_bytes += o.internal_bytes;
  return *this;
}

Profile MakeProfile(const Graph& graph, const Target& target,
                    const Ledger& ledger) {
  Profile profile;
  const double makespan = Seconds(ledger.makespan());
  std::optional<NodeId> last;
  // Rows come sorted by node, and the schedule runs nodes in that order.
  for (const auto& [key, row] : ledger.rows()) {
    const auto& [node_id, unit, action_id] = key;
    const Node& node = graph.node(node_id);
    const Action& action = target.actions()[static_cast<size_t>(action_id)];
    Cost cost = CostOf(action, row.count);
    if (unit == kSchedule) {
      cost.seconds = Seconds(row.busy);
    } else {
      profile.busy[target.units()[static_cast<size_t>(unit)].name] +=
          makespan > 0 ? Seconds(row.busy) / makespan : 0;
      profile.counts[action.name] += row.count;
      profile.energy_j[action.name] += cost.energy_j;
    }
    if (action.bytes.value > 0) {
      profile.bytes[action.name] += action.bytes.value * row.count;
    }
    if (last != node_id) profile.nodes.push_back(EmptyRow(node));
    last = node_id;
    profile.nodes.back().cost += cost;
  }
  for (OpCost& node : profile.nodes) {
    node.time_share = makespan > 0 ? node.cost.seconds / makespan : 0;
    profile.total += node.cost;
  }
  const Roofline roof = target.roofline();
  profile.cycles = profile.total.seconds * target.clock().value;
  profile.roofline = PlaceUnderRoof(profile.total, roof);
  if (roof.matrix.value > 0) {
    profile.utilisation = profile.roofline.flops_per_second / roof.matrix.value;
  }
  profile.bound = BusiestUnit(profile.busy);
  profile.kinds = KindsOf(profile.nodes);
  return profile;
}

}  // namespace triptych
