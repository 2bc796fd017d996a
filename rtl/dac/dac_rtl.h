// dac_slice.sv itself, run through Verilator.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_DAC_DAC_RTL_H_
#define TRIPTYCH_RTL_DAC_DAC_RTL_H_

#include <cstdint>
#include <memory>

#include "rtl/dac/dac_model.h"

namespace triptych::rtl {

// One slice. Not thread-safe; instances are independent.
class DacRtl {
 public:
  // Resets the slice.
  explicit DacRtl(Dem dem);
  ~DacRtl();
  DacRtl(const DacRtl&) = delete;
  DacRtl& operator=(const DacRtl&) = delete;

  // Writes a lane's correction table; kDacKnots cycles.
  void SetKnots(int lane, const DacKnots& knots);
  // One code a lane in, one switch word a lane out; kDacLanes of each.
  void Convert(const uint16_t* code, DacSwitches* switches);
  // Rising clock edges since the reset.
  uint64_t cycles() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_DAC_DAC_RTL_H_
