// The SIMD targets of the host, one after the other.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_KERNELS_SIMD_TARGETS_H_
#define TRIPTYCH_TESTS_KERNELS_SIMD_TARGETS_H_

#include <cstdint>

#include "hwy/highway.h"
#include "hwy/targets.h"

namespace triptych {

// Calls body(target) with the dispatch fixed to each target that was compiled
// and that this machine can run.
template <class Body>
void ForEachSimdTarget(const Body& body) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body(target);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_KERNELS_SIMD_TARGETS_H_
