// What a product counts of itself if somebody asks (Target::counters): sums
// over its tiles, vectors, passes and outputs.
//
// Time of each core, ps: the parts exclude each other and add up to the
// operator's time, core by core. Light first; a load that light hides is not
// counted:
//   stream     sources shine for vectors
//   calibrate  or for a calibration that drift made due
//   load       no light; this core's plane is written, or settles
//   drain      neither; the last vectors are on their way to sums
//   stall      neither; the core waits for the memory or for other cores
//
// Errors, square outputs: the variance that receiver.h and detector.h give for
// the light of each vector, times the square of what a unit of the ADC's
// result is worth. Causes are independent, so that they add up to the mean
// square error against the exact product of the same inputs and weights, less
// what stands still (crosstalk, spreads, offsets) and what a DAC's correction
// leaves.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_COUNTERS_H_
#define TRIPTYCH_EMULATORS_OPTICAL_COUNTERS_H_

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "emulators/optical/params.h"
#include "emulators/target.h"

namespace triptych::optical {

enum Counter : size_t {
  kLoad,
  kStream,
  kCalibrate,
  kDrain,
  kStall,
  kMacs,         // of values; padding, copies and passes apart
  kElectrons,    // photoelectrons: photons that were detected
  kConversions,  // of ADCs
  kClipped,      // that ended at the first or the last code
  kDacRounding,
  kDacMismatch,
  kWeightRounding,
  kShotNoise,
  kThermalNoise,
  kIntensityNoise,
  kAdcRounding,
  kAdcMismatch,
  kClipping,
  kDrift,
  kFurtherNoise,
  kCounters
};
inline constexpr Counter kFirstError = kDacRounding;

// By Counter.
inline constexpr std::array<std::string_view, kCounters> kCounterNames = {
    "load",           "stream",        "calibrate",
    "drain",          "stall",         "MACs",
    "photoelectrons", "conversions",   "clipped",
    "DAC rounding",   "DAC mismatch",  "weight rounding",
    "shot noise",     "thermal noise", "laser intensity noise",
    "ADC rounding",   "ADC mismatch",  "clipping",
    "drift",          "further noise"};

// One task's part; tasks are added up in their order.
using Counts = std::array<double, kCounters>;

// Times are means over the cores. `counters` is kCounters long.
Readings ReadingsOf(const Params& params, std::span<const double> counters);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_COUNTERS_H_
