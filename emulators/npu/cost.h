// What an operator asks of each part of the NPU, and how long that takes.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COST_H_
#define TRIPTYCH_EMULATORS_NPU_COST_H_

#include <cstdint>
#include <string_view>

#include "emulators/npu/array.h"
#include "emulators/npu/params.h"
#include "models/ops/op.h"

namespace triptych::npu {

// Work of one operator by part of the machine. Cycles are of the slowest
// core; counts are of all cores.
struct Demand {
  int64_t macs = 0;          // of products, in the array
  int64_t padding_macs = 0;  // that fill up folds
  int64_t array_cycles = 0;
  int64_t vector_macs = 0;  // of products, on the vector unit
  int64_t vector_ops = 0;
  int64_t scratchpad_bytes = 0;
  int64_t dram_bytes = 0;
  int64_t first_tile_bytes = 0;  // must arrive before anything can start
};

// Sustained DRAM bandwidth, bytes a second: the pins' rate, less the time all
// banks are away for refresh, and not more than the banks can open rows.
double DramBytesPerSecond(const DramParams& dram);

// The demand of a node.
Demand DemandOf(const Params& p, const Graph& graph, const Node& node,
                const Binding& binding);

// Demand of `count` products of one size, spread over the cores: whole
// products if there are enough, else each is cut along N or M. `weights`
// says that operand B comes from DRAM with `bits` an element.
Demand GemmDemand(const Params& p, const GemmSize& gemm, int64_t count,
                  bool weights, double bits);

// "ws", "os" or "is"; anything else is the fastest.
Dataflow DataflowOf(std::string_view name, const GemmSize& gemm,
                    const ArraySize& array);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COST_H_
