// The sequencer in C++: the same outputs and registers as opt_seq.sv in every
// cycle. What states, commands and counters mean stands there.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_SEQ_OPT_SEQ_MODEL_H_
#define TRIPTYCH_RTL_OPT_SEQ_OPT_SEQ_MODEL_H_

#include <cstdint>

#include "rtl/rtl_constants.h"

namespace triptych::rtl {

// A cycle's inputs; the names are the ports'.
struct SeqInputs {
  // 0: no command; else kSeqCommand*, or one that there is not.
  uint8_t command = 0;
  uint16_t tile = 0;
  uint32_t settle_cycles = 0;
  uint16_t optics_cycles = 0;
  bool pairs = false;
  uint16_t credit = 0;
  bool clear = false;
  bool plane_done = false;
  bool frame_valid = false;
  uint16_t frame_tile = 0;
  bool dac_valid = false;
  bool sar_busy = false, sar_valid = false;
  bool result_valid = false, post_valid = false;
  bool sender_ready = false;
  bool calibrate_busy = false, calibrate_want = false;
};

// A cycle's outputs, before its edge.
struct SeqOutputs {
  bool plane_load = false;
  bool frame_take = false, dac_start = false, sar_start = false;
  bool second = false, send = false, calibrate = false;
  friend bool operator==(const SeqOutputs&, const SeqOutputs&) = default;
};

struct SeqRegisters {
  uint8_t state = kSeqStateIdle, phase = kSeqPhaseFree;
  bool plane_valid = false;
  uint16_t tile = 0, credits = 0;
  uint16_t refused_commands = 0, refused_vectors = 0;
  uint32_t vectors = 0;
  uint32_t idle_cycles = 0, load_cycles = 0, settle_cycles = 0;
  uint32_t work_cycles = 0, frame_stalls = 0, credit_stalls = 0;
  uint32_t drain_cycles = 0, calibrate_cycles = 0;
  friend bool operator==(const SeqRegisters&, const SeqRegisters&) = default;
};

class Sequencer {
 public:
  SeqOutputs Outputs(const SeqInputs& in) const;
  void Clock(const SeqInputs& in);  // a rising edge
  const SeqRegisters& registers() const { return r_; }

 private:
  bool Ready(const SeqInputs& in) const;
  bool Launch(const SeqInputs& in) const;
  bool Again(const SeqInputs& in) const;
  bool Accepts(const SeqInputs& in) const;
  void Count(const SeqInputs& in);
  void MoveState(const SeqInputs& in);
  void MovePhase(const SeqInputs& in);

  SeqRegisters r_;
  bool second_ = false, begun_ = false;
  uint16_t optics_ = 0;
  uint32_t settle_ = 0;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_SEQ_OPT_SEQ_MODEL_H_
