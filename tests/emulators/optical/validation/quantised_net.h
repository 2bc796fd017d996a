// A small network with few levels, trained where it is needed: 784-100-100-10
// with 16 levels an activation and 32 a weight, as the network whose accuracy
// against photons was published (Nat Commun 13, 123).
//
// Trained by stochastic gradient descent with momentum; rounding is passed
// through as if it were not there (straight-through). Deterministic: weights
// and order of images come from a seed, and no thread adds anything up.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_OPTICAL_VALIDATION_QUANTISED_NET_H_
#define TRIPTYCH_TESTS_EMULATORS_OPTICAL_VALIDATION_QUANTISED_NET_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/mat_view.h"
#include "tests/emulators/optical/validation/fashion_mnist.h"

namespace triptych {

class QuantisedNet {
 public:
  static constexpr std::array<size_t, 4> kSizes = {784, 100, 100, 10};
  static constexpr size_t kLayers = 3;

  explicit QuantisedNet(uint64_t seed);
  void Train(const Images& images, int epochs);

  // Rounded to their levels: what a plane is given. [out, in].
  ConstMatView<float> Weights(size_t layer) const;

  // 16 levels of the largest: what a source is given. x >= 0, in place.
  static void RoundActivations(std::span<float> x);

 private:
  struct Layer {
    size_t in, out;
    AlignedVector<float> weights, velocity, rounded;
    MatView<float> view(AlignedVector<float>& v) {
      return MatView<float>(v.data(), out, in);
    }
  };
  void RoundWeights();
  void Step(ConstMatView<float> x, std::span<const uint8_t> labels, float rate);

  std::vector<Layer> layers_;
  uint64_t seed_;
};

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_EMULATORS_OPTICAL_VALIDATION_QUANTISED_NET_H_
