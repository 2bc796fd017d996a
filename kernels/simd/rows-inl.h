// Passes over a row of f32 that do two things at once, once per SIMD target.
//
// An operator that needs a whole row before it can write its first element (a
// norm, softmax, a quantisation) reads each row from outside once and from L1
// or L2 afterwards. Fetching the next row by software during the later passes
// gained nothing anywhere from L1 to memory (Zen 4, Zen 5): the hardware does
// it. (Fetching the row of the result while the row is read: 2 to 12 % slower
// up to 16 MiB, 20 % faster at 32.)
// SPDX-License-Identifier: Apache-2.0

#if defined(TRIPTYCH_KERNELS_SIMD_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TRIPTYCH_KERNELS_SIMD_ROWS_INL_H_
#undef TRIPTYCH_KERNELS_SIMD_ROWS_INL_H_
#else
#define TRIPTYCH_KERNELS_SIMD_ROWS_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows of so many elements, or fewer, are short: there is room for two in L1.
//
// What a pass finds out about a row, the next pass starts with: some 80 cycles
// of sums across lanes, a root, a quotient, where a pass over 2048 elements
// takes 80 to 240. The first pass over the next row, in between, hides them:
// rows of 2048 to int8 and softmax of them take 10 to 20 % less time. With rows
// of 4096 it cost up to 25 % (Zen 5, in L2 and L3), as it did where f32 is
// written after a short pass: out of order, the hardware reads the next row by
// itself.
inline constexpr size_t kShortRow = 2048;

// Map, and the sum over i < n of term(out[i]) in the order of SumOf: the bits
// of the one after the other. out may be one of the inputs.
template <class D, class F, class Term, class... Inputs>
HWY_INLINE float MapSum(D d, float* out, size_t n, const F& f, const Term& term,
                        const Inputs*... inputs) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  const auto term_at = [&](size_t i) HWY_ATTR {
    const V v = f(hn::LoadU(d, inputs + i)...);
    hn::StoreU(v, d, out + i);
    return term(v);
  };
  V sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    sum0 = hn::Add(sum0, term_at(i));
    sum1 = hn::Add(sum1, term_at(i + lanes));
    sum2 = hn::Add(sum2, term_at(i + 2 * lanes));
    sum3 = hn::Add(sum3, term_at(i + 3 * lanes));
  }
  for (; i < n; i += lanes) {
    const V v = f(hn::LoadN(d, inputs + i, n - i)...);
    hn::StoreN(v, d, out + i, n - i);
    sum0 = hn::Add(sum0, hn::IfThenElseZero(hn::FirstN(d, n - i), term(v)));
  }
  return hn::ReduceSum(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)));
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#endif  // per target
