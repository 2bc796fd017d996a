// Where the errors of one output come from, for parameters alone.
//
// The output is that of a full tile: plane.rows inputs a and weights w in
// [-1, 1], independent, of mean zero, a at 1/8 and w at 1/4 of full scale on
// average (as precision() has it, optical.cc). Each cause acts on its own:
//
//   DAC, weights   step^2 / 12 of each value, times the other's mean square
//   ADC            step^2 / 12 of its full scale, in each pass
//   mismatch       a converter's worst non-linearity, unit_sigma sqrt(2^bits)
//                  / 2 steps at mid-scale
//   shot, thermal, laser intensity noise: receiver.h, in each pass
//   further noise  noise.output_sigma of the largest output, three standard
//                  deviations
//
// (Uniform quantisation noise: any text on data converters.) What
// stands still (crosstalk, spreads) has no row.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_ERROR_BUDGET_H_
#define TRIPTYCH_EMULATORS_OPTICAL_ERROR_BUDGET_H_

#include <vector>

#include "emulators/optical/params.h"
#include "emulators/target.h"

namespace triptych::optical {

// Variances over the mean square of the output; a cause that is switched off
// (bits 0, noise.physical false) has variance 0.
std::vector<ErrorTerm> ErrorBudgetOf(const Params& params);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_ERROR_BUDGET_H_
