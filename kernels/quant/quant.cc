// SPDX-License-Identifier: Apache-2.0
#include "kernels/quant/quant.h"

#include "kernels/base/aligned.h"
#include "kernels/base/check.h"
#include "kernels/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/quant/quant.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/quant/row-inl.h"
#include "kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {

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

void QuantizeI8(ConstMatView<float> x, MatView<int8_t> codes, float* scales) {
  const D d;
  const size_t n = x.cols();
  const size_t rows = x.rows();
  uint32_t next = rows > 0 ? AbsMaxBits(d, x.row(0), n) : 0;
  for (size_t r = 0; r < rows; ++r) {
    const uint32_t absmax = next;
    const auto find_next = [&] HWY_ATTR {
      if (r + 1 < rows) next = AbsMaxBits(d, x.row(r + 1), n);
    };
    if (n <= kShortRow) find_next();
    scales[r] = QuantizeRow(d, x.row(r), n, absmax, codes.row(r));
    if (n > kShortRow) find_next();
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

void F32ToBf16(ConstMatView<float> x, MatView<uint16_t> out) {
  const D d;
  const hn::Repartition<uint16_t, D> d_all;
  const auto codes = [&](hn::Vec<D> v) HWY_ATTR { return Bf16Codes(d, v); };
  const size_t lanes = hn::Lanes(d), n = x.cols();
  const size_t pairs = n - n % (2 * lanes);
  for (size_t r = 0; r < x.rows(); ++r) {
    const float* row = x.row(r);
    for (size_t i = 0; i < pairs; i += 2 * lanes) {
      const auto a = hn::LoadU(d, row + i), b = hn::LoadU(d, row + i + lanes);
      hn::StoreU(Bf16Codes(d, a, b), d_all, out.row(r) + i);
    }
    Convert(d, DU16(), row + pairs, out.row(r) + pairs, n - pairs, codes);
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
HWY_EXPORT(F32ToBf16);
HWY_EXPORT(FromBf16);

namespace {

template <class A, class B>
void CheckSameShape(const MatView<A>& a, const MatView<B>& b) {
  TRIPTYCH_CHECK(a.rows() == b.rows() && a.cols() == b.cols(), a.rows(),
                 a.cols(), b.rows(), b.cols());
}

}  // namespace

float* ScratchRow(size_t n) {
  thread_local AlignedVector<float> row;
  if (row.size() < n) row.resize(n);
  return row.data();
}

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
  const auto rows = HWY_DYNAMIC_POINTER(F32ToBf16);
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
