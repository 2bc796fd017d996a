// Counts errors, light and clipping of one block of outputs while its vectors
// are received (counters.h). Nobody's hot path: it exists if somebody asks.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_METER_H_
#define TRIPTYCH_EMULATORS_OPTICAL_METER_H_

#include <cstddef>
#include <span>
#include <vector>

#include "emulators/optical/counters.h"
#include "emulators/optical/light.h"
#include "emulators/optical/receive.h"
#include "emulators/optical/receiver.h"
#include "kernels/base/mat_view.h"

namespace triptych::optical {

class BlockMeter {
 public:
  // `a` are the node's inputs, `scale` by vector what input 1 stands for.
  // Adds to `counts`, nobody else's.
  BlockMeter(const Params& params, const Encoding& encoding,
             const TileView& tile, const Block& block, ConstMatView<float> a,
             std::span<const float> scale, Counts& counts);

  // One vector's outputs in one pass, in units of gain a w (detector.h).
  struct Row {
    const LightSums& light;
    float largest, full_scale;
    const float* y;         // with noise, before amplifiers and converters
    const float* light_of;  // by output, as AddLightNoise takes it; or null
  };
  // Passes of a vector come one after the other.
  void Received(size_t vector, size_t pass, const Row& row);
  // Of the row before, how many ended at either end of the codes.
  void Converted(size_t clipped) {
    counts_[kClipped] += static_cast<double>(clipped);
  }

 private:
  void CountInputs(size_t vector);
  NoiseBudget::Terms NoiseOf(size_t j, const Row& row) const;
  void CountDrift(size_t pass, const Row& row);

  const Params& p_;
  const Encoding& encoding_;
  const TileView& tile_;
  const Block& block_;
  ConstMatView<float> a_;
  std::span<const float> scale_;
  Counts& counts_;
  NoiseBudget budget_;
  double dac_mismatch_, adc_mismatch_, adc_step2_ = 0;
  double scale2_ = 0;  // of this vector
  // By output: what drift did in the passes so far of this vector.
  std::vector<double> drifted_;
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_METER_H_
