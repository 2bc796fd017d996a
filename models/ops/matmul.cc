// matmul: C[m,n] = A[m,k] * W[n,k]^T + bias[n].
//
// Inputs: activations, weights, and optionally a bias. This is the one
// operator whose second operand never changes, which is why it stands apart
// from the products inside attention: a weight-stationary machine can do it.
// Work: 2 m n k matrix flops; the bias adds m n vector flops.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/matmul.h"

#include <algorithm>

#include "kernels/base/parallel.h"
#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

// Outputs that are summed side by side: enough chains to hide the latency of
// an addition.
constexpr size_t kLanes = 8;
// Inputs that they take at a time when A has rows enough to pay for turning
// this piece of W around: it stays in the first-level cache for all of them.
constexpr size_t kDepth = 256;

// c[j] += a . W[j] for up to kLanes rows of W, each one chain over k, in order,
// as in ref::Matmul.
void AddRow(const double* a, ConstMatView<float> w, double* c) {
  double sum[kLanes] = {};
  std::copy_n(c, w.rows(), sum);
  if (w.rows() == kLanes) {
    for (size_t k = 0; k < w.cols(); ++k) {
      for (size_t j = 0; j < kLanes; ++j) sum[j] += a[k] * w(j, k);
    }
  } else {
    for (size_t j = 0; j < w.rows(); ++j) {
      for (size_t k = 0; k < w.cols(); ++k) sum[j] += a[k] * w(j, k);
    }
  }
  std::copy_n(sum, w.rows(), c);
}

// The same chains for all rows of A.
void AddRows(ConstMatView<double> a, ConstMatView<float> w, MatView<double> c) {
  alignas(kCacheLine) double piece[kDepth][kLanes];
  for (size_t k0 = 0; k0 < a.cols(); k0 += kDepth) {
    const size_t depth = std::min(kDepth, a.cols() - k0);
    for (size_t j = 0; j < kLanes; ++j) {
      for (size_t k = 0; k < depth; ++k) {
        piece[k][j] = j < w.rows() ? w(j, k0 + k) : 0.0f;
      }
    }
    for (size_t i = 0; i < a.rows(); ++i) {
      const double* x = a.row(i) + k0;
      double sum[kLanes] = {};
      std::copy_n(c.row(i), w.rows(), sum);
      for (size_t k = 0; k < depth; ++k) {
        for (size_t j = 0; j < kLanes; ++j) sum[j] += x[k] * piece[k][j];
      }
      std::copy_n(sum, w.rows(), c.row(i));
    }
  }
}

// C = A W^T + bias for some rows of W; `bias` is theirs, or empty.
void Products(ConstMatView<double> a, ConstMatView<float> w,
              std::span<const float> bias, MatView<double> c) {
  for (size_t j = 0; j < w.rows(); j += kLanes) {
    const size_t lanes = std::min(kLanes, w.rows() - j);
    const ConstMatView<float> rows = w.Rows(j, lanes);
    const MatView<double> sums = c.Cols(j, lanes);
    for (size_t i = 0; i < c.rows(); ++i) {
      for (size_t l = 0; l < lanes; ++l) {
        sums(i, l) = bias.empty() ? 0.0 : bias[j + l];
      }
    }
    if (a.rows() >= kLanes) {
      AddRows(a, rows, sums);
    } else {
      for (size_t i = 0; i < a.rows(); ++i) AddRow(a.row(i), rows, sums.row(i));
    }
  }
}

// Rows of W that the host packs and multiplies by at a time.
constexpr size_t kHostRows = 8 * WeightRows::kTileRows;

}  // namespace

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
  const std::span<const float> bias = VectorOf(args, 2);
  const ConstMatView<double> a = args.inputs[0];
  ForEachTile(args.weights[1],
              WorthThreads(args.threads, args.weights[1].size() * a.rows()),
              [&](size_t first, ConstMatView<float> rows) {
                const size_t n = rows.rows();
                Products(a, rows, bias.empty() ? bias : bias.subspan(first, n),
                         args.output.Cols(first, n));
              });
}

void MatmulHost(const OpArgs<float>& args) {
  const WeightRows& w = args.weights[1];
  const std::span<const float> bias = VectorOf(args, 2);
  WeightRows::Tile tile;
  for (size_t first = 0; first < w.rows(); first += kHostRows) {
    const size_t count = std::min(kHostRows, w.rows() - first);
    const PackedWeights packed =
        Pack(w.Read(first, count, tile), DType::kF32, args.threads);
    Matmul(args.inputs[0], packed, args.output.Cols(first, count),
           {.threads = args.threads,
            .bias = bias.empty() ? bias : bias.subspan(first, count)});
  }
}

}  // namespace triptych
