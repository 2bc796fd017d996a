// What this machine can do at best, measured by running it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_CPU_RATES_H_
#define TRIPTYCH_EMULATORS_CPU_RATES_H_

#include "kernels/base/units.h"

namespace triptych::cpu {

struct Rates {
  FlopsPerSecond f32;   // multiply-adds of one thread
  FlopsPerSecond bf16;  // the same with bf16 operands
  FlopsPerSecond int8;  // u8 x s8, sums in s32
  BytesPerSecond dram;  // reading, all threads together
};

// Measured at the first call (about 0.3 s), then kept: the same in the whole
// process. Thread-safe.
const Rates& MeasuredRates();

}  // namespace triptych::cpu

#endif  // TRIPTYCH_EMULATORS_CPU_RATES_H_
