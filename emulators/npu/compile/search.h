// Which way to cut a product is the fastest: not by an estimate, but by the
// machine's own timing of the commands.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_SEARCH_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_SEARCH_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/matmul.h"

namespace triptych::npu {

// Which plans are timed.
struct SearchLimits {
  // Times the estimate of the best. What the estimate may be wrong by between
  // two plans of one product: 1.6 was the most among those of README.md's
  // table.
  static constexpr double kReach = 2;
  // Commands of a core, and estimated cycles of the best plan. At the 80 to
  // 100 M cycles a CPU second of emulators/npu/README.md a plan takes a tenth
  // of a second at most.
  static constexpr uint64_t kMostDecoded = uint64_t{1} << 17;
  static constexpr double kMostCycles = 0x1p23;
};

// MatmulPlans, the fastest first. Plans that the estimate takes to be within
// reach of the best are timed by themselves, each on a memory of its own, with
// operands where they would lie if they were all there is. A plan of loops
// stays first where there is one: it is there for its few commands. Products
// of so many commands that timing them would take seconds stay in the order of
// the estimate.
//
// The same for the same arguments, whoever asks and however often: what has
// been timed is kept.
std::vector<MatmulPlan> SearchPlans(const LowerRequest& request,
                                    const MatmulSize& size);

// Cycles of the product alone by one plan, as the search times it; nullopt if
// it is one of too many commands.
std::optional<int64_t> CyclesAlone(const LowerRequest& request,
                                   const MatmulSize& size,
                                   const MatmulPlan& plan);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_SEARCH_H_
