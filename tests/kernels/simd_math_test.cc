// The elementary functions of kernels/simd/math-inl.h against libm in double,
// over their whole ranges and on every SIMD target.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernels/simd_math_test.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/simd/math-inl.h"
#include "tests/kernels/simd_targets.h"

HWY_BEFORE_NAMESPACE();
namespace triptych {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

void ExpRun(const float* x, float* y, size_t n) {
  Map(
      D(), y, n, [](V v) HWY_ATTR { return Exp(D(), v); }, x);
}
void Exp2Run(const float* x, float* y, size_t n) {
  Map(
      D(), y, n, [](V v) HWY_ATTR { return Exp2(D(), v); }, x);
}
void Exp2CoarseRun(const float* x, float* y, size_t n) {
  Map(
      D(), y, n, [](V v) HWY_ATTR { return Exp2Coarse(D(), v); }, x);
}
void NormalTailRun(const float* x, float* y, size_t n) {
  Map(
      D(), y, n, [](V v) HWY_ATTR { return NormalTail(D(), v); }, x);
}
void SineRun(const float* x, float* y, size_t n) {
  const auto f = [](V v) HWY_ATTR {
    V sine, cosine;
    SinCosOctant(D(), v, sine, cosine);
    return sine;
  };
  Map(D(), y, n, f, x);
}
void CosineRun(const float* x, float* y, size_t n) {
  const auto f = [](V v) HWY_ATTR {
    V sine, cosine;
    SinCosOctant(D(), v, sine, cosine);
    return cosine;
  };
  Map(D(), y, n, f, x);
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych {
namespace {

HWY_EXPORT(ExpRun);
HWY_EXPORT(Exp2Run);
HWY_EXPORT(Exp2CoarseRun);
HWY_EXPORT(NormalTailRun);
HWY_EXPORT(SineRun);
HWY_EXPORT(CosineRun);

constexpr double kUlp = 0x1p-23;  // two units
constexpr float kInf = std::numeric_limits<float>::infinity();

using Run = void (*)(const float*, float*, size_t);

struct Function {
  const char* name;
  Run (*run)();
  double (*exact)(double);
  double low, high;
  double (*bound)(double x, double y);  // of the absolute error
};

double Relative(double, double y) { return std::abs(y) * kUlp; }
double Absolute(double, double) { return kUlp; }

const Function kFunctions[] = {
    {"exp", [] { return Run(HWY_DYNAMIC_POINTER(ExpRun)); }, std::exp, -87.3,
     88.7, Relative},
    {"exp2", [] { return Run(HWY_DYNAMIC_POINTER(Exp2Run)); }, std::exp2,
     -125.9, 127.4, Relative},
    {"coarse exp2", [] { return Run(HWY_DYNAMIC_POINTER(Exp2CoarseRun)); },
     std::exp2, -125.9, 127.4,
     [](double, double y) { return y * 0x1.bcp-14; }},  // 2^-13.2
    {"normal tail", [] { return Run(HWY_DYNAMIC_POINTER(NormalTailRun)); },
     [](double a) { return std::erfc(a / std::sqrt(2.0)) / 2; }, 0, 12.8,
     [](double a, double y) { return y * (a * a / 2 + 25) * kUlp / 2; }},
    {"sin", [] { return Run(HWY_DYNAMIC_POINTER(SineRun)); }, std::sin, -0.7854,
     0.7854, Absolute},
    {"cos", [] { return Run(HWY_DYNAMIC_POINTER(CosineRun)); }, std::cos,
     -0.7854, 0.7854, Absolute},
};

TEST_CASE("elementary functions keep their bounds on every SIMD target") {
  constexpr int kSteps = 400'000;
  for (const Function& f : kFunctions) {
    std::vector<float> x(kSteps), y(kSteps);
    for (int i = 0; i < kSteps; ++i) {
      x[i] = static_cast<float>(f.low + (f.high - f.low) * i / (kSteps - 1));
    }
    std::vector<double> exact, bound;
    for (float v : x) {
      exact.push_back(f.exact(v));
      bound.push_back(f.bound(v, exact.back()));
    }
    double worst = 0;
    ForEachSimdTarget([&](int64_t target) {
      f.run()(x.data(), y.data(), x.size());
      for (int i = 0; i < kSteps; ++i) {
        const double share = std::abs(y[i] - exact[i]) / bound[i];
        if (share > 1) {
          FAIL_CHECK(f.name, "(", x[i], ") = ", y[i], " on ",
                     hwy::TargetName(target));
          return;
        }
        worst = std::max(worst, share);
      }
    });
    MESSAGE(std::string(f.name), ": at most ", worst, " of the bound");
  }
}

TEST_CASE("exponentials beyond their ranges") {
  const std::vector<float> x = {-kInf,   -1e30f, -104.f, -88.f,
                                88.722f, 89.f,   1e30f,  kInf};
  std::vector<float> y(x.size());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  ForEachSimdTarget([&](int64_t target) {
    CAPTURE(std::string(hwy::TargetName(target)));
    HWY_DYNAMIC_DISPATCH(ExpRun)(x.data(), y.data(), x.size());
    for (size_t i = 0; i < 4; ++i) CHECK(y[i] == 0);
    CHECK(std::isfinite(y[4]));
    for (size_t i = 5; i < 8; ++i) CHECK(y[i] == kInf);
    HWY_DYNAMIC_DISPATCH(Exp2Run)(x.data(), y.data(), 2);
    CHECK(y[0] == 0);
    CHECK(y[1] == 0);
    HWY_DYNAMIC_DISPATCH(ExpRun)(&nan, y.data(), 1);
    CHECK(std::isnan(y[0]));
    HWY_DYNAMIC_DISPATCH(Exp2Run)(&nan, y.data(), 1);
    CHECK(std::isnan(y[0]));
  });
}

}  // namespace
}  // namespace triptych
#endif
