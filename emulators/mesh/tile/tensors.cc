// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/tensors.h"

#include <algorithm>
#include <array>

#include "emulators/mesh/tile.h"
#include "emulators/mesh/tile/format.h"
#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::mesh::tile {
namespace {

constexpr size_t kSide = static_cast<size_t>(kTile);

size_t TilesOf(size_t rows, size_t cols) {
  return CeilDiv(rows, kSide) * CeilDiv(cols, kSide);
}

// fn(bank, address, first byte of the tile) for each tile.
template <class F>
Status ForEachTile(size_t tiles, size_t bytes, size_t banks, uint64_t address,
                   F&& fn) {
  for (size_t i = 0; i < tiles; ++i) {
    TRIPTYCH_TRY(fn(i % banks, address + i / banks * bytes, i * bytes));
  }
  return {};
}

}  // namespace

size_t BytesOfTiles(DType format, size_t rows, size_t cols) {
  return TilesOf(rows, cols) * BytesOf(format);
}

uint64_t BytesInBank(DType format, size_t rows, size_t cols, size_t banks) {
  return CeilDiv(TilesOf(rows, cols), banks) * BytesOf(format);
}

std::vector<std::byte> ToTiles(DType format, ConstMatView<float> x) {
  const size_t bytes = BytesOf(format);
  std::vector<std::byte> tiles(BytesOfTiles(format, x.rows(), x.cols()));
  size_t at = 0;
  for (size_t r = 0; r < x.rows(); r += kSide) {
    for (size_t c = 0; c < x.cols(); c += kSide, at += bytes) {
      std::array<float, kTileElements> values{};
      const size_t cols = std::min(kSide, x.cols() - c);
      for (size_t i = 0; i < std::min(kSide, x.rows() - r); ++i) {
        std::copy_n(x.row(r + i) + c, cols, values.data() + i * kSide);
      }
      EncodeTile(format, values, std::span(tiles).subspan(at, bytes));
    }
  }
  return tiles;
}

void FromTiles(DType format, std::span<const std::byte> tiles,
               MatView<float> x) {
  const size_t bytes = BytesOf(format);
  TRIPTYCH_CHECK(tiles.size() == BytesOfTiles(format, x.rows(), x.cols()),
                 "bytes", tiles.size(), "rows", x.rows(), "cols", x.cols());
  size_t at = 0;
  for (size_t r = 0; r < x.rows(); r += kSide) {
    for (size_t c = 0; c < x.cols(); c += kSide, at += bytes) {
      std::array<float, kTileElements> values;
      DecodeTile(format, tiles.subspan(at, bytes), values);
      const size_t cols = std::min(kSide, x.cols() - c);
      for (size_t i = 0; i < std::min(kSide, x.rows() - r); ++i) {
        std::copy_n(values.data() + i * kSide, cols, x.row(r + i) + c);
      }
    }
  }
}

Status WriteTensor(DType format, ConstMatView<float> x, uint64_t address,
                   Chip* chip) {
  const size_t bytes = BytesOf(format);
  const std::vector<std::byte> tiles = ToTiles(format, x);
  return ForEachTile(
      tiles.size() / bytes, bytes, chip->floorplan().banks().size(), address,
      [&](size_t bank, uint64_t to, size_t from) {
        return chip->WriteDram(bank, to, std::span(tiles).subspan(from, bytes));
      });
}

Status ReadTensor(DType format, uint64_t address, const Chip& chip,
                  MatView<float> x) {
  const size_t bytes = BytesOf(format);
  std::vector<std::byte> tiles(BytesOfTiles(format, x.rows(), x.cols()));
  TRIPTYCH_TRY(ForEachTile(
      tiles.size() / bytes, bytes, chip.floorplan().banks().size(), address,
      [&](size_t bank, uint64_t from, size_t to) {
        return chip.ReadDram(bank, from, std::span(tiles).subspan(to, bytes));
      }));
  FromTiles(format, tiles, x);
  return {};
}

}  // namespace triptych::mesh::tile
