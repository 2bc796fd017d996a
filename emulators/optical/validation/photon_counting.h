// An incoherent product read by counting photons: what is left of a receiver
// when nothing but the light itself is noisy.
//
// Weights and inputs are brought to 0..1, as transmissions and brightness;
// light that carries n photons for each multiplication by an average input of
// a full weight is counted at each output:
//
//   w~ = (w - min) / (max - min)      over the matrix
//   x~ = x / max x                    of the vector, x >= 0
//   N_j ~ Poisson(n / mean(x~) sum_i w~_ji x~_i)
//   y_j = (max - min) max x (N_j mean(x~) / n) + min sum_i x_i
//
// The recipe of Wang et al., Nat Commun 13, 123 (2022), whose "budget" n is:
// detected photons are n times the mean transmission.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_PHOTON_COUNTING_H_
#define TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_PHOTON_COUNTING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/mat_view.h"
#include "kernels/base/rng.h"

namespace triptych::optical {

// A Poisson variate of this mean, >= 0: exact below 256 (sums of steps of
// at most 16, each by Knuth's product of uniforms); above that the
// rounded normal, whose skew 1 / sqrt(mean) is below 1/16).
double Poisson(double mean, Rng& rng);

// Transmissions of a matrix.
class PhotonPlane {
 public:
  explicit PhotonPlane(ConstMatView<float> weights);  // [n, k]

  // y[n] of x[k] >= 0 by `photons` for each multiplication; not positive: as
  // many as you like, no noise.
  void Multiply(std::span<const float> x, double photons, Rng& rng,
                std::span<float> y) const;
  double mean_transmission() const { return mean_transmission_; }

 private:
  size_t n_, k_;
  std::vector<float> transmissions_;
  double low_ = 0, range_ = 0, mean_transmission_ = 0;
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_PHOTON_COUNTING_H_
