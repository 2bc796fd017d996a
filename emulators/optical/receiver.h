// Light arriving at the balanced receivers: signal, noise, and full scale.
//
// Inputs a in [-1, 1] and weights w in [-1, 1] are what a vector means; x in
// [0, 1] is how bright a source shines for it: (1 + a) / 2 with offset
// encoding, max(a, 0) or max(-a, 0) with two passes. Transmissions are never
// darker than t = 1 / contrast, so a rail carries t + (1 - t) * rail(w).
//
//   I0       = responsivity * power * path transmission / columns
//   signal   = I0 * (1 - t) * sum x w        (the two rails' difference)
//   light    = I0 * sum x * c1               (the two rails' sum)
//     c1     = 1 + t                         complementary rails
//            = 2 t + (1 - t) mean |w|        split rails
//   variance = 2 q B (light + 2 dark)        shot
//            + i_n^2 B                       thermal, one amplifier
//            + RIN B (I0 (1 - t))^2 sum x^2 * mean w^2   independent sources
//
// with B the noise bandwidth. The means of |w| and w^2 over a column stand
// for their weighting with x; noise.light = output takes the shot term exactly,
// by a second product. (Fiber-optics textbooks: shot, thermal and RIN terms of
// a photodiode receiver.)
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_RECEIVER_H_
#define TRIPTYCH_EMULATORS_OPTICAL_RECEIVER_H_

#include <cstdint>

#include "emulators/optical/params.h"

namespace triptych::optical {

// Noise of one output as a function of the light that falls on it.
struct NoiseBudget {
  double signal_a = 0;    // A, per unit of sum a w
  double thermal_a2 = 0;  // A^2; the dark current's shot noise included
  double shot_a2 = 0;     // A^2, per unit of sum x times c1
  double rin_a2 = 0;      // A^2, per unit of sum x^2 times mean w^2
  double light_floor = 0, light_slope = 0;  // c1 = floor + slope * mean |w|
  // Photoelectrons of one vector on both detectors of an output, per A^2 of
  // their shot noise: light / (q rate), where 2 q B light is that noise.
  double electrons_per_a2 = 0;

  // Of one output, A^2, in the order of the fields above.
  struct Terms {
    double thermal = 0, shot = 0, rin = 0;
    double sum() const { return thermal + shot + rin; }
  };
  Terms Variance(double sum_x, double sum_x2, double mean_abs_w,
                 double mean_w2) const {
    return {thermal_a2,
            shot_a2 * sum_x * (light_floor + light_slope * mean_abs_w),
            rin_a2 * sum_x2 * mean_w2};
  }
};

// For tiles that are laid out `copies` times: copies add their light.
NoiseBudget MakeNoiseBudget(const Params& params, int64_t copies);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_RECEIVER_H_
