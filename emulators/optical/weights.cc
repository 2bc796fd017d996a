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
  TileBuilder(const Tile& tile, const Params& params, float unit)
      : bytes_(params.weights_are_bytes()),
        unit_(unit),
        k0_(static_cast<size_t>(tile.k0)),
        k_(static_cast<size_t>(tile.k)),
        sum_sq_(static_cast<size_t>(tile.n)) {
    const size_t n = sum_sq_.size();
    const DType dtype = bytes_ ? DType::kI8 : DType::kF32;
    for (size_t j = 0; j < n; j += kStripOutputs) {
      const size_t outputs = std::min(kStripOutputs, n - j);
      tile_.strips.emplace_back(outputs, k_, dtype);
      if (params.exact_light()) tile_.magnitudes.emplace_back(outputs, k_, dtype);
    }
    if (bytes_) tile_.sum.resize(n);
    tile_.mean_abs.resize(n);
    tile_.mean_sq.resize(n);
  }

  // Rows of W, in steps, from the tile's row `first` on; all of one strip.
  void SetRows(size_t first, ConstMatView<float> rows) {
    static_assert(kStripOutputs % WeightRows::kTileRows == 0);
    const ConstMatView<float> part = rows.Cols(k0_, k_);
    const size_t strip = first / kStripOutputs, row = first % kStripOutputs;
    Set(tile_.strips[strip], row, part, [](float w) { return w; });
    if (!tile_.magnitudes.empty()) {
      Set(tile_.magnitudes[strip], row, part,
          [](float w) { return std::abs(w); });
    }
    for (size_t j = 0; j < part.rows(); ++j) Sum(first + j, part.row_span(j));
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
  template <class F>
  void Set(PackedWeights& packed, size_t row, ConstMatView<float> part,
           const F& f) const {
    if (!bytes_) {
      AlignedVector<float> room(part.rows() * k_);
      for (size_t j = 0; j < part.rows(); ++j) {
        std::ranges::transform(part.row_span(j), room.data() + j * k_, f);
      }
      const MatView<float> all(room.data(), part.rows(), k_);
      return packed.SetRows(row, StridedView<float>(all));
    }
    AlignedVector<int8_t> room(part.rows() * k_);
    for (size_t j = 0; j < part.rows(); ++j) {
      std::ranges::transform(
          part.row_span(j), room.data() + j * k_,
          [&](float w) { return static_cast<int8_t>(f(w)); });
    }
    const MatView<int8_t> all(room.data(), part.rows(), k_);
    packed.SetRows(row, StridedView<int8_t>(all));
  }

  void Sum(size_t row, std::span<const float> steps) {
    double sum = 0, sum_abs = 0, sum_sq = 0;
    for (const float step : steps) {
      const double value = step * unit_;
      sum += step;
      sum_abs += std::abs(value);
      sum_sq += value * value;
    }
    const auto k = static_cast<double>(k_);
    if (bytes_) tile_.sum[row] = static_cast<int32_t>(sum);
    tile_.mean_abs[row] = static_cast<float>(sum_abs / k);
    tile_.mean_sq[row] = static_cast<float>(sum_sq / k);
    sum_sq_[row] = sum_sq;
  }

  bool bytes_;
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
      row_of_tiles.emplace_back(tiles[t], params, plane.unit);
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
