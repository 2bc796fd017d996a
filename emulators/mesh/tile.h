// Tiles: the unit in which the mesh stores, moves and multiplies matrices.
// A tile is 32 x 32 elements in four 16 x 16 faces, one after the other.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/base/check.h"
#include "kernels/base/dtype.h"
#include "kernels/base/units.h"

namespace triptych::mesh {

inline constexpr int64_t kTile = 32;
inline constexpr int64_t kFace = 16;
inline constexpr int64_t kTileElements = kTile * kTile;
// Multiply-adds of one 32 x 32 x 32 tile product.
inline constexpr int64_t kTileMacs = kTile * kTile * kTile;

// The least of L1 that a schedule's buffers need: 16 tiles of f32.
inline constexpr int64_t kLeastBufferBytes = 16 * kTileElements * 4;

constexpr int64_t Tiles(int64_t elements) { return CeilDiv(elements, kTile); }

// 2048 for bf16, 1088 for bfp8, 576 for bfp4.
inline int64_t TileBytes(DType dtype) {
  return static_cast<int64_t>(RowBytes(dtype, kTileElements));
}

// Passes of the multiplier over each product: it takes 5 bits of the weight's
// significand and 7 of the activation's at a time.
inline std::optional<int> PhasesFromName(std::string_view fidelity) {
  if (fidelity == "lofi") return 1;
  if (fidelity == "hifi2") return 2;
  if (fidelity == "hifi3") return 3;
  if (fidelity == "hifi4") return 4;
  return std::nullopt;
}

// A name that the parameters' own list of allowed values let through.
inline DType FormatOf(std::string_view name) {
  const auto dtype = DTypeFromName(name);
  TRIPTYCH_CHECK(dtype.has_value(), "format", name);
  return *dtype;
}

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_H_
