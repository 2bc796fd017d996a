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

// When a part is busy, which one operator at a time is charged for.
class Track {
 public:
  // What the operators before leave of an interval.
  void Trim(double begin, Busy::Interval& interval) {
    if (interval.from == interval.to) return;
    interval.from = std::clamp(free_ - begin, interval.from, interval.to);
    free_ = std::max(free_, begin + interval.to);
  }
  double free() const { return free_; }

 private:
  double free_ = 0;
};

// Operators in the order of the graph.
class Scheduler {
 public:
  // Of an operator whose inputs are there at `ready`.
  Timeline::Slot Next(Cost cost, double ready) {
    const double start = cost.launch + cost.fill;
    double begin = std::max(ready, grid_.Allows(start));
    if (cost.ethernet > 0) {
      begin = std::max(begin, ethernet_.Allows(cost.launch));
    }
    double there = 0;  // its weights, if they are read ahead
    if (cost.ahead > 0) {
      there = stream_.Arrives(cost.ahead);
      cost.total = std::max(cost.total, there - begin);
    } else if (cost.dram > 0) {
      begin = std::max(begin, dram_.Allows(cost.launch));
      dram_.Take(begin + cost.launch, cost.dram);
      stream_.Delay(cost.dram);
    }
    grid_.Take(begin + start, cost.computing());
    ethernet_.Take(begin + cost.launch, cost.ethernet);
    const double end = begin + cost.span();
    if (cost.ahead > 0) stream_.Used(end);
    const Timeline::Slot slot{cost, BusyIn(cost, begin, there), begin, end,
                              before_};
    before_ = std::max(before_, end);
    return slot;
  }
  double before() const { return before_; }

 private:
  Busy BusyIn(const Cost& cost, double begin, double there) {
    Busy busy = BusyOf(cost);
    if (cost.ahead > 0) {  // before the launch, but not before others' reads
      const double from =
          std::max(there - cost.dram, dram_track_.free()) - begin;
      busy.dram = {std::min(from, cost.span()),
                   std::min(from + cost.dram, cost.span())};
    }
    launch_track_.Trim(begin, busy.launch);
    noc_track_.Trim(begin, busy.noc);
    dram_track_.Trim(begin, busy.dram);
    ethernet_track_.Trim(begin, busy.ethernet);
    return busy;
  }

  Part grid_, dram_, ethernet_;
  Stream stream_;
  Track launch_track_, noc_track_, dram_track_, ethernet_track_;
  double before_ = 0;
};

}  // namespace

Timeline::Timeline(const Params& params, const Graph& graph, const Entry& entry,
                   const Binding& binding, const Sharding& sharding)
    : first_(entry.first) {
  std::vector<double> there(graph.values().size());
  Scheduler scheduler;
  for (const Node& node : graph.NodesOf(entry)) {
    double ready = params.persistent() ? 0 : scheduler.before();
    for (const ValueId input : node.inputs) {
      ready = std::max(ready, there[input]);
    }
    const Cost cost = CostOf(params, graph, node, binding, sharding);
    slots_.push_back(scheduler.Next(cost, ready));
    there[node.output] = slots_.back().end;
  }
}

double Timeline::end() const {
  return slots_.empty() ? 0 : slots_.back().before + slots_.back().adds();
}

}  // namespace triptych::mesh
