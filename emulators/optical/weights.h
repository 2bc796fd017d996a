// Weights as transmissions: rounded by output row, cut into tiles, with the
// column statistics that the noise needs.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_WEIGHTS_H_
#define TRIPTYCH_EMULATORS_OPTICAL_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "emulators/optical/plane.h"
#include "kernels/base/mat_view.h"
#include "kernels/matmul/matmul.h"
#include "models/weight_rows.h"

namespace triptych::optical {

// Outputs that are multiplied at a time: their weights, 256 KiB of bytes for
// 1,024 inputs, stay in L2 while vector after vector passes.
inline constexpr size_t kStripOutputs = 256;

// A tile's transmissions, as whole numbers -max..max of steps (bytes) or,
// where they are not that, as floats in the same units.
struct TileWeights {
  // The packed weights of its inputs, of which `first` is its first output.
  size_t columns = 0, first = 0;
  std::vector<int32_t> sum;              // by output, of bytes
  std::vector<float> mean_abs, mean_sq;  // by output, of w in -1..1
  double rms = 0;                        // of the whole tile, gain included
};

struct PlaneWeights {
  // Transmissions times this are -1..1.
  float unit = 1;
  // By output: gain of its receiver, and what a converted 1 stands for.
  std::vector<float> gain, scale;
  float largest_gain = 0;
  // By range of inputs, all outputs, whole panels a tile: what lies together
  // is in huge pages. A tile's are `columns` in TileWeights.
  std::vector<PackedWeights> packed;
  std::vector<PackedWeights> magnitudes;  // their |w|, if anybody asks
  std::vector<TileWeights> tiles;
};

// `tiles` are those of W[n,k] in the order in which PlanePacker cuts it:
// outputs, and inputs within them.
PlaneWeights MakePlaneWeights(const WeightRows& w, const Params& params,
                              std::span<const Tile> tiles, int threads);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_WEIGHTS_H_
