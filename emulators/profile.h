// What a ledger adds up to. Every number in a report comes from here.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_PROFILE_H_
#define TRIPTYCH_EMULATORS_PROFILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "emulators/ledger.h"
#include "emulators/target.h"

namespace triptych {

// Costs of a node, of all nodes of a kind, or of everything.
struct Cost {
  double seconds = 0;
  double energy_j = 0;
  double assumed_energy_j = 0;  // of that, from table entries that are assumed
  uint64_t flops = 0;           // matrix and vector, without padding
  uint64_t matrix_flops = 0;
  uint64_t padding_flops = 0;
  uint64_t off_chip_bytes = 0;
  uint64_t internal_bytes = 0;
  // 0 when there is no energy at all.
  double assumed_energy_fraction() const {
    return energy_j > 0 ? assumed_energy_j / energy_j : 0;
  }
  Cost& operator+=(const Cost& o);
};

// What `count` occurrences of an action cost; its time is not known from that.
Cost CostOf(const Action& action, uint64_t count);

// A row of the per-operator report.
struct OpCost {
  std::string name;  // the node's; of a kind of operators: "matmul"
  std::string op;
  int layer = -1;
  int64_t nodes = 1;
  double time_share = 0;  // of the makespan
  Cost cost;
};

// Where a run stands under the machine's roof.
struct RooflinePoint {
  double flops_per_byte = 0;         // matrix flops per off-chip byte
  double flops_per_second = 0;       // achieved
  double roof_flops_per_second = 0;  // attainable at this intensity
  double roof_fraction = 0;
};

struct Profile {
  Cost total;
  double cycles = 0;       // seconds in the target's clock
  double utilisation = 0;  // matrix flops / (seconds * peak)
  // The unit that is busy longest, or "latency" if none is busy half of the
  // time.
  std::string bound;
  RooflinePoint roofline;
  std::map<std::string, uint64_t> bytes;   // by action, those that move any
  std::map<std::string, uint64_t> counts;  // by action
  std::map<std::string, double> energy_j;  // by action
  std::map<std::string, double> busy;      // by unit, fraction of makespan
  std::vector<OpCost> nodes;               // in schedule order
  std::vector<OpCost> kinds;               // by operator, longest first
};

// Sums `ledger`, in either of its modes, whatever number of runs it holds.
Profile MakeProfile(const Graph& graph, const Target& target,
                    const Ledger& ledger);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_PROFILE_H_
