// rmsnorm: y = x / sqrt(mean(x^2) + eps) * w, over groups of columns.
//   Attributes: eps; group (columns normalised together: a head; default all);
//   width (columns from the left that are normalised at all, the others pass;
//   default all). Work: 4 per normalised element (square, sum, scale, weight)
//   and 4 a group (mean, eps, root, reciprocal).
// layernorm: y = (x - mean) / sqrt(var + eps) * w + b; w and b may be absent.
//   Work: 5 an element (sum, centre, square, sum, scale), 2 more with w and b,
//   and 5 a row (two means, eps, root, reciprocal).
// SPDX-License-Identifier: Apache-2.0
#include "kernels/norm/norm.h"

#include <algorithm>

#include "kernels/ref/norm.h"
#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

int64_t WidthOf(const Graph& graph, const Node& node) {
  return node.attributes.Int("width", ColsOf(graph, node, 0));
}
int64_t GroupOf(const Graph& graph, const Node& node) {
  return node.attributes.Int("group", WidthOf(graph, node));
}

template <class T>
void CopyColumns(ConstMatView<T> from, MatView<T> to, size_t first) {
  for (size_t r = 0; r < from.rows(); ++r) {
    std::copy(from.row(r) + first, from.row(r) + from.cols(),
              to.row(r) + first);
  }
}

// Calls norm(x, y) on every group of columns and copies the columns that are
// not normalised.
template <class T, class Norm>
void ForGroups(const OpArgs<T>& args, const Norm& norm) {
  const auto width = static_cast<size_t>(WidthOf(args.graph, args.node));
  const auto group = static_cast<size_t>(GroupOf(args.graph, args.node));
  const ConstMatView<T>& x = args.inputs[0];
  for (size_t c = 0; c < width; c += group) {
    norm(x.Cols(c, group), args.output.Cols(c, group));
  }
  CopyColumns(x, args.output, width);
}

}  // namespace

Result<Shape> RmsNormShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 2, 2));
  TRIPTYCH_TRY(ExpectWeight(graph, node, 1, true));
  const int64_t width = WidthOf(graph, node), group = GroupOf(graph, node);
  TRIPTYCH_TRY(ExpectCols(graph, node, 1, group, "the normalised group"));
  TRIPTYCH_TRY(Expect(node,
                      group >= 1 && width >= group && width % group == 0 &&
                          width <= ColsOf(graph, node, 0),
                      "width must be whole groups and fit the input"));
  return ShapeOf(graph, node, 0);
}

Work RmsNormWork(const Graph& graph, const Node& node, const Binding& b) {
  Work work = ElementwiseWork(graph, node, b, 0);
  const int64_t width = WidthOf(graph, node);
  const int64_t groups = width / GroupOf(graph, node);
  work.vector_flops = RowsOf(graph, node, 0, b) * (4 * width + 4 * groups);
  return work;
}

void RmsNormReference(const OpArgs<double>& args) {
  const double eps = args.node.attributes.Get("eps");
  ForGroups(args, [&](ConstMatView<double> x, MatView<double> y) {
    ref::RmsNorm<double>(x, VectorOf(args, 1), eps, y);
  });
}

void RmsNormHost(const OpArgs<float>& args) {
  const auto eps = static_cast<float>(args.node.attributes.Get("eps"));
  ForGroups(args, [&](ConstMatView<float> x, MatView<float> y) {
    RmsNorm(x, VectorOf(args, 1), eps, y, args.threads);
  });
}

Result<Shape> LayerNormShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 1, 3));
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    TRIPTYCH_TRY(ExpectWeight(graph, node, i, true));
    TRIPTYCH_TRY(
        ExpectCols(graph, node, i, ColsOf(graph, node, 0), "the input"));
  }
  return ShapeOf(graph, node, 0);
}

Work LayerNormWork(const Graph& graph, const Node& node, const Binding& b) {
  const int64_t affine = static_cast<int64_t>(node.inputs.size()) - 1;
  Work work = ElementwiseWork(graph, node, b, 5 + affine);
  work.vector_flops += 5 * RowsOf(graph, node, 0, b);
  return work;
}

void LayerNormReference(const OpArgs<double>& args) {
  ref::LayerNorm<double>(args.inputs[0], VectorOf(args, 1), VectorOf(args, 2),
                         args.node.attributes.Get("eps"), args.output);
}

void LayerNormHost(const OpArgs<float>& args) {
  LayerNorm(args.inputs[0], VectorOf(args, 1), VectorOf(args, 2),
            static_cast<float>(args.node.attributes.Get("eps")), args.output,
            args.threads);
}

}  // namespace triptych
