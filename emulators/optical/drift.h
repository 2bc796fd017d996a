// Receivers that wander: gain and offset of each are random walks since the
// last calibration of their core, which comes every drift.recalibration_s of
// emulated time and takes drift.recalibration_vectors.
//
// A walk over one interval is Levy's construction (1940): its end is drawn
// first, then halfway points around the line between their neighbours, ten
// halvings deep. So any moment of any receiver costs eleven draws, and the
// moments of one walk belong together whoever asks, in whatever order.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_DRIFT_H_
#define TRIPTYCH_EMULATORS_OPTICAL_DRIFT_H_

#include <cstdint>
#include <vector>

#include "emulators/optical/params.h"
#include "emulators/optical/plane.h"
#include "kernels/base/units.h"

namespace triptych::optical {

// A Brownian path with variance 1 at the end of its interval, at `part` of it
// (0 to 1). `walk` names it: no two of a seed have the same.
double WalkAt(uint64_t seed, uint64_t walk, double part);

// By output of a tile: factor of its value, and what is added over full scale.
struct Drift {
  std::vector<float> gain, offset;
};
Drift DriftOf(const Params& params, const Tile& tile, uint64_t seed, Picos now);

// Calibrations that fall due in (begin, end].
int64_t Recalibrations(const Params& params, Picos begin, Picos end);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_DRIFT_H_
