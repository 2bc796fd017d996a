// A GPU as a roofline with measured efficiencies: the yardstick beside which
// the other machines stand, not a simulator of one.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_GPU_GPU_H_
#define TRIPTYCH_EMULATORS_GPU_GPU_H_

#include <memory>
#include <string_view>

#include "emulators/target.h"

namespace triptych::gpu {

Result<std::unique_ptr<Target>> MakeGpu(std::string_view preset,
                                        const Config& config);

}  // namespace triptych::gpu

#endif  // TRIPTYCH_EMULATORS_GPU_GPU_H_
