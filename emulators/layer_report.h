// One run layer by layer: what each layer cost, how far it was from digital
// arithmetic, and what its machine counted meanwhile (Target::counters).
//
//   LayerMeter meter(graph, target, &weights);
//   target.Compile(graph, &weights, meter.Watching());   runs, ledgers
//   meter.Report(phase, ledger)
//
// Costs are sums over the ledger. Divergence is of the machine's own operators
// alone, each for the inputs that it had in this run: y of the machine, y_ref
// of the same operator in f32 with the weights as they are in the file.
//
//   relative rms     sqrt(sum (y - y_ref)^2 / sum y_ref^2)
//   effective bits   (10 log10(sum y_ref^2 / sum (y - y_ref)^2) - 1.76) / 6.02:
//                    bits of the ideal converter that does as much to a sine
//                    of the outputs' power (IEEE 1241, SINAD to ENOB)
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_LAYER_REPORT_H_
#define TRIPTYCH_EMULATORS_LAYER_REPORT_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "emulators/profile.h"
#include "emulators/target.h"
#include "models/graph.h"
#include "models/graph_weights.h"

namespace triptych {

// Of one node or of several together.
struct LayerRow {
  OpCost op;  // op.op is "" for nodes of several kinds
  double cycles = 0;
  double utilisation = 0;  // matrix flops / (seconds * peak)
  // By action; adds up to op.cost.energy_j.
  std::map<std::string, double> energy_j;
  // Adds up to op.cost.seconds: the machine's own parts ("machine" if it names
  // none), then "host" and "link".
  std::vector<TimePart> time;

  // Sums of squares over the outputs that were compared; 0 if none was.
  double signal = 0, error = 0;
  // Causes, over the same signal: their sum is what error / signal should be.
  std::vector<ErrorTerm> errors;
  std::vector<Reading> others;

  bool compared() const { return signal > 0; }
  double relative_rms() const;
  double effective_bits() const;  // infinite if there is no error
  // Of `errors`: their sum, and the largest, null if all are 0.
  double explained() const;
  const ErrorTerm* dominant() const;
};

struct LayerReport {
  std::vector<LayerRow> nodes;      // in schedule order
  std::vector<LayerRow> operators;  // "attn.q" in all layers, where first run
  std::vector<LayerRow> layers;     // of the model; layer -1: outside of them
  LayerRow total;
};

// Watches the steps of programs of one graph on one target, which it
// outlives. What it asks for costs host time; values and charges are the same.
// Not thread-safe: one program runs at a time.
class LayerMeter {
 public:
  // `weights` may be null: then only timing runs.
  LayerMeter(const Graph& graph, const Target& target, const Weights* weights);

  // Must outlive the program that is compiled with this.
  CompileOptions Watching();

  // `ledger` holds all runs of `phase` that were watched, and no others.
  LayerReport Report(Phase phase, const Ledger& ledger) const;

 private:
  struct Sums {
    std::vector<double> counters;
    double signal = 0, error = 0;
  };
  class WatchedStep;
  // Made when first asked for.
  Sums& SumsOf(Phase phase, NodeId node);

  const Graph& graph_;
  const Target& target_;
  const Weights* weights_;
  std::map<std::pair<Phase, NodeId>, Sums> sums_;
};

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_LAYER_REPORT_H_
