// A tiled RISC-V mesh at graph level: operators become tile schedules.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_MESH_H_
#define TRIPTYCH_EMULATORS_MESH_MESH_H_

#include <memory>
#include <string_view>

#include "emulators/target.h"

namespace triptych::mesh {

// Presets: blackhole-p150, wormhole-n150.
Result<std::unique_ptr<Target>> MakeMesh(std::string_view preset,
                                         const Config& config);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_MESH_H_
