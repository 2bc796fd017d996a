// The three ways to sum a tile: parts of k written out, parts of k as a loop,
// and all tiles of a core side by side.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_TILES_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_TILES_H_

#include <cstdint>
#include <optional>

#include "emulators/npu/compile/product/activations.h"
#include "emulators/npu/compile/product/group_loop.h"
#include "emulators/npu/compile/product/job.h"
#include "emulators/npu/compile/product/null_product.h"
#include "emulators/npu/compile/product/sum_ring.h"
#include "emulators/npu/compile/product/tile_cursor.h"
#include "emulators/npu/compile/product/tile_output.h"
#include "emulators/npu/compile/product/weight_tiles.h"

namespace triptych::npu {

// The pieces that a product's commands are made with. Members are in the order
// in which they take local memory.
struct ProductPieces {
  explicit ProductPieces(ProductJob& j)
      : job(j), a(j), weights(j), out(j), sums(j), cursor(j) {
    if (!j.plan.looped) return;
    if (j.scales_by_part()) {
      groups.emplace(j, out, sums);
    } else {
      nothing.emplace(j, sums.RowOf(j.plan.slots));
    }
  }

  ProductJob& job;
  Activations a;
  WeightTiles weights;
  TileOutput out;
  SumRing sums;
  TileCursor cursor;
  std::optional<GroupLoop> groups;     // of looped plans with several groups
  std::optional<NullProduct> nothing;  // of those with one
};

// C[rows, n] of the n columns where the cursor is, by buffers `h` of two.
void EmitTile(ProductPieces& pieces, size_t h, int64_t n);
void EmitLoopedTile(ProductPieces& pieces, size_t h, int64_t n);
// The whole product.
void EmitTogether(ProductPieces& pieces);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_TILES_H_
