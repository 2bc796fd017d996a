// A dynamically operated photonic array as a target: products with weights
// and both products of attention by light, all else on the host.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_ARRAY_ARRAY_H_
#define TRIPTYCH_EMULATORS_OPTICAL_ARRAY_ARRAY_H_

#include <memory>
#include <string_view>

#include "emulators/target.h"

namespace triptych::optical::array {

// Whether the text of a preset describes such a machine: it has array.tiles.
bool IsArray(const Config& config);

Result<std::unique_ptr<Target>> MakeArray(std::string_view preset,
                                          const Config& config);

}  // namespace triptych::optical::array

#endif  // TRIPTYCH_EMULATORS_OPTICAL_ARRAY_ARRAY_H_
