// The analog side of a core's converters, as manufactured.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_HIL_CHIP_H_
#define TRIPTYCH_EMULATORS_OPTICAL_HIL_CHIP_H_

#include <vector>

#include "emulators/optical/hil/boundary.h"
#include "rtl/dac/dac_model.h"
#include "rtl/sar_adc/sar_adc_model.h"

namespace triptych::optical {

// One particular chip, whatever the noise in it: the same for the same
// settings. Immutable.
struct Chip {
  explicit Chip(const BoundarySettings& settings);
  std::vector<rtl::DacElements> dac;  // by source, up to a whole slice
  // By source: what takes its nonlinearity out; empty unless asked for.
  std::vector<rtl::DacKnots> knots;
  rtl::SarSearch search;
  std::vector<rtl::SarFrontEnd> adc;  // by slice of receivers
};

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_HIL_CHIP_H_
