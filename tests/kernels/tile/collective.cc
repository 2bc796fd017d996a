// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/collective.h"

#include <algorithm>
#include <utility>

#include "emulators/mesh/tile/format.h"
#include "emulators/mesh/tile_matmul.h"
#include "kernels/tile/abi.h"
#include "tests/kernels/tile/trial.h"

namespace triptych::mesh::tile {
namespace {

struct Ring {
  size_t cols, tiles;
  explicit Ring(const Workspace& w)
      : cols(static_cast<size_t>(w.chip().config().cols)), tiles(w.tiles()) {}
  // The tile with number i: rows there and back.
  size_t At(size_t i) const {
    const size_t row = i / cols, col = i % cols;
    return row * cols + (row % 2 ? cols - 1 - col : col);
  }
};

Matrix Chunk(uint32_t chunk_tiles, size_t seed) {
  return NormalMatrix(32, 32ul * chunk_tiles, seed);
}

CollectiveArgs ArgsOf(uint32_t tiles, DType format) {
  return {.tiles = tiles, .format = CodeOf(format)};
}

// Of each tile of the ring, chunk by chunk.
double WorstChunk(const Workspace& after, uint32_t tiles, DType format,
                  const std::vector<Matrix>& want) {
  const Ring ring(after);
  double worst = 0;
  for (size_t i = 0; i < ring.tiles; ++i) {
    for (size_t c = 0; c < ring.tiles; ++c) {
      const auto address =
          static_cast<uint32_t>(TILE_FREE + c * tiles * BytesOf(format));
      worst = std::max(worst, SameBits(after.GetL1(ring.At(i), address, format,
                                                   32, 32ul * tiles),
                                       want[c]));
    }
  }
  return worst;
}

Trial AllGather(std::string label, Grid grid, uint32_t tiles, DType format) {
  return {std::move(label), std::move(grid), [=](Workspace* w) {
            const Ring ring(*w);
            std::vector<Matrix> chunks;
            for (size_t i = 0; i < ring.tiles; ++i) {
              const auto address = static_cast<uint32_t>(
                  TILE_FREE + i * tiles * BytesOf(format));
              w->PutL1(ring.At(i), address, format, Chunk(tiles, i));
              chunks.push_back(
                  w->GetL1(ring.At(i), address, format, 32, 32ul * tiles));
            }
            return Prepared{WordsOf(ArgsOf(tiles, format)),
                            [=](const Workspace& after) {
                              return WorstChunk(after, tiles, format, chunks);
                            }};
          }};
}

// Chunk c begins at tile c of the ring; each tile on its way adds its own and
// rounds.
Trial AllReduce(std::string label, Grid grid, uint32_t tiles, DType format) {
  return {std::move(label), std::move(grid), [=](Workspace* w) {
            const Ring ring(*w);
            const size_t n = ring.tiles;
            std::vector<Matrix> sums;
            for (size_t c = 0; c < n; ++c) {
              const auto address = static_cast<uint32_t>(
                  TILE_FREE + c * tiles * BytesOf(format));
              for (size_t step = 0; step < n; ++step) {
                const size_t tile = ring.At((c + step) % n);
                w->PutL1(tile, address, format, Chunk(tiles, c * n + step + 1));
                const Matrix own =
                    w->GetL1(tile, address, format, 32, 32ul * tiles);
                if (step == 0) {
                  sums.push_back(own);
                  continue;
                }
                for (size_t i = 0; i < own.data.size(); ++i) {
                  sums[c].data[i] = own.data[i] + sums[c].data[i];
                }
                RoundTo(format, sums[c].view());
              }
            }
            return Prepared{WordsOf(ArgsOf(tiles, format)),
                            [=](const Workspace& after) {
                              return WorstChunk(after, tiles, format, sums);
                            }};
          }};
}

}  // namespace

std::vector<Trial> AllGatherTrials() {
  return {
      AllGather("two", {2, 1}, 1, DType::kBf16),
      AllGather("a grid, halves of unlike size", {3, 2}, 3, DType::kBf16),
      AllGather("packets and a rest", {2, 2}, 9, DType::kBfp8),
      AllGather("wormhole", {4, 2, "wormhole-n150"}, 4, DType::kBf16),
  };
}

std::vector<Trial> AllReduceTrials() {
  return {
      AllReduce("two", {2, 1}, 1, DType::kBf16),
      AllReduce("a grid, steps with a rest", {3, 2}, 5, DType::kBf16),
      AllReduce("bfp8", {2, 2}, 2, DType::kBfp8),
      AllReduce("wormhole", {4, 2, "wormhole-n150"}, 4, DType::kBf16),
  };
}

}  // namespace triptych::mesh::tile
