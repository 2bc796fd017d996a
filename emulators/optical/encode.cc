// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/encode.h"

#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "emulators/optical/encode.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::optical {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::CappedTag<float, 16>;
using DI = hn::RebindToSigned<DF>;

float Largest(const float* HWY_RESTRICT x, size_t count) {
  const DF d;
  const size_t lanes = hn::Lanes(d);
  auto largest = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    largest = hn::Max(largest, hn::Abs(hn::LoadU(d, x + i)));
  }
  if (i < count) {
    largest = hn::Max(largest, hn::Abs(hn::LoadN(d, x + i, count - i)));
  }
  return hn::ReduceMax(d, largest);
}

CodeSums Encode(const float* HWY_RESTRICT x, size_t count, float factor,
                int middle, uint8_t* HWY_RESTRICT codes) {
  const DF d;
  const DI di;
  const hn::Rebind<uint8_t, DF> d8;
  const size_t lanes = hn::Lanes(d);
  // Squares of 65,536 codes in 16 lanes, or four: at most 2^30.
  constexpr size_t kAtOnce = 16384;
  const auto to_codes = hn::Set(d, factor);
  const auto least = hn::Set(di, -middle), most = hn::Set(di, 255 - middle);
  CodeSums total;
  for (size_t begin = 0; begin < count; begin += kAtOnce) {
    const size_t end = HWY_MIN(count, begin + kAtOnce);
    auto sum = hn::Zero(di), squares = hn::Zero(di);
    for (size_t i = begin; i < end; i += lanes) {
      const size_t left = HWY_MIN(lanes, end - i);
      const auto in =
          left == lanes ? hn::LoadU(d, x + i) : hn::LoadN(d, x + i, left);
      // Zeros beyond the end are codes of zero: they add nothing.
      const auto rounded = hn::NearestInt(hn::Mul(in, to_codes));
      const auto code = hn::Min(hn::Max(rounded, least), most);
      sum = hn::Add(sum, code);
      squares = hn::Add(squares, hn::Mul(code, code));
      const auto byte = hn::DemoteTo(d8, hn::Add(code, hn::Set(di, middle)));
      if (left == lanes) {
        hn::StoreU(byte, d8, codes + i);
      } else {
        hn::StoreN(byte, d8, codes + i, left);
      }
    }
    total.sum += hn::ReduceSum(di, sum);
    total.squares += hn::ReduceSum(di, squares);
  }
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::optical
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::optical {

HWY_EXPORT(Largest);
HWY_EXPORT(Encode);

float LargestOf(const float* x, size_t count) {
  return HWY_DYNAMIC_DISPATCH(Largest)(x, count);
}
CodeSums EncodeBytes(const float* x, size_t count, float factor, int middle,
                     uint8_t* codes) {
  return HWY_DYNAMIC_DISPATCH(Encode)(x, count, factor, middle, codes);
}

}  // namespace triptych::optical
#endif
