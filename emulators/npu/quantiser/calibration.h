// What inputs a model's weights meet, found by letting the model write: it runs
// on this machine with weights of 8 bits, whose answers are the same on every
// host and hardly other than f32's, and goes on with tokens drawn from them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_QUANTISER_CALIBRATION_H_
#define TRIPTYCH_EMULATORS_NPU_QUANTISER_CALIBRATION_H_

#include <map>

#include "emulators/npu/params.h"
#include "emulators/npu/quantiser/input_moments.h"
#include "models/graph.h"
#include "models/graph_weights.h"

namespace triptych::npu {

class Calibration {
 public:
  Calibration() = default;  // knows nothing
  explicit Calibration(std::map<ValueId, InputMoments> moments)
      : moments_(std::move(moments)) {}

  // Of the inputs of the products with `weight`; null if it was not met.
  const InputMoments* Of(ValueId weight) const;

 private:
  std::map<ValueId, InputMoments> moments_;
};

// As `params` ask for: nothing where they do not, or where the model is larger
// than they allow or does not write (a decoder of "tokens" alone does); the
// log says so. Texts of 128 tokens begin with tokens at random: what they are
// is a function of the model.
Calibration Calibrate(const Params& params, const Graph& graph,
                      const Weights& weights);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_QUANTISER_CALIBRATION_H_
