// A weight as the machine keeps it in its memory: codes and scales.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_IMAGE_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_IMAGE_H_

#include <cstdint>

#include "emulators/npu/isa/isa.h"
#include "emulators/npu/quantiser/quantiser.h"
#include "kernels/base/aligned.h"
#include "kernels/base/units.h"
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

// Pieces of k that an array sums at once up to which a product without groups
// is written out: what a loop over them adds then is as much as it saves.
inline constexpr int64_t kWrittenOut = 64;

// How W[n, k] lies in memory: a chunk of k after the other, each all rows in
// `order`. Codes up to 4 bits are two a byte, the low nibble first.
struct WeightLayout {
  int64_t n = 0, k = 0;
  int bits = 8;
  int64_t group = 0;  // of k, under one scale
  int64_t chunk = 0;  // of k: whole groups, or whole pieces of the only one
  RowOrder order;

  bool packed() const { return bits <= 4; }
  int64_t groups() const { return k / group; }
  int64_t chunks() const { return CeilDiv(k, chunk); }
  // From row to row of a chunk; the last chunk may have gaps.
  int64_t row_bytes() const { return packed() ? (chunk + 1) / 2 : chunk; }
  int64_t bytes() const { return chunks() * n * row_bytes(); }
};
// A chunk is what a few kMatmul take: the front end, which stops where the
// matrix queue is full, then always sees the loads of the next one in time.
WeightLayout WeightLayoutOf(int64_t n, int64_t k, int64_t group, int bits,
                            const MachineSize& machine);

// Codes, and scales [groups][n], as a Quantiser gives them.
struct WeightImage {
  AlignedVector<uint8_t> codes;
  AlignedVector<float> scales;
};
// A tile of rows at a time is f32. The same bytes for any number of threads.
// `moments` of the weight's inputs, or null.
WeightImage MakeWeightImage(const WeightRows& w, const WeightLayout& layout,
                            int threads, const QuantiserParams& params = {},
                            const InputMoments* moments = nullptr);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_IMAGE_H_
