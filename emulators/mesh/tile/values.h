// What a tile's engine computes: tiles in SrcA and SrcB, sums in Dst. The
// products are those of tile_matmul.h. When is engine.h's affair.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_VALUES_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_VALUES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "emulators/mesh/tile_matmul.h"
#include "kernels/base/dtype.h"

namespace triptych::mesh::tile {

inline constexpr size_t kBanks = 2;     // of SrcA, of SrcB, of Dst
inline constexpr size_t kDstTiles = 8;  // of bf16 in one half
inline constexpr size_t kDstTilesF32 = 4;

// A tile in a source register. Splitting it for the multiplier is put off
// until a product asks.
class SourceTile {
 public:
  void Load(DType format, std::span<const std::byte> bytes, bool transpose);
  const std::array<float, 1024>& values() const { return values_; }
  const SplitTile& activations();
  const SplitTile& weights();

 private:
  enum class Split : uint8_t { kNone, kActivations, kWeights };
  alignas(64) std::array<float, 1024> values_{};
  SplitTile split_;
  Split how_ = Split::kNone;
};

enum class Elementwise : uint8_t { kAdd, kSub, kMul };
// Which elements of an operand's tile meet the other's element (r, c).
enum class Broadcast : uint8_t { kNone, kRow, kColumn, kElement };
// Which direction a reduction goes along: rows leave column 0.
enum class Along : uint8_t { kRows = 1, kColumns = 2, kBoth = 3 };

// One half of Dst.
class Destination {
 public:
  void Clear() { tiles_.fill(0); }
  std::span<float, 1024> tile(size_t i) {
    return std::span<float, 1024>(&tiles_[i * 1024], 1024);
  }

  // Tiles at `i`; `mode.f32_dst` says how they are rounded.
  void Product(size_t i, SourceTile& a, SourceTile& b, FpuMode mode);
  void Copy(size_t i, const SourceTile& a, FpuMode mode);
  void Combine(size_t i, Elementwise op, const SourceTile& a,
               const SourceTile& b, Broadcast broadcast, bool accumulate,
               FpuMode mode);
  // `into`: what is there takes part.
  void Reduce(size_t i, const SourceTile& a, Along along, bool max, bool into,
              float scale, FpuMode mode);
  void Unary(size_t i, float (*f)(float, float), float immediate, FpuMode mode);
  void Binary(size_t i, size_t other, Broadcast broadcast,
              float (*f)(float, float), FpuMode mode);
  void Zero(size_t i);

 private:
  alignas(64) std::array<float, kDstTiles * 1024> tiles_{};
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_VALUES_H_
