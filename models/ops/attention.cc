// attention: softmax(scale * Q K^T + mask) V for every head.
//
// Inputs q [rows, heads * head_dim], k [keys, kv_heads * head_dim],
// v [keys, kv_heads * v_dim]; k and v are caches or activations. Attributes:
// heads, kv_heads, head_dim; v_dim (default head_dim); causal (0 or 1: query
// i of a sequence sees keys up to context + i); scale (default
// 1 / sqrt(head_dim)). Output [rows, heads * v_dim].
// Work: 2 (head_dim + v_dim) matrix flops and 5 vector flops (scale, maximum,
// subtract, exp, sum) a score that is not masked, plus one division an
// output. Masked scores are nobody's work.
//
// kv_append: writes rows of K or V after the ones a cache holds. Inputs
// x [rows, cols] and the cache; the output is the cache. A cache of a fixed
// number of rows is filled whole, by an x of as many. No flops.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/parallel.h"
#include "kernels/ref/attention.h"
#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

AttentionShape ShapeOfAttention(const Node& node, int64_t past) {
  const Attributes& a = node.attributes;
  const int64_t head_dim = a.Int("head_dim");
  AttentionShape shape;
  shape.heads = static_cast<size_t>(a.Int("heads"));
  shape.kv_heads = static_cast<size_t>(a.Int("kv_heads"));
  shape.head_dim = static_cast<size_t>(head_dim);
  shape.v_dim = static_cast<size_t>(a.Int("v_dim", head_dim));
  shape.causal = a.Int("causal") != 0;
  shape.past = static_cast<size_t>(past);
  shape.scale = a.Get("scale", 1.0 / std::sqrt(static_cast<double>(head_dim)));
  return shape;
}

// Keys of one sequence that a run with binding `b` sees in input i.
int64_t KeysOf(const Graph& graph, const Node& node, size_t i,
               const Binding& b) {
  return RowsOf(graph, node, i, b) / b.batch;
}

// Calls run(q, k, v, out, shape) for each sequence of the batch.
template <class T, class F>
void EachSequence(const OpArgs<T>& args, const F& run) {
  const Binding& b = args.binding;
  const bool cached = ShapeOf(args.graph, args.node, 1).rows.total;
  const auto shape = ShapeOfAttention(args.node, cached ? b.context : 0);
  const auto batch = static_cast<size_t>(b.batch);
  const size_t rows = args.output.rows() / batch;
  const auto keys = static_cast<size_t>(KeysOf(args.graph, args.node, 1, b));
  const size_t stride = cached ? static_cast<size_t>(args.capacity) : keys;
  for (size_t s = 0; s < batch; ++s) {
    run(args.inputs[0].Rows(s * rows, rows),
        args.inputs[1].Rows(s * stride, keys),
        args.inputs[2].Rows(s * stride, keys), args.output.Rows(s * rows, rows),
        shape);
  }
}

template <class T>
void AppendRows(const OpArgs<T>& args) {
  const Binding& b = args.binding;
  const bool growing = ShapeOf(args.graph, args.node, 1).rows.total;
  const auto batch = static_cast<size_t>(b.batch);
  const size_t rows = args.inputs[0].rows() / batch;
  const size_t stride = growing ? static_cast<size_t>(args.capacity) : rows;
  const size_t first = growing ? static_cast<size_t>(b.context) : 0;
  for (size_t r = 0; r < args.inputs[0].rows(); ++r) {
    const T* from = args.inputs[0].row(r);
    std::copy(from, from + args.inputs[0].cols(),
              args.output.row(r / rows * stride + first + r % rows));
  }
}

}  // namespace

int64_t VisibleScores(const Node& node, int64_t queries, int64_t keys) {
  if (node.attributes.Int("causal") == 0) return queries * keys;
  return CausalScores(queries, keys);
}

