// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/softfloat.h"

#include <bit>
#include <utility>

namespace triptych::mesh::riscv::fp {
namespace {

constexpr uint32_t kSign = 0x80000000, kInfinity = 0x7f800000;
constexpr uint32_t kLargest = 0x7f7fffff, kQuietBit = 0x00400000;

bool IsNan(uint32_t a) { return (a & ~kSign) > kInfinity; }
bool IsSignalling(uint32_t a) { return IsNan(a) && !(a & kQuietBit); }
bool IsInfinity(uint32_t a) { return (a & ~kSign) == kInfinity; }
bool IsZero(uint32_t a) { return (a & ~kSign) == 0; }

// A finite number: significand * 2^exponent, the significand below 2^24.
struct Finite {
  int exponent;
  uint64_t significand;
};

Finite Unpack(uint32_t a) {
  const int biased = static_cast<int>(a >> 23 & 0xff);
  const uint32_t fraction = a & 0x7fffff;
  if (biased == 0) return {-149, fraction};
  return {biased - 150, fraction | 0x800000};
}

// The leading one moved to bit `top`; the significand must not be zero.
Finite Normalise(Finite f, int top) {
  const int shift = std::countl_zero(f.significand) - (63 - top);
  return {f.exponent - shift, f.significand << shift};
}

// Shifted right; whatever falls out leaves its trace in the last bit.
uint64_t ShiftRightSticky(uint64_t value, int shift) {
  if (shift == 0) return value;
  if (shift > 63) return value != 0;
  return value >> shift | ((value << (64 - shift)) != 0);
}

uint32_t InvalidNan(Env& env) {
  env.flags |= kInvalid;
  return kNan;
}

// What a NaN among the operands gives.
uint32_t PropagateNan(bool signalling, Env& env) {
  return signalling ? InvalidNan(env) : kNan;
}

// Whether `rest` (of `unit`) rounds a magnitude whose last bit is `odd` up.
bool RoundsUp(bool negative, bool odd, uint64_t rest, uint64_t unit,
              Rounding rounding) {
  const uint64_t half = unit / 2;
  switch (rounding) {
    case Rounding::kNearestEven:
      return rest > half || (rest == half && odd);
    case Rounding::kNearestAway:
      return rest >= half;
    case Rounding::kTowardZero:
      return false;
    case Rounding::kDown:
      return negative && rest != 0;
    case Rounding::kUp:
      return !negative && rest != 0;
  }
  return false;
}

uint32_t Overflow(uint32_t sign, Env& env) {
  env.flags |= kOverflow | kInexact;
  const bool largest = env.rounding == Rounding::kTowardZero ||
                       (env.rounding == Rounding::kDown && !sign) ||
                       (env.rounding == Rounding::kUp && sign);
  return sign | (largest ? kLargest : kInfinity);
}

// f.significand * 2^f.exponent, not zero, its last bit sticky, as a number.
uint32_t Round(uint32_t sign, Finite f, Env& env) {
  constexpr uint64_t kUnit = uint64_t{1} << 40;  // 64 bits to 24
  f = Normalise(f, 63);
  int exponent = f.exponent + 63;  // of the leading one
  const auto up = [&](uint64_t s) {
    return RoundsUp(sign != 0, (s & kUnit) != 0, s & (kUnit - 1), kUnit,
                    env.rounding);
  };
  const bool subnormal = exponent < -126;
  bool tiny = subnormal;
  if (subnormal) {
    // Rounded as if exponents had no end, it may reach the smallest normal.
    if (exponent == -127 && f.significand >> 40 == 0xffffff &&
        up(f.significand)) {
      tiny = false;
    }
    f.significand = ShiftRightSticky(f.significand, -126 - exponent);
  }
  const bool inexact = (f.significand & (kUnit - 1)) != 0;
  uint32_t q = static_cast<uint32_t>(f.significand >> 40);
  q += up(f.significand) ? 1 : 0;
  if (inexact) env.flags |= kInexact;
  if (inexact && tiny) env.flags |= kUnderflow;
  // A carry out of the fraction is the next exponent.
  if (subnormal) return sign | q;
  if (exponent + (q >> 24 ? 1 : 0) > 127) return Overflow(sign, env);
  const auto biased = static_cast<uint32_t>(exponent + 126);
  return sign | ((biased << 23) + q);
}

// The sign of an exact zero that is the sum of two numbers.
uint32_t ZeroSign(uint32_t a, uint32_t b, const Env& env) {
  if (a == b) return a;
  return env.rounding == Rounding::kDown ? kSign : 0;
}

// x + y, both not zero, rounded once.
uint32_t AddFinite(uint32_t sign_x, Finite x, uint32_t sign_y, Finite y,
                   Env& env) {
  // Bit 61 leaves room for a carry; below 48 bits of a product, 14 zeros keep
  // a sticky last bit away from where the sum is rounded.
  x = Normalise(x, 61);
  y = Normalise(y, 61);
  if (x.exponent < y.exponent ||
      (x.exponent == y.exponent && x.significand < y.significand)) {
    std::swap(x, y);
    std::swap(sign_x, sign_y);
  }
  y.significand = ShiftRightSticky(y.significand, x.exponent - y.exponent);
  const uint64_t sum = sign_x == sign_y ? x.significand + y.significand
                                        : x.significand - y.significand;
  if (sum == 0) return ZeroSign(sign_x, sign_y, env);
  return Round(sign_x, {x.exponent, sum}, env);
}

uint32_t MinMax(uint32_t a, uint32_t b, bool want_max, Env& env) {
  if (IsSignalling(a) || IsSignalling(b)) env.flags |= kInvalid;
  if (IsNan(a)) return IsNan(b) ? kNan : b;
  if (IsNan(b)) return a;
  // Monotone in value as signed integers, -0 just below +0.
  const auto key = [](uint32_t v) {
    return static_cast<int32_t>(v & kSign ? ~(v ^ kSign) : v);
  };
  return (key(a) < key(b)) != want_max ? a : b;
}

// Magnitude of `a` rounded to an integer; 2^33 for anything larger.
uint64_t RoundToInteger(uint32_t a, Env& env, bool& inexact) {
  const Finite f = Unpack(a);
  if (f.exponent >= 9) return uint64_t{1} << 33;
  if (f.exponent >= 0) return f.significand << f.exponent;
  // 24 bits of significand, 32 for what is cut off.
  const uint64_t shifted = ShiftRightSticky(f.significand << 32, -f.exponent);
  constexpr uint64_t kUnit = uint64_t{1} << 32;
  inexact = (shifted & (kUnit - 1)) != 0;
  return (shifted >> 32) + RoundsUp((a & kSign) != 0, shifted >> 32 & 1,
                                    shifted & (kUnit - 1), kUnit, env.rounding);
}

}  // namespace

uint32_t Fma(uint32_t a, uint32_t b, uint32_t c, Env& env) {
  const uint32_t sign = (a ^ b) & kSign;
  const bool lost =
      (IsInfinity(a) && IsZero(b)) || (IsZero(a) && IsInfinity(b));
  if (lost) return InvalidNan(env);
  if (IsNan(a) || IsNan(b) || IsNan(c)) {
    return PropagateNan(IsSignalling(a) || IsSignalling(b) || IsSignalling(c),
                        env);
  }
  if (IsInfinity(a) || IsInfinity(b)) {
    if (IsInfinity(c) && (c & kSign) != sign) return InvalidNan(env);
    return sign | kInfinity;
  }
  if (IsInfinity(c)) return c;
  if (IsZero(a) || IsZero(b)) {
    return IsZero(c) ? ZeroSign(sign, c & kSign, env) : c;
  }
  const Finite x = Unpack(a), y = Unpack(b);
  const Finite product{x.exponent + y.exponent, x.significand * y.significand};
  if (IsZero(c)) return Round(sign, product, env);
  return AddFinite(sign, product, c & kSign, Unpack(c), env);
}

uint32_t Add(uint32_t a, uint32_t b, Env& env) { return Fma(a, kOne, b, env); }

uint32_t Sub(uint32_t a, uint32_t b, Env& env) {
  return Fma(a, kOne, IsNan(b) ? b : b ^ kSign, env);
}

uint32_t Mul(uint32_t a, uint32_t b, Env& env) {
  // A zero of the product's own sign changes nothing, not even a zero.
  return Fma(a, b, (a ^ b) & kSign, env);
}

uint32_t Div(uint32_t a, uint32_t b, Env& env) {
  const uint32_t sign = (a ^ b) & kSign;
  if (IsNan(a) || IsNan(b)) {
    return PropagateNan(IsSignalling(a) || IsSignalling(b), env);
  }
  if ((IsInfinity(a) && IsInfinity(b)) || (IsZero(a) && IsZero(b))) {
    return InvalidNan(env);
  }
  if (IsInfinity(a)) return sign | kInfinity;
  if (IsInfinity(b) || IsZero(a)) return sign;
  if (IsZero(b)) {
    env.flags |= kDivideByZero;
    return sign | kInfinity;
  }
  const Finite x = Normalise(Unpack(a), 62), y = Normalise(Unpack(b), 23);
  const uint64_t quotient = x.significand / y.significand;
  const uint64_t sticky = x.significand % y.significand != 0;
  return Round(sign, {x.exponent - y.exponent - 1, quotient << 1 | sticky},
               env);
}

uint32_t Sqrt(uint32_t a, Env& env) {
  if (IsNan(a)) return PropagateNan(IsSignalling(a), env);
  if (IsZero(a)) return a;
  if (a & kSign) return InvalidNan(env);
  if (IsInfinity(a)) return a;
  Finite f = Normalise(Unpack(a), 61);
  if (f.exponent & 1) f = {f.exponent - 1, f.significand << 1};
  // Bit by bit: root^2 <= significand, both of even exponents.
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 31; bit != 0; bit >>= 1) {
    const uint64_t next = root | bit;
    if (next * next <= f.significand) root = next;
  }
  const uint64_t sticky = root * root != f.significand;
  return Round(0, {f.exponent / 2 - 1, root << 1 | sticky}, env);
}

