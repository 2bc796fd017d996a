// Ops that move rows.
//
// select_rows: one row of each sequence; attribute last (1: the last, 0: the
//   first). mean_pool: the mean of each sequence's rows; 1 flop an element.
// concat_rows: weight rows, then the sequence's rows (class tokens).
// im2col: windows of `kernel` rows (odd), `stride` apart, zero-padded by
//   (kernel - 1) / 2 at both ends: a 1-D convolution is then a matmul.
//   Columns are [kernel][features].
// slice_cols: columns [first, first + count).
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

// `count` rows a sequence, where `rows` are some number of them.
Dim PerSequence(const Dim& rows, int64_t count) {
  return {count, rows.batch, false, false};
}

Result<int64_t> FixedRowsOf(const Graph& graph, const Node& node) {
  const Dim& rows = ShapeOf(graph, node, 0).rows;
  TRIPTYCH_TRY(Expect(node, !rows.tokens && !rows.total,
                      "needs a fixed number of rows a sequence"));
  return rows.coefficient;
}

// Reads what it writes and nothing else.
Work CopyWork(const Graph& graph, const Node& node, const Binding& b) {
  Work work;
  work.output_elements = OutputSizeOf(graph, node, b);
  work.input_elements = work.output_elements;
  return work;
}

template <class T>
void SelectRows(const OpArgs<T>& args) {
  const size_t rows = args.inputs[0].rows() / args.output.rows();
  const size_t at = args.node.attributes.Int("last") != 0 ? rows - 1 : 0;
  for (size_t s = 0; s < args.output.rows(); ++s) {
    const T* from = args.inputs[0].row(s * rows + at);
    std::copy(from, from + args.output.cols(), args.output.row(s));
  }
}

template <class T>
void MeanRows(const OpArgs<T>& args) {
  const size_t rows = args.inputs[0].rows() / args.output.rows();
  for (size_t s = 0; s < args.output.rows(); ++s) {
    for (size_t c = 0; c < args.output.cols(); ++c) {
      double sum = 0;
      for (size_t r = 0; r < rows; ++r) sum += args.inputs[0](s * rows + r, c);
      args.output(s, c) = static_cast<T>(sum / static_cast<double>(rows));
    }
  }
}

template <class T>
void ConcatRows(const OpArgs<T>& args) {
  const WeightRows& head = args.weights[1];
  WeightRows::Tile tile;
  const auto batch = static_cast<size_t>(args.binding.batch);
  const size_t rows = args.inputs[0].rows() / batch;
  const size_t out_rows = args.output.rows() / batch;
  for (size_t s = 0; s < batch; ++s) {
    for (size_t r = 0; r < out_rows; ++r) {
      T* to = args.output.row(s * out_rows + r);
      if (r < head.rows()) {
        std::ranges::copy(head.ReadRow(r, tile), to);
      } else {
        const T* from = args.inputs[0].row(s * rows + r - head.rows());
        std::copy(from, from + args.output.cols(), to);
      }
    }
  }
}

template <class T>
void Im2Col(const OpArgs<T>& args) {
  const auto kernel = args.node.attributes.Int("kernel");
  const auto stride = args.node.attributes.Int("stride");
  const auto batch = static_cast<int64_t>(args.binding.batch);
  const auto rows = static_cast<int64_t>(args.inputs[0].rows()) / batch;
  const auto out_rows = static_cast<int64_t>(args.output.rows()) / batch;
  const size_t features = args.inputs[0].cols();
  for (int64_t o = 0; o < batch * out_rows; ++o) {
    for (int64_t t = 0; t < kernel; ++t) {
      const int64_t r = o % out_rows * stride + t - (kernel - 1) / 2;
      T* to = args.output.row(static_cast<size_t>(o)) +
              static_cast<size_t>(t) * features;
      if (r < 0 || r >= rows) {
        std::fill_n(to, features, T{});
      } else {
        const T* from =
            args.inputs[0].row(static_cast<size_t>(o / out_rows * rows + r));
        std::copy(from, from + features, to);
      }
    }
  }
}

