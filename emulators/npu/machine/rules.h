// How long the vector unit and the array are busy with a command, and how
// many operations that is: closed forms of the command and the machine's
// sizes, without what others do meanwhile.
//
// The vector unit does one f32 operation a lane and cycle, a row at a time:
// a pass over a row of c elements takes ceil(c / lanes). Conversions between
// the accumulators, f32 and codes are one pass whatever they scale by: their
// steps are stages of one pipeline. Exponential, reciprocal, root and quotient
// are one operation (a table and a polynomial behind each other in the lane's
// pipeline); functions made of them count theirs: see kFunctions.
//
// Sums have a fixed order (isa.h, Reduce): 16 partial sums a row, each of
// which waits for its own last addition. A row keeps 16 lanes busy, so
// lanes / 16 rows are summed at once and others fill the adders' pipeline:
//   ceil(c / 16) * max(add_cycles, ceil(16 * rows / lanes)) + 4 * add_cycles.
// Maxima have no order: one pass and log2(lanes) steps.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_RULES_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_RULES_H_

#include <cstdint>

#include "emulators/npu/isa/walk.h"

namespace triptych::npu {

struct VectorUnit {
  int64_t lanes = 128, latency = 12, add_latency = 2;  // cycles
};

// Of all lanes: plain and special operations (report.h), and cycles until the
// next command may start. All of this unit's commands do what they do to the
// end, pipeline included, before the next starts.
struct VectorCost {
  int64_t cycles = 0;
  uint64_t plain = 0, special = 0;
};

// The command must be one of the vector queue's, kVectorConfig apart.
VectorCost CostOf(const Issue& issue, const VectorUnit& unit);

// Cycles of the sums of `rows` rows of `cols` elements, as above.
int64_t SumCycles(int64_t rows, int64_t cols, const VectorUnit& unit);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_RULES_H_
