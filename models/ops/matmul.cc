// matmul: C[m,n] = A[m,k] * W[n,k]^T + bias[n].
//
// Inputs: activations, weights, and optionally a bias. This is the one
// operator whose second operand never changes, which is why it stands apart
// from the products inside attention: a weight-stationary machine can do it.
// Work: 2 m n k matrix flops; the bias adds m n vector flops.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/matmul.h"

#include "kernels/ref/matmul.h"
#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {

Result<Shape> MatmulShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 2, 3));
  TRIPTYCH_TRY(ExpectWeight(graph, node, 0, false));
  TRIPTYCH_TRY(ExpectWeight(graph, node, 1, true));
  TRIPTYCH_TRY(ExpectCols(graph, node, 1, ColsOf(graph, node, 0),
                          "the activations' width"));
  const int64_t n = ShapeOf(graph, node, 1).rows.coefficient;
  if (node.inputs.size() == 3) {
    TRIPTYCH_TRY(ExpectWeight(graph, node, 2, true));
    TRIPTYCH_TRY(ExpectCols(graph, node, 2, n, "the number of outputs"));
  }
  return Shape{ShapeOf(graph, node, 0).rows, n};
}

Work MatmulWork(const Graph& graph, const Node& node, const Binding& b) {
  const int64_t m = RowsOf(graph, node, 0, b);
  const int64_t k = ColsOf(graph, node, 0);
  const int64_t n = ShapeOf(graph, node, 1).rows.coefficient;
  const bool bias = node.inputs.size() == 3;
  Work work;
  work.matrix_flops = 2 * m * n * k;
  work.vector_flops = bias ? m * n : 0;
  work.weight_elements = n * k + (bias ? n : 0);
  work.input_elements = m * k;
  work.output_elements = m * n;
  return work;
}

void MatmulReference(const OpArgs<double>& args) {
  ref::Matmul<double>(args.inputs[0], args.weights[1], args.output,
                      VectorOf(args, 2));
}

void MatmulHost(const OpArgs<float>& args) {
  const PackedWeights packed = Pack(args.weights[1], DType::kF32);
  Matmul(args.inputs[0], packed, args.output,
         {.threads = args.threads, .bias = VectorOf(args, 2)});
}

}  // namespace triptych