template <class T>
void SliceCols(const OpArgs<T>& args) {
  const auto first = static_cast<size_t>(args.node.attributes.Int("first"));
  for (size_t r = 0; r < args.output.rows(); ++r) {
    const T* from = args.inputs[0].row(r) + first;
    std::copy(from, from + args.output.cols(), args.output.row(r));
  }
}

}  // namespace

Result<Shape> SelectRowsShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 1, 1));
  return Shape{PerSequence(ShapeOf(graph, node, 0).rows, 1),
               ColsOf(graph, node, 0)};
}
Work SelectRowsWork(const Graph& graph, const Node& node, const Binding& b) {
  return CopyWork(graph, node, b);
}
void SelectRowsReference(const OpArgs<double>& args) { SelectRows(args); }
void SelectRowsHost(const OpArgs<float>& args) { SelectRows(args); }

Work MeanPoolWork(const Graph& graph, const Node& node, const Binding& b) {
  return ElementwiseWork(graph, node, b, 1);
}
void MeanPoolReference(const OpArgs<double>& args) { MeanRows(args); }
void MeanPoolHost(const OpArgs<float>& args) { MeanRows(args); }

Result<Shape> ConcatRowsShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 2, 2));
  TRIPTYCH_TRY(ExpectWeight(graph, node, 1, true));
  TRIPTYCH_TRY(ExpectCols(graph, node, 1, ColsOf(graph, node, 0), "the input"));
  TRIPTYCH_ASSIGN(const int64_t rows, FixedRowsOf(graph, node));
  return Shape{PerSequence(ShapeOf(graph, node, 0).rows,
                           rows + ShapeOf(graph, node, 1).rows.coefficient),
               ColsOf(graph, node, 0)};
}
Work ConcatRowsWork(const Graph& graph, const Node& node, const Binding& b) {
  return ElementwiseWork(graph, node, b, 0);
}
void ConcatRowsReference(const OpArgs<double>& args) { ConcatRows(args); }
void ConcatRowsHost(const OpArgs<float>& args) { ConcatRows(args); }

Result<Shape> Im2ColShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 1, 1));
  TRIPTYCH_ASSIGN(const int64_t rows, FixedRowsOf(graph, node));
  const int64_t stride = node.attributes.Int("stride");
  const int64_t kernel = node.attributes.Int("kernel");
  TRIPTYCH_TRY(Expect(node, stride >= 1 && kernel >= 1 && kernel % 2 == 1,
                      "stride must be 1 or more and kernel odd"));
  return Shape{
      PerSequence(ShapeOf(graph, node, 0).rows, (rows + stride - 1) / stride),
      ColsOf(graph, node, 0) * kernel};
}
Work Im2ColWork(const Graph& graph, const Node& node, const Binding& b) {
  return ElementwiseWork(graph, node, b, 0);
}
void Im2ColReference(const OpArgs<double>& args) { Im2Col(args); }
void Im2ColHost(const OpArgs<float>& args) { Im2Col(args); }

Result<Shape> SliceColsShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 1, 1));
  const int64_t first = node.attributes.Int("first");
  const int64_t count = node.attributes.Int("count");
  TRIPTYCH_TRY(Expect(
      node, first >= 0 && count >= 1 && first + count <= ColsOf(graph, node, 0),
      "the columns are outside the input"));
  return Shape{ShapeOf(graph, node, 0).rows, count};
}
Work SliceColsWork(const Graph& graph, const Node& node, const Binding& b) {
  return CopyWork(graph, node, b);
}
void SliceColsReference(const OpArgs<double>& args) { SliceCols(args); }
void SliceColsHost(const OpArgs<float>& args) { SliceCols(args); }

}  // namespace triptych
