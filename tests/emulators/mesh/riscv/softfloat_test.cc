// Single precision against the host's own arithmetic, in the four rounding
// modes that hosts have; the fifth, ties away, from exact double results.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/softfloat.h"

#include <doctest/doctest.h>

#include <bit>
#include <cfenv>
#include <cmath>
#include <vector>

#include "kernels/base/rng.h"

namespace triptych::mesh::riscv::fp {
namespace {

constexpr std::array<Rounding, 4> kHostRounding = {
    Rounding::kNearestEven, Rounding::kTowardZero, Rounding::kDown,
    Rounding::kUp};
constexpr std::array<int, 4> kHostMode = {FE_TONEAREST, FE_TOWARDZERO,
                                          FE_DOWNWARD, FE_UPWARD};

float F(uint32_t bits) { return std::bit_cast<float>(bits); }
uint32_t B(float value) { return std::bit_cast<uint32_t>(value); }
uint32_t Canonical(uint32_t bits) { return std::isnan(F(bits)) ? kNan : bits; }

// Hosts differ in when a result is tiny: before rounding (Arm) or after.
#if defined(__x86_64__) || defined(__riscv)
constexpr bool kHostTininessAfter = true;
#else
constexpr bool kHostTininessAfter = false;
#endif

uint8_t HostFlags() {
  const int raised = std::fetestexcept(FE_ALL_EXCEPT);
  uint8_t flags = 0;
  if (raised & FE_INEXACT) flags |= kInexact;
  if (raised & FE_UNDERFLOW) flags |= kUnderflow;
  if (raised & FE_OVERFLOW) flags |= kOverflow;
  if (raised & FE_DIVBYZERO) flags |= kDivideByZero;
  if (raised & FE_INVALID) flags |= kInvalid;
  return flags;
}

// Operands where something happens: zeros, ends of ranges, ties, NaNs, and
// random ones with exponents near each other.
std::vector<uint32_t> Operands() {
  std::vector<uint32_t> v = {
      0x00000000, 0x00000001, 0x00000002, 0x007fffff, 0x00800000, 0x00800001,
      0x00ffffff, 0x01000000, 0x33800000, 0x33800001, 0x34000000, 0x3effffff,
      0x3f000000, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fc00000, 0x40000000,
      0x4b7fffff, 0x4b800000, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000,
      0x7f000000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fffffff};
  const size_t corners = v.size();
  for (size_t i = 0; i < corners; ++i) v.push_back(v[i] ^ 0x80000000u);
  Rng rng(11);
  for (int i = 0; i < 60; ++i) v.push_back(rng.Next());
  for (int i = 0; i < 60; ++i) {
    v.push_back((rng.Next() & 0x807fffff) | (120 + rng.Below(16)) << 23);
  }
  return v;
}

struct HostMode {
  explicit HostMode(int mode) { std::fesetround(mode); }
  ~HostMode() { std::fesetround(FE_TONEAREST); }
};

// `ours` and `host` on the same operands: bits and flags.
template <class Ours, class Host>
void Compare(size_t mode, const char* what, const Ours& ours,
             const Host& host) {
  Env env{kHostRounding[mode], 0};
  const uint32_t got = ours(env);
  uint32_t want;
  uint8_t flags;
  {
    const HostMode scope(kHostMode[mode]);
    std::feclearexcept(FE_ALL_EXCEPT);
    want = Canonical(host());
    flags = HostFlags();
  }
  if (!kHostTininessAfter) {
    flags &= static_cast<uint8_t>(~kUnderflow);
    env.flags &= static_cast<uint8_t>(~kUnderflow);
  }
  if (got == want && env.flags == flags) return;
  CAPTURE(what);
  CAPTURE(mode);
  CHECK(got == want);
  CHECK(int{env.flags} == int{flags});
}

TEST_CASE("two operands as the host computes them") {
  const std::vector<uint32_t> operands = Operands();
  for (size_t mode = 0; mode < kHostMode.size(); ++mode) {
    for (const uint32_t a : operands) {
      for (const uint32_t b : operands) {
        volatile float x = F(a), y = F(b);
        const auto check = [&](const char* what, auto ours, auto host) {
          CAPTURE(a);
          CAPTURE(b);
          Compare(
              mode, what, [&](Env& e) { return ours(a, b, e); },
              [&] {
                volatile float r = host(x, y);
                return B(r);
              });
        };
        using V = volatile float&;
        check("add", Add, [](V p, V q) { return p + q; });
        check("sub", Sub, [](V p, V q) { return p - q; });
        check("mul", Mul, [](V p, V q) { return p * q; });
        check("div", Div, [](V p, V q) { return p / q; });
      }
    }
  }
}

TEST_CASE("fused multiply-add and square root as the host computes them") {
  const std::vector<uint32_t> operands = Operands();
  Rng rng(13);
  const auto pick = [&] {
    return operands[rng.Below(static_cast<uint32_t>(operands.size()))];
  };
  for (size_t mode = 0; mode < kHostMode.size(); ++mode) {
    for (int i = 0; i < 60000; ++i) {
      const uint32_t a = pick(), b = pick();
      uint32_t c = pick();
      // Half the time, something that nearly cancels the product.
      if (i % 2) {
        Env nearest;
        c = Mul(a, b, nearest) ^ 0x80000000u;
        c += rng.Below(3) - 1;
      }
      // Infinity times zero plus a quiet NaN: hosts may stay silent.
      if (std::isnan(F(c)) && std::isnan(F(a) * F(b))) continue;
      CAPTURE(a);
      CAPTURE(b);
      CAPTURE(c);
      volatile float x = F(a), y = F(b), z = F(c);
      Compare(
          mode, "fma", [&](Env& e) { return Fma(a, b, c, e); },
          [&] {
            volatile float r = std::fma(float{x}, float{y}, float{z});
            return B(r);
          });
    }
    for (const uint32_t a : operands) {
      CAPTURE(a);
      volatile float x = F(a);
      Compare(
          mode, "sqrt", [&](Env& e) { return Sqrt(a, e); },
          [&] {
            volatile float r = std::sqrt(float{x});
            return B(r);
          });
    }
  }
}

// The nearest single to an exact double, ties away from zero.
uint32_t RoundAway(double exact) {
  if (exact == 0 || std::isnan(exact) || std::isinf(exact)) {
    return Canonical(B(static_cast<float>(exact)));
  }
  int exponent;
  std::frexp(exact, &exponent);
  const int unit = std::max(exponent - 24, -149);
  const double scaled = std::ldexp(std::fabs(exact), -unit);
  const double rounded = std::floor(scaled + 0.5);
  const double magnitude = std::ldexp(rounded, unit);
  const float single =
      magnitude > 0x1.fffffep127 ? INFINITY : static_cast<float>(magnitude);
  return B(std::copysign(single, static_cast<float>(std::copysign(1, exact))));
}

TEST_CASE("ties go away from zero where that is asked for") {
  const std::vector<uint32_t> operands = Operands();
  int compared = 0;
  for (const uint32_t a : operands) {
    for (const uint32_t b : operands) {
      Env env{Rounding::kNearestAway, 0};
      const double x = F(a), y = F(b);
      CAPTURE(a);
      CAPTURE(b);
      // A product of singles is exact in double.
      CHECK(Mul(a, b, env) == Canonical(RoundAway(x * y)));
      // A sum is where this error is nothing.
      const double sum = x + y, back = sum - x;
      if (std::isfinite(sum) && (x - (sum - back)) + (y - back) == 0) {
        CHECK(Add(a, b, env) == RoundAway(sum));
        ++compared;
      }
    }
  }
  CHECK(compared > 1000);
  Env env{Rounding::kNearestAway, 0};
  CHECK(ToInt32(B(2.5f), env) == 3);
  CHECK(ToInt32(B(-2.5f), env) == static_cast<uint32_t>(-3));
  CHECK(FromInt32(0x01000001, env) == B(16777218.0f));
}

TEST_CASE("conversions saturate and round as asked") {
  for (size_t mode = 0; mode < kHostMode.size(); ++mode) {
    Rng rng(17);
    for (int i = 0; i < 20000; ++i) {
      const uint32_t v = rng.Next() >> rng.Below(32);
      volatile int32_t s = static_cast<int32_t>(v);
      volatile uint32_t u = v;
      CAPTURE(v);
      Compare(
          mode, "from int", [&](Env& e) { return FromInt32(v, e); },
          [&] {
            volatile float r = static_cast<float>(s);
            return B(r);
          });
      Compare(
          mode, "from unsigned", [&](Env& e) { return FromUint32(v, e); },
          [&] {
            volatile float r = static_cast<float>(int64_t{u});
            return B(r);
          });
    }
    for (const uint32_t a : Operands()) {
      Env env{kHostRounding[mode], 0};
      const double x = F(a);
      double whole;
      {
        const HostMode scope(kHostMode[mode]);
        volatile double source = x;
        whole = std::nearbyint(source);
      }
      const auto expect = [&](double low, double high, uint32_t at_low,
                              uint32_t at_high, uint32_t got) {
        CAPTURE(a);
        CAPTURE(mode);
        if (std::isnan(x) || whole > high) {
          CHECK(got == at_high);
          CHECK(env.flags == kInvalid);
        } else if (whole < low) {
          CHECK(got == at_low);
          CHECK(env.flags == kInvalid);
        } else {
          CHECK(got == static_cast<uint32_t>(static_cast<int64_t>(whole)));
          CHECK(env.flags == (whole == x ? 0 : kInexact));
        }
      };
      expect(-0x1p31, 0x1p31 - 1, 0x80000000u, 0x7fffffffu, ToInt32(a, env));
      env.flags = 0;
      expect(0, 0x1p32 - 1, 0, 0xffffffffu, ToUint32(a, env));
    }
  }
}

TEST_CASE("comparisons, extremes and classes") {
  for (const uint32_t a : Operands()) {
    for (const uint32_t b : Operands()) {
      const float x = F(a), y = F(b);
      const bool nan = std::isnan(x) || std::isnan(y);
      const auto signalling = [](uint32_t v) {
        return std::isnan(F(v)) && !(v & 0x00400000);
      };
      const bool loud = signalling(a) || signalling(b);
      Env env;
      CHECK(Equal(a, b, env) == uint32_t{!nan && x == y});
      CHECK(env.flags == (loud ? kInvalid : 0));
      env.flags = 0;
      CHECK(Less(a, b, env) == uint32_t{!nan && x < y});
      CHECK(env.flags == (nan ? kInvalid : 0));
      env.flags = 0;
      CHECK(LessOrEqual(a, b, env) == uint32_t{!nan && x <= y});
      CHECK(env.flags == (nan ? kInvalid : 0));
      env.flags = 0;
      uint32_t low = a, high = b;
      if (std::isnan(x) || std::isnan(y)) {
        low = high = !std::isnan(x) ? a : !std::isnan(y) ? b : kNan;
      } else if (y < x || (x == y && std::signbit(y) > std::signbit(x))) {
        std::swap(low, high);
      }
      CHECK(Min(a, b, env) == low);
      CHECK(Max(a, b, env) == high);
      CHECK(env.flags == (loud ? kInvalid : 0));
    }
  }
  CHECK(Class(0xff800000) == 1u << 0);
  CHECK(Class(0xbf800000) == 1u << 1);
  CHECK(Class(0x80000001) == 1u << 2);
  CHECK(Class(0x80000000) == 1u << 3);
  CHECK(Class(0x00000000) == 1u << 4);
  CHECK(Class(0x007fffff) == 1u << 5);
  CHECK(Class(0x3f800000) == 1u << 6);
  CHECK(Class(0x7f800000) == 1u << 7);
  CHECK(Class(0x7f800001) == 1u << 8);
  CHECK(Class(0x7fc00000) == 1u << 9);
}

}  // namespace
}  // namespace triptych::mesh::riscv::fp
