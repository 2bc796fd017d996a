// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_seq/opt_seq_rtl.h"

#include "rtl/Vopt_seq.h"
#include "rtl/clocked.h"

namespace triptych::rtl {

struct SequencerRtl::Impl : Clocked<Vopt_seq> {
  void Set(const SeqInputs& in) {
    module.command_valid_i = in.command != 0;
    module.command_i = in.command;
    module.tile_i = in.tile;
    module.settle_cycles_i = in.settle_cycles;
    module.optics_cycles_i = in.optics_cycles;
    module.pairs_i = in.pairs;
    module.credit_valid_i = in.credit != 0;
    module.credit_i = in.credit;
    module.clear_i = in.clear;
    module.plane_done_i = in.plane_done;
    module.frame_valid_i = in.frame_valid;
    module.frame_tile_i = in.frame_tile;
    module.dac_valid_i = in.dac_valid;
    module.sar_busy_i = in.sar_busy;
    module.sar_valid_i = in.sar_valid;
    module.result_valid_i = in.result_valid;
    module.post_valid_i = in.post_valid;
    module.sender_ready_i = in.sender_ready;
    module.calibrate_busy_i = in.calibrate_busy;
    module.calibrate_want_i = in.calibrate_want;
  }
};

SequencerRtl::SequencerRtl() : impl_(std::make_unique<Impl>()) {
  impl_->Reset();
}
SequencerRtl::~SequencerRtl() = default;

SeqOutputs SequencerRtl::Outputs(const SeqInputs& in) {
  impl_->Set(in);
  impl_->module.eval();
  const Vopt_seq& m = impl_->module;
  SeqOutputs out;
  out.plane_load = m.plane_load_o;
  out.frame_take = m.frame_take_o;
  out.dac_start = m.dac_start_o;
  out.sar_start = m.sar_start_o;
  out.second = m.second_o;
  out.send = m.send_o;
  out.calibrate = m.calibrate_o;
  return out;
}

void SequencerRtl::Clock(const SeqInputs& in) {
  impl_->Set(in);
  impl_->Clock();
}

SeqRegisters SequencerRtl::registers() const {
  const Vopt_seq& m = impl_->module;
  SeqRegisters r;
  r.state = m.state_o;
  r.phase = m.phase_o;
  r.plane_valid = m.plane_valid_o;
  r.tile = m.plane_tile_o;
  r.credits = m.credits_o;
  r.refused_commands = m.refused_commands_o;
  r.refused_vectors = m.refused_vectors_o;
  r.vectors = m.vectors_o;
  r.idle_cycles = m.idle_cycles_o;
  r.load_cycles = m.load_cycles_o;
  r.settle_cycles = m.settle_cycles_o;
  r.work_cycles = m.work_cycles_o;
  r.frame_stalls = m.frame_stalls_o;
  r.credit_stalls = m.credit_stalls_o;
  r.drain_cycles = m.drain_cycles_o;
  r.calibrate_cycles = m.calibrate_cycles_o;
  return r;
}

}  // namespace triptych::rtl
