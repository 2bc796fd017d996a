// Mel frequency cepstral coefficients: what keyword transformers hear.
//
// A frame of samples, times a window, is transformed; the magnitudes are
// summed by triangles that are equally wide in mel (mel = 1127 ln(1 + f / 700
// Hz), as HTK has it); the cosine transform (DCT-II) of their logarithms is
// the result.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_AUDIO_MFCC_H_
#define TRIPTYCH_MODELS_AUDIO_MFCC_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kernels/base/result.h"
#include "models/audio/fft.h"
#include "models/audio/front_end.h"

namespace triptych {

// The defaults are KWT-1's: with them, window, transform, triangles and cosines
// are within 3e-8 of the constants of the front end in
// ARM-software/keyword-transformer, kwt1/tflite_non_stream/non_stream.tflite. A
// test holds the features to those of that file.
struct MfccConfig {
  int64_t rate_hz = 16000;
  int64_t samples = 16000;  // of a clip
  int64_t window = 480;     // samples; 30 ms, a Hann window of this period
  int64_t hop = 160;        // samples from frame to frame
  int64_t transform = 512;  // samples, the window and zeros behind it
  int64_t bands = 80;
  double low_hz = 20, high_hz = 7600;  // ends of the triangles
  double floor = 1e-12;                // least sum that a logarithm is taken of
  int64_t coefficients = 40;

  // Frames whose window is whole.
  int64_t frames() const { return (samples - window) / hop + 1; }
};

class Mfcc : public FrontEnd {
 public:
  // Errors: sizes that contradict each other.
  static Result<Mfcc> Create(const MfccConfig& config);

  const MfccConfig& config() const { return config_; }
  int64_t samples() const override { return config_.samples; }
  int64_t rows() const override { return config_.frames(); }
  int64_t cols() const override { return config_.coefficients; }
  Result<std::vector<float>> Run(std::span<const float> sound) const override;

 private:
  explicit Mfcc(const MfccConfig& config);

  // One band: weights of neighbouring bins.
  struct Band {
    size_t first = 0;
    std::vector<double> weights;
  };
  MfccConfig config_;
  RealFft fft_;
  std::vector<double> window_;
  std::vector<Band> bands_;
  std::vector<double> cosines_;  // [coefficients, bands]
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_AUDIO_MFCC_H_
