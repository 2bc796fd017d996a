// The host itself: the kernels of this library, with measured time.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_CPU_CPU_H_
#define TRIPTYCH_EMULATORS_CPU_CPU_H_

#include <memory>
#include <string_view>

#include "emulators/target.h"

namespace triptych::cpu {

Result<std::unique_ptr<Target>> MakeCpu(std::string_view preset,
                                        const Config& config);

}  // namespace triptych::cpu

#endif  // TRIPTYCH_EMULATORS_CPU_CPU_H_
