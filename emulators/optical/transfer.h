// What a plane, its sources and the optics behind it make of weights: errors
// that stand still are folded into the weights when a plane is loaded, and
// cost nothing afterwards.
//
//   level     = rail of w, against the curve and the source if calibrated,
//               rounded                                   plane.weight_bits
//   light     = source * (level + q level (1 - level))    plane, source
//   w'        = light of one rail - light of the other, less leakage
//   w''_j     = w'_j and parts of its neighbours'         optics
//   effective = w''_j * column_j * gain_j                 plane, receiver
//
// Calibration knows curve and sources exactly; what it leaves is that levels
// are finite, and that a bright source has fewer of them. A chip is one chip:
// its spreads have a seed of their own, whatever the noise in it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_TRANSFER_H_
#define TRIPTYCH_EMULATORS_OPTICAL_TRANSFER_H_

#include <cstddef>
#include <span>
#include <vector>

#include "emulators/optical/params.h"
#include "emulators/optical/plane.h"
#include "kernels/base/mat_view.h"

namespace triptych::optical {

// Relative deviations of a chip's parts: 1 + sigma * normal, at least a
// tenth. Part i has the same whoever asks.
std::vector<float> SourceSpread(const Params& params, int64_t first,
                                int64_t count);
// Of the gain of receivers: column, amplifier and leakage together.
std::vector<float> ReceiverSpread(const Params& params, int64_t first,
                                  int64_t count);
std::vector<float> ReceiverOffsets(const Params& params, int64_t first,
                                   int64_t count);

// The transmissions of one tile.
class Transfer {
 public:
  Transfer(const Params& params, const Tile& tile);

  // What light makes of weights w in -1..1, one output's, in place; neighbours
  // apart.
  void ApplyTo(std::span<float> w) const;
  // Row r of `rows` (rows around it are its neighbours, as far as they are
  // there), mixed with them into `out`.
  void Mix(ConstMatView<float> rows, size_t r, std::span<float> out) const;
  // Neighbours of a row that Mix looks at, on either side.
  static constexpr size_t kReach = 2;
  float gain(size_t output) const { return gain_[output]; }

 private:
  float Rail(float r, float source) const;
  float Light(float level) const { return level + q_ * level * (1 - level); }
  float LevelOf(float light) const;

  const Params& p_;
  float q_, levels_;
  std::vector<float> source_;  // by input
  float weakest_ = 1;
  std::vector<float> gain_;  // by output
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_TRANSFER_H_
