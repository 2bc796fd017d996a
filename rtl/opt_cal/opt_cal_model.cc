// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_cal/opt_cal_model.h"

#include <algorithm>
#include <bit>

namespace triptych::rtl {
namespace {

constexpr int kValueBits = kSarMaxBits + kSarWeightFracBits;
constexpr int kDividendBits =
    kValueBits + kPostGainFracBits + kCalMaxLog2Samples;
constexpr uint32_t kLargestWeight = (1 << kValueBits) - 1;
constexpr int64_t kLargestEstimate =
    (int64_t{1} << (kValueBits + kCalEstimateFracBits)) - 1;

uint16_t Rounded(uint32_t estimate) {
  const uint32_t half = 1 << (kCalEstimateFracBits - 1);
  return static_cast<uint16_t>(
      std::min((estimate + half) >> kCalEstimateFracBits, kLargestWeight));
}

uint32_t Move(uint32_t estimate, uint64_t up, uint64_t down, int rate) {
  const int net = std::popcount(up) - std::popcount(down);
  return static_cast<uint32_t>(std::clamp<int64_t>(
      estimate + int64_t{net} * (1 << rate), 0, kLargestEstimate));
}

}  // namespace

CalOutputs Calibration::Outputs() const {
  CalOutputs out = written_;
  out.busy = state_ != State::kIdle;
  const int busy_with = gain_ ? kCalSourceReference : kCalSourceDark;
  out.source = static_cast<uint8_t>(out.busy ? busy_with : kCalSourceSignal);
  return out;
}

// The lane at the ring's end leaves; its sum comes back at the other end.
void Calibration::StoreLane(const CalInputs& in) {
  const int32_t samples = 1 << in.log2_samples;
  const int32_t head = sum_[0];
  const int32_t average = (head + samples / 2) >> in.log2_samples;
  written_.write = true;
  written_.write_lane = static_cast<uint8_t>(lane_);
  if (gain_) {
    const int64_t dividend =
        (int64_t{in.reference} << (kPostGainFracBits + in.log2_samples)) +
        head / 2;
    const int64_t gain = head > 0 ? dividend / head : INT64_MAX;
    r_.clipped_gains =
        static_cast<uint16_t>(r_.clipped_gains + (gain > UINT16_MAX));
    written_.write_kind = kPostCoefficientGain;
    written_.write_data =
        static_cast<uint16_t>(std::min<int64_t>(gain, UINT16_MAX));
  } else {
    written_.write_kind = kPostCoefficientOffset;
    written_.write_data = static_cast<uint16_t>(average);
  }
  std::rotate(sum_.begin(), sum_.begin() + 1, sum_.end());
  sum_.back() = -(average << in.log2_samples);
  ++lane_;
}

void Calibration::ClockForeground(const CalInputs& in) {
  const int samples = 1 << in.log2_samples;
  if (in.start) r_.clipped_gains = 0;
  switch (state_) {
    case State::kIdle:
      sum_.fill(0);
      gain_ = false;
      if (in.start) state_ = State::kWait;
      wait_ = in.optics_cycles;
      return;
    case State::kWait:
      if (wait_-- == 0) state_ = State::kSample;
      started_ = taken_ = 0;
      return;
    case State::kSample:
      wait_ = in.optics_cycles;
      lane_ = 0;
      started_ += in.sar_start;
      if (in.conversion == nullptr) return;
      for (int lane = 0; lane < kSarLanes; ++lane) {
        sum_[lane] += in.conversion->result[lane];
      }
      if (++taken_ == samples) state_ = gain_ ? State::kLoad : State::kOffset;
      return;
    case State::kOffset:
      StoreLane(in);
      if (lane_ < kSarLanes) return;
      state_ = State::kWait;
      gain_ = true;
      wait_ = in.optics_cycles;
      return;
    case State::kLoad:
      state_ = State::kDivide;
      bit_ = kDividendBits;
      return;
    case State::kDivide:
      if (bit_-- == 1) state_ = State::kStore;
      return;
    case State::kStore:
      StoreLane(in);
      state_ = lane_ < kSarLanes ? State::kLoad : State::kIdle;
  }
}

// A conversion is there: the first of a pair, the second, or one alone.
void Calibration::ClockPair(const CalInputs& in, bool idle) {
  const SarRecord& now = *in.conversion;
  const int limit = in.max_code << kSarWeightFracBits;
  const int delta = Rounded(r_.delta);
  const bool pair = in.pairs && in.second;
  // -15 to 15 in steps of two, in 1/32 LSB: half an LSB to either side.
  const int fraction = 2 * (lfsr_ >> 1 & 15) - 15;
  uint64_t inside = 0, more = 0, less = 0;
  for (int lane = 0; lane < kSarLanes; ++lane) {
    const int first = value_[lane], value = now.result[lane];
    const int error = (lfsr_ & 1 ? first - value : value - first) - delta;
    const bool positive = 2 * error + fraction > 0;  // never zero
    const bool within = value < limit && value >> kSarWeightFracBits != 0;
    const bool both = within && (inside_ >> lane & 1);
    inside |= uint64_t{within} << lane;
    more |= uint64_t{both && positive} << lane;
    less |= uint64_t{both && !positive} << lane;
    result_[lane] = static_cast<uint16_t>(pair ? (first + value) / 2 : value);
    value_[lane] = static_cast<uint16_t>(value);
  }
  inside_ = inside;
  if (pair && idle) {
    more_ = more;
    less_ = less;
    learning_ = true;
  }
  if (!in.second) std::copy_n(now.kept.begin(), kCalSteps, first_.begin());
  written_.valid = idle && (in.second || !in.pairs);
}

// One weight, or in the end 2 delta, moves.
void Calibration::Learn(const CalInputs& in) {
  if (step_ == kCalSteps) {
    if (!in.freeze) {
      r_.delta = Move(r_.delta, more_, less_, in.rate);
      ++r_.pairs;
    }
    for (int i = 0; i < kCalLfsrLeap; ++i) {
      lfsr_ =
          static_cast<uint16_t>(lfsr_ >> 1 ^ (lfsr_ & 1 ? kCalLfsrTaps : 0));
    }
    learning_ = false;
    step_ = 0;
    return;
  }
  if (!in.freeze && step_ < in.steps) {
    const uint64_t first = first_[step_], second = (*in.kept)[step_];
    const uint64_t plus = lfsr_ & 1 ? first : second;
    const uint64_t minus = lfsr_ & 1 ? second : first;
    const uint64_t up = (more_ & minus & ~plus) | (less_ & plus & ~minus);
    const uint64_t down = (more_ & plus & ~minus) | (less_ & minus & ~plus);
    r_.estimate[step_] = Move(r_.estimate[step_], up, down, in.rate);
    written_.weight_write = true;
    written_.weight_step = static_cast<uint8_t>(step_);
    written_.weight = Rounded(r_.estimate[step_]);
  }
  ++step_;
}

void Calibration::Clock(const CalInputs& in) {
  const bool idle = state_ == State::kIdle;
  written_ = {};
  if (learning_) Learn(in);
  if (in.conversion != nullptr) ClockPair(in, idle);
  ClockForeground(in);
  written_.want = state_ == State::kSample && started_ != 1 << in.log2_samples;
  if (in.weight_write) {
    if (in.weight_step < kCalSteps) {
      r_.estimate[in.weight_step] = uint32_t{in.weight} << kCalEstimateFracBits;
    }
    written_.weight_write = true;
    written_.weight_step = static_cast<uint8_t>(in.weight_step);
    written_.weight = in.weight;
  }
  if (in.delta_write) r_.delta = uint32_t{in.delta} << kCalEstimateFracBits;
}

}  // namespace triptych::rtl
