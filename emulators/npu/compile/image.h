// A weight as the machine keeps it in its memory: codes and scales.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_IMAGE_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_IMAGE_H_

#include <cstdint>

#include "emulators/npu/isa/isa.h"
#include "kernels/base/aligned.h"
#include "models/weight_rows.h"

namespace triptych::npu {

// Where the codes of a row lie among those of all n. Cores read a tile each at
// the same time; if their rows alternate, what they read together is one
// stretch of memory, and its DRAM rows are opened once. Rows that do not fill
// a tile of every core stay in their order.
struct RowOrder {
  int64_t tile = 1;   // rows of a core's tile
  int64_t ways = 1;   // cores that alternate
  int64_t mixed = 0;  // rows that do: whole groups of ways * tile

  int64_t PlaceOf(int64_t row) const {
    if (row >= mixed) return row;
    const int64_t group = row / (ways * tile), in = row % (ways * tile);
    return group * ways * tile + in % tile * ways + in / tile;
  }
};
RowOrder RowOrderOf(int64_t n, const MachineSize& machine);

// W[n, k] in the layout of lower.h: codes [n][row bytes] in `order`, two a byte
// up to 4 bits, the low nibble first; scales [k / group][n], absmax / qmax of
// each group of a row. Codes are round(w / scale) in -qmax..qmax, ties to even.
struct WeightImage {
  AlignedVector<uint8_t> codes;
  AlignedVector<float> scales;
};
// `bits` 2..8; `group` divides the columns. A tile of rows at a time is f32.
// The same bytes for any number of threads.
WeightImage MakeWeightImage(const WeightRows& w, int bits, int64_t group,
                            const RowOrder& order, int threads);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_IMAGE_H_
