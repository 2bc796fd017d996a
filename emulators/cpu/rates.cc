// SPDX-License-Identifier: Apache-2.0
#include "emulators/cpu/rates.h"

#include "kernels/base/parallel.h"
#include "kernels/roofline/roofline.h"

namespace triptych::cpu {

const Rates& MeasuredRates() {
  // 256 MiB is far more than any cache here keeps.
  static const Rates rates{MeasurePeak(DType::kF32, 1),
                           MeasurePeak(DType::kBf16, 1),
                           MeasurePeak(DType::kI8, 1),
                           MeasureBandwidth(size_t{256} << 20, MaxThreads())};
  return rates;
}

}  // namespace triptych::cpu
