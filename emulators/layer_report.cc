// SPDX-License-Identifier: Apache-2.0
#include "emulators/layer_report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "emulators/op_error.h"
#include "kernels/base/aligned.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

// One node's part of a ledger.
struct NodeCharges {
  Picos schedule, link;
  std::map<ActionId, uint64_t> counts;
};

std::map<NodeId, NodeCharges> ByNode(const Ledger& ledger) {
  std::map<NodeId, NodeCharges> nodes;
  for (const auto& [key, row] : ledger.rows()) {
    const auto& [node, unit, action] = key;
    NodeCharges& of = nodes[node];
    if (unit == kSchedule) {
      of.schedule = of.schedule + row.busy;
      continue;
    }
    if (unit == kLink) of.link = of.link + row.busy;
    of.counts[action] += row.count;
  }
  return nodes;
}

// What rows are summed from.
struct Summed {
  OpCost op;
  Picos machine, host, link;
  std::map<ActionId, uint64_t> counts;
  std::vector<double> counters;
  double signal = 0, error = 0;

  void Add(const Summed& o) {
    op.nodes += o.op.nodes;
    machine = machine + o.machine;
    host = host + o.host;
    link = link + o.link;
    for (const auto& [action, count] : o.counts) counts[action] += count;
    counters.resize(std::max(counters.size(), o.counters.size()));
    for (size_t i = 0; i < o.counters.size(); ++i) {
      counters[i] += o.counters[i];
    }
    signal += o.signal;
    error += o.error;
  }
};

LayerRow RowOf(const Target& target, const Summed& sums, double run_s) {
  LayerRow row;
  row.op = sums.op;
  Cost& cost = row.op.cost;
  for (const auto& [id, count] : sums.counts) {
    const Action& action = target.actions()[static_cast<size_t>(id)];
    const Cost of_action = CostOf(action, count);
    cost += of_action;
    row.energy_j[action.name] += of_action.energy_j;
  }
  cost.seconds = Seconds(sums.machine + sums.host + sums.link);
  row.op.time_share = run_s > 0 ? cost.seconds / run_s : 0;
  row.cycles = cost.seconds * target.clock().value;
  const double most = target.roofline().matrix.value * cost.seconds;
  if (most > 0) row.utilisation = static_cast<double>(cost.matrix_flops) / most;

  Readings readings = target.ReadingsOf(sums.counters);
  row.time = std::move(readings.time);
  if (row.time.empty()) row.time = {{"machine", Seconds(sums.machine)}};
  row.time.push_back({"host", Seconds(sums.host)});
  row.time.push_back({"link", Seconds(sums.link)});
  row.signal = sums.signal;
  row.error = sums.error;
  if (row.compared()) {
    row.errors = std::move(readings.errors);
    for (ErrorTerm& term : row.errors) term.variance /= row.signal;
  }
  row.others = std::move(readings.others);
  return row;
}

// Rows with the same key together, in the order in which they come.
template <class KeyOf>
std::vector<Summed> Together(const std::vector<Summed>& nodes,
                             const KeyOf& key_of) {
  std::vector<Summed> groups;
  for (const Summed& node : nodes) {
    Summed key;
    key.op = key_of(node.op);
    key.op.nodes = 0;
    const auto same = [&](const Summed& g) {
      return g.op.name == key.op.name && g.op.op == key.op.op &&
             g.op.layer == key.op.layer;
    };
    auto group = std::ranges::find_if(groups, same);
    if (group == groups.end()) group = groups.insert(group, std::move(key));
    group->Add(node);
  }
  return groups;
}

OpCost OperatorOf(const OpCost& node) {
  OpCost row;
  row.name = NameInLayer(node.name, node.layer);
  row.op = node.op;
  return row;
}

OpCost LayerOf(const OpCost& node) {
  OpCost row;
  row.layer = node.layer;
  row.name = node.layer < 0 ? "outside of layers"
                            : "layer " + std::to_string(node.layer);
  return row;
}

}  // namespace

double LayerRow::relative_rms() const { return std::sqrt(error / signal); }

double LayerRow::effective_bits() const {
  if (error <= 0) return std::numeric_limits<double>::infinity();
  return (10 * std::log10(signal / error) - 1.76) / 6.02;
}

double LayerRow::explained() const {
  double sum = 0;
  for (const ErrorTerm& term : errors) sum += term.variance;
  return sum;
}

