// SPDX-License-Identifier: Apache-2.0
#include "rtl/dac/dac_model.h"

#include <algorithm>
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

constexpr int kSegmentCodes = 1 << (kDacBits - kDacSegmentBits);

uint16_t Leap(uint16_t lfsr) {
  static_assert(kDacLfsrBits == 16);
  for (int i = 0; i < kDacLfsrLeap; ++i) {
    lfsr = static_cast<uint16_t>(lfsr >> 1 ^ (lfsr & 1 ? kDacLfsrTaps : 0));
  }
  return lfsr;
}

}  // namespace

uint8_t DacLane::Advance(int count, Dem dem) {
  const uint8_t begin =
      dem == Dem::kRandom ? static_cast<uint8_t>(lfsr & kLastElement) : first;
  first = dem == Dem::kRotate
              ? static_cast<uint8_t>((begin + count) & kLastElement)
              : 0;
  if (dem == Dem::kRandom) lfsr = Leap(lfsr);
  return begin;
}

uint16_t DacCorrect(uint16_t code, const DacKnots& knots) {
  const int segment = code / kSegmentCodes, along = code % kSegmentCodes;
  const int low = knots[segment], high = knots[segment + 1];
  // In 1/(4 * 64) LSB.
  const int fine = low * kSegmentCodes + (high - low) * along;
  constexpr int kFineBits = kDacBits - kDacSegmentBits + kDacKnotFracBits;
  const int rounded = (fine + (1 << (kFineBits - 1))) >> kFineBits;
  return static_cast<uint16_t>(
      std::clamp(code + rounded, 0, (1 << kDacBits) - 1));
}

DacSwitches DacEncode(uint16_t code, Dem dem, DacLane& lane) {
  static_assert(kDacElements == 32, "one word of switches a lane");
  const int count = UnaryCount(code);
  const uint32_t run = (uint32_t{1} << count) - 1;
  DacSwitches switches;
  switches.unary = std::rotl(run, lane.Advance(count, dem));
  switches.binary = static_cast<uint16_t>(BinaryPart(code));
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

int32_t DacElements::Level(uint16_t code, Dem dem, DacLane& lane) const {
  const int count = UnaryCount(code);
  const int begin = lane.Advance(count, dem);
  const int32_t unary = before_[begin + count] - before_[begin];
  return unary + binary_sum_[BinaryPart(code)];
}

DacKnots MeasureKnots(const DacElements& elements) {
  constexpr int kTop = (1 << kDacBits) - 1;
  DacLane still;
  const auto level = [&](int code) {
    return static_cast<double>(
        elements.Level(static_cast<uint16_t>(code), Dem::kOff, still));
  };
  const double bottom = level(0), lsb = (level(kTop) - bottom) / kTop;
  DacKnots knots;
  for (int k = 0; k < kDacKnots; ++k) {
    const int code = std::min(k * kSegmentCodes, kTop);
    const double inl = (level(code) - bottom) / lsb - code;
    const long knot = std::lround(-inl * (1 << kDacKnotFracBits));
    knots[k] = static_cast<int8_t>(std::clamp<long>(knot, INT8_MIN, INT8_MAX));
  }
  return knots;
}

}  // namespace triptych::rtl
