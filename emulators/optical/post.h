// Codes corrected by lane: offset, gain and the nearest neighbours, in the
// arithmetic of rtl/opt_post. Coefficients are those that a perfect
// calibration of this chip would find, as registers can hold them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_POST_H_
#define TRIPTYCH_EMULATORS_OPTICAL_POST_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "emulators/optical/params.h"
#include "emulators/optical/plane.h"
#include "rtl/opt_post/opt_post_model.h"

namespace triptych::optical {

class PostCorrection {
 public:
  // `gain` of the tile's receivers, which neighbours' light is seen through.
  PostCorrection(const Params& params, const Tile& tile,
                 std::span<const float> gain);

  // Codes of outputs from `from` on, a multiple of 64, to values in 1/16 LSB
  // around zero. The neighbours of the first and the last are not seen.
  void Apply(size_t from, std::span<const uint16_t> codes,
             std::span<int16_t> values) const;

 private:
  int max_code_;
  std::vector<rtl::PostCoefficients> slices_;
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_POST_H_
