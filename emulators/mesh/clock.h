// From power to the clock that is left.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_CLOCK_H_
#define TRIPTYCH_EMULATORS_MESH_CLOCK_H_

#include "emulators/mesh/cost.h"
#include "emulators/mesh/params.h"

namespace triptych::mesh {

// Joules of what one chip does, its idle power apart.
double DynamicJoules(const Params& params, const Cost& cost, int phases);

// How much longer `seconds` of work at the nominal clock take if they take
// so many joules of each card. Idle power is always there; what is left of
// power.limit_w bounds the rest, once power.window_ms have passed, and the
// clock falls with it: 1 or more.
double Slowdown(const Params& params, double seconds, double joules);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_CLOCK_H_
