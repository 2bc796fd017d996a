// One tile's outputs for some vectors: product, noise, conversion.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_RECEIVE_H_
#define TRIPTYCH_EMULATORS_OPTICAL_RECEIVE_H_

#include <cstddef>
#include <span>

#include "emulators/optical/detector.h"
#include "emulators/optical/light.h"
#include "emulators/optical/matmul.h"
#include "emulators/optical/weights.h"
#include "kernels/base/mat_view.h"

namespace triptych::optical {

struct TileView {
  size_t number;  // of the node's
  const Tile& tile;
  const PlaneWeights& plane;
  const TileWeights& weights;
  const Detector& detector;
  const Light& light;
  const Drift* drift;  // null: none
};

// Outputs [from, from + cols) of tiles [first_tile, last_tile) of a node,
// which lie behind each other in k; columns [col, col + cols) of its output.
struct Block {
  size_t first_tile, last_tile, from, col, cols;
};

class BlockMeter;

// True if an output depends on others of its vector, or receivers of a tile
// go through their periphery together: blocks are then whole tiles.
bool NeedsWholeRows(const Params& params);

// Vectors worth taking at a time.
size_t MostVectors(const Encoding& encoding);

// The block's part of the output, for some vectors, and what a tile's share
// of it becomes: sums in units of gain a w, numbers after the last tile.
struct Output {
  MatView<float> out;
  bool first_tile, last_tile;
  std::span<const float> scale;   // by vector
  const float *row_scale, *bias;  // by output; no bias: null
};

// Adds what vectors [first, first + output.out.rows()) give to `output`. `key`
// is the tile's first pass's. `meter`: null unless somebody asks.
Status Receive(const Machine& machine, const Encoding& encoding,
               const TileView& tile, const Block& block, size_t first,
               NoiseKey key, const Output& output, BlockMeter* meter = nullptr);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_RECEIVE_H_
