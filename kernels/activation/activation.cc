// SPDX-License-Identifier: Apache-2.0
#include "kernels/activation/activation.h"

#include "kernels/base/check.h"
#include "kernels/base/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activation/activation.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/quant/row-inl.h"
#include "kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// x / (1 + exp(-z)): what silu and the tanh form of GELU have in common, as
// (1 + tanh(z/2)) / 2 = 1 / (1 + exp(-z)). No sum of opposite signs.
HWY_INLINE V Gated(D d, V x, V z) {
  // Where exp is below 2^-24 the sum is 1: a maximum, which is free, keeps
  // the argument in range there, and the test that Exp makes costs 6 %.
  const V t = hn::Max(hn::Neg(z), hn::Set(d, -87.f));
  const auto above = hn::Gt(t, hn::Set(d, kExpOverflow));
  const V e = hn::IfThenElse(above, hn::Inf(d), ExpInRange(d, t));
  return hn::Div(x, hn::Add(e, hn::Set(d, 1.f)));
}

HWY_INLINE V GeluTanhOf(D d, V x) {
  // z = 2 sqrt(2/pi) x (1 + 0.044715 x^2)
  const V cubic =
      hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715f), hn::Set(d, 1.f));
  const V z = hn::Mul(hn::Mul(x, cubic), hn::Set(d, 1.5957691216057308f));
  return Gated(d, x, z);
}

HWY_INLINE V GeluErfOf(D d, V x) {
  // x Phi(x), from the tail on the side where it is small.
  const V tail = NormalTail(d, hn::Abs(x));
  const V phi = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail,
                               hn::Sub(hn::Set(d, 1.f), tail));
  return hn::Mul(x, phi);
}

void SiluRun(const float* x, float* out, size_t n) {
  const D d;
  Map(
      d, out, n, [&](V v) HWY_ATTR { return Gated(d, v, v); }, x);
}
void GeluTanhRun(const float* x, float* out, size_t n) {
  const D d;
  Map(
      d, out, n, [&](V v) HWY_ATTR { return GeluTanhOf(d, v); }, x);
}
void GeluErfRun(const float* x, float* out, size_t n) {
  const D d;
  Map(
      d, out, n, [&](V v) HWY_ATTR { return GeluErfOf(d, v); }, x);
}
void SiluMulRun(const float* gate, const float* up, float* out, size_t n) {
  const D d;
  const auto f = [&](V g, V u) HWY_ATTR { return hn::Mul(Gated(d, g, g), u); };
  Map(d, out, n, f, gate, up);
}

template <class F>
HWY_INLINE void GatedRows(ConstMatView<float> gate, ConstMatView<float> up,
                          const RowOutput& out, const F& f) {
  const auto product = [&](V g, V u) HWY_ATTR { return hn::Mul(f(g), u); };
  for (size_t r = 0; r < gate.rows(); ++r) {
    if (out.quantized()) {
      MapQuantized(
          D(), out.codes(), r, [] {}, product, gate.row(r), up.row(r));
    } else {
      Map(D(), out.floats().row(r), out.cols(), product, gate.row(r),
          up.row(r));
    }
  }
}

void SiluRows(ConstMatView<float> gate, ConstMatView<float> up,
              const RowOutput& out) {
  GatedRows(gate, up, out, [](V v) HWY_ATTR { return Gated(D(), v, v); });
}
void GeluTanhRows(ConstMatView<float> gate, ConstMatView<float> up,
                  const RowOutput& out) {
  GatedRows(gate, up, out, [](V v) HWY_ATTR { return GeluTanhOf(D(), v); });
}
void GeluErfRows(ConstMatView<float> gate, ConstMatView<float> up,
                 const RowOutput& out) {
  GatedRows(gate, up, out, [](V v) HWY_ATTR { return GeluErfOf(D(), v); });
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych {

HWY_EXPORT(SiluRun);
HWY_EXPORT(GeluTanhRun);
HWY_EXPORT(GeluErfRun);
HWY_EXPORT(SiluMulRun);
HWY_EXPORT(SiluRows);
HWY_EXPORT(GeluTanhRows);
HWY_EXPORT(GeluErfRows);

namespace {

using UnaryRun = void (*)(const float*, float*, size_t);

void RunUnary(UnaryRun run, std::span<const float> x, std::span<float> out,
              int threads) {
  TRIPTYCH_CHECK(x.size() == out.size(), x.size(), out.size());
  ParallelForRows(x.size(), 1, threads, [&](size_t first, size_t count) {
    run(x.data() + first, out.data() + first, count);
  });
}

using GatedRun = void (*)(ConstMatView<float>, ConstMatView<float>,
                          const RowOutput&);

GatedRun GatedRunOf(Glu f) {
  switch (f) {
    case Glu::kSilu:
      return HWY_DYNAMIC_POINTER(SiluRows);
    case Glu::kGeluTanh:
      return HWY_DYNAMIC_POINTER(GeluTanhRows);
    case Glu::kGeluErf:
      return HWY_DYNAMIC_POINTER(GeluErfRows);
  }
  return nullptr;
}

}  // namespace

void Silu(std::span<const float> x, std::span<float> out, int threads) {
  RunUnary(HWY_DYNAMIC_POINTER(SiluRun), x, out, threads);
}
void GeluTanh(std::span<const float> x, std::span<float> out, int threads) {
  RunUnary(HWY_DYNAMIC_POINTER(GeluTanhRun), x, out, threads);
}
void GeluErf(std::span<const float> x, std::span<float> out, int threads) {
  RunUnary(HWY_DYNAMIC_POINTER(GeluErfRun), x, out, threads);
}

void SiluMul(std::span<const float> gate, std::span<const float> up,
             std::span<float> out, int threads) {
  TRIPTYCH_CHECK(gate.size() == out.size() && up.size() == out.size(),
                 gate.size(), up.size(), out.size());
  const auto run = HWY_DYNAMIC_POINTER(SiluMulRun);
  ParallelForRows(out.size(), 1, threads, [&](size_t first, size_t count) {
    run(gate.data() + first, up.data() + first, out.data() + first, count);
  });
}

void GatedUnit(Glu f, ConstMatView<float> gate, ConstMatView<float> up,
               const RowOutput& out, int threads) {
  const size_t rows = out.rows(), cols = out.cols();
  TRIPTYCH_CHECK(gate.rows() == rows && gate.cols() == cols, gate.rows(),
                 gate.cols(), rows, cols);
  TRIPTYCH_CHECK(up.rows() == rows && up.cols() == cols, up.rows(), up.cols(),
                 rows, cols);
  const GatedRun run = GatedRunOf(f);
  ParallelForRows(rows, cols, threads, [&](size_t r, size_t count) {
    run(gate.Rows(r, count), up.Rows(r, count), out.Rows(r, count));
  });
}

}  // namespace triptych
#endif
