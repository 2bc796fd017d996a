// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/weights.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "emulators/optical/encode.h"
#include "emulators/optical/transfer.h"
#include "kernels/base/units.h"

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
    const float to_steps = CodesOfOne(steps, largest[r]);
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
  // `packed` is of the tile's inputs, `first` its first output there;
  // `magnitudes` may be null.
  TileBuilder(const Tile& tile, const Params& params, float unit,
              size_t columns, size_t first, PackedWeights* packed,
              PackedWeights* magnitudes)
      : bytes_(params.of_bytes()),
        unit_(unit),
        k0_(static_cast<size_t>(tile.k0)),
        k_(static_cast<size_t>(tile.k)),
        packed_(packed),
        magnitudes_(magnitudes),
        sum_sq_(static_cast<size_t>(tile.n)) {
    const size_t n = sum_sq_.size();
    tile_.columns = columns;
    tile_.first = first;
    if (bytes_) tile_.sum.resize(n);
    tile_.mean_abs.resize(n);
    tile_.mean_sq.resize(n);
  }

  // Rows of W, in steps, from the tile's row `first` on.
  void SetRows(size_t first, ConstMatView<float> rows) {
    const ConstMatView<float> part = rows.Cols(k0_, k_);
    Set(*packed_, tile_.first + first, part, [](float w) { return w; });
    if (magnitudes_ != nullptr) {
      Set(*magnitudes_, tile_.first + first, part,
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
    if (bytes_) {
      SetAs<int8_t>(packed, row, part, f);
    } else {
      SetAs<float>(packed, row, part, f);
    }
  }
  // Whole panels: what a tile's last one lacks is zero.
  template <class T, class F>
  void SetAs(PackedWeights& packed, size_t row, ConstMatView<float> part,
             const F& f) const {
    const size_t rows = RoundUp(part.rows(), PackedWeights::kPanelOutputs);
    AlignedVector<T> room(rows * k_);
    for (size_t j = 0; j < part.rows(); ++j) {
      std::ranges::transform(part.row_span(j), room.data() + j * k_,
                             [&](float w) { return static_cast<T>(f(w)); });
    }
    packed.SetRows(row, StridedView<T>(MatView<T>(room.data(), rows, k_)));
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
  PackedWeights* packed_;
  PackedWeights* magnitudes_;
  std::vector<double> sum_sq_;  // by row
  TileWeights tile_;
};

// W of the outputs of a row of tiles as light makes it, in steps. `w` in
// numbers, `largest` by output.
WeightRows Effective(const WeightRows& w, const Params& params,
                     std::span<const Tile> tiles, const float* largest,
                     float steps) {
  auto transfers = std::make_shared<std::vector<Transfer>>();
  for (const Tile& tile : tiles) transfers->emplace_back(params, tile);
  const auto make = [=](size_t first, MatView<float> out) {
    const size_t low = first - std::min(first, Transfer::kReach);
    const size_t high =
        std::min(w.rows(), first + out.rows() + Transfer::kReach);
    AlignedVector<float> room((high - low) * w.cols());
    const MatView<float> rows(room.data(), high - low, w.cols());
    w.CopyTo(low, rows);
    ToSteps(std::span(largest + low, high - low), 1, false, rows);
    for (size_t t = 0; t < tiles.size(); ++t) {
      const Transfer& transfer = (*transfers)[t];
      const auto k0 = static_cast<size_t>(tiles[t].k0);
      const auto k = static_cast<size_t>(tiles[t].k);
      const MatView<float> part = rows.Cols(k0, k);
      for (size_t r = 0; r < part.rows(); ++r) {
        transfer.ApplyTo(part.row_span(r));
      }
      for (size_t r = 0; r < out.rows(); ++r) {
        const std::span<float> mixed = out.Cols(k0, k).row_span(r);
        transfer.Mix(part, first + r - low, mixed);
        const float to_steps = steps * transfer.gain(first + r);
        for (float& value : mixed) value *= to_steps;
      }
    }
  };
  return WeightRows(w.rows(), w.cols(), make);
}

// Outputs of a tile in whole panels.
size_t PanelsOf(const Tile& tile) {
  return RoundUp(static_cast<size_t>(tile.n), PackedWeights::kPanelOutputs);
}

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
  // Room for every range of inputs.
  size_t outputs = 0;
  for (const Tile& tile : tiles) {
    if (tile.k0 == 0) outputs += PanelsOf(tile);
  }
  for (const Tile& tile : tiles) {
    if (tile.n0 != 0) break;
    const DType dtype = params.of_bytes() ? DType::kI8 : DType::kF32;
    const auto k = static_cast<size_t>(tile.k);
    plane.packed.emplace_back(outputs, k, dtype);
    if (params.exact_light()) plane.magnitudes.emplace_back(outputs, k, dtype);
  }
  // Tiles of the same outputs get theirs together.
  size_t first_output = 0;
  for (size_t t = 0; t < tiles.size();) {
    const int64_t n0 = tiles[t].n0;
    const auto first_row = static_cast<size_t>(n0);
    const auto n = static_cast<size_t>(tiles[t].n);
    std::vector<TileBuilder> row_of_tiles;
    const size_t first_tile = t;
    for (; t < tiles.size() && tiles[t].n0 == n0; ++t) {
      const size_t columns = t - first_tile;
      row_of_tiles.emplace_back(
          tiles[t], params, plane.unit, columns, first_output,
          &plane.packed[columns],
          params.exact_light() ? &plane.magnitudes[columns] : nullptr);
    }
    first_output += PanelsOf(tiles[first_tile]);
    const WeightRows rows_of_tiles =
        params.static_errors()
            ? Effective(w.Rows(first_row, n), params,
                        tiles.subspan(first_tile, t - first_tile),
                        largest.data() + first_row, steps)
            : transmissions.Rows(first_row, n);
    ForEachTile(rows_of_tiles, threads,
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
