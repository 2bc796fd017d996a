// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/transfer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/base/rng.h"

namespace triptych::optical {
namespace {

constexpr uint64_t kChipSeed = 0xC41F;
enum Stream : uint64_t { kSources = 1, kColumns, kGains, kOffsets };

// Part i's normal deviate.
double NormalOf(Stream stream, int64_t i) {
  const auto words = Rng(kChipSeed, stream).At(static_cast<uint64_t>(i));
  return std::sqrt(-2 * std::log(ToUnit(words[0]))) *
         std::cos(2 * std::numbers::pi * ToUnit(words[1]));
}

float Spread(double sigma, Stream stream, int64_t i) {
  if (sigma == 0) return 1;
  return static_cast<float>(std::max(0.1, 1 + sigma * NormalOf(stream, i)));
}

}  // namespace

std::vector<float> SourceSpread(const Params& p, int64_t first, int64_t count) {
  std::vector<float> spread;
  for (int64_t i = first; i < first + count; ++i) {
    spread.push_back(Spread(p.source_row_sigma, kSources, i));
  }
  return spread;
}

std::vector<float> ReceiverSpread(const Params& p, int64_t first,
                                  int64_t count) {
  const auto kept = static_cast<float>(1 - 2 * p.optics_rail_leakage);
  std::vector<float> spread;
  for (int64_t j = first; j < first + count; ++j) {
    spread.push_back(kept * Spread(p.plane_column_sigma, kColumns, j) *
                     Spread(p.rx_gain_sigma, kGains, j));
  }
  return spread;
}

std::vector<float> ReceiverOffsets(const Params& p, int64_t first,
                                   int64_t count) {
  std::vector<float> offsets;
  for (int64_t j = first; j < first + count; ++j) {
    offsets.push_back(
        static_cast<float>(p.rx_offset_sigma * NormalOf(kOffsets, j)));
  }
  return offsets;
}

Transfer::Transfer(const Params& params, const Tile& tile)
    : p_(params),
      q_(static_cast<float>(params.plane_quadratic)),
      levels_(params.plane_bits == 0
                  ? 0
                  : static_cast<float>((1 << (params.plane_bits - 1)) - 1)),
      source_(static_cast<size_t>(tile.k)),
      gain_(ReceiverSpread(params, tile.col, tile.n)) {
  // Copies of a tile have sources of their own, whose light adds up.
  const std::vector<float> all = SourceSpread(params, tile.row, tile.rows());
  for (size_t i = 0; i < all.size(); ++i) {
    source_[i % source_.size()] += all[i] / static_cast<float>(tile.copies);
  }
  if (!source_.empty()) weakest_ = *std::ranges::min_element(source_);
}

// The level that lets this light through: the root of Light in 0..1.
float Transfer::LevelOf(float light) const {
  if (q_ == 0) return light;
  const float b = 1 + q_;
  return (b - std::sqrt(std::max(b * b - 4 * q_ * light, 0.0f))) / (2 * q_);
}

// What comes through for a rail of r in 0..1, a source of strength 1 and no
// other errors giving r.
float Transfer::Rail(float r, float source) const {
  float level = r;
  if (p_.plane_calibrated) level = LevelOf(r * weakest_ / source);
  if (levels_ > 0) {
    // The rails of complementary weights are half as far apart.
    const float steps = p_.plane_rails == "split" ? levels_ : 2 * levels_;
    level = std::rint(level * steps) / steps;
  }
  const float light = source * Light(level);
  return p_.plane_calibrated ? light / weakest_ : light;
}

void Transfer::ApplyTo(std::span<float> w) const {
  const bool split = p_.plane_rails == "split";
  for (size_t i = 0; i < w.size(); ++i) {
    const float plus = split ? std::max(w[i], 0.0f) : (1 + w[i]) / 2;
    const float minus = split ? std::max(-w[i], 0.0f) : (1 - w[i]) / 2;
    w[i] = Rail(plus, source_[i]) - Rail(minus, source_[i]);
  }
}

void Transfer::Mix(ConstMatView<float> rows, size_t r,
                   std::span<float> out) const {
  const auto one = static_cast<float>(p_.optics_neighbour_1);
  const auto two = static_cast<float>(p_.optics_neighbour_2);
  const float own = 1 - 2 * one - 2 * two;
  for (size_t i = 0; i < out.size(); ++i) out[i] = own * rows(r, i);
  const auto add = [&](float part, bool there, size_t row) {
    if (part == 0 || !there) return;
    for (size_t i = 0; i < out.size(); ++i) out[i] += part * rows(row, i);
  };
  add(one, r >= 1, r - 1);
  add(one, r + 1 < rows.rows(), r + 1);
  add(two, r >= 2, r - 2);
  add(two, r + 2 < rows.rows(), r + 2);
}

}  // namespace triptych::optical
