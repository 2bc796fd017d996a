// Inputs to brightness: what the sources of one tile shine for some vectors.
//
//   code  = input / largest of its vector, in steps          digital
//   level = DAC(code), averaged over a tile's copies         converters
//   light = level, bent and slow as the sources are          source.h
//
// Levels are what the product multiplies. Where they are whole codes of at
// most eight bits they are one byte, else two: 15 bits for a full-scale input
// and as much again for elements that are too strong. A level is so rounded
// to 2^-15 of full scale, a 128th of an 8-bit code. Inputs that are not
// rounded at all are floats.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_LIGHT_H_
#define TRIPTYCH_EMULATORS_OPTICAL_LIGHT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "emulators/optical/params.h"
#include "emulators/optical/periphery.h"
#include "emulators/optical/plane.h"
#include "kernels/base/aligned.h"
#include "kernels/base/mat_view.h"

namespace triptych::optical {

// How inputs become codes, and levels numbers.
struct Encoding {
  explicit Encoding(const Params& p);

  bool two_pass;
  int bits;
  bool bytes;      // levels are bytes, not floats
  bool converted;  // by DACs, that is: a code is not always its level
  bool exact;      // light is codes
  size_t digits;   // bytes of a level
  float steps;     // codes of an input of 1
  float level;     // of a code of 1
  int passes() const { return two_pass ? 2 : 1; }
  // The code of full drive.
  float full() const {
    return bits == 0 ? (two_pass ? 1.0f : 2.0f)
                     : static_cast<float>((1 << bits) - 1);
  }
  // And of input 0, as sources see it.
  float rest() const {
    return bits == 0 && !two_pass ? 1.0f : static_cast<float>(middle());
  }
  // The code of input 0: not 0 with offset encoding.
  int middle() const { return two_pass || bits == 0 ? 0 : 1 << (bits - 1); }
  // What the light of inputs of 0 adds to the sum of the higher digit, by
  // unit of weight.
  int32_t middle_digit() const;
  // What a level of 1 is worth.
  float unit() const { return 1 / (steps * level); }
};

// Of one vector in one pass; a and x as in receiver.h.
struct LightSums {
  double x = 0, x2 = 0, a2 = 0;
};

// All passes over inputs [k0, k0 + k) of some vectors.
struct Light {
  size_t k = 0, passes = 1, digits = 1;
  // Rows [vector][pass][digit] of bytes, higher digit first; or [vector][pass]
  // of floats, in codes from the middle.
  size_t stride = 0;  // of a row
  AlignedVector<uint8_t> bytes;
  AlignedVector<float> floats;
  std::vector<LightSums> sums;  // [vector][pass]

  size_t rows_of(size_t vectors) const { return vectors * passes * digits; }
};

// The largest of each row: what input 1 stands for.
std::vector<float> RowScales(ConstMatView<float> a, int threads);

// `scale` by RowScales; `converters` may be null unless levels are converted.
// Vectors pass in order: elements that rotate remember.
// `light` may have been used before: its memory is. `number`: the tile's, of
// its node. Errors: a boundary that is gone (Converters).
Status Shine(const Params& params, const Converters* converters,
             const Encoding& encoding, const Tile& tile, size_t number,
             ConstMatView<float> a, std::span<const float> scale, int threads,
             Light& light);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_LIGHT_H_
