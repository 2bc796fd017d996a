// SPDX-License-Identifier: Apache-2.0
#include "kernels/norm/norm.h"

#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/norm/norm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/quant/row-inl.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// The sum over row r of term(x), where x is what gets normalised; a residual
// is added, and the sum kept, in the same pass.
template <class Term>
HWY_INLINE float SumInput(const NormInput& in, size_t r, const Term& term) {
  const D d;
  const size_t n = in.x.cols();
  if (!in.has_residual) return SumOf(d, in.x.row(r), n, term);
  const auto plus = [](V a, V b) HWY_ATTR { return hn::Add(a, b); };
  return MapSum(d, in.sum.row(r), n, plus, term, in.x.row(r),
                in.residual.row(r));
}

// After SumInput: what gets normalised.
HWY_INLINE const float* Normalised(const NormInput& in, size_t r) {
  return in.has_residual ? in.sum.row(r) : in.x.row(r);
}

// Row r of out is f(inputs...), and next() is a pass over the next row.
template <class Next, class F, class... Inputs>
HWY_INLINE void EmitRow(const RowOutput& out, size_t r, const Next& next,
                        const F& f, const Inputs*... inputs) {
  const size_t n = out.cols();
  if (!out.quantized()) {
    Map(D(), out.floats().row(r), n, f, inputs...);
    return next();
  }
  const bool is_short = n <= kShortRow;
  const auto meanwhile = [&] HWY_ATTR {
    if (is_short) next();
  };
  MapQuantized(D(), out.codes(), r, meanwhile, f, inputs...);
  if (!is_short) next();
}

void RmsNormRows(const NormInput& in, std::span<const float> weight, float eps,
                 const RowOutput& out) {
  const D d;
  const auto count = static_cast<float>(in.x.cols());
  const auto square = [](V v) HWY_ATTR { return hn::Mul(v, v); };
  const size_t rows = in.x.rows();
  float squares = rows > 0 ? SumInput(in, 0, square) : 0;
  for (size_t r = 0; r < rows; ++r) {
    const float* x = Normalised(in, r);
    const V scale = hn::Set(d, 1.f / std::sqrt(squares / count + eps));
    const auto sum_next = [&] HWY_ATTR {
      if (r + 1 < rows) squares = SumInput(in, r + 1, square);
    };
    if (weight.empty()) {
      const auto f = [&](V v) HWY_ATTR { return hn::Mul(v, scale); };
      EmitRow(out, r, sum_next, f, x);
    } else {
      const auto f = [&](V v, V w)
                         HWY_ATTR { return hn::Mul(hn::Mul(v, scale), w); };
      EmitRow(out, r, sum_next, f, x, weight.data());
    }
  }
}

// Row r of out from x, whose mean and scale are known.
template <class Next>
HWY_INLINE void EmitLayerNorm(const float* x, V mean, V scale,
                              std::span<const float> weight,
                              std::span<const float> bias, const RowOutput& out,
                              size_t r, const Next& next) {
  const auto unit = [&](V v)
                        HWY_ATTR { return hn::Mul(hn::Sub(v, mean), scale); };
  const auto times = [&](V v, V w) HWY_ATTR { return hn::Mul(unit(v), w); };
  const auto plus = [&](V v, V b) HWY_ATTR { return hn::Add(unit(v), b); };
  const auto both = [&](V v, V w, V b)
                        HWY_ATTR { return hn::Add(times(v, w), b); };
  const float *w = weight.data(), *b = bias.data();
  if (weight.empty() && bias.empty()) {
    EmitRow(out, r, next, unit, x);
  } else if (bias.empty()) {
    EmitRow(out, r, next, times, x, w);
  } else if (weight.empty()) {
    EmitRow(out, r, next, plus, x, b);
  } else {
    EmitRow(out, r, next, both, x, w, b);
  }
}

void LayerNormRows(const NormInput& in, std::span<const float> weight,
                   std::span<const float> bias, float eps,
                   const RowOutput& out) {
  const D d;
  const size_t n = in.x.cols();
  const auto count = static_cast<float>(n);
  const auto itself = [](V v) HWY_ATTR { return v; };
  const size_t rows = in.x.rows();
  float sum = rows > 0 ? SumInput(in, 0, itself) : 0;
  for (size_t r = 0; r < rows; ++r) {
    const V mean = hn::Set(d, sum / count);
    const float* x = Normalised(in, r);
    const float squares = SumOf(d, x, n, [&](V v) HWY_ATTR {
      const V centred = hn::Sub(v, mean);
      return hn::Mul(centred, centred);
    });
    const V scale = hn::Set(d, 1.f / std::sqrt(squares / count + eps));
    EmitLayerNorm(x, mean, scale, weight, bias, out, r, [&] HWY_ATTR {
      if (r + 1 < rows) sum = SumInput(in, r + 1, itself);
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych {

HWY_EXPORT(RmsNormRows);
HWY_EXPORT(LayerNormRows);

namespace {

template <class View>
void CheckShape(const View& view, ConstMatView<float> x) {
  TRIPTYCH_CHECK(view.rows() == x.rows() && view.cols() == x.cols(),
                 view.rows(), view.cols(), x.rows(), x.cols());
}

void CheckShapes(const NormInput& in, const RowOutput& out,
                 std::span<const float> weight, std::span<const float> bias) {
  CheckShape(out, in.x);
  if (in.has_residual) {
    CheckShape(in.residual, in.x);
    CheckShape(in.sum, in.x);
  }
  TRIPTYCH_CHECK(weight.empty() || weight.size() == in.x.cols(), weight.size(),
                 in.x.cols());
  TRIPTYCH_CHECK(bias.empty() || bias.size() == in.x.cols(), bias.size(),
                 in.x.cols());
}

}  // namespace

void RmsNorm(const NormInput& in, std::span<const float> weight, float eps,
             const RowOutput& out, int threads) {
  CheckShapes(in, out, weight, {});
  const auto rows = HWY_DYNAMIC_POINTER(RmsNormRows);
  ParallelForRows(out.rows(), out.cols(), threads, [&](size_t r, size_t count) {
    rows(in.Rows(r, count), weight, eps, out.Rows(r, count));
  });
}

void LayerNorm(const NormInput& in, std::span<const float> weight,
               std::span<const float> bias, float eps, const RowOutput& out,
               int threads) {
  CheckShapes(in, out, weight, bias);
  const auto rows = HWY_DYNAMIC_POINTER(LayerNormRows);
  ParallelForRows(out.rows(), out.cols(), threads, [&](size_t r, size_t count) {
    rows(in.Rows(r, count), weight, bias, eps, out.Rows(r, count));
  });
}

}  // namespace triptych
#endif
