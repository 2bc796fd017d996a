// SPDX-License-Identifier: Apache-2.0
#include "models/audio/fft.h"

#include <bit>
#include <numbers>
#include <utility>

#include "kernels/base/check.h"

namespace triptych {

RealFft::RealFft(size_t size) : size_(size), turns_(size / 2) {
  TRIPTYCH_CHECK(size >= 2 && std::has_single_bit(size), size);
  for (size_t k = 0; k < turns_.size(); ++k) {
    turns_[k] = std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k) /
                                    static_cast<double>(size));
  }
}

// Decimation in time over all of x. Half of that would do for real numbers,
// and no front end here would be faster for it: the rest takes longer.
void RealFft::Run(std::span<const double> x,
                  std::span<std::complex<double>> y) const {
  TRIPTYCH_CHECK(x.size() <= size_ && y.size() == size_ / 2 + 1, x.size(),
                 y.size());
  std::vector<std::complex<double>> z(size_);
  for (size_t n = 0, reversed = 0; n < x.size(); ++n) {
    z[reversed] = x[n];
    size_t bit = size_ / 2;
    for (; reversed & bit; bit /= 2) reversed ^= bit;
    reversed |= bit;
  }
  for (size_t half = 1; half < size_; half *= 2) {
    const size_t step = size_ / (2 * half);
    for (size_t first = 0; first < size_; first += 2 * half) {
      for (size_t k = 0; k < half; ++k) {
        const std::complex<double> turned =
            turns_[k * step] * z[first + half + k];
        z[first + half + k] = z[first + k] - turned;
        z[first + k] += turned;
      }
    }
  }
  for (size_t k = 0; k < y.size(); ++k) y[k] = z[k];
}

}  // namespace triptych
