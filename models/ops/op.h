// What an operator is: a name, a shape rule, exact work, and values.
//
// A new operator is one file in models/ops/ and one row in ops.cc. It then
// runs on every target at once: natively where the target says so, on the
// host (charged, with its transfers) elsewhere.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_OPS_OP_H_
#define TRIPTYCH_MODELS_OPS_OP_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/base/mat_view.h"
#include "kernels/base/result.h"
#include "models/graph.h"
#include "models/weight_rows.h"

namespace triptych {

// What one node does for one binding, independent of any machine. Exact:
// causal attention counts only the scores that are not masked; a mixture of
// experts counts the experts that its tokens reach (in expectation, when
// routing is not known).
struct Work {
  // Multiply-adds of matrix products count 2; bias additions are vector work.
  int64_t matrix_flops = 0;
  // Everything else; each op's file states its count per element.
  int64_t vector_flops = 0;
  int64_t weight_elements = 0;       // distinct weights touched
  int64_t cache_read_elements = 0;   // distinct cache elements read
  int64_t cache_write_elements = 0;  // cache elements written
  int64_t input_elements = 0;        // activations read
  int64_t output_elements = 0;       // activations written
  Work& operator+=(const Work& o);
  int64_t flops() const { return matrix_flops + vector_flops; }
};

// One evaluation. T is float (the host's kernels) or double (the reference).
// inputs[i] is the i-th input of the node: activations [rows, cols], caches
// [batch * capacity, cols], and weights, which are always float and read a
// tile at a time (their slot in `inputs` is empty and `weights[i]` is set).
// `output` may be a cache. Results are the same for any number of threads.
template <class T>
struct OpArgs {
  const Graph& graph;
  const Node& node;
  const Binding& binding;
  std::span<const ConstMatView<T>> inputs;
  std::span<const WeightRows> weights;
  MatView<T> output;
  int64_t capacity = 0;  // rows of one sequence in each cache
  int threads = 1;
};

enum class OpKind : uint8_t {
  kMatmul,     // activation x weight: what a weight-stationary core can do
  kAttention,  // activation x activation
  kVector,     // a few operations an element
  kData,       // moves elements, computes nothing
};

struct OpDef {
  std::string_view name;
  OpKind kind;
  std::string_view meaning;  // "C[m,n] = A[m,k] * W[n,k]^T + bias[n]"
  Result<Shape> (*infer)(const Graph&, const Node&);
  Work (*work)(const Graph&, const Node&, const Binding&);
  void (*reference)(const OpArgs<double>&);
  void (*host)(const OpArgs<float>&);
};

std::span<const OpDef> AllOps();
// nullptr if there is no such operator.
const OpDef* FindOp(std::string_view name);

// Work of all nodes of an entry.
Work WorkOf(const Graph& graph, const Entry& entry, const Binding& binding);
inline Work WorkOf(const Graph& graph, const Node& node,
                   const Binding& binding) {
  return node.op->work(graph, node, binding);
}

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_OPS_OP_H_
