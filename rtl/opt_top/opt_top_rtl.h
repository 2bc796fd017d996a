// opt_top.sv itself, run through Verilator and wired to an analog side; the
// interface is its model's.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_TOP_OPT_TOP_RTL_H_
#define TRIPTYCH_RTL_OPT_TOP_OPT_TOP_RTL_H_

#include <cstdint>
#include <memory>

#include "rtl/opt_top/opt_top_model.h"

namespace triptych::rtl {

// The comparators look at the switches that the RTL sets. Not thread-safe;
// instances are independent. `optics` and `front_end` must outlive it.
class OpticalTopRtl {
 public:
  OpticalTopRtl(Optics& optics, const SarFrontEnd& front_end);
  ~OpticalTopRtl();
  OpticalTopRtl(const OpticalTopRtl&) = delete;
  OpticalTopRtl& operator=(const OpticalTopRtl&) = delete;

  TopOutputs Outputs(const TopInputs& in);
  void Clock(const TopInputs& in);
  // Rising clock edges since the reset.
  uint64_t cycles() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_TOP_OPT_TOP_RTL_H_
