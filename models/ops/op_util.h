// What the files in this folder share: shape checks, row arithmetic, and
// small access helpers. Nothing here is for other folders.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_OPS_OP_UTIL_H_
#define TRIPTYCH_MODELS_OPS_OP_UTIL_H_

#include <string>

#include "models/ops/op.h"

namespace triptych {

inline const Value& InputOf(const Graph& graph, const Node& node, size_t i) {
  return graph.value(node.inputs[i]);
}
inline const Shape& ShapeOf(const Graph& graph, const Node& node, size_t i) {
  return InputOf(graph, node, i).shape;
}
// Bound number of rows, columns and elements of input i.
inline int64_t RowsOf(const Graph& graph, const Node& node, size_t i,
                      const Binding& b) {
  return ShapeOf(graph, node, i).rows.Bind(b);
}
inline int64_t ColsOf(const Graph& graph, const Node& node, size_t i) {
  return ShapeOf(graph, node, i).cols;
}
inline int64_t SizeOf(const Graph& graph, const Node& node, size_t i,
                      const Binding& b) {
  return RowsOf(graph, node, i, b) * ColsOf(graph, node, i);
}

// Bound number of elements of the output.
inline int64_t OutputSizeOf(const Graph& graph, const Node& node,
                            const Binding& b) {
  const Shape& shape = graph.value(node.output).shape;
  return shape.rows.Bind(b) * shape.cols;
}

// Scores of one head that a causal mask leaves: query i of `queries`, the last
// of the sequence, sees keys - queries + i + 1 of the keys.
inline int64_t CausalScores(int64_t queries, int64_t keys) {
  return queries * (keys - queries) + queries * (queries + 1) / 2;
}

// An error, "op: what", unless `ok`.
Status Expect(const Node& node, bool ok, const std::string& what);
// An error unless the node has between low and high inputs.
Status ExpectInputs(const Node& node, size_t low, size_t high);
// An error unless input i has `cols` columns; `why` names what they must be.
Status ExpectCols(const Graph& graph, const Node& node, size_t i, int64_t cols,
                  const std::string& why);
// An error unless input i is (or is not) a weight.
Status ExpectWeight(const Graph& graph, const Node& node, size_t i,
                    bool is_weight);

// The shape of input 0.
Result<Shape> SameAsFirst(const Graph& graph, const Node& node);

// Work of an op that reads and writes activations element by element:
// `flops` vector operations for each element of input 0; all inputs are read
// and the output is written, once.
Work ElementwiseWork(const Graph& graph, const Node& node, const Binding& b,
                     int64_t flops);

// Rows of one sequence in the output, whose rows are [batch][rows].
template <class T>
size_t SequenceRows(const OpArgs<T>& args) {
  return args.output.rows() / static_cast<size_t>(args.binding.batch);
}

// Threads for `macs` multiply-adds in f64: below a millisecond or so it takes
// longer to wake another.
inline int WorthThreads(int threads, size_t macs) {
  return macs < size_t{1} << 20 ? 1 : threads;
}

// Weight i as a row, for biases and norm weights; empty if input i is absent.
template <class T>
std::span<const float> VectorOf(const OpArgs<T>& args, size_t i) {
  if (i >= args.weights.size()) return {};
  return args.weights[i].vector();
}

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_OPS_OP_UTIL_H_
