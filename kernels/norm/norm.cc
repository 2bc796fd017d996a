// SPDX-License-Identifier: Apache-2.0
#include "kernels/norm/norm.h"

#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/norm/norm.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

void RmsNormRows(ConstMatView<float> x, std::span<const float> weight,
                 float eps, MatView<float> out) {
  const D d;
  const size_t n = x.cols();
  for (size_t r = 0; r < x.rows(); ++r) {
    const float sum =
        SumOf(d, x.row(r), n, [](V v) HWY_ATTR { return hn::Mul(v, v); });
    const V scale =
        hn::Set(d, 1.f / std::sqrt(sum / static_cast<float>(n) + eps));
    if (weight.empty()) {
      const auto f = [&](V v) HWY_ATTR { return hn::Mul(v, scale); };
      Map(d, out.row(r), n, f, x.row(r));
    } else {
      const auto f = [&](V v, V w)
                         HWY_ATTR { return hn::Mul(hn::Mul(v, scale), w); };
      Map(d, out.row(r), n, f, x.row(r), weight.data());
    }
  }
}

void LayerNormRows(ConstMatView<float> x, std::span<const float> weight,
                   std::span<const float> bias, float eps, MatView<float> out) {
  const D d;
  const size_t n = x.cols();
  for (size_t r = 0; r < x.rows(); ++r) {
    const auto count = static_cast<float>(n);
    const V mean = hn::Set(
        d, SumOf(d, x.row(r), n, [](V v) HWY_ATTR { return v; }) / count);
    const float squares = SumOf(d, x.row(r), n, [&](V v) HWY_ATTR {
      const V centred = hn::Sub(v, mean);
      return hn::Mul(centred, centred);
    });
    const V scale = hn::Set(d, 1.f / std::sqrt(squares / count + eps));
    float* y = out.row(r);
    if (!weight.empty() && !bias.empty()) {
      const auto f = [&](V v, V w, V b) HWY_ATTR {
        return hn::Add(hn::Mul(hn::Mul(hn::Sub(v, mean), scale), w), b);
      };
      Map(d, y, n, f, x.row(r), weight.data(), bias.data());
      continue;
    }
    // The rare halves, a pass each; the same roundings.
    const auto normalise = [&](V v) HWY_ATTR {
      return hn::Mul(hn::Sub(v, mean), scale);
    };
    const auto times = [](V v, V w) HWY_ATTR { return hn::Mul(v, w); };
    const auto plus = [](V v, V b) HWY_ATTR { return hn::Add(v, b); };
    Map(d, y, n, normalise, x.row(r));
    if (!weight.empty()) Map(d, y, n, times, y, weight.data());
    if (!bias.empty()) Map(d, y, n, plus, y, bias.data());
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

void CheckShapes(ConstMatView<float> x, ConstMatView<float> out,
                 std::span<const float> weight, std::span<const float> bias) {
  TRIPTYCH_CHECK(x.rows() == out.rows() && x.cols() == out.cols(), x.rows(),
                 x.cols(), out.rows(), out.cols());
  TRIPTYCH_CHECK(weight.empty() || weight.size() == x.cols(), weight.size(),
                 x.cols());
  TRIPTYCH_CHECK(bias.empty() || bias.size() == x.cols(), bias.size(),
                 x.cols());
}

}  // namespace

void RmsNorm(ConstMatView<float> x, std::span<const float> weight, float eps,
             MatView<float> out, int threads) {
  CheckShapes(x, out, weight, {});
  const auto rows = HWY_DYNAMIC_POINTER(RmsNormRows);
  ParallelForRows(x.rows(), x.cols(), threads, [&](size_t r, size_t count) {
    rows(x.Rows(r, count), weight, eps, out.Rows(r, count));
  });
}

void LayerNorm(ConstMatView<float> x, std::span<const float> weight,
               std::span<const float> bias, float eps, MatView<float> out,
               int threads) {
  CheckShapes(x, out, weight, bias);
  const auto rows = HWY_DYNAMIC_POINTER(LayerNormRows);
  ParallelForRows(x.rows(), x.cols(), threads, [&](size_t r, size_t count) {
    rows(x.Rows(r, count), weight, bias, eps, out.Rows(r, count));
  });
}

}  // namespace triptych
#endif
