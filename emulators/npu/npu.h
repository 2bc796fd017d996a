// An edge NPU: systolic arrays, scratchpads, a shared L2 and LPDDR memory,
// with integer arithmetic that is the same on every host.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_NPU_H_
#define TRIPTYCH_EMULATORS_NPU_NPU_H_

#include <memory>
#include <string_view>

#include "emulators/target.h"

namespace triptych::npu {

Result<std::unique_ptr<Target>> MakeNpu(std::string_view preset,
                                        const Config& config);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_NPU_H_
