// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile_matmul.h"

#include <algorithm>
#include <array>
#include <bit>

#include "emulators/mesh/tile.h"
#include "kernels/base/aligned.h"
#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"

namespace triptych::mesh {
namespace {

constexpr size_t kSide = static_cast<size_t>(kTile);
constexpr size_t kFaceSide = static_cast<size_t>(kFace);
// Significand bits of one phase (leading one included).
constexpr int kWeightBits = 5, kActivationBits = 7;

int MagnitudeBits(DType format) { return format == DType::kBfp8 ? 7 : 3; }

// A number as the multiplier takes it: first bits, then what is left.
struct Halves {
  float high, low;
};
Halves Split(float x, int bits) {
  const float high = KeepBits(x, bits);
  // Infinities and NaN have no rest.
  return {high, high == x || x != x ? 0.0f : x - high};
}

void SplitTo(std::span<const float> values, int bits, SplitTile* tile) {
  TRIPTYCH_CHECK(values.size() == tile->high.size(), "values", values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const Halves halves = Split(values[i], bits);
    tile->high[i] = halves.high;
    tile->low[i] = halves.low;
  }
}

// One tile of weights, [k][n].
void LoadWeights(const uint16_t* codes, SplitTile* tile) {
  std::array<float, kSide * kSide> values;
  for (size_t i = 0; i < values.size(); ++i) values[i] = F32FromBf16(codes[i]);
  SplitTo(values, kWeightBits, tile);
}

// Activations in two portions, rows padded to whole tiles.
struct SplitRows {
  explicit SplitRows(ConstMatView<float> a)
      : stride(RoundUp(a.cols(), kSide)),
        high(a.rows() * stride),
        low(a.rows() * stride) {
    for (size_t r = 0; r < a.rows(); ++r) {
      for (size_t c = 0; c < a.cols(); ++c) {
        TRIPTYCH_DCHECK(a(r, c) != a(r, c) || RoundToBf16(a(r, c)) == a(r, c),
                        "row", r, "col", c);
        const Halves halves = Split(a(r, c), kActivationBits);
        high[r * stride + c] = halves.high;
        low[r * stride + c] = halves.low;
      }
    }
  }
  size_t stride;
  AlignedVector<float> high, low;
};

// dst[n] += sum over one face's 16 k of a[k] * w[k][n].
template <bool kF32Dst>
void AddFace(const float* a, const float* w, float* dst) {
  float sum[kSide] = {};
  for (size_t k = 0; k < kFaceSide; ++k) {
    for (size_t n = 0; n < kSide; ++n) sum[n] += a[k] * w[k * kSide + n];
  }
  for (size_t n = 0; n < kSide; ++n) {
    const float total = dst[n] + sum[n];
    dst[n] = kF32Dst ? total : RoundToBf16(total);
  }
}

// One row: 32 sums += 32 activations * one tile of weights.
template <bool kF32Dst>
void AddRow(const float* high, const float* low, const SplitTile& w, int phases,
            float* sums) {
  for (int phase = 0; phase < phases; ++phase) {
    const float* row = phase < 2 ? high : low;
    const auto& weights = phase % 2 == 0 ? w.high : w.low;
    AddFace<kF32Dst>(row, weights.data(), sums);
    AddFace<kF32Dst>(row + kFaceSide, weights.data() + kFaceSide * kSide, sums);
  }
}

// One column of output tiles: 32 outputs for every row of A.
template <bool kF32Dst>
void OutputTile(const SplitRows& a, const TiledWeights& w, size_t n_tile,
                int phases, MatView<float> c) {
  AlignedVector<float> dst(c.rows() * kSide);
  SplitTile tile;
  const size_t k_tiles = CeilDiv(w.k(), kSide);
  for (size_t kt = 0; kt < k_tiles; ++kt) {
    LoadWeights(w.tile(kt, n_tile), &tile);
    for (size_t r = 0; r < c.rows(); ++r) {
      const size_t at = r * a.stride + kt * kSide;
      AddRow<kF32Dst>(a.high.data() + at, a.low.data() + at, tile, phases,
                      dst.data() + r * kSide);
    }
  }
  const size_t first = n_tile * kSide;
  const size_t count = std::min(kSide, c.cols() - first);
  for (size_t r = 0; r < c.rows(); ++r) {
    std::copy_n(dst.data() + r * kSide, count, c.row(r) + first);
  }
}

}  // namespace

void SplitActivations(std::span<const float> values, SplitTile* tile) {
  SplitTo(values, kActivationBits, tile);
}

void SplitWeights(std::span<const float> values, SplitTile* tile) {
  SplitTo(values, kWeightBits, tile);
}

void AddTileProduct(const SplitTile& a, const SplitTile& w, FpuMode mode,
                    float* dst) {
  for (size_t at = 0; at < kSide * kSide; at += kSide) {
    if (mode.f32_dst) {
      AddRow<true>(&a.high[at], &a.low[at], w, mode.phases, dst + at);
    } else {
      AddRow<false>(&a.high[at], &a.low[at], w, mode.phases, dst + at);
    }
  }
}

float PhasedProduct(float activation, float weight, int phases) {
  const Halves a = Split(activation, kActivationBits);
  const Halves w = Split(weight, kWeightBits);
  float sum = 0;
  for (int phase = 0; phase < phases; ++phase) {
    sum += (phase < 2 ? a.high : a.low) * (phase % 2 == 0 ? w.high : w.low);
  }
  return sum;
}

float KeepBits(float x, int bits) {
  const uint32_t mask = ~uint32_t{0} << (24 - bits);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(x) & mask);
}

