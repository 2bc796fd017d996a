// add, mul: two inputs of one shape; 1 flop an element.
// modulate: y = x * (1 + s[scale]) + m[shift], the adaptive normalisation of
//   diffusion transformers; inputs x, m, s. m and s are one row a sequence,
//   [batch, parts * cols]; attributes shift and scale are part numbers. 3
//   flops an element.
// gated_add: y = x + r * m[gate]; inputs x, r, m. 2 flops an element.
// add_rows: y = x + w, w a weight of as many rows as x has a sequence, or of
//   one row for all. 1 flop an element.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/elementwise/elementwise.h"

#include <algorithm>

#include "kernels/ref/elementwise.h"
#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

template <class T, class F>
void EachElement(const OpArgs<T>& args, const F& f) {
  for (size_t r = 0; r < args.output.rows(); ++r) {
    for (size_t c = 0; c < args.output.cols(); ++c) {
      args.output(r, c) = f(r, c);
    }
  }
}

// Applies f(row of a, row of b, row of y) to every row.
template <class T, class F>
void EachPair(const OpArgs<T>& args, const F& f) {
  for (size_t r = 0; r < args.output.rows(); ++r) {
    f(std::span<const T>(args.inputs[0].row_span(r)),
      std::span<const T>(args.inputs[1].row_span(r)), args.output.row_span(r));
  }
}

// Row r's part `part` of the modulation m.
template <class T>
const T* PartOf(const OpArgs<T>& args, const ConstMatView<T>& m, size_t r,
                std::string_view part) {
  const auto rows_a_sequence = static_cast<size_t>(
      RowsPerSequence(args, static_cast<int64_t>(args.output.rows())));
  return m.row(r / rows_a_sequence) +
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
  const ConstMatView<float>& w = args.weights[1];
  EachElement(args, [&](size_t r, size_t c) {
    return args.inputs[0](r, c) + static_cast<T>(w(r % w.rows(), c));
  });
}

Status ExpectParts(const Graph& graph, const Node& node, size_t input,
                   std::initializer_list<std::string_view> parts) {
  const int64_t cols = ColsOf(graph, node, 0);
  for (std::string_view part : parts) {
    const int64_t index = node.attributes.Int(part);
    if (index < 0 || (index + 1) * cols > ColsOf(graph, node, input)) {
      return MakeError(ErrorCode::kInvalid,
                       std::string(node.op->name) + ": part " +
                           std::string(part) + " is outside the modulation");
    }
  }
  return {};
}

}  // namespace

Result<Shape> BinaryShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 2, 2));
  if (!(ShapeOf(graph, node, 0) == ShapeOf(graph, node, 1))) {
    return MakeError(ErrorCode::kInvalid,
                     std::string(node.op->name) +
                         ": both inputs must have the same shape");
  }
  return ShapeOf(graph, node, 0);
}

Work BinaryWork(const Graph& graph, const Node& node, const Binding& b) {
  return ElementwiseWork(graph, node, b, 1);
}

void AddReference(const OpArgs<double>& args) { EachPair(args, ref::Add<double>); }
void AddHost(const OpArgs<float>& args) {
  EachPair(args, [](auto a, auto b, auto y) { Add(a, b, y); });
}
void MulReference(const OpArgs<double>& args) { EachPair(args, ref::Mul<double>); }
void MulHost(const OpArgs<float>& args) {
  EachPair(args, [](auto a, auto b, auto y) { Mul(a, b, y); });
}

Result<Shape> ModulateShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 3, 3));
  TRIPTYCH_TRY(ExpectParts(graph, node, 1, {"shift"}));
  TRIPTYCH_TRY(ExpectParts(graph, node, 2, {"scale"}));
  return ShapeOf(graph, node, 0);
}
Work ModulateWork(const Graph& graph, const Node& node, const Binding& b) {
  return ElementwiseWork(graph, node, b, 3);
}
void ModulateReference(const OpArgs<double>& args) { ModulateRows(args); }
void ModulateHost(const OpArgs<float>& args) { ModulateRows(args); }

Result<Shape> GatedAddShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 3, 3));
  TRIPTYCH_TRY(ExpectCols(graph, node, 1, ColsOf(graph, node, 0), "the sum"));
  TRIPTYCH_TRY(ExpectParts(graph, node, 2, {"gate"}));
  return ShapeOf(graph, node, 0);
}
Work GatedAddWork(const Graph& graph, const Node& node, const Binding& b) {
  return ElementwiseWork(graph, node, b, 2);
}
void GatedAddReference(const OpArgs<double>& args) { GatedAddRows(args); }
void GatedAddHost(const OpArgs<float>& args) { GatedAddRows(args); }

Result<Shape> AddRowsShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 2, 2));
  TRIPTYCH_TRY(ExpectWeight(graph, node, 1, true));
  TRIPTYCH_TRY(ExpectCols(graph, node, 1, ColsOf(graph, node, 0), "the input"));
  return ShapeOf(graph, node, 0);
}
Work AddRowsWork(const Graph& graph, const Node& node, const Binding& b) {
  return ElementwiseWork(graph, node, b, 1);
}
void AddRowsReference(const OpArgs<double>& args) { AddWeightRows(args); }
void AddRowsHost(const OpArgs<float>& args) { AddWeightRows(args); }

}  // namespace triptych
