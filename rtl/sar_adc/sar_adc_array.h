// The analog side of one slice while it converts: capacitor arrays that
// follow the RTL's switches, comparators that follow the capacitors.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_SAR_ADC_SAR_ADC_ARRAY_H_
#define TRIPTYCH_RTL_SAR_ADC_SAR_ADC_ARRAY_H_

#include <array>
#include <cstdint>

#include "rtl/sar_adc/sar_adc_model.h"

namespace triptych::rtl {

// Begins with every capacitor switched off. The front end must outlive it.
class SarArray {
 public:
  SarArray(const SarFrontEnd& front_end, int steps)
      : front_end_(front_end), steps_(steps) {}

  // Moves the capacitors whose switches are not as they were. `switches` is
  // the RTL's port: two words of it are the 64 lanes of one step.
  void Follow(const uint32_t* switches);

  // What the comparators say with capacitor `step` on trial; one bit a lane.
  // `error`, if not null, is the row of this look (see SarConvert).
  struct Look {
    uint64_t comparator = 0;  // level (and error) not below the array's
    uint64_t unresolved = 0;  // too close to it to have settled
  };
  Look Compare(int step, const int32_t* level, const int32_t* error) const;

 private:
  const SarFrontEnd& front_end_;
  const int steps_;
  std::array<uint64_t, kSarMaxSteps> switched_{};
  alignas(64) std::array<int32_t, kSarLanes> kept_{};
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_SAR_ADC_SAR_ADC_ARRAY_H_
