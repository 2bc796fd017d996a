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

void RoundToCodes(const float* HWY_RESTRICT x, size_t count, float factor,
                  int middle, int top, uint16_t* HWY_RESTRICT codes) {
  const DF d;
  const DI di;
  const hn::Rebind<uint16_t, DF> d16;
  const size_t lanes = hn::Lanes(d);
  const auto to_codes = hn::Set(d, factor);
  const auto zero = hn::Set(di, middle), most = hn::Set(di, top);
  for (size_t i = 0; i < count; i += lanes) {
    const size_t left = HWY_MIN(lanes, count - i);
    const auto in = hn::LoadN(d, x + i, left);
    const auto code = hn::Add(hn::NearestInt(hn::Mul(in, to_codes)), zero);
    const auto clipped = hn::Min(hn::Max(code, hn::Zero(di)), most);
    hn::StoreN(hn::DemoteTo(d16, clipped), d16, codes + i, left);
  }
}

CodeSums Digits(const float* HWY_RESTRICT levels, size_t count, float scale,
                int32_t zero, uint8_t* HWY_RESTRICT high, uint8_t* low) {
  const DF d;
  const DI di;
  const hn::RebindToUnsigned<DI> du;
  const hn::Repartition<uint64_t, DF> d64;
  const hn::Rebind<uint8_t, DF> d8;
  const size_t lanes = hn::Lanes(d);
  // Sums of 65,536 levels in 16 lanes, or four: at most 2^28.
  constexpr size_t kAtOnce = 16384;
  const auto most = hn::Set(d, low == nullptr ? 255.0f : 65535.0f);
  const auto of_zero = hn::Set(di, zero);
  CodeSums total;
  for (size_t begin = 0; begin < count; begin += kAtOnce) {
    const size_t end = HWY_MIN(count, begin + kAtOnce);
    auto sum = hn::Zero(di);
    auto squares = hn::Zero(d64);
    for (size_t i = begin; i < end; i += lanes) {
      const size_t left = HWY_MIN(lanes, end - i);
      const auto level =
          hn::Mul(hn::LoadN(d, levels + i, left), hn::Set(d, scale));
      const auto whole =
          hn::NearestInt(hn::Min(hn::Max(level, hn::Zero(d)), most));
      const auto bits = hn::BitCast(du, whole);
      if (low != nullptr) {
        hn::StoreN(hn::TruncateTo(d8, hn::ShiftRight<8>(bits)), d8, high + i,
                   left);
        hn::StoreN(hn::TruncateTo(d8, bits), d8, low + i, left);
      } else {
        hn::StoreN(hn::TruncateTo(d8, bits), d8, high + i, left);
      }
      auto from_zero = hn::Sub(whole, of_zero);
      if (left < lanes) {
        from_zero = hn::IfThenElseZero(hn::FirstN(di, left), from_zero);
      }
      sum = hn::Add(sum, from_zero);
      // Squares below 2^32, summed in pairs of lanes.
      const auto square =
          hn::BitCast(d64, hn::BitCast(du, hn::Mul(from_zero, from_zero)));
      squares = hn::Add(squares, hn::ShiftRight<32>(square));
      squares =
          hn::Add(squares, hn::And(square, hn::Set(d64, uint64_t{0xFFFFFFFF})));
    }
    total.sum += hn::ReduceSum(di, sum);
    total.squares += static_cast<int64_t>(hn::ReduceSum(d64, squares));
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
HWY_EXPORT(RoundToCodes);
HWY_EXPORT(Digits);

float LargestOf(const float* x, size_t count) {
  return HWY_DYNAMIC_DISPATCH(Largest)(x, count);
}
CodeSums EncodeBytes(const float* x, size_t count, float factor, int middle,
                     uint8_t* codes) {
  return HWY_DYNAMIC_DISPATCH(Encode)(x, count, factor, middle, codes);
}
void RoundToDacCodes(const float* x, size_t count, float factor, int middle,
                     int top, uint16_t* codes) {
  HWY_DYNAMIC_DISPATCH(RoundToCodes)(x, count, factor, middle, top, codes);
}
CodeSums LevelsToDigits(const float* levels, size_t count, float scale,
                        int32_t zero, uint8_t* high, uint8_t* low) {
  return HWY_DYNAMIC_DISPATCH(Digits)(levels, count, scale, zero, high, low);
}

}  // namespace triptych::optical
#endif
