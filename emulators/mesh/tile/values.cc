// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/values.h"

#include <algorithm>
#include <utility>

#include "emulators/mesh/tile.h"
#include "emulators/mesh/tile/format.h"
#include "kernels/base/formats.h"

namespace triptych::mesh::tile {
namespace {

constexpr size_t kSide = kTile;

// f32 passes the source registers with 10 bits of fraction, as TF32 (19 bits
// a datum: ISA SrcASrcB); bf16 and bfp as they are.
constexpr int kSourceBits = 11;

float ToDst(float x, FpuMode mode) { return mode.f32_dst ? x : RoundToBf16(x); }

size_t BroadcastAt(Broadcast broadcast, size_t row, size_t col) {
  switch (broadcast) {
    case Broadcast::kNone:
      return row * kSide + col;
    case Broadcast::kRow:
      return col;
    case Broadcast::kColumn:
      return row * kSide;
    case Broadcast::kElement:
      return 0;
  }
  return 0;
}

float Combined(Elementwise op, float a, float b, int phases) {
  switch (op) {
    case Elementwise::kAdd:
      return a + b;
    case Elementwise::kSub:
      return a - b;
    case Elementwise::kMul:
      return PhasedProduct(b, a, phases);
  }
  return 0;
}

}  // namespace

void SourceTile::Load(DType format, std::span<const std::byte> bytes,
                      bool transpose) {
  how_ = Split::kNone;
  DecodeTile(format, bytes, values_);
  if (format == DType::kF32) {
    for (float& x : values_) x = KeepBits(x, kSourceBits);
  }
  if (!transpose) return;
  for (size_t r = 0; r < kSide; ++r) {
    for (size_t c = 0; c < r; ++c) {
      std::swap(values_[r * kSide + c], values_[c * kSide + r]);
    }
  }
}

const SplitTile& SourceTile::activations() {
  if (how_ != Split::kActivations) SplitActivations(values_, &split_);
  how_ = Split::kActivations;
  return split_;
}

const SplitTile& SourceTile::weights() {
  if (how_ != Split::kWeights) SplitWeights(values_, &split_);
  how_ = Split::kWeights;
  return split_;
}

void Destination::Product(size_t i, SourceTile& a, SourceTile& b,
                          FpuMode mode) {
  AddTileProduct(b.activations(), a.weights(), mode, tile(i).data());
}

void Destination::Copy(size_t i, const SourceTile& a, FpuMode mode) {
  std::ranges::transform(a.values(), tile(i).begin(),
                         [&](float x) { return ToDst(x, mode); });
}

void Destination::Combine(size_t i, Elementwise op, const SourceTile& a,
                          const SourceTile& b, Broadcast broadcast,
                          bool accumulate, FpuMode mode) {
  const std::span<float, 1024> dst = tile(i);
  for (size_t r = 0; r < kSide; ++r) {
    for (size_t c = 0; c < kSide; ++c) {
      const size_t at = r * kSide + c;
      const float other = b.values()[BroadcastAt(broadcast, r, c)];
      const float x = Combined(op, a.values()[at], other, mode.phases);
      dst[at] = ToDst(accumulate ? dst[at] + x : x, mode);
    }
  }
}

void Destination::Reduce(size_t i, const SourceTile& a, Along along, bool max,
                         bool into, float scale, FpuMode mode) {
  const auto join = [&](float x, float y) {
    return max ? (x < y ? y : x) : x + y;
  };
  const std::span<float, 1024> dst = tile(i);
  const bool rows = along != Along::kColumns;
  std::array<float, kSide> sums;
  for (size_t line = 0; line < kSide; ++line) {
    const size_t first = rows ? line * kSide : line;
    const size_t step = rows ? 1 : kSide;
    sums[line] = a.values()[first];
    for (size_t j = 1; j < kSide; ++j) {
      sums[line] = join(sums[line], a.values()[first + j * step]);
    }
  }
  size_t lines = kSide;
  if (along == Along::kBoth) {
    for (size_t line = 1; line < kSide; ++line) {
      sums[0] = join(sums[0], sums[line]);
    }
    lines = 1;
  }
  std::array<float, kSide> before;
  const size_t step = along == Along::kColumns ? 1 : kSide;
  for (size_t line = 0; line < lines; ++line) before[line] = dst[line * step];
  Zero(i);
  for (size_t line = 0; line < lines; ++line) {
    const float x = max ? sums[line] : sums[line] * scale;
    dst[line * step] = ToDst(into ? join(before[line], x) : x, mode);
  }
}

void Destination::Unary(size_t i, float (*f)(float, float), float immediate,
                        FpuMode mode) {
  for (float& x : tile(i)) x = ToDst(f(x, immediate), mode);
}

void Destination::Binary(size_t i, size_t other, Broadcast broadcast,
                         float (*f)(float, float), FpuMode mode) {
  const std::span<float, 1024> x = tile(i), y = tile(other);
  // The other tile may be this one.
  std::array<float, 1024> result;
  for (size_t r = 0; r < kSide; ++r) {
    for (size_t c = 0; c < kSide; ++c) {
      const size_t at = r * kSide + c;
      result[at] = ToDst(f(x[at], y[BroadcastAt(broadcast, r, c)]), mode);
    }
  }
  std::ranges::copy(result, x.begin());
}

void Destination::Zero(size_t i) { std::ranges::fill(tile(i), 0.0f); }

}  // namespace triptych::mesh::tile