const ErrorTerm* LayerRow::dominant() const {
  const auto largest =
      std::ranges::max_element(errors, {}, &ErrorTerm::variance);
  if (largest == errors.end() || largest->variance <= 0) return nullptr;
  return &*largest;
}

// Gives a step its node's counters, and compares what it gives with f32.
class LayerMeter::WatchedStep : public Step {
 public:
  WatchedStep(std::unique_ptr<Step> step, std::vector<WeightRows> weights,
              bool compare, LayerMeter& meter)
      : step_(std::move(step)),
        weights_(std::move(weights)),
        compare_(compare),
        meter_(meter) {}

  Picos Run(const StepContext& ctx) const override {
    Sums& sums = meter_.SumsOf(ctx.phase, ctx.node.id);
    StepContext counted = ctx;
    counted.counters = sums.counters;
    const Picos end = step_->Run(counted);
    if (compare_ && ctx.values) Compare(ctx, sums);
    return end;
  }

 private:
  void Compare(const StepContext& ctx, Sums& sums) const {
    AlignedVector<float> room(ctx.output.size());
    const MatView<float> exact(room.data(), ctx.output.rows(),
                               ctx.output.cols());
    ctx.node.op->host({ctx.graph, ctx.node, ctx.binding, ctx.inputs, weights_,
                       exact, ctx.capacity, ctx.threads});
    for (size_t i = 0; i < exact.rows(); ++i) {
      for (size_t j = 0; j < exact.cols(); ++j) {
        const double y = exact(i, j), off = double{ctx.output(i, j)} - y;
        sums.signal += y * y;
        sums.error += off * off;
      }
    }
  }

  std::unique_ptr<Step> step_;
  std::vector<WeightRows> weights_;  // by input slot
  bool compare_;
  LayerMeter& meter_;
};

LayerMeter::LayerMeter(const Graph& graph, const Target& target,
                       const Weights* weights)
    : graph_(graph), target_(target), weights_(weights) {}

LayerMeter::Sums& LayerMeter::SumsOf(Phase phase, NodeId node) {
  Sums& sums = sums_[{phase, node}];
  sums.counters.resize(target_.counters().size());
  return sums;
}

CompileOptions LayerMeter::Watching() {
  CompileOptions options;
  options.wrap = [this](const Node& node, std::unique_ptr<Step> step) {
    const bool native = target_.Supports(graph_, node) == Support::kNative;
    // A step that writes rows into a cache leaves no output of its own.
    const bool cache = graph_.value(node.output).kind == ValueKind::kCache;
    const bool compare = native && !cache && weights_ != nullptr;
    return std::make_unique<WatchedStep>(
        std::move(step),
        compare ? weights_->InputsOf(graph_, node) : std::vector<WeightRows>(),
        compare, *this);
  };
  return options;
}

LayerReport LayerMeter::Report(Phase phase, const Ledger& ledger) const {
  std::vector<Summed> nodes;
  for (auto& [id, charges] : ByNode(ledger)) {
    const Node& node = graph_.node(id);
    const Picos worked = charges.schedule - charges.link;
    const bool native = target_.Supports(graph_, node) == Support::kNative;
    Summed& row = nodes.emplace_back();
    row.op.name = node.name;
    row.op.op = node.op->name;
    row.op.layer = node.layer;
    (native ? row.machine : row.host) = worked;
    row.link = charges.link;
    row.counts = std::move(charges.counts);
    const Sums& sums = sums_.at({phase, id});
    row.counters = sums.counters;
    row.signal = sums.signal;
    row.error = sums.error;
  }
  const double run_s = Seconds(ledger.makespan());
  const auto rows = [&](const std::vector<Summed>& sums) {
    std::vector<LayerRow> made;
    for (const Summed& of : sums) made.push_back(RowOf(target_, of, run_s));
    return made;
  };
  Summed total;
  total.op.name = "total";
  total.op.nodes = 0;
  total.counters.resize(target_.counters().size());
  for (const Summed& node : nodes) total.Add(node);
  return {.nodes = rows(nodes),
          .operators = rows(Together(nodes, OperatorOf)),
          .layers = rows(Together(nodes, LayerOf)),
          .total = RowOf(target_, total, run_s)};
}

}  // namespace triptych
