// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/validation/photon_counting.h"

#include <algorithm>
#include <cmath>

namespace triptych::optical {
namespace {

// By how many uniforms it takes for their product to fall below e^-mean.
double SmallPoisson(double mean, Rng& rng) {
  const double limit = std::exp(-mean);
  double product = rng.Uniform();
  double count = 0;
  while (product > limit) {
    product *= rng.Uniform();
    ++count;
  }
  return count;
}

}  // namespace

double Poisson(double mean, Rng& rng) {
  constexpr double kStep = 16, kNormalFrom = 256;
  if (mean >= kNormalFrom) {
    return std::max(0.0, std::rint(mean + std::sqrt(mean) * rng.Normal()));
  }
  double count = 0;
  for (; mean > kStep; mean -= kStep) count += SmallPoisson(kStep, rng);
  return mean > 0 ? count + SmallPoisson(mean, rng) : count;
}

PhotonPlane::PhotonPlane(ConstMatView<float> weights)
    : n_(weights.rows()), k_(weights.cols()), transmissions_(n_ * k_) {
  float low = weights(0, 0), high = low;
  for (size_t j = 0; j < n_; ++j) {
    for (const float w : weights.row_span(j)) {
      low = std::min(low, w);
      high = std::max(high, w);
    }
  }
  low_ = low;
  range_ = double{high} - low;
  double sum = 0;
  for (size_t j = 0; j < n_; ++j) {
    for (size_t i = 0; i < k_; ++i) {
      const double t = range_ > 0 ? (weights(j, i) - low_) / range_ : 0;
      transmissions_[j * k_ + i] = static_cast<float>(t);
      sum += t;
    }
  }
  mean_transmission_ = sum / static_cast<double>(n_ * k_);
}

void PhotonPlane::Multiply(std::span<const float> x, double photons, Rng& rng,
                           std::span<float> y) const {
  double largest = 0, sum = 0;
  for (const float v : x) {
    largest = std::max(largest, double{v});
    sum += v;
  }
  if (largest <= 0) {
    std::ranges::fill(y, 0.0f);
    return;
  }
  const double mean = sum / largest / static_cast<double>(k_);
  for (size_t j = 0; j < n_; ++j) {
    const float* t = transmissions_.data() + j * k_;
    double light = 0;
    for (size_t i = 0; i < k_; ++i) light += double{t[i]} * x[i];
    light /= largest;
    if (photons > 0)
      light = Poisson(light * photons / mean, rng) * mean / photons;
    y[j] = static_cast<float>(range_ * largest * light + low_ * sum);
  }
}

}  // namespace triptych::optical
