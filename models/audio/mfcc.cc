// SPDX-License-Identifier: Apache-2.0
#include "models/audio/mfcc.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace triptych {
namespace {

double MelOf(double hz) { return 1127 * std::log1p(hz / 700); }

}  // namespace

Result<Mfcc> Mfcc::Create(const MfccConfig& c) {
  const bool sizes = c.window > 0 && c.samples >= c.window && c.hop > 0 &&
                     c.transform >= std::max<int64_t>(c.window, 2) &&
                     std::has_single_bit(static_cast<uint64_t>(c.transform)) &&
                     c.bands > 0 && c.coefficients > 0 &&
                     c.coefficients <= c.bands;
  const bool range = c.rate_hz > 0 && c.low_hz >= 0 && c.low_hz < c.high_hz &&
                     c.high_hz <= static_cast<double>(c.rate_hz) / 2 &&
                     c.floor > 0;
  if (sizes && range) return Mfcc(c);
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("mfcc: {} samples, window {}, hop {}, transform {}, {} bands "
                  "from {} to {} Hz, {} coefficients: must be samples >= "
                  "window, a power of two >= window, coefficients <= bands "
                  "and bands below half of {} Hz",
                  c.samples, c.window, c.hop, c.transform, c.bands, c.low_hz,
                  c.high_hz, c.coefficients, c.rate_hz));
}

Mfcc::Mfcc(const MfccConfig& c)
    : config_(c),
      fft_(static_cast<size_t>(c.transform)),
      window_(static_cast<size_t>(c.window)),
      bands_(static_cast<size_t>(c.bands)),
      cosines_(static_cast<size_t>(c.coefficients * c.bands)) {
  constexpr double kPi = std::numbers::pi;
  for (size_t n = 0; n < window_.size(); ++n) {
    window_[n] = 0.5 - 0.5 * std::cos(2 * kPi * static_cast<double>(n) /
                                      static_cast<double>(c.window));
  }
  const double low = MelOf(c.low_hz);
  const double width =
      (MelOf(c.high_hz) - low) / static_cast<double>(c.bands + 1);
  const double bin_hz =
      static_cast<double>(c.rate_hz) / static_cast<double>(c.transform);
  for (size_t b = 0; b < bands_.size(); ++b) {
    Band& band = bands_[b];
    // Without the bin of 0 Hz.
    for (size_t k = 1; k <= fft_.size() / 2; ++k) {
      // In widths from the left end of the triangle: it rises to 1, falls to 2.
      const double at = (MelOf(static_cast<double>(k) * bin_hz) - low) / width -
                        static_cast<double>(b);
      const double weight = std::min(at, 2 - at);
      if (weight <= 0) continue;
      if (band.weights.empty()) band.first = k;
      band.weights.push_back(weight);
    }
  }
  const auto bands = static_cast<double>(c.bands);
  for (size_t i = 0; i < cosines_.size(); ++i) {
    const auto k = static_cast<double>(i / bands_.size());
    const double middle = static_cast<double>(i % bands_.size()) + 0.5;
    cosines_[i] = std::sqrt(2 / bands) * std::cos(kPi * k * middle / bands);
  }
}

Result<std::vector<float>> Mfcc::Run(std::span<const float> sound) const {
  if (std::cmp_not_equal(sound.size(), config_.samples)) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("mfcc: {} samples: must be {}", sound.size(),
                                 config_.samples));
  }
  std::vector<float> features;
  features.reserve(static_cast<size_t>(rows() * cols()));
  std::vector<double> frame(window_.size()), logs(bands_.size());
  std::vector<std::complex<double>> spectrum(fft_.size() / 2 + 1);
  for (int64_t f = 0; f < rows(); ++f) {
    const auto first = static_cast<size_t>(f * config_.hop);
    for (size_t n = 0; n < frame.size(); ++n) {
      frame[n] = static_cast<double>(sound[first + n]) * window_[n];
    }
    fft_.Run(frame, spectrum);
    for (size_t b = 0; b < bands_.size(); ++b) {
      double sum = 0;
      for (size_t i = 0; i < bands_[b].weights.size(); ++i) {
        sum += bands_[b].weights[i] * std::abs(spectrum[bands_[b].first + i]);
      }
      logs[b] = std::log(std::max(sum, config_.floor));
    }
    for (size_t k = 0; k < static_cast<size_t>(cols()); ++k) {
      double sum = 0;
      for (size_t b = 0; b < logs.size(); ++b) {
        sum += cosines_[k * logs.size() + b] * logs[b];
      }
      features.push_back(static_cast<float>(sum));
    }
  }
  return features;
}

}  // namespace triptych
