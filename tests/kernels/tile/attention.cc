// SPDX-License-Identifier: Apache-2.0
#include "kernels/tile/programs/attention.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "emulators/mesh/tile/format.h"
#include "kernels/base/units.h"
#include "kernels/tile/abi.h"
#include "tests/kernels/tile/trial.h"

namespace triptych::mesh::tile {
namespace {

struct Shape {
  size_t heads = 1, kv_heads = 1, queries = 32, keys = 32, dim = 64;
  bool causal = false;
  uint32_t chunk = 2, splits = 1;
  DType kv = DType::kBf16;
};

// Heads one below the other, each padded to whole tiles.
size_t Padded(size_t rows) { return 32ul * TilesIn(rows); }

double ScaleOf(const Shape& s) {
  return 1 / std::sqrt(static_cast<double>(s.dim));
}

// One query's row: what should come out, and what errors are relative to.
struct Row {
  std::vector<double> mean, size;
  double largest = 0;  // score
};
Row Attend(const Shape& s, const float* q, const Matrix& k, const Matrix& v,
           size_t first, size_t keys) {
  Row row = {std::vector<double>(s.dim), std::vector<double>(s.dim)};
  std::vector<double> scores(keys);
  double most = -1e300, total = 0;
  for (size_t j = 0; j < keys; ++j) {
    for (size_t d = 0; d < s.dim; ++d) {
      scores[j] += double{q[d]} * k(first + j, d) * ScaleOf(s);
    }
    most = std::max(most, scores[j]);
    row.largest = std::max(row.largest, std::abs(scores[j]));
  }
  for (double& score : scores) total += score = std::exp(score - most);
  for (size_t j = 0; j < keys; ++j) {
    for (size_t d = 0; d < s.dim; ++d) {
      const double part = scores[j] / total * v(first + j, d);
      row.mean[d] += part;
      row.size[d] += std::abs(part);
    }
  }
  return row;
}

// A weight is e^(score - most): both are cut off in a source register, which
// moves it by their size; then it is rounded, and so is what they sum up to.
// With each further chunk, and each merge, the sums, their total and the
// factor that makes them fade are cut off. At the end 1 / total and the sums
// are, and the result is rounded.
double Relative(const Shape& s, double largest) {
  const double chunks =
      static_cast<double>(CeilDiv<size_t>(TilesIn(s.keys), s.chunk) + s.splits);
  const double fades = chunks * (4 * kTf32 + 4 * kTf32 * largest);
  return 2 * (2 * kTf32 * largest + kBf16) + fades + 4 * kTf32 + kBf16;
}

double Compare(const Shape& s, const Matrix& q, const Matrix& k,
               const Matrix& v, const Matrix& got) {
  double worst = 0;
  const size_t group = s.heads / s.kv_heads;
  for (size_t h = 0; h < s.heads; ++h) {
    for (size_t i = 0; i < s.queries; ++i) {
      const size_t at = h * Padded(s.queries) + i;
      const size_t keys = s.causal ? s.keys - s.queries + i + 1 : s.keys;
      const Row row = Attend(s, &q.data[at * s.dim], k, v,
                             h / group * Padded(s.keys), keys);
      for (size_t d = 0; d < s.dim; ++d) {
        const double off = std::abs(double{got(at, d)} - row.mean[d]);
        const double allowed = Relative(s, row.largest) * row.size[d] + 1e-30;
        worst = std::max(worst, off == off ? off / allowed : HUGE_VAL);
      }
    }
  }
  return worst;
}

Trial Attention(std::string label, Grid grid, Shape s) {
  return {std::move(label), std::move(grid), [=](Workspace* w) {
            const size_t q_rows = s.heads * Padded(s.queries);
            const size_t k_rows = s.kv_heads * Padded(s.keys);
            const Tensor q =
                w->Put(DType::kBf16, NormalMatrix(q_rows, s.dim, 1));
            const Tensor k = w->Put(s.kv, NormalMatrix(k_rows, s.dim, 2));
            const Tensor v = w->Put(s.kv, NormalMatrix(k_rows, s.dim, 3));
            const Tensor out = w->Room(DType::kBf16, q_rows, s.dim);
            const AttentionArgs args = {
                .heads = static_cast<uint32_t>(s.heads),
                .kv_heads = static_cast<uint32_t>(s.kv_heads),
                .queries = TilesIn(s.queries),
                .keys = TilesIn(s.keys),
                .dim = TilesIn(s.dim),
                .causal = s.causal,
                .tail = static_cast<uint32_t>((s.keys - 1) % 32 + 1),
                .scale = BitsOf(ScaleOf(s)),
                .chunk = s.chunk,
                .splits = s.splits,
                .fidelity = 4,
                .format = TILE_BF16,
                .kv_format = CodeOf(s.kv),
                .q = q.address,
                .k = k.address,
                .v = v.address,
                .out = out.address};
            return Prepared{WordsOf(args), [=](const Workspace& after) {
                              return Compare(s, after.Get(q), after.Get(k),
                                             after.Get(v), after.Get(out));
                            }};
          }};
}

}  // namespace

std::vector<Trial> AttentionPrefillTrials() {
  return {
      Attention("one tile", {1, 1}, {.dim = 32, .chunk = 1}),
      Attention("several chunks with a rest", {1, 1},
                {.keys = 224, .chunk = 2}),
      Attention("a tail of keys", {2, 1},
                {.heads = 2, .kv_heads = 2, .queries = 50, .keys = 70}),
      Attention("causal, heads shared", {2, 2},
                {.heads = 4,
                 .kv_heads = 2,
                 .queries = 128,
                 .keys = 128,
                 .causal = true}),
      Attention("causal, after a cache, bfp8", {2, 2},
                {.heads = 2,
                 .kv_heads = 1,
                 .queries = 64,
                 .keys = 256,
                 .dim = 128,
                 .causal = true,
                 .chunk = 3,
                 .kv = DType::kBfp8}),
      Attention("wide heads", {1, 2}, {.queries = 64, .keys = 96, .dim = 160}),
      Attention("wormhole", {2, 2, "wormhole-n150"},
                {.heads = 2,
                 .kv_heads = 2,
                 .queries = 64,
                 .keys = 64,
                 .causal = true}),
  };
}

// The 32 queries are of heads that share one of k and v.
std::vector<Trial> AttentionDecodeTrials() {
  return {
      Attention("one tile", {1, 1}, {.dim = 32, .chunk = 1}),
      Attention("two parts", {2, 1}, {.keys = 256, .splits = 2}),
      Attention("five parts and a tail", {3, 2}, {.keys = 300, .splits = 5}),
      Attention("eight heads, four parts each", {8, 4},
                {.heads = 8,
                 .kv_heads = 8,
                 .keys = 1024,
                 .dim = 128,
                 .chunk = 4,
                 .splits = 4,
                 .kv = DType::kBfp8}),
      Attention("wormhole", {2, 2, "wormhole-n150"},
                {.keys = 256, .splits = 4}),
  };
}

}  // namespace triptych::mesh::tile
