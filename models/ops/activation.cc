// silu, gelu_tanh, gelu_erf, tanh, softmax: one input, same shape.
//
// Work an element: silu 4 (negate, exp, add, divide); gelu_tanh 9 (cube 2,
// scale, add, scale, tanh, add, two products); gelu_erf 5 (scale, erf, add,
// two products); tanh 1; softmax 5 (max, subtract, exp, sum, divide).
// SPDX-License-Identifier: Apache-2.0
#include "kernels/activation/activation.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/parallel.h"
#include "kernels/ref/activation.h"
#include "kernels/ref/softmax.h"
#include "kernels/softmax/softmax.h"
#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

// Applies f(span in, span out) to every row.
template <class T, class F>
void EachRow(const OpArgs<T>& args, const F& f) {
  ParallelFor(args.output.rows(), args.threads, [&](size_t r) {
    f(args.inputs[0].row_span(r), args.output.row_span(r));
  });
}

template <class T>
void TanhRows(const OpArgs<T>& args) {
  EachRow(args, [](std::span<const T> x, std::span<T> y) {
    for (size_t i = 0; i < x.size(); ++i) y[i] = std::tanh(x[i]);
  });
}

template <class T>
void CopyRows(const OpArgs<T>& args) {
  EachRow(args, [](std::span<const T> x, std::span<T> y) {
    std::copy(x.begin(), x.end(), y.begin());
  });
}

}  // namespace

Work SiluWork(const Graph& g, const Node& n, const Binding& b) {
  return ElementwiseWork(g, n, b, 4);
}
Work GeluTanhWork(const Graph& g, const Node& n, const Binding& b) {
  return ElementwiseWork(g, n, b, 9);
}
Work GeluErfWork(const Graph& g, const Node& n, const Binding& b) {
  return ElementwiseWork(g, n, b, 5);
}
Work TanhWork(const Graph& g, const Node& n, const Binding& b) {
  return ElementwiseWork(g, n, b, 1);
}
Work SoftmaxWork(const Graph& g, const Node& n, const Binding& b) {
  return ElementwiseWork(g, n, b, 5);
}

void SiluReference(const OpArgs<double>& args) {
  EachRow(args, ref::Silu<double>);
}
void SiluHost(const OpArgs<float>& args) {
  EachRow(args, [](auto x, auto y) { Silu(x, y); });
}
void GeluTanhReference(const OpArgs<double>& args) {
  EachRow(args, ref::GeluTanh<double>);
}
void GeluTanhHost(const OpArgs<float>& args) {
  EachRow(args, [](auto x, auto y) { GeluTanh(x, y); });
}
void GeluErfReference(const OpArgs<double>& args) {
  EachRow(args, ref::GeluErf<double>);
}
void GeluErfHost(const OpArgs<float>& args) {
  EachRow(args, [](auto x, auto y) { GeluErf(x, y); });
}
void TanhReference(const OpArgs<double>& args) { TanhRows(args); }
void TanhHost(const OpArgs<float>& args) { TanhRows(args); }

void SoftmaxReference(const OpArgs<double>& args) {
  CopyRows(args);
  ref::Softmax<double>(args.output);
}
void SoftmaxHost(const OpArgs<float>& args) {
  CopyRows(args);
  Softmax(args.output);
}

}  // namespace triptych
