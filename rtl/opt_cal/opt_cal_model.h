// Calibration in C++: the same outputs and registers as opt_cal.sv in every
// cycle. What it measures and learns stands there.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_CAL_OPT_CAL_MODEL_H_
#define TRIPTYCH_RTL_OPT_CAL_OPT_CAL_MODEL_H_

#include <array>
#include <cstdint>

#include "rtl/rtl_constants.h"
#include "rtl/sar_adc/sar_adc_model.h"

namespace triptych::rtl {

// A cycle's inputs; the names are the ports'.
struct CalInputs {
  bool start = false;
  int log2_samples = 0;  // at most kCalMaxLog2Samples
  uint16_t optics_cycles = 0;
  uint16_t reference = 0;  // 1/16 LSB above the offset
  bool pairs = false, freeze = false;
  int rate = 0, steps = 0;
  int track = 0;        // at most kCalMaxLog2Samples
  uint16_t target = 0;  // 1/16 LSB
  bool weight_write = false, delta_write = false;
  int weight_step = 0;
  uint16_t weight = 0, delta = 0;
  uint16_t max_code = 0;
  bool sar_start = false, second = false;
  // Not null in the cycle that a conversion is valid.
  const SarRecord* conversion = nullptr;
  // What the slice's switches are; as long as a pair is learnt from.
  const std::array<uint64_t, kSarMaxSteps>* kept = nullptr;
};

// All that depends on registers alone; plus also on CalInputs::second.
struct CalOutputs {
  bool busy = false, want = false;
  uint8_t source = kCalSourceSignal;
  bool write = false;  // the rest of it: only if so
  uint8_t write_lane = 0, write_kind = 0;
  uint16_t write_data = 0;
  bool weight_write = false;  // the rest of it: only if so
  uint8_t weight_step = 0;
  uint16_t weight = 0;
  bool valid = false;
  friend bool operator==(const CalOutputs&, const CalOutputs&) = default;
};

struct CalRegisters {
  std::array<uint32_t, kCalSteps> estimate{};  // of weights, 1/1024 of a unit
  uint32_t delta = 0;                          // of 2 delta, likewise
  uint32_t pairs = 0;                          // learnt from
  uint16_t clipped_gains = 0;
  uint16_t tracked = 0;  // windows of pairs
  friend bool operator==(const CalRegisters&, const CalRegisters&) = default;
};

class Calibration {
 public:
  CalOutputs Outputs() const;
  // Whether the conversion that `second` belongs to is to have +delta added.
  bool Plus(bool second) const { return ((lfsr_ & 1) != 0) != second; }
  void Clock(const CalInputs& in);  // a rising edge
  const CalRegisters& registers() const { return r_; }
  // Only while valid; kSarLanes, 1/16 LSB.
  const std::array<uint16_t, kSarLanes>& result() const { return result_; }

 private:
  enum class State : uint8_t {
    kIdle,
    kWait,
    kSample,
    kOffset,
    kLoad,
    kDivide,
    kStore
  };
  void ClockForeground(const CalInputs& in);
  // With the foreground: all states but kIdle, unless gains are tracked.
  bool busy() const { return state_ != State::kIdle && !following_; }
  void StoreLane(const CalInputs& in);
  void Start(const CalInputs& in);
  void ClearWindow();
  // `usable`: lanes whose differences can be believed.
  void CountPair(const CalInputs& in, uint64_t usable);
  void ClockPair(const CalInputs& in, bool busy, bool idle);
  void Learn(const CalInputs& in);

  CalRegisters r_;
  State state_ = State::kIdle;
  bool gain_ = false, following_ = false;
  uint16_t wait_ = 0;
  int started_ = 0, taken_ = 0, lane_ = 0, bit_ = 0;
  std::array<int32_t, kSarLanes> sum_{};
  int64_t dividend_ = 0;
  CalOutputs written_;  // its registered part

  std::array<int32_t, kSarLanes> difference_{};
  uint64_t spoiled_ = 0;
  int window_ = 0;

  std::array<uint16_t, kSarLanes> value_{}, result_{};
  std::array<uint64_t, kCalSteps> first_{};
  uint64_t inside_ = 0, more_ = 0, less_ = 0;
  uint16_t lfsr_ = kCalLfsrSeed;
  bool learning_ = false;
  int step_ = 0;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_CAL_OPT_CAL_MODEL_H_
