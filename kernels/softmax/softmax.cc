// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax/softmax.h"

#include <limits>

#include "kernels/base/check.h"
#include "kernels/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax/softmax.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Two chains: the latency of a maximum is short.
HWY_INLINE float MaxOf(D d, const float* row, size_t n) {
  const size_t lanes = hn::Lanes(d);
  const V least = hn::Set(d, -std::numeric_limits<float>::infinity());
  V max0 = least, max1 = least;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    max0 = hn::Max(max0, hn::LoadU(d, row + i));
    max1 = hn::Max(max1, hn::LoadU(d, row + i + lanes));
  }
  for (; i < n; i += lanes) {
    max0 = hn::Max(max0, hn::LoadNOr(least, d, row + i, n - i));
  }
  return hn::ReduceMax(d, hn::Max(max0, max1));
}

void SoftmaxRows(ConstMatView<float> x, MatView<float> out) {
  const D d;
  const size_t n = x.cols();
  const auto itself = [](V v) HWY_ATTR { return v; };
  const size_t rows = x.rows();
  float next = rows > 0 ? MaxOf(d, x.row(0), n) : 0;
  for (size_t r = 0; r < rows; ++r) {
    float* y = out.row(r);
    const V max = hn::Set(d, next);
    // No argument is above 0: one test less than Exp.
    const auto exp = [&](V v) HWY_ATTR {
      const V t = hn::Sub(v, max);
      const auto below = hn::Lt(t, hn::Set(d, kExpUnderflow));
      return hn::IfThenZeroElse(below, ExpInRange(d, t));
    };
    const float sum = MapSum(d, y, n, exp, itself, x.row(r));
    const auto find_next = [&] HWY_ATTR {
      if (r + 1 < rows) next = MaxOf(d, x.row(r + 1), n);
    };
    const V scale = hn::Set(d, 1.f / sum);
    const auto share = [&](V v) HWY_ATTR { return hn::Mul(v, scale); };
    if (n <= kShortRow) find_next();
    Map(d, y, n, share, y);
    if (n > kShortRow) find_next();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych {

HWY_EXPORT(SoftmaxRows);

void Softmax(ConstMatView<float> x, MatView<float> out, int threads) {
  TRIPTYCH_CHECK(x.rows() == out.rows() && x.cols() == out.cols(), x.rows(),
                 x.cols(), out.rows(), out.cols());
  const auto rows = HWY_DYNAMIC_POINTER(SoftmaxRows);
  ParallelForRows(x.rows(), x.cols(), threads, [&](size_t r, size_t count) {
    rows(x.Rows(r, count), out.Rows(r, count));
  });
}

}  // namespace triptych
#endif
