// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/weights.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace triptych::optical {
namespace {

float AbsMax(std::span<const float> values) {
  float largest = 0;
  for (const float v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

// Rows to whole steps of the largest of each; `largest` by row.
void ToSteps(std::span<const float> largest, float steps, bool round,
             MatView<float> rows) {
  for (size_t r = 0; r < rows.rows(); ++r) {
    const float to_steps = largest[r] > 0 ? steps / largest[r] : 0;
    for (float& w : rows.row_span(r)) {
      const float value = w * to_steps;
      w = round ? std::rint(value) : value;
    }
  }
}

// The largest of each row.
std::vector<float> RowScales(const WeightRows& w, int threads) {
  std::vector<float> largest(w.rows());
  ForEachTile(w, threads, [&](size_t first, ConstMatView<float> rows) {
    for (size_t r = 0; r < rows.rows(); ++r) {
      largest[first + r] = AbsMax(rows.row_span(r));
    }
  });
  return largest;
}

// A tile whose rows come a few at a time.
class TileBuilder {
 public:
  TileBuilder(const Tile& tile, float unit)
      : unit_(unit),
        k0_(static_cast<size_t>(tile.k0)),
        k_(static_cast<size_t>(tile.k)),
        sum_sq_(static_cast<size_t>(tile.n)) {
    tile_.packed = PackedWeights(sum_sq_.size(), k_, DType::kF32);
    tile_.mean_abs.resize(sum_sq_.size());
    tile_.mean_sq.resize(sum_sq_.size());
  }

  // Rows of W, in steps, from the tile's row `first` on.
  void SetRows(size_t first, ConstMatView<float> rows) {
    const ConstMatView<float> part = rows.Cols(k0_, k_);
    tile_.packed.SetRows(first, StridedView<float>(part));
    const auto k = static_cast<double>(k_);
    for (size_t j = 0; j < part.rows(); ++j) {
      double sum_abs = 0, sum_sq = 0;
      for (const float steps : part.row_span(j)) {
        const double value = steps * unit_;
        sum_abs += std::abs(value);
        sum_sq += value * value;
      }
      tile_.mean_abs[first + j] = static_cast<float>(sum_abs / k);
      tile_.mean_sq[first + j] = static_cast<float>(sum_sq / k);
      sum_sq_[first + j] = sum_sq;
    }
  }

  // When all rows are set; `gain` of the tile's receivers.
  TileWeights Finish(std::span<const float> gain) && {
    double all = 0;
    for (size_t j = 0; j < sum_sq_.size(); ++j) {
      all += sum_sq_[j] * gain[j] * gain[j];
    }
    tile_.rms = std::sqrt(all / static_cast<double>(sum_sq_.size() * k_));
    return std::move(tile_);
  }

 private:
  float unit_;
  size_t k0_, k_;
  std::vector<double> sum_sq_;  // by row
  TileWeights tile_;
};

}  // namespace

PlaneWeights MakePlaneWeights(const WeightRows& w, const Params& params,
                              std::span<const Tile> tiles, int threads) {
  const int64_t bits = params.plane_bits;
  const float steps = bits == 0 ? 1 : static_cast<float>((1 << (bits - 1)) - 1);
  const std::vector<float> largest = RowScales(w, threads);
  const std::vector<float> ones(w.rows(), 1.0f);
  const bool equal = params.gain == "equal";
  PlaneWeights plane;
  plane.unit = 1 / steps;
  plane.gain = equal ? ones : largest;
  plane.scale = equal ? largest : ones;
  plane.largest_gain = AbsMax(plane.gain);

  const WeightRows transmissions(
      w.rows(), w.cols(), [&](size_t first, MatView<float> rows) {
        w.CopyTo(first, rows);
        ToSteps(std::span(largest).subspan(first), steps, bits != 0, rows);
      });
  // Tiles of the same outputs get theirs together.
  for (size_t t = 0; t < tiles.size();) {
    const int64_t n0 = tiles[t].n0;
    const auto first_row = static_cast<size_t>(n0);
    const auto n = static_cast<size_t>(tiles[t].n);
    std::vector<TileBuilder> row_of_tiles;
    for (; t < tiles.size() && tiles[t].n0 == n0; ++t) {
      row_of_tiles.emplace_back(tiles[t], plane.unit);
    }
    ForEachTile(transmissions.Rows(first_row, n), threads,
                [&](size_t first, ConstMatView<float> rows) {
                  for (TileBuilder& tile : row_of_tiles) {
                    tile.SetRows(first, rows);
                  }
                });
    for (TileBuilder& tile : row_of_tiles) {
      plane.tiles.push_back(
          std::move(tile).Finish(std::span(plane.gain).subspan(first_row, n)));
    }
  }
  return plane;
}

}  // namespace triptych::optical
