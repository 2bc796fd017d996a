// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/matmul.h"

#include <algorithm>
#include <utility>

#include "emulators/mesh/tile/format.h"
#include "emulators/mesh/tile_matmul.h"
#include "kernels/base/units.h"
#include "kernels/tile/abi.h"
#include "tests/kernels/tile/trial.h"

namespace triptych::mesh::tile {
namespace {

struct Product {
  size_t m = 32, n = 32, k = 32;
  DType a = DType::kBf16, b = DType::kBf16, c = DType::kBf16;
  FpuMode mode;
  MatmulBlocking by;
};

// The matrix unit's own arithmetic, in its order, of columns [first, end) of a
// and those rows of b[k,n].
Matrix PartOf(const Product& p, const Matrix& a, const Matrix& b, size_t first,
              size_t end) {
  Matrix left(p.m, end - first), weights(p.n, end - first), c(p.m, p.n);
  for (size_t k = first; k < end; ++k) {
    for (size_t m = 0; m < p.m; ++m) left(m, k - first) = a(m, k);
    for (size_t n = 0; n < p.n; ++n) weights(n, k - first) = b(k, n);
  }
  const TiledWeights tiled(ConstMatView<float>(weights.view()), p.b);
  TileMatmul(left.view(), tiled, p.mode, 1, c.view());
  return c;
}

// Rows and columns of `x` from `row` and `col` on, zero beyond it.
Matrix Cut(const Matrix& x, size_t row, size_t col, size_t rows, size_t cols) {
  Matrix part(rows, cols);
  for (size_t r = row; r < std::min(row + rows, x.rows); ++r) {
    for (size_t c = col; c < std::min(col + cols, x.cols); ++c) {
      part(r - row, c - col) = x(r, c);
    }
  }
  return part;
}

// The same of columns from `first` on, onto sums that Dst has.
void AddRest(const Product& p, const Matrix& a, const Matrix& b, size_t first,
             Matrix* c) {
  SplitTile left, right;
  for (size_t m = 0; m < p.m; m += 32) {
    for (size_t n = 0; n < p.n; n += 32) {
      Matrix sums = Cut(*c, m, n, 32, 32);
      for (size_t k = first; k < p.k; k += 32) {
        SplitActivations(Cut(a, m, k, 32, 32).data, &left);
        SplitWeights(Cut(b, k, n, 32, 32).data, &right);
        AddTileProduct(left, right, p.mode, sums.data.data());
      }
      for (size_t r = m; r < std::min(m + 32, p.m); ++r) {
        for (size_t i = n; i < std::min(n + 32, p.n); ++i) {
          (*c)(r, i) = sums(r - m, i - n);
        }
      }
    }
  }
}

// Sums that are added to in L1 are rounded step by step; where the product's
// format is another, the last step adds to them in Dst.
Matrix Twin(const Product& p, const Matrix& a, const Matrix& b) {
  const size_t step = p.by.adds ? 32ul * p.by.block_k : p.k;
  Matrix c(p.m, p.n);
  for (size_t k = 0; k < p.k; k += step) {
    if (p.by.adds && p.c != DType::kBf16 && k + step >= p.k) {
      AddRest(p, a, b, k, &c);
      break;
    }
    const Matrix part = PartOf(p, a, b, k, std::min(k + step, p.k));
    for (size_t i = 0; i < c.data.size(); ++i) c.data[i] += part.data[i];
    if (p.by.adds) RoundTo(DType::kBf16, c.view());
  }
  RoundTo(p.c, c.view());
  return c;
}

MatmulArgs ArgsOf(const Product& p) {
  return {.m = TilesIn(p.m),
          .n = TilesIn(p.n),
          .k = TilesIn(p.k),
          .formats = {CodeOf(p.a), CodeOf(p.b), CodeOf(p.c),
                      CodeOf(p.mode.f32_dst ? DType::kF32 : DType::kBf16),
                      static_cast<uint32_t>(p.mode.phases)},
          .by = p.by,
          .a = 0,
          .b = 0,
          .c = 0};
}

Trial Interleaved(std::string label, Grid grid, Product p) {
  return {std::move(label), std::move(grid), [=](Workspace* w) {
            const Tensor a = w->Put(p.a, NormalMatrix(p.m, p.k, 1));
            const Tensor b = w->Put(p.b, NormalMatrix(p.k, p.n, 2));
            const Tensor c = w->Room(p.c, p.m, p.n);
            MatmulArgs args = ArgsOf(p);
            args.a = a.address;
            args.b = b.address;
            args.c = c.address;
            return Prepared{WordsOf(args), [=](const Workspace& after) {
                              return SameBits(
                                  after.Get(c),
                                  Twin(p, after.Get(a), after.Get(b)));
                            }};
          }};
}

// Blocks of a and c in L1, as matmul_multicast.c says.
struct Shards {
  size_t rows, a_cols, c_cols;  // elements of a block
  uint32_t c_address;
};
Shards ShardsOf(const Product& p, const Grid& grid) {
  const size_t each =
      CeilDiv<size_t>(TilesIn(p.k), static_cast<size_t>(grid.cols));
  const size_t steps = CeilDiv<size_t>(each, p.by.block_k);
  const size_t a_tiles = p.by.block_m * steps * p.by.block_k;
  const size_t bytes = (a_tiles * BytesOf(p.a) + 63) / 64 * 64;
  return {32ul * p.by.block_m, 32ul * steps * p.by.block_k, 32ul * p.by.block_n,
          static_cast<uint32_t>(TILE_FREE + bytes)};
}

Trial Multicast(std::string label, Grid grid, Product p) {
  const Shards shards = ShardsOf(p, grid);
  const auto cols = static_cast<size_t>(grid.cols);
  return {std::move(label), grid, [=](Workspace* w) {
            const Matrix a = NormalMatrix(p.m, p.k, 1);
            for (size_t t = 0; t < w->tiles(); ++t) {
              w->PutL1(t, TILE_FREE, p.a,
                       Cut(a, t / cols * shards.rows, t % cols * shards.a_cols,
                           shards.rows, shards.a_cols));
            }
            const Tensor b = w->Put(p.b, NormalMatrix(p.k, p.n, 2));
            MatmulArgs args = ArgsOf(p);
            args.b = b.address;
            return Prepared{
                WordsOf(args), [=](const Workspace& after) {
                  Matrix rounded = a;
                  RoundTo(p.a, rounded.view());
                  const Matrix want = Twin(p, rounded, after.Get(b));
                  double worst = 0;
                  for (size_t t = 0; t < after.tiles(); ++t) {
                    worst = std::max(
                        worst, SameBits(after.GetL1(t, shards.c_address, p.c,
                                                    shards.rows, shards.c_cols),
                                        Cut(want, t / cols * shards.rows,
                                            t % cols * shards.c_cols,
                                            shards.rows, shards.c_cols)));
                  }
                  return worst;
                }};
          }};
}

constexpr FpuMode kHifi4 = {4, false};

}  // namespace

std::vector<Trial> MatmulInterleavedTrials() {
  return {
      Interleaved("one tile", {1, 1},
                  {.mode = kHifi4, .by = {1, 1, 1, 1, 1, 1}}),
      Interleaved("tails everywhere", {2, 2},
                  {.m = 70,
                   .n = 100,
                   .k = 150,
                   .mode = kHifi4,
                   .by = {2, 2, 2, 2, 2, 2}}),
      Interleaved("sums leave Dst between steps", {2, 1},
                  {.m = 130,
                   .n = 200,
                   .k = 300,
                   .mode = kHifi4,
                   .by = {4, 4, 3, 2, 4, 2}}),
      Interleaved("single precision in Dst", {2, 2},
                  {.m = 128,
                   .n = 128,
                   .k = 256,
                   .mode = {4, true},
                   .by = {2, 2, 4, 2, 2, 2}}),
      Interleaved("bfp8 weights in two passes", {3, 2},
                  {.m = 96,
                   .n = 192,
                   .k = 160,
                   .b = DType::kBfp8,
                   .mode = {2, false},
                   .by = {1, 2, 2, 1, 2, 2}}),
      Interleaved("bfp4 weights in one pass", {2, 2},
                  {.m = 64,
                   .n = 128,
                   .k = 128,
                   .a = DType::kBfp8,
                   .b = DType::kBfp4,
                   .c = DType::kBfp8,
                   .mode = {1, false},
                   .by = {2, 4, 2, 2, 4, 2}}),
      Interleaved("wormhole", {2, 2, "wormhole-n150"},
                  {.m = 128,
                   .n = 128,
                   .k = 256,
                   .mode = kHifi4,
                   .by = {2, 2, 4, 2, 2, 2}}),
  };
}

std::vector<Trial> MatmulMulticastTrials() {
  return {
      Multicast("one tile", {1, 1},
                {.k = 64, .mode = kHifi4, .by = {1, 1, 1, 1, 1, 1}}),
      Multicast("two by two", {2, 2},
                {.m = 128,
                 .n = 128,
                 .k = 256,
                 .mode = kHifi4,
                 .by = {2, 2, 2, 2, 2, 2}}),
      Multicast("reads ahead", {2, 2},
                {.m = 128,
                 .n = 128,
                 .k = 256,
                 .mode = kHifi4,
                 .by = {2, 2, 1, 2, 2, 3}}),
      Multicast("tails everywhere", {3, 2},
                {.m = 100,
                 .n = 300,
                 .k = 330,
                 .mode = kHifi4,
                 .by = {2, 4, 2, 1, 4, 3}}),
      Multicast("sums stay in L1", {3, 2},
                {.m = 120,
                 .n = 190,
                 .k = 330,
                 .mode = kHifi4,
                 .by = {2, 2, 2, 1, 2, 3, 1, 0}}),
      Multicast("sums stay in L1, NoCs change places, bfp8", {3, 3},
                {.m = 192,
                 .n = 192,
                 .k = 288,
                 .a = DType::kBfp8,
                 .b = DType::kBfp8,
                 .c = DType::kBfp8,
                 .mode = {2, false},
                 .by = {2, 2, 1, 2, 1, 2, 1, 1}}),
      Multicast("a row", {4, 1},
                {.m = 64,
                 .n = 256,
                 .k = 256,
                 .b = DType::kBfp8,
                 .mode = {2, false},
                 .by = {2, 2, 2, 2, 2, 2}}),
      Multicast("a column", {1, 3},
                {.m = 96,
                 .n = 64,
                 .k = 128,
                 .mode = kHifi4,
                 .by = {1, 2, 4, 1, 2, 2}}),
      Multicast("wormhole", {2, 2, "wormhole-n150"},
                {.m = 128,
                 .n = 128,
                 .k = 256,
                 .mode = kHifi4,
                 .by = {2, 2, 2, 2, 2, 2}}),
  };
}

}  // namespace triptych::mesh::tile
