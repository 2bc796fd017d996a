// The periphery of a slice in C++: the same outputs in every cycle as
// opt_top.sv, made of the blocks' models and wired as they are there.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_TOP_OPT_TOP_MODEL_H_
#define TRIPTYCH_RTL_OPT_TOP_OPT_TOP_MODEL_H_

#include <array>
#include <cstdint>

#include "rtl/dac/dac_model.h"
#include "rtl/opt_cal/opt_cal_model.h"
#include "rtl/opt_frame/opt_frame_model.h"
#include "rtl/opt_post/opt_post_model.h"
#include "rtl/opt_regs/opt_regs_model.h"
#include "rtl/opt_seq/opt_seq_model.h"
#include "rtl/sar_adc/sar_adc_model.h"

namespace triptych::rtl {

// What lies between the sources' switches and the receivers' comparators.
// Asked once a conversion, in order; same question, same answer.
class Optics {
 public:
  virtual ~Optics() = default;
  // One analog level a receiver, 1/256 LSB. `source`: kCalSource*. `dither`:
  // 1, -1 or 0, times delta, is to be added.
  virtual void Levels(const std::array<DacSwitches, kDacLanes>& switches,
                      int source, int dither,
                      std::array<int32_t, kSarLanes>* level) = 0;
  // What the comparators see in excess in conversion number `conversion`, as
  // SarConvert's error; null, or kSarMaxLooks rows.
  virtual const int32_t* Errors(uint64_t conversion) = 0;
};

struct TopInputs {
  BusInputs bus;
  const FrameBeat* beat = nullptr;  // what the stream in offers, if anything
  bool take = false;                // the stream out is taken from
  bool plane_done = false;
};

struct TopOutputs {
  BusOutputs bus;
  bool ready = false;  // for a beat of the stream in
  bool valid = false;  // there is a beat for the stream out:
  FrameBeat beat;
  bool plane_load = false;
  uint16_t plane_tile = 0;
  friend bool operator==(const TopOutputs&, const TopOutputs&) = default;
};

// Not thread-safe; instances are independent. `optics` and `front_end` must
// outlive it. Settings change, coefficients and weights are written only
// while no vector is on its way; max_code is 2^bits - 1.
class OpticalTop {
 public:
  OpticalTop(Optics& optics, const SarFrontEnd& front_end);
  TopOutputs Outputs(const TopInputs& in) const;
  void Clock(const TopInputs& in);  // a rising edge

 private:
  SeqInputs ForSequencer(const TopInputs& in) const;
  CalInputs ForCalibration(const SeqOutputs& seq) const;
  RegisterWords Live() const;
  uint32_t Field(uint32_t offset, BitField field) const;
  uint32_t Data(BitField field) const;
  void ClockDac(bool start);
  void ClockSar(bool start);
  void ClockPost(const CalOutputs& cal);
  void ClockLaneReader();
  void BeginConversion();

  Optics& optics_;
  const SarFrontEnd& front_end_;

  RegisterFile registers_;
  Sequencer sequencer_;
  FrameReceiver receiver_;
  FrameSender sender_;
  Calibration calibration_;
  uint64_t header_ = 0;

  // Each counts down: its block is done in the cycle that it shows 1.
  int dac_left_ = 0, sar_left_ = 0, post_left_ = 0;

  std::array<DacLane, kDacLanes> dac_lanes_;
  std::array<DacKnots, kDacLanes> knots_{};
  std::array<uint16_t, kDacLanes> corrected_{};
  std::array<DacSwitches, kDacLanes> switches_{};

  SarSearch search_;
  SarRecord record_;
  std::array<uint64_t, kSarMaxSteps> kept_{};
  SarCounters counters_;
  uint64_t conversions_ = 0, metastable_ = 0;

  PostCoefficients coefficients_;
  std::array<int16_t, kSarLanes> values_{};
  // What each stage will flag, and what is flagged.
  std::array<uint64_t, 3> clipped_{};
  uint64_t saturated_ = 0;

  bool snap_ = false, lane_ready_ = false;
  int shifts_ = 0;
  std::array<uint16_t, kSarLanes> event_chain_{}, coefficient_chain_{};
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_TOP_OPT_TOP_MODEL_H_