uint32_t Min(uint32_t a, uint32_t b, Env& env) {
  return MinMax(a, b, false, env);
}
uint32_t Max(uint32_t a, uint32_t b, Env& env) {
  return MinMax(a, b, true, env);
}

uint32_t Equal(uint32_t a, uint32_t b, Env& env) {
  if (IsNan(a) || IsNan(b)) {
    if (IsSignalling(a) || IsSignalling(b)) env.flags |= kInvalid;
    return 0;
  }
  return a == b || (IsZero(a) && IsZero(b));
}

uint32_t Less(uint32_t a, uint32_t b, Env& env) {
  if (IsNan(a) || IsNan(b)) {
    env.flags |= kInvalid;
    return 0;
  }
  if (IsZero(a) && IsZero(b)) return 0;
  return MinMax(a, b, false, env) == a && a != b;
}

uint32_t LessOrEqual(uint32_t a, uint32_t b, Env& env) {
  if (IsNan(a) || IsNan(b)) {
    env.flags |= kInvalid;
    return 0;
  }
  return Less(a, b, env) || Equal(a, b, env);
}

uint32_t ToInt32(uint32_t a, Env& env) {
  const bool negative = (a & kSign) != 0 && !IsNan(a);
  bool inexact = false;
  const uint64_t magnitude =
      IsNan(a) ? uint64_t{1} << 33 : RoundToInteger(a, env, inexact);
  if (magnitude > (negative ? 0x80000000u : 0x7fffffffu)) {
    env.flags |= kInvalid;
    return negative ? 0x80000000u : 0x7fffffffu;
  }
  if (inexact) env.flags |= kInexact;
  const auto value = static_cast<uint32_t>(magnitude);
  return negative ? 0 - value : value;
}

