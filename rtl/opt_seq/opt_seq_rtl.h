// opt_seq.sv itself, run through Verilator; the interface is its model's.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_SEQ_OPT_SEQ_RTL_H_
#define TRIPTYCH_RTL_OPT_SEQ_OPT_SEQ_RTL_H_

#include <memory>

#include "rtl/opt_seq/opt_seq_model.h"

namespace triptych::rtl {

// Not thread-safe; instances are independent.
class SequencerRtl {
 public:
  SequencerRtl();
  ~SequencerRtl();
  SequencerRtl(const SequencerRtl&) = delete;
  SequencerRtl& operator=(const SequencerRtl&) = delete;

  SeqOutputs Outputs(const SeqInputs& in);
  void Clock(const SeqInputs& in);
  SeqRegisters registers() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_SEQ_OPT_SEQ_RTL_H_
