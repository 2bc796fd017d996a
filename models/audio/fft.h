// The discrete Fourier transform of real numbers, in f64.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_AUDIO_FFT_H_
#define TRIPTYCH_MODELS_AUDIO_FFT_H_

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

namespace triptych {

// Immutable; thread-safe.
class RealFft {
 public:
  // `size` is a power of two, 2 or more (a check).
  explicit RealFft(size_t size);
  size_t size() const { return size_; }
  // Y[k] = sum over n of x[n] exp(-2 pi i k n / size), for k = 0..size / 2.
  // `x` has up to size() numbers, the rest is zero; `y` has size() / 2 + 1.
  void Run(std::span<const double> x, std::span<std::complex<double>> y) const;

 private:
  size_t size_;
  std::vector<std::complex<double>> turns_;  // exp(-2 pi i k / size)
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_AUDIO_FFT_H_
