// A value of the evaluator, nearly always a tensor, and walks over tensors.
//
// Numbers are held wide: floats of every type as f64 and never rounded on the
// way, integers and booleans as i64, wrapped to their type. A tensor may be
// known by its shape alone: that is how shapes are inferred.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_TENSOR_H_
#define TRIPTYCH_MODELS_ONNX_TENSOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "models/onnx/model.h"

namespace triptych::onnx {

struct Tensor {
  ValueKind kind = ValueKind::kTensor;
  // What a sequence or an optional value holds; it has nothing else but
  // `known`, which says that all of these are.
  std::vector<Tensor> items;

  ElementType type = ElementType::kNone;  // kNone: no tensor at all
  Dims dims;
  bool known = false;  // if not, the three below are empty
  // CountOf(dims) elements in the one of these that the type uses; row-major.
  std::vector<double> floats;
  std::vector<int64_t> ints;
  std::vector<std::string> strings;

  // Elements, of the items if it has any.
  int64_t count() const;
  int64_t rank() const { return static_cast<int64_t>(dims.size()); }
};

Tensor FloatTensor(Dims dims, std::vector<double> values);
Tensor IntTensor(Dims dims, std::vector<int64_t> values);
// A tensor whose elements nobody has.
Tensor ShapeOnly(ElementType type, Dims dims);

// A sequence or an optional value.
Tensor Holding(ValueKind kind, std::vector<Tensor> items);

// The elements of a constant, widened. Errors: a uint64 of 2^63 or more,
// which does not fit.
Result<Tensor> Widen(const Constant& constant);

// What an integer type keeps of `value` (two's complement).
int64_t Wrap(ElementType type, int64_t value);
// Truncated towards zero; what does not fit 64 bits saturates, NaN is 0.
int64_t Truncate(double value);
// The nearest number of a float type; f64 itself for kF64.
double RoundTo(ElementType type, double value);

// Elements between neighbours along each dimension, row-major.
Dims StridesOf(const Dims& dims);
// The same as seen from `to`, which `dims` is broadcast to: 0 where a size of
// one is repeated or the dimension is absent.
Dims BroadcastStrides(const Dims& dims, const Dims& to);
// The shape that two shapes broadcast to, from the right. Errors: sizes that
// differ and are not 1.
Result<Dims> Broadcast(const Dims& a, const Dims& b);

// Calls f(k, at) for each element k of `dims` in row-major order; at[i] is
// start[i] + the scalar product of the index and strides[i].
template <size_t N, class F>
void Walk(const Dims& dims, const std::array<Dims, N>& strides,
          std::array<int64_t, N> start, const F& f) {
  const int64_t count = CountOf(dims);
  Dims index(dims.size(), 0);
  std::array<int64_t, N> at = start;
  for (int64_t k = 0; k < count; ++k) {
    f(k, at);
    for (size_t d = dims.size(); d-- > 0;) {
      for (size_t i = 0; i < N; ++i) at[i] += strides[i][d];
      if (++index[d] < dims[d]) break;
      for (size_t i = 0; i < N; ++i) at[i] -= strides[i][d] * dims[d];
      index[d] = 0;
    }
  }
}
template <size_t N, class F>
void Walk(const Dims& dims, const std::array<Dims, N>& strides, const F& f) {
  Walk(dims, strides, std::array<int64_t, N>{}, f);
}

// Calls f(from, to) with the vectors that hold the elements of two tensors of
// one type, whichever they are.
template <class F>
void WithElements(const Tensor& from, Tensor* to, const F& f) {
  if (IsFloat(to->type)) {
    f(from.floats, to->floats);
  } else if (to->type == ElementType::kString) {
    f(from.strings, to->strings);
  } else {
    f(from.ints, to->ints);
  }
}

// y[k] = x[start + index of k * strides]: transposes, slices, broadcasts.
void CopyStrided(const Tensor& x, const Dims& strides, int64_t start,
                 Tensor* y);

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_TENSOR_H_
