// SPDX-License-Identifier: Apache-2.0
#include "rtl/dac/dac_model.h"

#include <bit>
#include <cmath>

#include "kernels/base/rng.h"

namespace triptych::rtl {
namespace {

constexpr uint8_t kLastElement = kDacElements - 1;

int UnaryCount(uint16_t code) {
  return code >> kDacBinaryBits & (kDacElements - 1);
}
int BinaryPart(uint16_t code) { return code & ((1 << kDacBinaryBits) - 1); }

// Where the next conversion begins, `count` elements after `first`.
uint8_t Advance(uint8_t first, int count, bool rotate) {
  return rotate ? static_cast<uint8_t>((first + count) & kLastElement) : 0;
}

}  // namespace

DacSwitches DacEncode(uint16_t code, bool rotate, uint8_t& first) {
  static_assert(kDacElements == 32, "one word of switches a lane");
  const int count = UnaryCount(code);
  const uint32_t run = (uint32_t{1} << count) - 1;
  DacSwitches switches;
  switches.unary = std::rotl(run, first);
  switches.binary = static_cast<uint16_t>(BinaryPart(code));
  first = Advance(first, count, rotate);
  return switches;
}

DacElements::DacElements(double unit_sigma, uint64_t seed, uint64_t lane) {
  Rng rng(seed, lane);
  const auto element = [&](int lsb) {
    const double error =
        unit_sigma == 0 ? 0 : unit_sigma * std::sqrt(lsb) * rng.Normal();
    return static_cast<int32_t>(std::lround((lsb + error) * kDacLevelsPerLsb));
  };
  for (int32_t& unary : unary_) unary = element(1 << kDacBinaryBits);
  for (int b = 0; b < kDacBinaryBits; ++b) binary_[b] = element(1 << b);

  int32_t sum = 0;
  for (int e = 0; e < 2 * kDacElements; ++e) {
    before_[e] = sum;
    sum += unary_[e & kLastElement];
  }
  for (uint32_t bits = 0; bits < binary_sum_.size(); ++bits) {
    binary_sum_[bits] = Level({0, static_cast<uint16_t>(bits)});
  }
}

int32_t DacElements::Level(const DacSwitches& switches) const {
  int32_t level = 0;
  for (int e = 0; e < kDacElements; ++e) {
    if (switches.unary >> e & 1) level += unary_[e];
  }
  for (int b = 0; b < kDacBinaryBits; ++b) {
    if (switches.binary >> b & 1) level += binary_[b];
  }
  return level;
}

int32_t DacElements::Level(uint16_t code, bool rotate, uint8_t& first) const {
  const int count = UnaryCount(code);
  const int32_t unary = before_[first + count] - before_[first];
  first = Advance(first, count, rotate);
  return unary + binary_sum_[BinaryPart(code)];
}

}  // namespace triptych::rtl
