// When one product's tiles are loaded and streamed, and what that is charged.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_SCHEDULE_H_
#define TRIPTYCH_EMULATORS_OPTICAL_SCHEDULE_H_

#include <cstdint>
#include <span>

#include "emulators/optical/matmul.h"

namespace triptych::optical {

// Charges `vectors` input vectors through `tiles`; returns the end. Tiles of
// one core run one after the other, cores side by side; loads share the
// memory. With a second plane a core loads the next tile while it streams
// this one.
Picos ChargeTiles(const Machine& machine, std::span<const Tile> tiles,
                  int64_t vectors, bool bias, const StepContext& ctx);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_SCHEDULE_H_
