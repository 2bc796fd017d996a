// Repeated segments as loops: the layers of a model are the same commands on
// other weights.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_ROLL_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_ROLL_H_

#include <span>
#include <vector>

#include "emulators/npu/isa/isa.h"

namespace triptych::npu {

// One stream that does what `segments`, each with a kBarrier at its end, do
// one after the other. Runs of segments that repeat but for the offsets of
// their transfers, which must change by the same amounts each time, become
// loops: a register for every amount is the base of the transfers that move
// by it. Inside such a loop the marks are those of its first round.
//
// A loop is not made where it would need more registers or loops inside loops
// than there are, or where a transfer has a base already.
std::vector<Command> RollSegments(
    std::span<const std::vector<Command>> segments);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_ROLL_H_
