// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_top/opt_top_model.h"

#include <algorithm>
#include <bit>

namespace triptych::rtl {
namespace {

constexpr int kDacCycles = 2, kPostCycles = 3;

void ShiftChain(std::array<uint16_t, kSarLanes>& chain) {
  std::copy(chain.begin() + 1, chain.end(), chain.begin());
  chain.back() = 0;
}

}  // namespace

OpticalTop::OpticalTop(Optics& optics, const SarFrontEnd& front_end)
    : optics_(optics), front_end_(front_end) {
  for (int lane = 0; lane < kDacLanes; ++lane) dac_lanes_[lane] = DacLane(lane);
}

// A field of what is stored, and of what is being written.
uint32_t OpticalTop::Field(uint32_t offset, BitField field) const {
  return TakeField(registers_.Stored(offset), field);
}
uint32_t OpticalTop::Data(BitField field) const {
  return TakeField(registers_.data(), field);
}

SeqInputs OpticalTop::ForSequencer(const TopInputs& in) const {
  SeqInputs seq;
  const bool command = registers_.Written(kRegCommand);
  // A command of zero is one that there is not; the model takes 0 for none.
  constexpr uint8_t kNoSuchCommand = 7;
  const auto code = static_cast<uint8_t>(Data(kCommandCode));
  if (command) seq.command = code == 0 ? kNoSuchCommand : code;
  seq.tile = static_cast<uint16_t>(Data(kCommandTile));
  seq.settle_cycles = registers_.Stored(kRegSettleCycles);
  seq.optics_cycles =
      static_cast<uint16_t>(Field(kRegVector, kVectorOpticsCycles));
  seq.pairs = Field(kRegVector, kVectorPairs);
  if (registers_.Written(kRegCredit)) {
    seq.credit = static_cast<uint16_t>(Data(kCreditMore));
  }
  seq.clear = registers_.Written(kRegClear) && Data(kClearCounters);
  seq.plane_done = in.plane_done;
  seq.frame_valid = receiver_.full();
  seq.frame_tile = FrameHeader::FromBeat(receiver_.header()).tile;
  seq.dac_valid = dac_left_ == 1;
  seq.sar_busy = sar_left_ > 1;
  seq.sar_valid = sar_left_ == 1;
  const CalOutputs cal = calibration_.Outputs();
  seq.result_valid = cal.valid;
  seq.post_valid = post_left_ == 1;
  seq.sender_ready = sender_.ready();
  seq.calibrate_busy = cal.busy;
  seq.calibrate_want = cal.want;
  return seq;
}

CalInputs OpticalTop::ForCalibration(const SeqOutputs& seq) const {
  CalInputs cal;
  cal.start = seq.calibrate;
  cal.log2_samples =
      static_cast<int>(Field(kRegCalibration, kCalibrationLog2Samples));
  cal.optics_cycles =
      static_cast<uint16_t>(Field(kRegVector, kVectorOpticsCycles));
  cal.reference =
      static_cast<uint16_t>(Field(kRegCalibration, kCalibrationReference));
  cal.pairs = Field(kRegVector, kVectorPairs);
  cal.freeze = Field(kRegVector, kVectorFreeze);
  cal.rate = static_cast<int>(Field(kRegVector, kVectorRate));
  cal.steps = static_cast<int>(Field(kRegVector, kVectorSteps));
  cal.track = static_cast<int>(Field(kRegTrack, kTrackLog2Pairs));
  cal.target = static_cast<uint16_t>(Field(kRegTrack, kTrackTarget));
  cal.weight_write = registers_.Written(kRegWeight);
  cal.weight_step = static_cast<int>(Data(kWeightStep));
  cal.weight = static_cast<uint16_t>(Data(kWeightValue));
  cal.delta_write = registers_.Written(kRegDelta);
  cal.delta = static_cast<uint16_t>(Data(kDeltaValue));
  cal.max_code = static_cast<uint16_t>(Field(kRegSearch, kSearchMaxCode));
  cal.sar_start = seq.sar_start;
  cal.second = seq.second;
  cal.conversion = sar_left_ == 1 ? &record_ : nullptr;
  cal.kept = &kept_;
  return cal;
}

TopOutputs OpticalTop::Outputs(const TopInputs& in) const {
  TopOutputs out;
  out.bus = registers_.Outputs(in.bus);
  out.ready = receiver_.ready();
  out.valid = !sender_.ready();
  if (out.valid) out.beat = sender_.beat();
  out.plane_load = sequencer_.registers().state == kSeqStateLoad;
  out.plane_tile = sequencer_.registers().tile;
  return out;
}

RegisterWords OpticalTop::Live() const {
  RegisterWords live{};
  const auto show = [&live](uint32_t offset, uint64_t value) {
    live[offset / 4] = static_cast<uint32_t>(value);
  };
  const SeqRegisters& seq = sequencer_.registers();
  const CalRegisters& cal = calibration_.registers();
  const FrameReceiver::Counters& in = receiver_.counters();
  show(kRegIdentity, kIdentityIs);
  show(kRegStatus,
       PlaceField(seq.state, kStatusState) |
           PlaceField(seq.phase, kStatusPhase) |
           PlaceField(seq.plane_valid, kStatusPlaneValid) |
           PlaceField(calibration_.Outputs().busy, kStatusCalibrating) |
           PlaceField(sar_left_ > 1, kStatusConverting) |
           PlaceField(receiver_.full(), kStatusFrameHeld) |
           PlaceField(!sender_.ready(), kStatusSending));
  const bool coefficient = Field(kRegLane, kLaneWhat) >> 2;
  show(kRegLaneValue,
       PlaceField(lane_ready_, kLaneValueReady) |
           PlaceField(coefficient ? coefficient_chain_[0] : event_chain_[0],
                      kLaneValueValue));
  show(kRegFramesIn, in.frames);
  show(kRegCrcErrors, in.crc_errors);
  show(kRegFormatErrors, in.format_errors);
  show(kRegSequenceErrors, in.sequence_errors);
  show(kRegFramesOut, sender_.counters().frames);
  show(kRegSendStalls, sender_.counters().stalls);
  show(kRegVectors, seq.vectors);
  show(kRegRefusedCommands, seq.refused_commands);
  show(kRegRefusedVectors, seq.refused_vectors);
  show(kRegCredits, seq.credits);
  show(kRegIdleCycles, seq.idle_cycles);
  show(kRegLoadCycles, seq.load_cycles);
  show(kRegSettlingCycles, seq.settle_cycles);
  show(kRegWorkCycles, seq.work_cycles);
  show(kRegFrameStalls, seq.frame_stalls);
  show(kRegCreditStalls, seq.credit_stalls);
  show(kRegDrainCycles, seq.drain_cycles);
  show(kRegCalibrateCycles, seq.calibrate_cycles);
  show(kRegPairs, cal.pairs);
  show(kRegClippedGains, cal.clipped_gains);
  show(kRegTracked, cal.tracked);
  show(kRegDeltaEstimate, cal.delta);
  for (uint32_t k = 0; k < kCalSteps; ++k) {
    show(kRegWeightEstimate0 + 4 * k, cal.estimate[k]);
  }
  show(kRegSaturatedLow, saturated_);
  show(kRegSaturatedHigh, saturated_ >> 32);
  show(kRegMetastableLow, metastable_);
  show(kRegMetastableHigh, metastable_ >> 32);
  return live;
}

void OpticalTop::ClockDac(bool start) {
  if (dac_left_ == kDacCycles) {
    const auto dem = static_cast<Dem>(Field(kRegVector, kVectorDem));
    for (int lane = 0; lane < kDacLanes; ++lane) {
      switches_[lane] = DacEncode(corrected_[lane], dem, dac_lanes_[lane]);
    }
  }
  dac_left_ -= dac_left_ > 0;
  if (start) {
    dac_left_ = kDacCycles;
    header_ = receiver_.header();
    for (int lane = 0; lane < kDacLanes; ++lane) {
      const auto code = static_cast<uint16_t>(receiver_.codes()[lane] &
                                              ((1 << kDacBits) - 1));
      corrected_[lane] = DacCorrect(code, knots_[lane]);
    }
  }
  if (registers_.Written(kRegKnot) && Data(kKnotIndex) < kDacKnots) {
    knots_[Data(kKnotLane)][Data(kKnotIndex)] =
        static_cast<int8_t>(Data(kKnotValue));
  }
}

void OpticalTop::ClockSar(bool start) {
  if (sar_left_ == 2) counters_.Add(search_, record_);
  if (sar_left_ == 1) metastable_ = record_.metastable;
  const bool free = sar_left_ <= 1;
  sar_left_ -= sar_left_ > 0;
  if (sar_left_ == 1) kept_ = record_.kept;
  if (registers_.Written(kRegClear) && Data(kClearEvents)) counters_ = {};
  if (start && free) {
    search_.bits = std::bit_width(Field(kRegSearch, kSearchMaxCode));
    search_.steps = static_cast<int>(Field(kRegSearch, kSearchLastStep)) + 1;
    search_.vote_from = static_cast<int>(Field(kRegSearch, kSearchVoteFrom));
    sar_left_ = search_.looks() + 2;
  }
}

// With all registers as they are after the edge that begins it.
void OpticalTop::BeginConversion() {
  const CalOutputs cal = calibration_.Outputs();
  const bool dither = Field(kRegVector, kVectorPairs) && !cal.busy;
  const bool second = sequencer_.Outputs({}).second;
  const int sign = calibration_.Plus(second) ? 1 : -1;
  std::array<int32_t, kSarLanes> level;
  optics_.Levels(switches_, cal.source, dither ? sign : 0, &level);
  SarConvert(search_, front_end_, level.data(), optics_.Errors(conversions_++),
             &record_);
}

void OpticalTop::ClockPost(const CalOutputs& cal) {
  for (uint64_t& flags : clipped_) {
    if (post_left_ == kPostCycles - (&flags - clipped_.data())) {
      saturated_ |= flags;
    }
  }
  post_left_ -= post_left_ > 0;
  if (registers_.Written(kRegClear) && Data(kClearSaturated)) saturated_ = 0;
  if (cal.valid) {
    post_left_ = kPostCycles;
    clipped_ = {};
    std::array<int16_t, kSarLanes> y, z;
    PostScale(coefficients_, calibration_.result().data(), y.data(),
              &clipped_[0]);
    PostFinish(coefficients_, false, y.data(), 0, 0, z.data(), &clipped_[1]);
    PostFinish(coefficients_, Field(kRegVector, kVectorRails), y.data(), 0, 0,
               values_.data(), &clipped_[2]);
  }
  if (cal.write) {
    coefficients_.SetWord(cal.write_kind, cal.write_lane, cal.write_data);
  } else if (registers_.Written(kRegCoefficient)) {
    coefficients_.SetWord(static_cast<int>(Data(kCoefficientKind)),
                          static_cast<int>(Data(kCoefficientLane)),
                          static_cast<uint16_t>(Data(kCoefficientValue)));
  }
}

void OpticalTop::ClockLaneReader() {
  const auto number = static_cast<int>(Field(kRegLane, kLaneNumber));
  const auto what = static_cast<int>(Field(kRegLane, kLaneWhat));
  const int kind = what & 3;
  const bool shift = !snap_ && !lane_ready_ && shifts_ != 0;
  if (snap_ && what < 4) {
    event_chain_ = counters_.count[std::min(kind, kSarEventMetastable)];
  } else if (shift) {
    ShiftChain(event_chain_);
  }
  if (snap_ && what >= 4) {
    for (int lane = 0; lane < kSarLanes; ++lane) {
      coefficient_chain_[lane] = coefficients_.Word(kind, lane);
    }
  } else if (shift) {
    ShiftChain(coefficient_chain_);
  }
  const bool written = registers_.Written(kRegLane);
  if (written || snap_) {
    lane_ready_ = false;
    shifts_ = number;
  } else {
    lane_ready_ = shifts_ == 0;
    shifts_ -= shifts_ != 0;
  }
  snap_ = written;
}

// Every block is clocked with what all of them show before the edge. Those
// that show others something come last, or what they show is kept.
void OpticalTop::Clock(const TopInputs& in) {
  const SeqInputs for_seq = ForSequencer(in);
  const SeqOutputs seq = sequencer_.Outputs(for_seq);
  const CalInputs for_cal = ForCalibration(seq);
  const CalOutputs cal = calibration_.Outputs();
  const bool clear = for_seq.clear;
  const RegisterWords live = in.bus.arvalid ? Live() : RegisterWords{};
  const bool starts = seq.sar_start && sar_left_ <= 1;

  ClockLaneReader();
  // The header of the vector that leaves, but for its length.
  FrameHeader header = FrameHeader::FromBeat(header_);
  header.length = kSarLanes;
  const uint64_t beat = header.Beat();
  std::array<uint16_t, kSarLanes> words;
  std::copy(values_.begin(), values_.end(), words.begin());
  sender_.Clock(seq.send ? &beat : nullptr, words.data(), in.take, clear);
  ClockPost(cal);
  ClockDac(seq.dac_start);
  receiver_.Clock(in.beat, seq.frame_take, clear);
  calibration_.Clock(for_cal);
  ClockSar(seq.sar_start);
  if (cal.weight_write) search_.weight[cal.weight_step] = cal.weight;
  sequencer_.Clock(for_seq);
  if (starts) BeginConversion();
  registers_.Clock(in.bus, live);
}

}  // namespace triptych::rtl
