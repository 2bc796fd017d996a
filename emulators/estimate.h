// What a run would cost, fast enough to ask a million times: the analytic
// tier of sweeps.
//
// The layers of a transformer repeat. A Fold lists the distinct nodes of an
// entry, as one target places them, and how often each occurs; EstimateRun
// lowers and walks each of them once, without values, and multiplies. Nodes
// run one after the other (executor.cc), so the sums are those of the whole
// walk, MakeProfile's for the same request: a test holds that for every
// target and every family of graphs. Where a node's cost depends on the rest
// of its graph (Target::cost_depends_on_neighbours) nothing is folded.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_ESTIMATE_H_
#define TRIPTYCH_EMULATORS_ESTIMATE_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "emulators/params.h"
#include "emulators/placement.h"
#include "emulators/profile.h"
#include "emulators/target.h"
#include "kernels/base/result.h"
#include "models/graph.h"

namespace triptych {

// A preset read once, of which machines are made with some values changed.
// Immutable: threads may share it.
class TargetFamily {
 public:
  // `spec` and `overrides` as in MakeTarget.
  static Result<TargetFamily> Open(std::string_view spec,
                                   std::span<const std::string> overrides = {});

  struct Change {
    std::string_view key;
    Config::Scalar value;
  };
  // Errors are those of MakeTarget: no such key, a value out of its range.
  Result<std::unique_ptr<Target>> Make(std::span<const Change> changes) const;

  std::string_view target() const { return source_.entry->name; }
  std::string_view preset() const { return source_.preset; }

 private:
  explicit TargetFamily(TargetSource source) : source_(std::move(source)) {}

  TargetSource source_;
};

// The distinct nodes of one entry on machines of one family, whose members
// place nodes alike. Keeps a pointer to the graph. Immutable.
class Fold {
 public:
  // Aborts if the graph has no entry for `phase`.
  Fold(const Target& target, const Graph& graph, Phase phase);

  struct Part {
    Placed placed;  // the first of its kind
    Side side;
    int64_t times = 1;  // how often it occurs
  };
  const Graph& graph() const { return *graph_; }
  Phase phase() const { return phase_; }
  std::span<const Part> parts() const { return parts_; }

 private:
  const Graph* graph_;
  Phase phase_;
  std::vector<Part> parts_;
};

struct Estimate {
  Cost total;
  double cycles = 0;       // seconds in the target's clock
  double utilisation = 0;  // matrix flops / (seconds * peak)
  // The unit that is busy longest, or "latency"; as in Profile. Valid as long
  // as the target.
  std::string_view bound;
};

// Errors: those of Target::Compile and Program::Run.
Result<Estimate> EstimateRun(const Target& target, const Fold& fold,
                             const Binding& binding);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_ESTIMATE_H_
