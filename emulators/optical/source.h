// A row of sources: from a DAC's level to light.
//
//   straight  p = (d - threshold) / (1 - threshold), at least 0
//   bent      p - cubic * p^3
//   slow      light_t = (1 - m) p_t + m light_(t-1), m = exp(-2 pi pole / rate)
//
// once for the pole of the sources and once for that of the amplifiers: every
// output is the same sum of inputs, so that a pole behind the sum acts as one
// before it. Between operators sources rest at input 0.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_SOURCE_H_
#define TRIPTYCH_EMULATORS_OPTICAL_SOURCE_H_

#include <cstddef>
#include <span>
#include <vector>

#include "emulators/optical/params.h"

namespace triptych::optical {

// The L-I curve: light of a drive in 0..1, 1 being what a straight source
// gives at full drive.
float LightOfDrive(const Params& params, float drive);

// What is left of the last vector after one period: inter-symbol interference
// of a pole at `ratio` of the vector rate; none for 0.
float Memory(double ratio);

// The sources of one pass over one tile, vector after vector.
class Sources {
 public:
  // `full` is the level of full drive, `rest` that of input 0.
  Sources(const Params& params, size_t count, float full, float rest);
  // Levels of one vector, in place.
  void Shine(std::span<float> levels);

 private:
  const Params& p_;
  float full_;
  float source_memory_, receiver_memory_;
  std::vector<float> source_, received_;
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_SOURCE_H_
