// The AXI4-Lite ports of a Verilated module: inputs set, outputs read.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_BUS_H_
#define TRIPTYCH_RTL_BUS_H_

#include "rtl/opt_regs/opt_regs_model.h"

namespace triptych::rtl {

template <class Module>
void SetBus(const BusInputs& in, Module& module) {
  module.awvalid_i = in.awvalid;
  module.wvalid_i = in.wvalid;
  module.bready_i = in.bready;
  module.awaddr_i = in.awaddr;
  module.wdata_i = in.wdata;
  module.wstrb_i = in.wstrb;
  module.arvalid_i = in.arvalid;
  module.rready_i = in.rready;
  module.araddr_i = in.araddr;
}

// After the module was evaluated with its inputs. Answers that are not valid
// are left out, as the model does.
template <class Module>
BusOutputs GetBus(const Module& module) {
  BusOutputs out;
  out.awready = module.awready_o;
  out.wready = module.wready_o;
  out.bvalid = module.bvalid_o;
  out.arready = module.arready_o;
  out.rvalid = module.rvalid_o;
  if (out.bvalid) out.bresp = module.bresp_o;
  if (out.rvalid) out.rresp = module.rresp_o;
  if (out.rvalid) out.rdata = module.rdata_o;
  return out;
}

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_BUS_H_
