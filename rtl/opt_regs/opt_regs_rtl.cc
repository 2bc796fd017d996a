// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_regs/opt_regs_rtl.h"

#include <cstring>

#include "rtl/Vopt_regs.h"
#include "rtl/bus.h"
#include "rtl/clocked.h"

namespace triptych::rtl {

struct RegisterFileRtl::Impl : Clocked<Vopt_regs> {};

RegisterFileRtl::RegisterFileRtl() : impl_(std::make_unique<Impl>()) {
  impl_->Reset();
}
RegisterFileRtl::~RegisterFileRtl() = default;

BusOutputs RegisterFileRtl::Outputs(const BusInputs& in) {
  SetBus(in, impl_->module);
  impl_->module.eval();
  return GetBus(impl_->module);
}

void RegisterFileRtl::Clock(const BusInputs& in, const RegisterWords& live) {
  SetBus(in, impl_->module);
  std::memcpy(&impl_->module.read_i[0], live.data(), sizeof live);
  impl_->Clock();
}

bool RegisterFileRtl::Written(uint32_t offset) const {
  static_assert(kRegisterWords <= 64, "written_o is one word");
  return impl_->module.written_o >> (offset / 4) & 1;
}

uint32_t RegisterFileRtl::data() const { return impl_->module.data_o; }

uint32_t RegisterFileRtl::Stored(uint32_t offset) const {
  return impl_->module.stored_o[offset / 4];
}

}  // namespace triptych::rtl
