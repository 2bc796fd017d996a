// SPDX-License-Identifier: Apache-2.0
#include "kernels/elementwise/elementwise.h"

#include "kernels/base/check.h"
#include "kernels/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise/elementwise.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

void AddRun(const float* a, const float* b, float* out, size_t n) {
  const auto f = [](V x, V y) HWY_ATTR { return hn::Add(x, y); };
  Map(D(), out, n, f, a, b);
}
void MulRun(const float* a, const float* b, float* out, size_t n) {
  const auto f = [](V x, V y) HWY_ATTR { return hn::Mul(x, y); };
  Map(D(), out, n, f, a, b);
}
void ScaleRun(const float* x, float factor, float* out, size_t n) {
  const V scale = hn::Set(D(), factor);
  Map(
      D(), out, n, [&](V v) HWY_ATTR { return hn::Mul(v, scale); }, x);
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych {

HWY_EXPORT(AddRun);
HWY_EXPORT(MulRun);
HWY_EXPORT(ScaleRun);

namespace {

using BinaryRun = void (*)(const float*, const float*, float*, size_t);

void RunBinary(BinaryRun run, std::span<const float> a,
               std::span<const float> b, std::span<float> out, int threads) {
  TRIPTYCH_CHECK(a.size() == out.size() && b.size() == out.size(), a.size(),
                 b.size(), out.size());
  ParallelForRows(out.size(), 1, threads, [&](size_t first, size_t count) {
    run(a.data() + first, b.data() + first, out.data() + first, count);
  });
}

}  // namespace

void Add(std::span<const float> a, std::span<const float> b,
         std::span<float> out, int threads) {
  RunBinary(HWY_DYNAMIC_POINTER(AddRun), a, b, out, threads);
}
void Mul(std::span<const float> a, std::span<const float> b,
         std::span<float> out, int threads) {
  RunBinary(HWY_DYNAMIC_POINTER(MulRun), a, b, out, threads);
}

void Scale(std::span<const float> x, float factor, std::span<float> out,
           int threads) {
  TRIPTYCH_CHECK(x.size() == out.size(), x.size(), out.size());
  const auto run = HWY_DYNAMIC_POINTER(ScaleRun);
  ParallelForRows(out.size(), 1, threads, [&](size_t first, size_t count) {
    run(x.data() + first, factor, out.data() + first, count);
  });
}

}  // namespace triptych
#endif
