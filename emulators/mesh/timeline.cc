// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/timeline.h"

#include <algorithm>

#include "emulators/mesh/lower.h"

namespace triptych::mesh {
namespace {

// A part that serves one operator after another.
class Part {
 public:
  // When an operator may begin that needs it `after` cycles later.
  double Allows(double after) const { return free_ - after; }
  void Take(double from, double busy) { free_ = std::max(free_, from + busy); }

 private:
  double free_ = 0;
};

// Weights on their way to L1 ahead of their products, which has room for those
// of two.
class Stream {
 public:
  // When all of the next product's are there.
  double Arrives(double cycles) {
    there_ = std::max(there_, free_) + cycles;
    return there_;
  }
  void Used(double end) {
    free_ = used_;
    used_ = end;
  }
  // DRAM serves something else.
  void Delay(double cycles) { there_ += cycles; }

 private:
  double there_ = 0;
  double free_ = 0, used_ = 0;  // ends of the last product but one, the last
};

}  // namespace

Timeline::Timeline(const Params& params, const Graph& graph, const Entry& entry,
                   const Binding& binding, const Sharding& sharding)
    : first_(entry.first) {
  std::vector<double> ready(graph.values().size());
  Part grid, dram, ethernet;
  Stream stream;
  double before = 0;
  for (const Node& node : graph.NodesOf(entry)) {
    Cost cost = CostOf(params, graph, node, binding, sharding);
    const double start = cost.launch + cost.fill;
    double begin = params.persistent() ? 0 : before;
    for (const ValueId input : node.inputs) {
      begin = std::max(begin, ready[input]);
    }
    begin = std::max(begin, grid.Allows(start));
    if (cost.ethernet > 0) {
      begin = std::max(begin, ethernet.Allows(cost.launch));
    }
    if (cost.ahead > 0) {
      const double there = stream.Arrives(cost.ahead);
      cost.early = std::max(0.0, begin + cost.launch + cost.dram - there);
      cost.total = std::max(cost.total, there - begin);
    } else if (cost.dram > 0) {
      begin = std::max(begin, dram.Allows(cost.launch));
      dram.Take(begin + cost.launch, cost.dram);
      stream.Delay(cost.dram);
    }
    grid.Take(begin + start, cost.computing());
    ethernet.Take(begin + cost.launch, cost.ethernet);
    const double end = begin + cost.span();
    if (cost.ahead > 0) stream.Used(end);
    slots_.push_back({cost, begin, end, before});
    before = std::max(before, end);
    ready[node.output] = end;
  }
}

double Timeline::end() const {
  return slots_.empty() ? 0 : std::max(slots_.back().before, slots_.back().end);
}

}  // namespace triptych::mesh
