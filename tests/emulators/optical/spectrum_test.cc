// Converters as an instrument sees them: the ADC's signal to noise and
// distortion from a spectrum, the DAC's linearity from its levels, beside
// what theory says. All within 0.1 dB.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>
#include <vector>

#include "kernels/base/rng.h"
#include "models/audio/fft.h"
#include "rtl/dac/dac_model.h"
#include "rtl/sar_adc/sar_adc_model.h"

namespace triptych::rtl {
namespace {

constexpr size_t kSamples = size_t{1} << 16;
// Whole cycles, and prime to the samples: no leakage, and no phase twice.
constexpr size_t kCycles = 4099;

double Decibels(double power_ratio) { return 10 * std::log10(power_ratio); }

// The codes of a sine of `amplitude` LSB around the middle of the scale, with
// Gaussian noise of `sigma` LSB on it.
std::vector<double> Digitised(int bits, double amplitude, double sigma) {
  const SarSearch search = MakeSarSearch(bits);
  const SarFrontEnd front_end = IdealFrontEnd(search);
  const double middle = search.max_code() / 2.0;
  Rng rng(7);
  std::vector<double> codes;
  std::array<int32_t, kSarLanes> level;
  std::array<uint16_t, kSarLanes> code;
  while (codes.size() < kSamples) {
    for (int32_t& l : level) {
      const auto n = codes.size() + static_cast<size_t>(&l - level.data());
      const double phase = 2 * std::numbers::pi *
                           static_cast<double>(n * kCycles % kSamples) /
                           kSamples;
      const double lsb =
          middle + amplitude * std::sin(phase) + sigma * rng.Normal();
      l = static_cast<int32_t>(std::lround(lsb * kSarLevelsPerLsb));
    }
    SarConvert(search, front_end, level.data(), nullptr, code.data());
    codes.insert(codes.end(), code.begin(), code.end());
  }
  return codes;
}

// Signal to noise and distortion: the sine's bin over all the others but 0.
double Sndr(const std::vector<double>& codes) {
  std::vector<std::complex<double>> bins(kSamples / 2 + 1);
  RealFft(kSamples).Run(codes, bins);
  double rest = 0;
  for (size_t k = 1; k < bins.size(); ++k) {
    // The last bin stands for itself, the others for two.
    const double power = std::norm(bins[k]) * (k + 1 < bins.size() ? 2 : 1);
    if (k != kCycles) rest += power;
  }
  return Decibels(2 * std::norm(bins[kCycles]) / rest);
}

TEST_CASE("ADC: SNDR from a spectrum is that of rounding and noise") {
  struct Case {
    int bits;
    double sigma;
  };
  // Not 8 bits without noise: such a sine lingers where its peaks are between
  // two codes, and its rounding is not evenly spread (0.12 dB).
  for (const auto& [bits, sigma] :
       {Case{8, 0.3}, {8, 1.0}, {10, 0.0}, {10, 0.3}, {10, 1.0}}) {
    CAPTURE(bits);
    CAPTURE(sigma);
    const double amplitude = (1 << (bits - 1)) - 1 - 5 * sigma;
    const double measured = Sndr(Digitised(bits, amplitude, sigma));
    // Rounding is off by 1/12 LSB^2 in the mean square.
    const double predicted =
        Decibels(amplitude * amplitude / 2 / (1.0 / 12 + sigma * sigma));
    CHECK(std::abs(measured - predicted) < 0.1);
  }
}

TEST_CASE("ADC: a lost bit is six decibels") {
  CHECK(std::abs(Sndr(Digitised(10, 511, 0)) - Sndr(Digitised(9, 255, 0)) -
                 Decibels(4 * std::pow(511.0 / 510, 2))) < 0.1);
}

constexpr int kCodes = 1 << kDacBits;
constexpr double kUnitSigma = 0.05;

// Level of each `stride`th code, LSB, the line through the ends taken out.
std::vector<double> Errors(uint64_t lane, int stride) {
  const DacElements elements(kUnitSigma, 31, lane);
  DacLane registers;
  const auto level = [&](int code) {
    return static_cast<double>(elements.Level(static_cast<uint16_t>(code),
                                              Dem::kOff, registers)) /
           kDacLevelsPerLsb;
  };
  const double gain = level(kCodes - 1) / (kCodes - 1);
  std::vector<double> errors;
  for (int code = 0; code < kCodes; code += stride) {
    errors.push_back(level(code) - gain * code);
  }
  return errors;
}

// Independent units, tied at both ends: a bridge. Over all codes the mean
// square is sigma^2 times the mean of c (M - c) / M.
TEST_CASE("DAC: INL is that of independent units") {
  constexpr int kLanes = 8000, kStride = 16, kTop = kCodes - 1;
  double measured = 0, predicted = 0;
  for (int code = 0; code < kCodes; code += kStride) {
    predicted += kUnitSigma * kUnitSigma * code * (kTop - code) / kTop;
  }
  for (uint64_t lane = 0; lane < kLanes; ++lane) {
    for (const double e : Errors(lane, kStride)) measured += e * e / kLanes;
  }
  // A bridge's mean square is uncertain by 0.9 of itself: 1 % here, 0.04 dB.
  CHECK(std::abs(Decibels(measured / predicted)) < 0.1);
}

// A step is off by the units that are switched, on or off: the binary ones
// that change, and at their end a unary element. A whole element too many
// there is what makes a segmented DAC's largest DNL.
TEST_CASE("DAC: DNL is that of the units that a step switches") {
  constexpr int kLanes = 2000, kTop = kCodes - 1;
  constexpr int kElement = 1 << kDacBinaryBits;
  double measured = 0, predicted = 0;
  for (int code = 0; code < kTop; ++code) {
    const bool unary = (code + 1) % kElement == 0;
    const int binary = (code ^ (code + 1)) % kElement;
    const double units = binary + (unary ? kElement : 0);
    predicted += kUnitSigma * kUnitSigma * (units - 1.0 / kTop);
  }
  for (uint64_t lane = 0; lane < kLanes; ++lane) {
    const std::vector<double> errors = Errors(lane, 1);
    for (size_t i = 1; i < errors.size(); ++i) {
      const double dnl = errors[i] - errors[i - 1];
      measured += dnl * dnl / kLanes;
    }
  }
  CHECK(std::abs(Decibels(measured / predicted)) < 0.1);
}

}  // namespace
}  // namespace triptych::rtl
