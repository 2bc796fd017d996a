// mla_attention: attention over a latent cache (DeepSeek-V2/V3).
//
// Inputs: q [rows, heads * (nope + rope)]; the cache [keys, kv_lora + rope],
// whose last `rope` columns are the rotated key part that all heads share;
// and the up-projection W[heads * (nope + v), kv_lora], which makes each
// head's key (the first nope rows of a head) and value from the latent.
// Causal. Attributes: heads, kv_lora, nope_dim, rope_dim, v_dim, scale. Output
// [rows, heads * v].
//
// Two orders of the same sums exist. Expanded: make every key and value from
// the latent, then attend; right when many queries share the keys. Absorbed:
// carry the query into the latent space and attend there; right for decode.
// Work counts the cheaper one, and says the same on every target; besides 5
// vector flops a score and one an output, as in attention. The values here
// come from the absorbed order, with sums in f64.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/base/parallel.h"
#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

struct MlaShape {
  int64_t heads, kv_lora, nope, rope, v;
  double scale;
  explicit MlaShape(const Node& node)
      : heads(node.attributes.Int("heads")),
        kv_lora(node.attributes.Int("kv_lora")),
        nope(node.attributes.Int("nope_dim")),
        rope(node.attributes.Int("rope_dim")),
        v(node.attributes.Int("v_dim")),
        scale(node.attributes.Get("scale")) {}
};

// One head of one query against `keys` rows of the cache, absorbed. `w` is
// this head's part of the up-projection: nope rows, then v rows.
template <class T>
void AttendLatent(const T* q, ConstMatView<T> cache, ConstMatView<float> w,
                  const MlaShape& s, T* out) {
  const auto lora = static_cast<size_t>(s.kv_lora);
  const auto nope = static_cast<size_t>(s.nope);
  std::vector<double> latent_q(lora, 0.0), latent_out(lora, 0.0);
  for (size_t i = 0; i < nope; ++i) {
    for (size_t j = 0; j < lora; ++j) {
      latent_q[j] += static_cast<double>(q[i]) * w(i, j);
    }
  }
  std::vector<double> score(cache.rows());
  for (size_t t = 0; t < cache.rows(); ++t) {
    double dot = 0;
    for (size_t j = 0; j < lora; ++j) dot += latent_q[j] * cache(t, j);
    for (size_t j = 0; j < static_cast<size_t>(s.rope); ++j) {
      dot += static_cast<double>(q[nope + j]) * cache(t, lora + j);
    }
    score[t] = s.scale * dot;
  }
  const double top = *std::max_element(score.begin(), score.end());
  double sum = 0;
  for (size_t t = 0; t < cache.rows(); ++t) {
    const double p = std::exp(score[t] - top);
    sum += p;
    for (size_t j = 0; j < lora; ++j) latent_out[j] += p * cache(t, j);
  }
  for (size_t i = 0; i < static_cast<size_t>(s.v); ++i) {
    double value = 0;
    for (size_t j = 0; j < lora; ++j) value += latent_out[j] * w(nope + i, j);
    out[i] = static_cast<T>(value / sum);
  }
}

template <class T>
void Evaluate(const OpArgs<T>& args) {
  const MlaShape s(args.node);
  const Binding& b = args.binding;
  const auto tokens = static_cast<size_t>(b.tokens);
  const auto heads = static_cast<size_t>(s.heads);
  const auto head_rows = static_cast<size_t>(s.nope + s.v);
  ParallelFor(heads, args.threads, [&](size_t h) {
    WeightRows::Tile tile;
    const auto w = args.weights[2].Read(h * head_rows, head_rows, tile);
    for (size_t r = 0; r < args.output.rows(); ++r) {
      const size_t first = r / tokens * static_cast<size_t>(args.capacity);
      const size_t keys = static_cast<size_t>(b.context) + r % tokens + 1;
      AttendLatent<T>(
          args.inputs[0].row(r) + h * static_cast<size_t>(s.nope + s.rope),
          args.inputs[1].Rows(first, keys), w, s,
          args.output.row(r) + h * static_cast<size_t>(s.v));
    }
  });
}

}  // namespace

Result<Shape> MlaAttentionShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 3, 3));
  const MlaShape s(node);
  const Value& cache = InputOf(graph, node, 1);
  TRIPTYCH_TRY(Expect(node,
                      cache.kind == ValueKind::kCache && cache.shape.rows.total,
                      "input 1 must be a cache that grows"));
  TRIPTYCH_TRY(ExpectWeight(graph, node, 2, true));
  TRIPTYCH_TRY(ExpectCols(graph, node, 0, s.heads * (s.nope + s.rope),
                          "heads * (nope_dim + rope_dim)"));
  TRIPTYCH_TRY(
      ExpectCols(graph, node, 1, s.kv_lora + s.rope, "kv_lora + rope_dim"));
  TRIPTYCH_TRY(ExpectCols(graph, node, 2, s.kv_lora, "kv_lora"));
  TRIPTYCH_TRY(Expect(
      node, ShapeOf(graph, node, 2).rows == FixedRows(s.heads * (s.nope + s.v)),
      "the up-projection must have heads * (nope_dim + v_dim) rows"));
  return Shape{ShapeOf(graph, node, 0).rows, s.heads * s.v};
}

Work MlaAttentionWork(const Graph& graph, const Node& node, const Binding& b) {
  const MlaShape s(node);
  const int64_t rows = b.batch * b.tokens;
  const int64_t keys = b.batch * b.total();
  const int64_t scores = b.batch * s.heads * CausalScores(b.tokens, b.total());
  const int64_t expanded = 2 * keys * s.kv_lora * s.heads * (s.nope + s.v) +
                           2 * scores * (s.nope + s.rope + s.v);
  const int64_t absorbed = 2 * rows * s.heads * s.kv_lora * (s.nope + s.v) +
                           2 * scores * (2 * s.kv_lora + s.rope);
  Work work;
  work.matrix_flops = std::min(expanded, absorbed);
  work.output_elements = rows * s.heads * s.v;
  work.vector_flops = 5 * scores + work.output_elements;
  work.weight_elements = s.heads * (s.nope + s.v) * s.kv_lora;
  work.input_elements = SizeOf(graph, node, 0, b);
  work.cache_read_elements = SizeOf(graph, node, 1, b);
  return work;
}

void MlaAttentionReference(const OpArgs<double>& args) { Evaluate(args); }
void MlaAttentionHost(const OpArgs<float>& args) { Evaluate(args); }

}  // namespace triptych
