// SPDX-License-Identifier: Apache-2.0
#include "kernels/quant/quant.h"

#include <cmath>
#include <limits>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/quant/quant.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Vectors of one element count and four widths.
using D = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<D>;
using DU = hn::RebindToUnsigned<D>;
using DU16 = hn::Rebind<uint16_t, D>;
using DI8 = hn::Rebind<int8_t, D>;

// out[i] = f(in[i]) for i < n, where f takes a vector of d_in to one of d_out.
template <class DIn, class DOut, class F>
HWY_INLINE void Convert(DIn d_in, DOut d_out, const hn::TFromD<DIn>* in,
                        hn::TFromD<DOut>* out, size_t n, const F& f) {
  const size_t lanes = hn::Lanes(d_in);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(f(hn::LoadU(d_in, in + i)), d_out, out + i);
  }
  if (i < n) {
    hn::StoreN(f(hn::LoadN(d_in, in + i, n - i)), d_out, out + i, n - i);
  }
}

// The largest |x| by its bits, which order as the magnitudes do and put NaN
// at the top, as in AbsMax.
HWY_INLINE uint32_t AbsMaxBits(const float* row, size_t n) {
  const DU d;
  const auto* bits = reinterpret_cast<const uint32_t*>(row);
  const auto magnitude = hn::Set(d, 0x7FFFFFFFu);
  const size_t lanes = hn::Lanes(d);
  auto max0 = hn::Zero(d), max1 = max0;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    max0 = hn::Max(max0, hn::And(hn::LoadU(d, bits + i), magnitude));
    max1 = hn::Max(max1, hn::And(hn::LoadU(d, bits + i + lanes), magnitude));
  }
  for (; i < n; i += lanes) {
    max0 = hn::Max(max0, hn::And(hn::LoadN(d, bits + i, n - i), magnitude));
  }
  return hn::ReduceMax(d, hn::Max(max0, max1));
}

void QuantizeI8(ConstMatView<float> x, MatView<int8_t> codes, float* scales) {
  constexpr uint32_t kInfinity = 0x7F800000;
  const D d;
  for (size_t r = 0; r < x.rows(); ++r) {
    const uint32_t bits = AbsMaxBits(x.row(r), x.cols());
    const float absmax = hwy::BitCastScalar<float>(bits);
    float inverse = 127.f / absmax;
    scales[r] = absmax / 127.f;
    if (bits >= kInfinity) {
      scales[r] = std::numeric_limits<float>::quiet_NaN();
    } else if (!(inverse <= std::numeric_limits<float>::max())) {
      scales[r] = 0;
    }
    if (scales[r] > 0) {
      const auto factor = hn::Set(d, inverse);
      const auto code = [&](hn::Vec<D> v) HWY_ATTR {
        return hn::DemoteTo(DI8(), hn::NearestInt(hn::Mul(v, factor)));
      };
      Convert(d, DI8(), x.row(r), codes.row(r), x.cols(), code);
    } else {
      hwy::ZeroBytes(codes.row(r), x.cols());
    }
  }
}

void DequantizeI8(ConstMatView<int8_t> codes, const float* scales,
                  MatView<float> out) {
  const D d;
  for (size_t r = 0; r < codes.rows(); ++r) {
    const auto scale = hn::Set(d, scales[r]);
    const auto value = [&](hn::Vec<DI8> v) HWY_ATTR {
      const auto wide = hn::PromoteTo(DI(), v);
      return hn::Mul(hn::ConvertTo(d, wide), scale);
    };
    Convert(DI8(), d, codes.row(r), out.row(r), codes.cols(), value);
  }
}

// Not DemoteTo(bf16): the instruction behind it flushes subnormals.
void ToBf16(ConstMatView<float> x, MatView<uint16_t> out) {
  const D d;
  const DU du;
  const auto code = [&](hn::Vec<D> v) HWY_ATTR {
    const auto bits = hn::BitCast(du, v);
    const auto high = hn::ShiftRight<16>(bits);
    const auto tie_to_even = hn::And(high, hn::Set(du, 1));
    const auto rounded = hn::ShiftRight<16>(
        hn::Add(bits, hn::Add(hn::Set(du, 0x7FFF), tie_to_even)));
    const auto quiet = hn::Or(high, hn::Set(du, 0x40));
    const auto is_nan = hn::RebindMask(du, hn::IsNaN(v));
    return hn::TruncateTo(DU16(), hn::IfThenElse(is_nan, quiet, rounded));
  };
  for (size_t r = 0; r < x.rows(); ++r) {
    Convert(d, DU16(), x.row(r), out.row(r), x.cols(), code);
  }
}

void FromBf16(ConstMatView<uint16_t> x, MatView<float> out) {
  const D d;
  const auto value = [&](hn::Vec<DU16> v) HWY_ATTR {
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(DU(), v)));
  };
  for (size_t r = 0; r < x.rows(); ++r) {
    Convert(DU16(), d, x.row(r), out.row(r), x.cols(), value);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych {

HWY_EXPORT(QuantizeI8);
HWY_EXPORT(DequantizeI8);
HWY_EXPORT(ToBf16);
HWY_EXPORT(FromBf16);

namespace {

template <class A, class B>
void CheckSameShape(const MatView<A>& a, const MatView<B>& b) {
  TRIPTYCH_CHECK(a.rows() == b.rows() && a.cols() == b.cols(), a.rows(),
                 a.cols(), b.rows(), b.cols());
}

}  // namespace

void QuantizeRowsI8(ConstMatView<float> x, MatView<int8_t> codes,
                    std::span<float> scales, int threads) {
  CheckSameShape(x, codes);
  TRIPTYCH_CHECK(scales.size() == x.rows(), scales.size(), x.rows());
  const auto rows = HWY_DYNAMIC_POINTER(QuantizeI8);
  ParallelForRows(x.rows(), x.cols(), threads, [&](size_t r, size_t count) {
    rows(x.Rows(r, count), codes.Rows(r, count), scales.data() + r);
  });
}

void DequantizeRowsI8(ConstMatView<int8_t> codes, std::span<const float> scales,
                      MatView<float> out, int threads) {
  CheckSameShape(codes, out);
  TRIPTYCH_CHECK(scales.size() == out.rows(), scales.size(), out.rows());
  const auto rows = HWY_DYNAMIC_POINTER(DequantizeI8);
  ParallelForRows(out.rows(), out.cols(), threads, [&](size_t r, size_t count) {
    rows(codes.Rows(r, count), scales.data() + r, out.Rows(r, count));
  });
}

void RowsToBf16(ConstMatView<float> x, MatView<uint16_t> out, int threads) {
  CheckSameShape(x, out);
  const auto rows = HWY_DYNAMIC_POINTER(ToBf16);
  ParallelForRows(x.rows(), x.cols(), threads, [&](size_t r, size_t count) {
    rows(x.Rows(r, count), out.Rows(r, count));
  });
}

void RowsFromBf16(ConstMatView<uint16_t> x, MatView<float> out, int threads) {
  CheckSameShape(x, out);
  const auto rows = HWY_DYNAMIC_POINTER(FromBf16);
  ParallelForRows(x.rows(), x.cols(), threads, [&](size_t r, size_t count) {
    rows(x.Rows(r, count), out.Rows(r, count));
  });
}

}  // namespace triptych
#endif
