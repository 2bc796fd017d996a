// A weight as the machine keeps it in its memory: codes and scales.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_IMAGE_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_IMAGE_H_

#include <cstdint>

#include "kernels/base/aligned.h"
#include "models/weight_rows.h"

namespace triptych::npu {

// W[n, k] in the layout of lower.h: codes [n][row bytes], two a byte up to 4
// bits, the low nibble first; scales [k / group][n], absmax / qmax of each
// group of a row. Codes are round(w / scale) in -qmax..qmax, ties to even.
struct WeightImage {
  AlignedVector<uint8_t> codes;
  AlignedVector<float> scales;
};
// `bits` 2..8; `group` divides the columns. A tile of rows at a time is f32.
// The same bytes for any number of threads.
WeightImage MakeWeightImage(const WeightRows& w, int bits, int64_t group,
                            int threads);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_IMAGE_H_
