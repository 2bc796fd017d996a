// Quantities that cannot be mixed up: time in picoseconds is not a cycle
// count, a byte is not a flop. A unit is a type here and a suffix in every
// TOML key, JSON key and CSV column (`clock_hz`, `energy_pj`, `latency_us`).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_UNITS_H_
#define TRIPTYCH_KERNELS_BASE_UNITS_H_

#include <cmath>
#include <compare>
#include <cstdint>

namespace triptych {

// A number of one unit. Adds and compares with its own kind only; scales by
// plain numbers. Dividing like by like gives a plain double.
template <class Tag, class Rep>
struct Quantity {
  using rep = Rep;
  Rep value{};

  constexpr Quantity() = default;
  constexpr explicit Quantity(Rep v) : value(v) {}

  friend constexpr auto operator<=>(Quantity, Quantity) = default;
  constexpr Quantity& operator+=(Quantity o) {
    value += o.value;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity o) {
    value -= o.value;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity(a.value + b.value);
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity(a.value - b.value);
  }
  friend constexpr Quantity operator*(Quantity a, Rep s) {
    return Quantity(a.value * s);
  }
  friend constexpr Quantity operator*(Rep s, Quantity a) {
    return Quantity(a.value * s);
  }
  friend constexpr double operator/(Quantity a, Quantity b) {
    return static_cast<double>(a.value) / static_cast<double>(b.value);
  }
};

using Cycles = Quantity<struct CyclesTag, uint64_t>;
using Picos = Quantity<struct PicosTag, int64_t>;  // 2^63 ps is 106 days
using Bytes = Quantity<struct BytesTag, uint64_t>;
using Flops = Quantity<struct FlopsTag, uint64_t>;  // a multiply-add is 2
using Joules = Quantity<struct JoulesTag, double>;
using Watts = Quantity<struct WattsTag, double>;
using Hertz = Quantity<struct HertzTag, double>;
using BytesPerSecond = Quantity<struct BytesPerSecondTag, double>;
using FlopsPerSecond = Quantity<struct FlopsPerSecondTag, double>;

constexpr double Seconds(Picos t) {
  return static_cast<double>(t.value) * 1e-12;
}

// Rounded up: nothing ever takes less time than it should. The last bits of
// the double product are no picosecond: one cycle at 1 GHz is 1000, not 1001.
inline Picos FromSeconds(double seconds) {
  constexpr double kLastBits = 1 - 0x1p-51;
  return Picos(static_cast<int64_t>(std::ceil(seconds * 1e12 * kLastBits)));
}
inline Picos TimeOf(Cycles cycles, Hertz clock) {
  return FromSeconds(static_cast<double>(cycles.value) / clock.value);
}
inline Picos TimeOf(Bytes bytes, BytesPerSecond rate) {
  return FromSeconds(static_cast<double>(bytes.value) / rate.value);
}
inline Picos TimeOf(Flops flops, FlopsPerSecond rate) {
  return FromSeconds(static_cast<double>(flops.value) / rate.value);
}

template <class T>
constexpr T CeilDiv(T a, T b) {
  return (a + b - 1) / b;
}
template <class T>
constexpr T RoundUp(T a, T b) {
  return CeilDiv(a, b) * b;
}

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_UNITS_H_
