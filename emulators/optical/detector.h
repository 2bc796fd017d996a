// The receiving side of one tile: what sums of light mean by output, and how
// noisy they are.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_DETECTOR_H_
#define TRIPTYCH_EMULATORS_OPTICAL_DETECTOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "emulators/optical/detect.h"
#include "emulators/optical/drift.h"
#include "emulators/optical/light.h"
#include "emulators/optical/params.h"
#include "emulators/optical/plane.h"
#include "emulators/optical/post.h"
#include "emulators/optical/weights.h"
#include "kernels/base/aligned.h"

namespace triptych::optical {

// Variance that mismatched elements make, as if it were new with every vector:
// of m unit elements, sigma^2 m units^2. A DAC has as many on as its code
// says: of an output, by unit of sum x and of mean w^2; gain apart.
double DacMismatch(const Params& params, const Encoding& encoding,
                   const Tile& tile);
// An ADC has half of them on around zero: of a full scale of 1. Of two passes,
// half of the time both codes are on the same side of the middle: they then
// share the large elements, whose error cancels in their difference.
double AdcMismatch(const Params& params);

// Immutable. Values are in units of gain a w (receiver.h), before the scale
// of the vector and of the output's row.
class Detector {
 public:
  Detector(const Params& params, const Encoding& encoding, const Tile& tile,
           const PlaneWeights& plane, const TileWeights& weights);

  // From output `from` on, a multiple of a noise block.
  const int32_t* correction(size_t from) const { return &correction_[from]; }
  const float* scale(size_t from) const { return &scale_[from]; }
  NoiseColumns columns(size_t from) const {
    return {&constant_[from], &shot_[from], &rin_[from]};
  }
  // Of a vector whose largest output is `largest` and whose ADC has this full
  // scale. `light_of` of the outputs, or null.
  NoiseOfVector NoiseOf(const LightSums& light, float largest, float full_scale,
                        const float* light_of) const;
  // What amplifiers and converters do to values of outputs from `from` on:
  // saturation, and an offset of full scale. Nothing, if not distorts().
  bool distorts() const { return !offset_.empty() || saturation_ > 0; }
  void Distort(size_t from, float full_scale, const Drift* drift,
               std::span<float> y) const;
  // Null if codes are taken as they come.
  const PostCorrection* post() const { return post_ ? &*post_ : nullptr; }
  // What the largest code stands for.
  float FullScale(const LightSums& light, float largest) const;
  // Of a vector's largest output, that one or both of these need.
  static bool NeedsLargest(const Params& params);

  // For light_of: as correction and scale, of the products with |w|.
  const int32_t* light_correction(size_t from) const {
    return &light_correction_[from];
  }
  const float* light_scale(size_t from) const { return &light_scale_[from]; }

 private:
  void AddPhysicalNoise(const Encoding& encoding, const Tile& tile,
                        const PlaneWeights& plane, const TileWeights& weights);
  void AddMismatch(const Encoding& encoding, const Tile& tile,
                   const PlaneWeights& plane, const TileWeights& weights);

  const Params& p_;
  AlignedVector<int32_t> correction_, light_correction_;
  AlignedVector<float> scale_, constant_, shot_, rin_, light_scale_;
  double light_floor_ = 1;  // in units of sum x that shot_ is for
  double rms_, full_scale_;
  double adc_variance_ = 0;    // of a full scale of 1
  std::vector<float> offset_;  // over full scale; empty: none
  float saturation_ = 0;       // over the receiver's gain; 0: none
  std::span<const float> gain_;
  std::optional<PostCorrection> post_;
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_DETECTOR_H_
