// C[m,n] = A[m,k] * W[n,k]^T + bias[n] with light.
//
//   light      = DAC(codes of A), all passes         light.h
//   sum        = light * w of the tile               exact, packed products
//   y          = sum in units of gain a w, + noise   detect.h
//   code       = ADC(y / full scale)                 detect.h, periphery.h
//   C         += code * full scale                   tile by tile over k
//   C          = C * scale * row scale + bias        digital
//
// The passes and digits of a vector are rows of one product, so that weights
// are read once for all. A strip of outputs goes through the whole chain while
// its sums are in the cache. The order of sums is fixed.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_MATMUL_H_
#define TRIPTYCH_EMULATORS_OPTICAL_MATMUL_H_

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "emulators/optical/params.h"
#include "emulators/optical/periphery.h"
#include "emulators/optical/plane.h"
#include "emulators/optical/weights.h"
#include "emulators/packed_once.h"
#include "emulators/target.h"

namespace triptych::optical {

// Units of one core and actions, as the target registered them.
struct CoreUnits {
  UnitId plane, source, dac, adc, digital;
};
struct Ids {
  std::vector<CoreUnits> cores;
  UnitId dram;
  ActionId mac, pixel, dram_byte, laser, dac, tia, adc, digital, bias;
};

// What steps share with their target; outlives them.
class Machine {
 public:
  Machine(const Params& p, Ids i) : params(p), ids(std::move(i)) {}

  const Params params;
  const Ids ids;
  mutable PackedOnce<PlaneWeights> planes;
  // Every element of every converter, drawn when one is first used: most of
  // what making a machine would cost, and nothing that timing needs.
  const Converters& converters() const {
    std::call_once(drawn_, [this] { elements_.emplace(params); });
    return *elements_;
  }

 private:
  mutable std::once_flag drawn_;
  mutable std::optional<Converters> elements_;
};

// `tiles` are the node's; `weights` may be null: a step that can only be
// timed.
std::unique_ptr<Step> MakeMatmulStep(std::shared_ptr<const Machine> machine,
                                     const Node& node, std::vector<Tile> tiles,
                                     const Weights* weights);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_MATMUL_H_
