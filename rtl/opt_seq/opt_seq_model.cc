// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_seq/opt_seq_model.h"

#include <algorithm>

namespace triptych::rtl {
namespace {

void CountToTop(uint16_t& counter, bool happened) {
  counter = static_cast<uint16_t>(counter + (happened && counter < UINT16_MAX));
}

}  // namespace

// A frame that could set out, were there a credit.
bool Sequencer::Ready(const SeqInputs& in) const {
  return r_.state == kSeqStateStream && r_.phase == kSeqPhaseFree &&
         in.frame_valid;
}

bool Sequencer::Launch(const SeqInputs& in) const {
  return Ready(in) && in.frame_tile == r_.tile && r_.credits != 0;
}

// The first of a pair is converted; the second follows.
bool Sequencer::Again(const SeqInputs& in) const {
  return r_.phase == kSeqPhaseConvert && in.sar_valid && in.pairs && !second_;
}

bool Sequencer::Accepts(const SeqInputs& in) const {
  switch (in.command) {
    case kSeqCommandLoad:
    case kSeqCommandCalibrate:
      return r_.state == kSeqStateIdle;
    case kSeqCommandStream:
      return r_.state == kSeqStateIdle && r_.plane_valid;
    case kSeqCommandDrain:
      return r_.state == kSeqStateStream;
    default:
      return false;
  }
}

SeqOutputs Sequencer::Outputs(const SeqInputs& in) const {
  const bool launch = Launch(in);
  const bool drop = Ready(in) && in.frame_tile != r_.tile;
  const bool settled = r_.phase == kSeqPhaseOptics && optics_ == 0;
  SeqOutputs out;
  out.plane_load = r_.state == kSeqStateLoad;
  out.frame_take = launch || drop;
  out.dac_start = launch;
  out.sar_start =
      settled || Again(in) ||
      (r_.state == kSeqStateCalibrate && in.calibrate_want && !in.sar_busy);
  out.second = second_;
  out.send = r_.phase == kSeqPhaseSend && in.sender_ready;
  out.calibrate = r_.state == kSeqStateCalibrate && !begun_;
  return out;
}

void Sequencer::Count(const SeqInputs& in) {
  const bool streaming = r_.state == kSeqStateStream;
  const bool free = r_.phase == kSeqPhaseFree;
  const bool ready = Ready(in), ours = in.frame_tile == r_.tile;
  const bool launch = Launch(in);
  CountToTop(r_.refused_commands, in.command != 0 && !Accepts(in));
  CountToTop(r_.refused_vectors, ready && !ours);
  r_.vectors += launch;
  r_.idle_cycles += r_.state == kSeqStateIdle;
  r_.load_cycles += r_.state == kSeqStateLoad;
  r_.settle_cycles += r_.state == kSeqStateSettle;
  r_.work_cycles += streaming && (!free || launch || (ready && !ours));
  r_.frame_stalls += streaming && free && !in.frame_valid;
  r_.credit_stalls += ready && ours && r_.credits == 0;
  r_.drain_cycles += r_.state == kSeqStateDrain;
  r_.calibrate_cycles += r_.state == kSeqStateCalibrate;
  if (!in.clear) return;
  SeqRegisters kept;
  kept.state = r_.state;
  kept.phase = r_.phase;
  kept.plane_valid = r_.plane_valid;
  kept.tile = r_.tile;
  kept.credits = r_.credits;
  r_ = kept;
}

void Sequencer::MoveState(const SeqInputs& in) {
  const bool accepted = Accepts(in);
  const bool begun = begun_;
  begun_ = r_.state == kSeqStateCalibrate;
  switch (r_.state) {
    case kSeqStateIdle:
      if (!accepted) return;
      if (in.command == kSeqCommandLoad) {
        r_.state = kSeqStateLoad;
        r_.tile = in.tile;
        r_.plane_valid = false;
      } else {
        const bool stream = in.command == kSeqCommandStream;
        r_.state =
            static_cast<uint8_t>(stream ? kSeqStateStream : kSeqStateCalibrate);
      }
      return;
    case kSeqStateLoad:
      if (in.plane_done) r_.state = kSeqStateSettle;
      settle_ = in.settle_cycles;
      return;
    case kSeqStateSettle:
      if (settle_-- != 0) return;
      r_.state = kSeqStateIdle;
      r_.plane_valid = true;
      return;
    case kSeqStateStream:
      if (accepted) r_.state = kSeqStateDrain;
      return;
    case kSeqStateDrain:
      if (r_.phase == kSeqPhaseFree) r_.state = kSeqStateIdle;
      return;
    default:
      if (begun && !in.calibrate_busy && !in.sar_busy) {
        r_.state = kSeqStateIdle;
      }
  }
}

void Sequencer::MovePhase(const SeqInputs& in) {
  const bool again = Again(in), converting = r_.phase == kSeqPhaseConvert;
  switch (r_.phase) {
    case kSeqPhaseFree:
      if (Launch(in)) r_.phase = kSeqPhaseDac;
      break;
    case kSeqPhaseDac:
      optics_ = in.optics_cycles;
      if (in.dac_valid) r_.phase = kSeqPhaseOptics;
      break;
    case kSeqPhaseOptics:
      if (optics_-- == 0) r_.phase = kSeqPhaseConvert;
      break;
    case kSeqPhaseConvert:
      if (in.result_valid) r_.phase = kSeqPhasePost;
      break;
    case kSeqPhasePost:
      if (in.post_valid) r_.phase = kSeqPhaseSend;
      break;
    default:
      if (in.sender_ready) r_.phase = kSeqPhaseFree;
  }
  second_ = again || (converting && second_);
}

void Sequencer::Clock(const SeqInputs& in) {
  const bool launch = Launch(in);
  // All from the state before the edge: phases and states look at each other.
  const Sequencer before = *this;
  Count(in);
  Sequencer moved = before;
  moved.MoveState(in);
  Sequencer phased = before;
  phased.MovePhase(in);
  r_.state = moved.r_.state;
  r_.tile = moved.r_.tile;
  r_.plane_valid = moved.r_.plane_valid;
  begun_ = moved.begun_;
  settle_ = moved.settle_;
  r_.phase = phased.r_.phase;
  second_ = phased.second_;
  optics_ = phased.optics_;
  r_.credits = static_cast<uint16_t>(
      std::min<int>(r_.credits + in.credit - launch, UINT16_MAX));
}

}  // namespace triptych::rtl