void RoundTo(DType format, MatView<float> x) {
  for (size_t r = 0; r < x.rows(); ++r) {
    const std::span<float> row = x.row_span(r);
    if (format == DType::kBf16) {
      std::ranges::transform(row, row.begin(), RoundToBf16);
    } else {
      RoundRowToBfp(row, MagnitudeBits(format));
    }
  }
}

void RoundWeights(DType format, MatView<float> w) {
  if (format == DType::kBf16) return RoundTo(format, w);
  std::array<float, kFaceSide> run;
  for (size_t n = 0; n < w.rows(); n += kFaceSide) {
    const size_t count = std::min(kFaceSide, w.rows() - n);
    for (size_t k = 0; k < w.cols(); ++k) {
      for (size_t i = 0; i < count; ++i) run[i] = w(n + i, k);
      RoundRowToBfp(std::span(run).first(count), MagnitudeBits(format));
      for (size_t i = 0; i < count; ++i) w(n + i, k) = run[i];
    }
  }
}

WeightRows RoundedWeights(const WeightRows& w, DType format) {
  return WeightRows(
      w.rows(), w.cols(), [w, format](size_t first, MatView<float> out) {
        // Whole runs, of which `out` may be a part.
        const size_t begin = first / kFaceSide * kFaceSide;
        const size_t end =
            std::min(RoundUp(first + out.rows(), kFaceSide), w.rows());
        AlignedVector<float> runs((end - begin) * w.cols());
        const MatView<float> view(runs.data(), end - begin, w.cols());
        w.CopyTo(begin, view);
        RoundWeights(format, view);
        for (size_t r = 0; r < out.rows(); ++r) {
          std::copy_n(view.row(first - begin + r), w.cols(), out.row(r));
        }
      });
}

TiledWeights::TiledWeights(const WeightRows& w, DType format, int threads)
    : n_(w.rows()), k_(w.cols()), k_tiles_(CeilDiv(w.cols(), kSide)) {
  static_assert(WeightRows::kTileRows == kSide);
  codes_.assign(CeilDiv(n_, kSide) * k_tiles_ * kSide * kSide, 0);
  ForEachTile(RoundedWeights(w, format), threads,
              [&](size_t first, ConstMatView<float> rows) {
                uint16_t* to = codes_.data() + first * k_tiles_ * kSide;
                for (size_t k = 0; k < k_; ++k) {
                  for (size_t n = 0; n < rows.rows(); ++n) {
                    to[k * kSide + n] = Bf16FromF32(rows(n, k));
                  }
                }
              });
}

void TileMatmul(ConstMatView<float> a, const TiledWeights& w, FpuMode mode,
                int threads, MatView<float> c) {
  TRIPTYCH_CHECK(a.cols() == w.k() && c.cols() == w.n() &&
                     a.rows() == c.rows() && mode.phases >= 1 &&
                     mode.phases <= 4,
                 "a", a.rows(), a.cols(), "w", w.n(), w.k(), "c", c.rows(),
                 c.cols(), "phases", mode.phases);
  const SplitRows rows(a);
  ParallelFor(CeilDiv(w.n(), kSide), threads, [&](size_t n_tile) {
    if (mode.f32_dst) {
      OutputTile<true>(rows, w, n_tile, mode.phases, c);
    } else {
      OutputTile<false>(rows, w, n_tile, mode.phases, c);
    }
  });
}

}  // namespace triptych::mesh
