// embed: y[r] = table[ids[r]]; inputs ids [rows, 1] and table [vocab, dim].
//   No flops; touches one table row a token.
// pos_embed: y[r] = x[r] + table[position of r]; learned positions, row i of
//   a sequence standing at context + i, which must be within the table (a
//   check). 1 flop an element.
// pos_sinusoid: y[r] = x[r] + s(position of r), s being sines in the first
//   half of the columns and cosines in the second, with wavelengths from 2 pi
//   to 2 pi 10000 (Whisper's encoder). 1 flop an element.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

template <class T>
void EmbedRows(const OpArgs<T>& args) {
  const WeightRows& table = args.weights[1];
  WeightRows::Tile tile;
  for (size_t r = 0; r < args.output.rows(); ++r) {
    const auto id = static_cast<int64_t>(args.inputs[0](r, 0));
    TRIPTYCH_CHECK(id >= 0 && static_cast<size_t>(id) < table.rows(), "token",
                   id, "vocabulary", table.rows());
    std::ranges::copy(table.ReadRow(static_cast<size_t>(id), tile),
                      args.output.row(r));
  }
}

template <class T>
void AddPositions(const OpArgs<T>& args) {
  const WeightRows& table = args.weights[1];
  WeightRows::Tile tile;
  const size_t per_sequence = SequenceRows(args);
  for (size_t r = 0; r < args.output.rows(); ++r) {
    const size_t position =
        static_cast<size_t>(args.binding.context) + r % per_sequence;
    TRIPTYCH_CHECK(position < table.rows(), "position", position, "table",
                   table.rows());
    const std::span<const float> row = table.ReadRow(position, tile);
    for (size_t c = 0; c < args.output.cols(); ++c) {
      args.output(r, c) = args.inputs[0](r, c) + static_cast<T>(row[c]);
    }
  }
}

template <class T>
void AddSinusoids(const OpArgs<T>& args) {
  const size_t per_sequence = SequenceRows(args);
  const size_t half = args.output.cols() / 2;
  const double step =
      std::log(10000.0) / std::max(1.0, static_cast<double>(half) - 1);
  for (size_t r = 0; r < args.output.rows(); ++r) {
    for (size_t c = 0; c < args.output.cols(); ++c) {
      const double angle = static_cast<double>(r % per_sequence) *
                           std::exp(-step * static_cast<double>(c % half));
      const double s = c < half ? std::sin(angle) : std::cos(angle);
      args.output(r, c) = static_cast<T>(args.inputs[0](r, c) + s);
    }
  }
}

}  // namespace

Result<Shape> EmbedShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 2, 2));
  TRIPTYCH_TRY(ExpectCols(graph, node, 0, 1, "a token id"));
  TRIPTYCH_TRY(ExpectWeight(graph, node, 1, true));
  return Shape{ShapeOf(graph, node, 0).rows, ColsOf(graph, node, 1)};
}

Work EmbedWork(const Graph& graph, const Node& node, const Binding& b) {
  const int64_t rows = RowsOf(graph, node, 0, b);
  const int64_t elements = rows * ColsOf(graph, node, 1);
  Work work;
  work.weight_elements =
      std::min(elements, SizeOf(graph, node, 1, b));  // distinct at most
  work.input_elements = rows;
  work.output_elements = elements;
  return work;
}

void EmbedReference(const OpArgs<double>& args) { EmbedRows(args); }
void EmbedHost(const OpArgs<float>& args) { EmbedRows(args); }

Result<Shape> PosEmbedShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 2, 2));
  TRIPTYCH_TRY(ExpectWeight(graph, node, 1, true));
  TRIPTYCH_TRY(ExpectCols(graph, node, 1, ColsOf(graph, node, 0), "the input"));
  const Dim& rows = ShapeOf(graph, node, 0).rows;
  TRIPTYCH_TRY(
      Expect(node,
             rows.tokens ||
                 rows.coefficient <= ShapeOf(graph, node, 1).rows.coefficient,
             "the table must have a row for each position"));
  return ShapeOf(graph, node, 0);
}

Work PosEmbedWork(const Graph& graph, const Node& node, const Binding& b) {
  Work work = ElementwiseWork(graph, node, b, 1);
  work.weight_elements = work.output_elements / b.batch;
  return work;
}

void PosEmbedReference(const OpArgs<double>& args) { AddPositions(args); }
void PosEmbedHost(const OpArgs<float>& args) { AddPositions(args); }

Result<Shape> PosSinusoidShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 1, 1));
  TRIPTYCH_TRY(Expect(node, ColsOf(graph, node, 0) % 2 == 0,
                      "as many sines as cosines: columns must be even"));
  return ShapeOf(graph, node, 0);
}

Work PosSinusoidWork(const Graph& graph, const Node& node, const Binding& b) {
  return ElementwiseWork(graph, node, b, 1);
}
void PosSinusoidReference(const OpArgs<double>& args) { AddSinusoids(args); }
void PosSinusoidHost(const OpArgs<float>& args) { AddSinusoids(args); }

}  // namespace triptych