uint32_t ToUint32(uint32_t a, Env& env) {
  const bool negative = (a & kSign) != 0 && !IsNan(a);
  bool inexact = false;
  const uint64_t magnitude =
      IsNan(a) ? uint64_t{1} << 33 : RoundToInteger(a, env, inexact);
  if (magnitude > (negative ? 0 : 0xffffffffu)) {
    env.flags |= kInvalid;
    return negative ? 0 : 0xffffffffu;
  }
  if (inexact) env.flags |= kInexact;
  return static_cast<uint32_t>(magnitude);
}

uint32_t FromInt32(uint32_t a, Env& env) {
  if (a == 0) return 0;
  const uint32_t sign = a & kSign;
  return Round(sign, {0, sign ? 0 - a : a}, env);
}

uint32_t FromUint32(uint32_t a, Env& env) {
  return a == 0 ? 0 : Round(0, {0, a}, env);
}

uint32_t Class(uint32_t a) {
  const bool negative = (a & kSign) != 0;
  if (IsNan(a)) return IsSignalling(a) ? 1u << 8 : 1u << 9;
  if (IsInfinity(a)) return negative ? 1u << 0 : 1u << 7;
  if (IsZero(a)) return negative ? 1u << 3 : 1u << 4;
  const bool subnormal = (a & kInfinity) == 0;
  if (subnormal) return negative ? 1u << 2 : 1u << 5;
  return negative ? 1u << 1 : 1u << 6;
}

}  // namespace triptych::mesh::riscv::fp
