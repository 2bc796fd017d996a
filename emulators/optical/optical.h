// The optical target: products with weights by light, all else on the host.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_OPTICAL_H_
#define TRIPTYCH_EMULATORS_OPTICAL_OPTICAL_H_

#include <memory>
#include <string_view>

#include "emulators/target.h"

namespace triptych::optical {

Result<std::unique_ptr<Target>> MakeOptical(std::string_view preset,
                                            const Config& config);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_OPTICAL_H_
