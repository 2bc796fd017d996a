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
  out.busy = busy();
  const int busy_with = gain_ ? kCalSourceReference : kCalSourceDark;
  out.source = static_cast<uint8_t>(out.busy ? busy_with : kCalSourceSignal);
  return out;
}

// The lane at the ring's end leaves; its sum comes back at the other end.
void Calibration::StoreLane(const CalInputs& in) {
  const int32_t samples = 1 << in.log2_samples;
  const int32_t head = sum_[0];
  const int32_t average = (head + samples / 2) >> in.log2_samples;
  const auto write = [this](int kind, uint16_t data) {
    written_.write = true;
    written_.write_lane = static_cast<uint8_t>(lane_);
    written_.write_kind = static_cast<uint8_t>(kind);
    written_.write_data = data;
  };
  if (gain_) {
    const int64_t gain = head > 0 ? dividend_ / head : INT64_MAX;
    const bool clips = gain > UINT16_MAX;
    const bool kept = following_ && (clips || (spoiled_ & 1) != 0);
    if (!kept) {
      write(kPostCoefficientGain,
            static_cast<uint16_t>(std::min<int64_t>(gain, UINT16_MAX)));
    }
    const bool counted = clips && !following_;
    r_.clipped_gains = static_cast<uint16_t>(r_.clipped_gains + counted);
  } else {
    write(kPostCoefficientOffset, static_cast<uint16_t>(average));
  }
  std::rotate(sum_.begin(), sum_.begin() + 1, sum_.end());
  sum_.back() = -(average << in.log2_samples);
  spoiled_ >>= 1;
  ++lane_;
}

void Calibration::ClockForeground(const CalInputs& in) {
  const int samples = 1 << in.log2_samples;
  if (in.start) r_.clipped_gains = 0;
  switch (state_) {
    case State::kIdle:
      if (in.track == 0) ClearWindow();
      lane_ = 0;
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
      // What the light, or twice delta, is worth; over the sum it is a gain.
      dividend_ =
          (following_ ? int64_t{in.target} << (kPostGainFracBits + in.track)
                      : int64_t{in.reference}
                            << (kPostGainFracBits + in.log2_samples)) +
          sum_[0] / 2;
      state_ = State::kDivide;
      bit_ = kDividendBits;
      return;
    case State::kDivide:
      if (bit_-- == 1) state_ = State::kStore;
      return;
    case State::kStore:
      StoreLane(in);
      state_ = State::kLoad;
      if (lane_ < kSarLanes) return;
      state_ = State::kIdle;
      r_.tracked = static_cast<uint16_t>(r_.tracked + following_);
      gain_ = following_ = false;
      ClearWindow();
  }
}

// Whatever was going on in the background.
void Calibration::Start(const CalInputs& in) {
  state_ = State::kWait;
  wait_ = in.optics_cycles;
  gain_ = following_ = false;
  ClearWindow();
}

void Calibration::ClearWindow() {
  sum_.fill(0);
  spoiled_ = 0;
  window_ = 0;
}

// A pair of conversions that both ends of the window count.
void Calibration::CountPair(const CalInputs& in, uint64_t usable) {
  for (int lane = 0; lane < kSarLanes; ++lane) sum_[lane] += difference_[lane];
  spoiled_ |= ~usable;  // of those, nobody asks for the sum
  if (++window_ != 1 << in.track) return;
  window_ = 0;
  state_ = State::kLoad;
  gain_ = following_ = true;
}

// A conversion is there: the first of a pair, the second, or one alone.
void Calibration::ClockPair(const CalInputs& in, bool busy, bool idle) {
  const SarRecord& now = *in.conversion;
  const int limit = in.max_code << kSarWeightFracBits;
  const int delta = Rounded(r_.delta);
  const bool pair = in.pairs && in.second;
  // -15 to 15 in steps of two, in 1/32 LSB: half an LSB to either side.
  const int fraction = 2 * (lfsr_ >> 1 & 15) - 15;
  uint64_t inside = 0, usable = 0, more = 0, less = 0;
  for (int lane = 0; lane < kSarLanes; ++lane) {
    const int first = value_[lane], value = now.result[lane];
    difference_[lane] = lfsr_ & 1 ? first - value : value - first;
    const int error = difference_[lane] - delta;
    const bool positive = 2 * error + fraction > 0;  // never zero
    const bool within = value < limit && value >> kSarWeightFracBits != 0;
    const bool both = within && (inside_ >> lane & 1);
    inside |= uint64_t{within} << lane;
    usable |= uint64_t{both} << lane;
    more |= uint64_t{both && positive} << lane;
    less |= uint64_t{both && !positive} << lane;
    result_[lane] = static_cast<uint16_t>(pair ? (first + value) / 2 : value);
    value_[lane] = static_cast<uint16_t>(value);
  }
  inside_ = inside;
  if (pair && !busy) {
    more_ = more;
    less_ = less;
    learning_ = true;
    const bool counts = idle && in.track != 0 && !in.freeze && !in.start;
    if (counts) CountPair(in, usable);
  }
  if (!in.second) std::copy_n(now.kept.begin(), kCalSteps, first_.begin());
  written_.valid = !busy && (in.second || !in.pairs);
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
  // Before the edge.
  const bool busy = this->busy(), idle = state_ == State::kIdle;
  written_ = {};
  if (learning_) Learn(in);
  ClockForeground(in);
  if (in.conversion != nullptr) ClockPair(in, busy, idle);
  if (in.start && !busy) Start(in);
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
