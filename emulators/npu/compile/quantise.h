// Rows of f32 to codes and scales in remote memory: what a cache keeps, and
// what several cores need of the same activations.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_QUANTISE_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_QUANTISE_H_

#include <cstdint>

#include "emulators/npu/compile/builder.h"
#include "emulators/npu/compile/lower.h"

namespace triptych::npu {

// `rows` rows of each of `batch` sequences, each `heads` runs of `dim` elements
// under a scale of their own.
struct QuantiseSize {
  int64_t batch = 1, rows = 1;
  int64_t heads = 1, dim = 0;
  int64_t first = 0;  // where the first row goes in a sequence's place
  int bits = 8;
};

// Rows that fit the `room` of a scratchpad at a time, beside the one of what
// `cores` leave over, if they do; 0: none, and EmitQuantise is an error.
int64_t QuantiseRowsThatFit(const QuantiseSize& size, int64_t cores,
                            int64_t room);

// Reads `from`, [batch * rows][heads * dim] f32; writes `to` in the layout of
// a cache (lower.h). Error: a row does not fit the scratchpad.
Status EmitQuantise(const LowerRequest& request, const QuantiseSize& size,
                    const Remote& from, const Location& to, Builder& builder);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_QUANTISE_H_
