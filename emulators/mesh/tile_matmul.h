// The values of a matrix product on the tiles' matrix unit.
//
// Weights are stored as the device stores them: W^T in tiles, so that the 16
// elements that share a bfp exponent are 16 outputs of one input feature.
// Each product is taken in fidelity phases, of significand bits cut off:
//
//   phase      1       2       3       4
//   weight     high 5  low     high 5  low
//   activation high 7  high 7  low     low
//
// The unit adds 16 products (one face of K) in f32, in order of k, and adds
// that to Dst, which rounds to its format. Order: tiles of K, phases, the two
// faces of a tile. A block of K that ends puts Dst away and back unrounded,
// so blocking does not enter the values. (The silicon's adder aligns and cuts
// its 16 products in a way that is not modelled: README.md.)
//
// Nothing depends on threads, on the number of rows, or on the host's SIMD
// width: operands have at most 11 significant bits, so products are exact,
// and sums are taken in one order.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_MATMUL_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_MATMUL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/mat_view.h"
#include "models/weight_rows.h"

namespace triptych::mesh {

// W[n,k] rounded to a format (bf16, bfp8, bfp4) and cut into tiles. All three
// fit bf16 codes exactly, but for bfp blocks whose exponent is among the
// smallest 6 of f32: what bf16 cannot hold there is rounded.
class TiledWeights {
 public:
  TiledWeights() = default;
  TiledWeights(const WeightRows& w, DType format, int threads = 1);

  size_t n() const { return n_; }
  size_t k() const { return k_; }
  // 1024 bf16 codes, [k][n]; beyond the matrix they are zero.
  const uint16_t* tile(size_t k_tile, size_t n_tile) const {
    return codes_.data() + (n_tile * k_tiles_ + k_tile) * 1024;
  }

 private:
  size_t n_ = 0, k_ = 0, k_tiles_ = 0;
  std::vector<uint16_t> codes_;
};

struct FpuMode {
  int phases = 1;        // 1..4
  bool f32_dst = false;  // else bf16
};

// A tile as the multiplier takes it: the first bits of each element, and what
// is left of it. Row-major.
struct SplitTile {
  alignas(64) std::array<float, 1024> high, low;
};
// 32 x 32, exact in bf16 or with at most 11 bits.
void SplitActivations(std::span<const float> values, SplitTile* tile);
void SplitWeights(std::span<const float> values, SplitTile* tile);
// dst[m,n] += a[m,k] * w[k,n], all 32 x 32: what a tile's matrix unit does,
// and what TileMatmul is made of.
void AddTileProduct(const SplitTile& a, const SplitTile& w, FpuMode mode,
                    float* dst);
// The product of two numbers in fidelity phases, as of element-wise products:
// each phase is added in f32.
float PhasedProduct(float activation, float weight, int phases);

// C[m,n] = A[m,k] * W[n,k]^T. A holds bf16 values (a check in debug builds
// only); C must not overlap it.
void TileMatmul(ConstMatView<float> a, const TiledWeights& w, FpuMode mode,
                int threads, MatView<float> c);

// Rounds to a format of the mesh (bf16, or bfp8 in runs of 16 along rows).
void RoundTo(DType format, MatView<float> x);
// W[n,k], rounded as TiledWeights rounds it: bfp runs of 16 go along n, from
// the first row on.
void RoundWeights(DType format, MatView<float> w);
// The same of rows when they are read.
WeightRows RoundedWeights(const WeightRows& w, DType format);

// x without all but the first `bits` bits of its significand.
float KeepBits(float x, int bits);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_MATMUL_H_
