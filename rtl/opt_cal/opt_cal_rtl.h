// opt_cal.sv itself, run through Verilator; the interface is its model's.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_CAL_OPT_CAL_RTL_H_
#define TRIPTYCH_RTL_OPT_CAL_OPT_CAL_RTL_H_

#include <array>
#include <cstdint>
#include <memory>

#include "rtl/opt_cal/opt_cal_model.h"

namespace triptych::rtl {

// Not thread-safe; instances are independent.
class CalibrationRtl {
 public:
  CalibrationRtl();
  ~CalibrationRtl();
  CalibrationRtl(const CalibrationRtl&) = delete;
  CalibrationRtl& operator=(const CalibrationRtl&) = delete;

  CalOutputs Outputs() const;
  bool Plus(bool second);
  void Clock(const CalInputs& in);
  CalRegisters registers() const;
  std::array<uint16_t, kSarLanes> result() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_CAL_OPT_CAL_RTL_H_
