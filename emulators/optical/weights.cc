// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/weights.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/aligned.h"

namespace triptych::optical {
namespace {

float AbsMax(std::span<const float> values) {
  float largest = 0;
  for (const float v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

TileWeights MakeTile(ConstMatView<float> w, float unit,
                     std::span<const float> gain) {
  TileWeights tile;
  tile.packed = Pack(w, DType::kF32);
  double all = 0;
  for (size_t j = 0; j < w.rows(); ++j) {
    double sum_abs = 0, sum_sq = 0;
    for (const float steps : w.row_span(j)) {
      const double value = steps * unit;
      sum_abs += std::abs(value);
      sum_sq += value * value;
    }
    const auto k = static_cast<double>(w.cols());
    tile.mean_abs.push_back(static_cast<float>(sum_abs / k));
    tile.mean_sq.push_back(static_cast<float>(sum_sq / k));
    all += sum_sq * gain[j] * gain[j];
  }
  tile.rms = std::sqrt(all / static_cast<double>(w.size()));
  return tile;
}

}  // namespace

PlaneWeights MakePlaneWeights(ConstMatView<float> w, const Params& params,
                              std::span<const Tile> tiles) {
  const int64_t bits = params.plane_bits;
  const float steps = bits == 0 ? 1 : static_cast<float>((1 << (bits - 1)) - 1);
  PlaneWeights plane;
  plane.unit = 1 / steps;
  AlignedVector<float> transmissions(w.size());
  const MatView<float> view(transmissions.data(), w.rows(), w.cols());
  for (size_t j = 0; j < w.rows(); ++j) {
    const float largest = AbsMax(w.row_span(j));
    const float to_steps = largest > 0 ? steps / largest : 0;
    for (size_t i = 0; i < w.cols(); ++i) {
      const float value = w(j, i) * to_steps;
      view(j, i) = bits == 0 ? value : std::rint(value);
    }
    const bool equal = params.gain == "equal";
    plane.gain.push_back(equal ? 1 : largest);
    plane.scale.push_back(equal ? largest : 1);
  }
  plane.largest_gain = AbsMax(plane.gain);
  for (const Tile& tile : tiles) {
    const auto n0 = static_cast<size_t>(tile.n0);
    const auto n = static_cast<size_t>(tile.n);
    const auto part = view.Rows(n0, n).Cols(static_cast<size_t>(tile.k0),
                                            static_cast<size_t>(tile.k));
    plane.tiles.push_back(
        MakeTile(part, plane.unit, std::span(plane.gain).subspan(n0, n)));
  }
  return plane;
}

}  // namespace triptych::optical
