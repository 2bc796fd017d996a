// add, mul: two inputs of one shape; 1 flop an element.
// modulate: y = x * (1 + s[scale]) + m[shift], the adaptive normalisation of
//   diffusion transformers; inputs x, m, s. m and s are one row a sequence,
//   [batch, parts * cols]; attributes shift and scale are part numbers. 3
//   flops an element; reads only those parts.
// gated_add: y = x + r * m[gate]; inputs x, r, m. 2 flops an element.
// add_rows: y = x + w, w a weight of as many rows as x has a sequence, or of
//   one row for all. 1 flop an element.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/elementwise/elementwise.h"

#include <algorithm>

#include "kernels/base/parallel.h"
#include "kernels/ref/elementwise.h"
#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

// y = f(row, column).
template <class T, class F>
void EachElement(const OpArgs<T>& args, const F& f) {
  ParallelFor(args.output.rows(), args.threads, [&](size_t r) {
    for (size_t c = 0; c < args.output.cols(); ++c) {
      args.output(r, c) = f(r, c);
    }
  });
}

// Applies f(row of a, row of b, row of y) to every row.
template <class T, class F>
void EachPair(const OpArgs<T>& args, const F& f) {
  ParallelFor(args.output.rows(), args.threads, [&](size_t r) {
    f(std::span<const T>(args.inputs[0].row_span(r)),
      std::span<const T>(args.inputs[1].row_span(r)), args.output.row_span(r));
  });
}

// Row r's part `part` of the modulation m.
template <class T>
const T* PartOf(const OpArgs<T>& args, const ConstMatView<T>& m, size_t r,
                std::string_view part) {
  return m.row(r / SequenceRows(args)) +
         static_cast<size_t>(args.node.attributes.Int(part)) *
             args.output.cols();
}

template <class T>
void ModulateRows(const OpArgs<T>& args) {
  EachElement(args, [&](size_t r, size_t c) {
    const T scale = PartOf(args, args.inputs[2], r, "scale")[c];
    const T shift = PartOf(args, args.inputs[1], r, "shift")[c];
    return args.inputs[0](r, c) * (1 + scale) + shift;
  });
}

template <class T>
void GatedAddRows(const OpArgs<T>& args) {
  EachElement(args, [&](size_t r, size_t c) {
    const T gate = PartOf(args, args.inputs[2], r, "gate")[c];
    return args.inputs[0](r, c) + args.inputs[1](r, c) * gate;
  });
}

template <class T>
void AddWeightRows(const OpArgs<T>& args) {
  const WeightRows& w = args.weights[1];
  WeightRows::Tile tile;
  for (size_t r = 0; r < args.output.rows(); ++r) {
    const std::span<const float> row = w.ReadRow(r % w.rows(), tile);
    for (size_t c = 0; c < args.output.cols(); ++c) {
      args.output(r, c) = args.inputs[0](r, c) + static_cast<T>(row[c]);
    }
  }
}

// An error unless input `input` has one row a sequence and the part in it.
Status ExpectPart(const Graph& graph, const Node& node, size_t input,
                  const std::string& part) {
  TRIPTYCH_TRY(Expect(node, ShapeOf(graph, node, input).rows == kBatchRows,
                      "a modulation has one row a sequence"));
  const int64_t index = node.attributes.Int(part);
  const int64_t end = (index + 1) * ColsOf(graph, node, 0);
  return Expect(node, index >= 0 && end <= ColsOf(graph, node, input),
                "part " + part + " is outside the modulation");
}

// `flops` an element of the output; of `parts` modulations one part is read,
// of the other inputs everything.
Work ModulationWork(const Graph& graph, const Node& node, const Binding& b,
                    int64_t flops, int64_t parts) {
  Work work;
  work.output_elements = OutputSizeOf(graph, node, b);
  work.vector_flops = flops * work.output_elements;
  const auto whole = static_cast<int64_t>(node.inputs.size()) - parts;
  work.input_elements =
      whole * work.output_elements + parts * b.batch * ColsOf(graph, node, 0);
  return work;
}

}  // namespace

Result<Shape> BinaryShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 2, 2));
  TRIPTYCH_TRY(Expect(node, ShapeOf(graph, node, 0) == ShapeOf(graph, node, 1),
                      "both inputs must have the same shape"));
  return ShapeOf(graph, node, 0);
}

Work BinaryWork(const Graph& graph, const Node& node, const Binding& b) {
  return ElementwiseWork(graph, node, b, 1);
}

void AddReference(const OpArgs<double>& args) {
  EachPair(args, ref::Add<double>);
}
void AddHost(const OpArgs<float>& args) {
  EachPair(args, [](auto a, auto b, auto y) { Add(a, b, y); });
}
void MulReference(const OpArgs<double>& args) {
  EachPair(args, ref::Mul<double>);
}
void MulHost(const OpArgs<float>& args) {
  EachPair(args, [](auto a, auto b, auto y) { Mul(a, b, y); });
}

Result<Shape> ModulateShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 3, 3));
  TRIPTYCH_TRY(ExpectPart(graph, node, 1, "shift"));
  TRIPTYCH_TRY(ExpectPart(graph, node, 2, "scale"));
  return ShapeOf(graph, node, 0);
}
Work ModulateWork(const Graph& graph, const Node& node, const Binding& b) {
  return ModulationWork(graph, node, b, 3, 2);
}
void ModulateReference(const OpArgs<double>& args) { ModulateRows(args); }
void ModulateHost(const OpArgs<float>& args) { ModulateRows(args); }

Result<Shape> GatedAddShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 3, 3));
  TRIPTYCH_TRY(Expect(node, ShapeOf(graph, node, 0) == ShapeOf(graph, node, 1),
                      "both terms must have the same shape"));
  TRIPTYCH_TRY(ExpectPart(graph, node, 2, "gate"));
  return ShapeOf(graph, node, 0);
}
Work GatedAddWork(const Graph& graph, const Node& node, const Binding& b) {
  return ModulationWork(graph, node, b, 2, 1);
}
void GatedAddReference(const OpArgs<double>& args) { GatedAddRows(args); }
void GatedAddHost(const OpArgs<float>& args) { GatedAddRows(args); }

Result<Shape> AddRowsShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 2, 2));
  TRIPTYCH_TRY(ExpectWeight(graph, node, 1, true));
  TRIPTYCH_TRY(ExpectCols(graph, node, 1, ColsOf(graph, node, 0), "the input"));
  const Dim& rows = ShapeOf(graph, node, 0).rows;
  const int64_t added = ShapeOf(graph, node, 1).rows.coefficient;
  const bool fixed = !rows.tokens && !rows.total;
  TRIPTYCH_TRY(Expect(node, added == 1 || (fixed && added == rows.coefficient),
                      "w must have one row, or those of a sequence"));
  return ShapeOf(graph, node, 0);
}
Work AddRowsWork(const Graph& graph, const Node& node, const Binding& b) {
  return ElementwiseWork(graph, node, b, 1);
}
void AddRowsReference(const OpArgs<double>& args) { AddWeightRows(args); }
void AddRowsHost(const OpArgs<float>& args) { AddWeightRows(args); }

}  // namespace triptych
