// opt_regs.sv itself, run through Verilator; the interface is its model's.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_REGS_OPT_REGS_RTL_H_
#define TRIPTYCH_RTL_OPT_REGS_OPT_REGS_RTL_H_

#include <memory>

#include "rtl/opt_regs/opt_regs_model.h"

namespace triptych::rtl {

// Not thread-safe; instances are independent.
class RegisterFileRtl {
 public:
  RegisterFileRtl();
  ~RegisterFileRtl();
  RegisterFileRtl(const RegisterFileRtl&) = delete;
  RegisterFileRtl& operator=(const RegisterFileRtl&) = delete;

  BusOutputs Outputs(const BusInputs& in);
  void Clock(const BusInputs& in, const RegisterWords& live);
  bool Written(uint32_t offset) const;
  uint32_t data() const;
  uint32_t Stored(uint32_t offset) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_REGS_OPT_REGS_RTL_H_