Result<Shape> AttentionOpShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 3, 3));
  const Attributes& a = node.attributes;
  const int64_t head_dim = a.Int("head_dim");
  const int64_t v_dim = a.Int("v_dim", head_dim);
  const int64_t kv_heads = a.Int("kv_heads");
  TRIPTYCH_TRY(Expect(node, kv_heads > 0 && a.Int("heads") % kv_heads == 0,
                      "kv_heads must divide heads"));
  TRIPTYCH_TRY(ExpectCols(graph, node, 0, a.Int("heads") * head_dim,
                          "heads * head_dim"));
  TRIPTYCH_TRY(ExpectCols(graph, node, 1, a.Int("kv_heads") * head_dim,
                          "kv_heads * head_dim"));
  TRIPTYCH_TRY(ExpectCols(graph, node, 2, a.Int("kv_heads") * v_dim,
                          "kv_heads * v_dim"));
  TRIPTYCH_TRY(
      Expect(node, ShapeOf(graph, node, 1).rows == ShapeOf(graph, node, 2).rows,
             "keys and values must have the same rows"));
  return Shape{ShapeOf(graph, node, 0).rows, a.Int("heads") * v_dim};
}

Work AttentionWork(const Graph& graph, const Node& node, const Binding& b) {
  const Attributes& a = node.attributes;
  const int64_t heads = a.Int("heads"), head_dim = a.Int("head_dim");
  const int64_t v_dim = a.Int("v_dim", head_dim);
  const int64_t queries = RowsOf(graph, node, 0, b) / b.batch;
  const int64_t scores =
      b.batch * heads * VisibleScores(node, queries, KeysOf(graph, node, 1, b));
  Work work;
  work.output_elements = b.batch * queries * heads * v_dim;
  work.matrix_flops = 2 * scores * (head_dim + v_dim);
  work.vector_flops = 5 * scores + work.output_elements;
  work.input_elements = SizeOf(graph, node, 0, b);
  for (size_t i = 1; i < 3; ++i) {
    const bool cached = InputOf(graph, node, i).kind == ValueKind::kCache;
    (cached ? work.cache_read_elements : work.input_elements) +=
        SizeOf(graph, node, i, b);
  }
  return work;
}

// Heads that share keys stand side by side; none needs another's.
void AttentionReference(const OpArgs<double>& args) {
  EachSequence(args, [&](auto q, auto k, auto v, auto out, const auto& shape) {
    AttentionShape one = shape;
    one.heads = shape.heads / shape.kv_heads;
    one.kv_heads = 1;
    const size_t q_cols = one.heads * shape.head_dim;
    const size_t out_cols = one.heads * shape.v_dim;
    const size_t macs = q.rows() * k.rows() * (q.cols() + out.cols());
    ParallelFor(
        shape.kv_heads, WorthThreads(args.threads, macs), [&](size_t h) {
          ref::Attention<double>(one, q.Cols(h * q_cols, q_cols),
                                 k.Cols(h * shape.head_dim, shape.head_dim),
                                 v.Cols(h * shape.v_dim, shape.v_dim),
                                 out.Cols(h * out_cols, out_cols));
        });
  });
}
void AttentionHost(const OpArgs<float>& args) {
  EachSequence(args, [&](auto q, auto k, auto v, auto out, const auto& shape) {
    Attention(shape, q, {k, v}, out, args.threads);
  });
}

Result<Shape> KvAppendShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 2, 2));
  TRIPTYCH_TRY(Expect(node, InputOf(graph, node, 1).kind == ValueKind::kCache,
                      "input 1 must be a cache"));
  TRIPTYCH_TRY(ExpectCols(graph, node, 1, ColsOf(graph, node, 0), "the input"));
  const Dim& rows = ShapeOf(graph, node, 1).rows;
  TRIPTYCH_TRY(Expect(node, rows.total || rows == ShapeOf(graph, node, 0).rows,
                      "a cache that does not grow has the rows of the input"));
  return ShapeOf(graph, node, 1);
}

Work KvAppendWork(const Graph& graph, const Node& node, const Binding& b) {
  Work work;
  work.input_elements = SizeOf(graph, node, 0, b);
  work.cache_write_elements = work.input_elements;
  return work;
}

void KvAppendReference(const OpArgs<double>& args) { AppendRows(args); }
void KvAppendHost(const OpArgs<float>& args) { AppendRows(args); }

}  // namespace triptych
