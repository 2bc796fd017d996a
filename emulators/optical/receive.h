// One tile's outputs for some vectors: product, noise, conversion.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_RECEIVE_H_
#define TRIPTYCH_EMULATORS_OPTICAL_RECEIVE_H_

#include <cstddef>
#include <functional>

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

// Adds what vectors [first, first + out.rows()) give to `out`, the block's
// part of the output, in units of gain a w; or sets it to that, if `set`.
// `key` is the tile's first pass's. Calls done(i) for each row of `out` while
// it is in the cache. `meter`: null unless somebody asks.
Status Receive(const Machine& machine, const Encoding& encoding,
               const TileView& tile, const Block& block, size_t first,
               NoiseKey key, MatView<float> out, bool set,
               const std::function<void(size_t)>& done,
               BlockMeter* meter = nullptr);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_RECEIVE_H_
