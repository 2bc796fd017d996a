// SPDX-License-Identifier: Apache-2.0
#include "emulators/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "kernels/base/check.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

void Append(std::string& kind, int64_t number) {
  kind += std::to_string(number) + ' ';
}

void AppendValue(std::string& kind, const Value& value) {
  const Dim& rows = value.shape.rows;
  Append(kind, static_cast<int64_t>(value.kind));
  Append(kind, rows.coefficient);
  Append(kind, rows.batch + 2 * rows.tokens + 4 * rows.total);
  Append(kind, value.shape.cols);
}

// All that a step may look at: the operator, its sizes, what moves, and what
// engines join a node with: the node before it in the graph, and those that
// read what it gives. Nodes with the same text cost the same.
std::string KindOf(const Graph& graph, const Placed& placed) {
  const Node& node = *placed.node;
  std::string kind = std::string(node.op->name) + ' ';
  for (const auto& [name, value] : node.attributes.entries()) {
    kind += fmt::format("{}={} ", name, value);
  }
  for (const ValueId input : node.inputs) {
    AppendValue(kind, graph.value(input));
  }
  AppendValue(kind, graph.value(node.output));
  kind += "moves ";
  for (const ValueId value : placed.moves_before) {
    AppendValue(kind, graph.value(value));
  }
  Append(kind, placed.cache_read_moves + 2 * placed.cache_write_moves +
                   4 * placed.output_moves);
  if (node.id > 0) {
    const Node& before = graph.node(node.id - 1);
    kind += before.op->name;
    kind += before.inputs[0] == node.inputs[0] ? " same" : " other";
  }
  for (const Node& user : graph.nodes()) {
    if (std::ranges::find(user.inputs, node.output) == user.inputs.end()) {
      continue;
    }
    kind += fmt::format(" {} ", user.op->name);
    AppendValue(kind, graph.value(user.output));
  }
  return kind;
}

// What all parts of a fold add up to.
class Sums {
 public:
  explicit Sums(const Target& target)
      : target_(target),
        counts_(target.actions().size()),
        busy_(target.units().size()) {}

  void Add(const Ledger& ledger, int64_t times) {
    for (size_t a = 0; a < ledger.counts().size(); ++a) {
      counts_[a] += ledger.counts()[a] * static_cast<uint64_t>(times);
    }
    for (size_t u = 0; u < ledger.busy().size(); ++u) {
      busy_[u] += times * ledger.busy()[u].value;
    }
  }

  Estimate Finish() const {
    Estimate estimate;
    const auto actions = target_.actions();
    for (size_t a = 0; a < counts_.size(); ++a) {
      if (counts_[a] > 0) estimate.total += CostOf(actions[a], counts_[a]);
    }
    const Picos makespan(busy_[static_cast<size_t>(kSchedule)]);
    const double seconds = Seconds(makespan);
    estimate.total.seconds = seconds;
    estimate.cycles = seconds * target_.clock().value;
    const double peak = target_.roofline().matrix.value;
    if (seconds > 0 && peak > 0) {
      estimate.utilisation =
          static_cast<double>(estimate.total.matrix_flops) / (seconds * peak);
    }
    estimate.bound = BusiestUnit(makespan);
    return estimate;
  }

 private:
  std::string_view BusiestUnit(Picos makespan) const {
    size_t busiest = static_cast<size_t>(kHostCores);
    for (size_t u = busiest; u < busy_.size(); ++u) {
      if (busy_[u] > busy_[busiest]) busiest = u;
    }
    // Less than half of it; doubled, days of picoseconds would overflow.
    if (busy_[busiest] < makespan.value - busy_[busiest]) return "latency";
    return target_.units()[busiest].name;
  }

  const Target& target_;
  std::vector<uint64_t> counts_;
  std::vector<int64_t> busy_;  // picoseconds
};

}  // namespace

Result<TargetFamily> TargetFamily::Open(
    std::string_view spec, std::span<const std::string> overrides) {
  TRIPTYCH_ASSIGN(TargetSource source, ReadTarget(spec, overrides));
  return TargetFamily(std::move(source));
}

Result<std::unique_ptr<Target>> TargetFamily::Make(
    std::span<const Change> changes) const {
  Config config = source_.config;
  for (const Change& change : changes) config.Set(change.key, change.value);
  return source_.entry->make(source_.preset, config);
}

Fold::Fold(const Target& target, const Graph& graph, Phase phase)
    : graph_(&graph), phase_(phase) {
  const Entry* entry = graph.FindEntry(phase);
  TRIPTYCH_CHECK(entry != nullptr, graph.name(), "has no phase",
                 PhaseName(phase));
  const std::vector<Side> sides = SidesOf(target, graph);
  std::map<std::string, size_t> known;
  for (Placed& placed : PlaceEntry(graph, *entry, sides)) {
    std::string kind = KindOf(graph, placed);
    if (target.cost_depends_on_neighbours()) Append(kind, placed.node->id);
    const auto [at, is_new] = known.try_emplace(std::move(kind), parts_.size());
    if (is_new) {
      const Side side = sides[placed.node->id];
      parts_.push_back({std::move(placed), side, 1});
    } else {
      parts_[at->second].times += 1;
    }
  }
}

Result<Estimate> EstimateRun(const Target& target, const Fold& fold,
                             const Binding& binding) {
  const Graph& graph = fold.graph();
  const RunRequest request{.phase = fold.phase(), .binding = binding};
  TRIPTYCH_TRY(CheckBinding(graph, request));
  Sums sums(target);
  Ledger ledger(Ledger::Mode::kTotals);
  for (const Fold::Part& part : fold.parts()) {
    const Node& node = *part.placed.node;
    TRIPTYCH_CHECK(part.side == SideOf(target, graph, node),
                   "a fold of other machines: node", node.name);
    TRIPTYCH_ASSIGN(const auto step, LowerNode(target, graph, node, nullptr));
    ledger.Clear();
    WalkNode(target, graph, part.placed, *step, request, nullptr, Picos(0),
             ledger);
    sums.Add(ledger, part.times);
  }
  return sums.Finish();
}

}  // namespace triptych
