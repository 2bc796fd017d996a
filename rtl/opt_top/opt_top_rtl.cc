// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_top/opt_top_rtl.h"

#include <optional>

#include "rtl/Vopt_top.h"
#include "rtl/bus.h"
#include "rtl/clocked.h"
#include "rtl/sar_adc/sar_adc_array.h"

namespace triptych::rtl {

struct OpticalTopRtl::Impl : Clocked<Vopt_top> {
  Impl(Optics& with_optics, const SarFrontEnd& with_front_end)
      : optics(with_optics), front_end(with_front_end) {}

  Optics& optics;
  const SarFrontEnd& front_end;
  // While the slice converts: its capacitors, what they are compared to.
  std::optional<SarArray> array;
  std::array<int32_t, kSarLanes> level;
  const int32_t* error = nullptr;
  int look = 0;
  uint64_t conversions = 0;

  void Set(const TopInputs& in) {
    SetBus(in.bus, module);
    module.s_tvalid_i = in.beat != nullptr;
    if (in.beat != nullptr) {
      module.s_tdata_i = in.beat->data;
      module.s_tlast_i = in.beat->last;
    }
    module.m_tready_i = in.take;
    module.plane_done_i = in.plane_done;
  }

  void BeginConversion() {
    std::array<DacSwitches, kDacLanes> switches;
    for (int lane = 0; lane < kDacLanes; ++lane) {
      const uint32_t binary = module.binary_o[lane / 2] >> 16 * (lane % 2);
      switches[lane] = {module.unary_o[lane], static_cast<uint16_t>(binary)};
    }
    const int dither = !module.dither_o ? 0 : module.plus_o ? 1 : -1;
    optics.Levels(switches, module.source_o, dither, &level);
    error = optics.Errors(conversions++);
    array.emplace(front_end, kSarMaxSteps);
    look = 0;
  }

  // The analog side of this cycle, before its edge.
  void Compare() {
    if (!module.converting_o) {
      array.reset();
      return;
    }
    if (!array) BeginConversion();
    array->Follow(&module.switch_o[0]);
    const bool noisy = error != nullptr && look < kSarMaxLooks;
    const SarArray::Look seen =
        array->Compare(module.step_o, level.data(),
                       noisy ? error + look * kSarLanes : nullptr);
    module.comparator_i = seen.comparator;
    module.unresolved_i = seen.unresolved;
    ++look;
  }
};

OpticalTopRtl::OpticalTopRtl(Optics& optics, const SarFrontEnd& front_end)
    : impl_(std::make_unique<Impl>(optics, front_end)) {
  impl_->Reset();
}
OpticalTopRtl::~OpticalTopRtl() = default;

uint64_t OpticalTopRtl::cycles() const { return impl_->cycles; }

TopOutputs OpticalTopRtl::Outputs(const TopInputs& in) {
  impl_->Set(in);
  impl_->module.eval();
  const Vopt_top& top = impl_->module;
  TopOutputs out;
  out.bus = GetBus(top);
  out.ready = top.s_tready_o;
  out.valid = top.m_tvalid_o;
  if (out.valid) out.beat = {top.m_tdata_o, top.m_tlast_o != 0};
  out.plane_load = top.plane_load_o;
  out.plane_tile = top.plane_tile_o;
  return out;
}

void OpticalTopRtl::Clock(const TopInputs& in) {
  impl_->Set(in);
  impl_->Compare();
  impl_->Clock();
}

}  // namespace triptych::rtl
