// A host for the periphery: writes and reads its registers, feeds and drains
// its streams. Runs the model and, if asked to, the RTL in lock-step.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_RTL_OPT_TOP_HOST_H_
#define TRIPTYCH_TESTS_RTL_OPT_TOP_HOST_H_

#include <array>
#include <cmath>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"
#include "rtl/opt_top/opt_top_model.h"
#include "rtl/opt_top/opt_top_rtl.h"

namespace triptych::rtl {

// Source l shines on receiver l, and a little on its neighbours; receivers
// have offsets and slopes of their own. Comparators are noisy.
class SimpleOptics : public Optics {
 public:
  static constexpr int kDelta = 12 * kSarLevelsPerLsb;

  SimpleOptics(double noise_lsb, double source_sigma) : noise_(noise_lsb) {
    for (int lane = 0; lane < kDacLanes; ++lane) {
      sources_.emplace_back(source_sigma, 3, static_cast<uint64_t>(lane));
    }
  }
  int Offset(int lane) const { return (20 + lane % 7) * kSarLevelsPerLsb; }
  double Slope(int lane) const { return 0.8 + 0.002 * lane; }
  static constexpr int kReference = 800;  // codes

  void Levels(const std::array<DacSwitches, kDacLanes>& switches, int source,
              int dither, std::array<int32_t, kSarLanes>* level) override {
    for (int lane = 0; lane < kSarLanes; ++lane) {
      double light = 0;
      if (source == kCalSourceSignal) {
        light = sources_[lane].Level(switches[lane]) +
                leak * (Light(switches, lane - 1) + Light(switches, lane + 1));
      } else if (source == kCalSourceReference) {
        light = kReference * kDacLevelsPerLsb;
      }
      (*level)[lane] = static_cast<int32_t>(
          std::lround(Offset(lane) + Slope(lane) * light + dither * kDelta));
    }
  }
  const int32_t* Errors(uint64_t conversion) override {
    if (noise_ == 0) return nullptr;
    Rng rng(99, conversion);
    for (int32_t& error : errors_) {
      error = static_cast<int32_t>(noise_ * kSarLevelsPerLsb * rng.Normal());
    }
    return errors_.data();
  }
  double leak = 0;

 private:
  double Light(const std::array<DacSwitches, kDacLanes>& switches,
               int lane) const {
    if (lane < 0 || lane >= kDacLanes) return 0;
    return sources_[lane].Level(switches[lane]);
  }
  double noise_;
  std::vector<DacElements> sources_;
  std::array<int32_t, kSarMaxLooks * kSarLanes> errors_;
};

class Host {
 public:
  enum class Run { kModel, kRtl, kBoth };

  Host(Optics& optics, const SarFrontEnd& front_end, Run run)
      : run_(run), model_(optics, front_end) {
    if (run != Run::kModel) {
      rtl_ = std::make_unique<OpticalTopRtl>(optics, front_end);
    }
  }

  // One cycle: streams move as `offer` and `take` allow.
  TopOutputs Cycle(const BusInputs& bus = {}) {
    TopInputs in;
    in.bus = bus;
    in.plane_done = plane_done;
    in.take = take;
    if (offer && !to_send.empty()) in.beat = &to_send.front();
    TopOutputs out;
    if (run_ != Run::kRtl) out = model_.Outputs(in);
    if (run_ == Run::kRtl) out = rtl_->Outputs(in);
    if (run_ == Run::kBoth) differ += !(out == rtl_->Outputs(in));
    if (run_ != Run::kRtl) model_.Clock(in);
    if (run_ != Run::kModel) rtl_->Clock(in);
    if (in.beat != nullptr && out.ready) to_send.pop_front();
    if (take && out.valid) received.push_back(out.beat);
    ++cycles;
    return out;
  }
  void Write(uint32_t offset, uint32_t data) {
    BusInputs bus;
    bus.awvalid = bus.wvalid = bus.bready = true;
    bus.awaddr = static_cast<uint16_t>(offset);
    bus.wdata = data;
    Cycle(bus);
    BusInputs answer;
    answer.bready = true;
    const TopOutputs out = Cycle(answer);
    TRIPTYCH_CHECK(out.bus.bvalid && out.bus.bresp == 0, "offset", offset);
  }
  uint32_t Read(uint32_t offset) {
    BusInputs bus;
    bus.arvalid = true;
    bus.araddr = static_cast<uint16_t>(offset);
    Cycle(bus);
    BusInputs answer;
    answer.rready = true;
    const TopOutputs out = Cycle(answer);
    TRIPTYCH_CHECK(out.bus.rvalid && out.bus.rresp == 0, "offset", offset);
    return out.bus.rdata;
  }
  uint32_t State() { return TakeField(Read(kRegStatus), kStatusState); }
  void Command(int code, uint32_t tile = 0) {
    Write(kRegCommand, PlaceField(static_cast<uint32_t>(code), kCommandCode) |
                           PlaceField(tile, kCommandTile));
  }
  void WaitForIdle() {
    for (int i = 0; State() != kSeqStateIdle; ++i) {
      TRIPTYCH_CHECK(i < 100'000, "still in state", State());
    }
  }
  // Weights of `search` and the rest of it, delta, into the registers.
  void Configure(const SarSearch& search, uint32_t vector) {
    for (int k = 0; k < search.steps; ++k) {
      Write(kRegWeight, PlaceField(static_cast<uint32_t>(k), kWeightStep) |
                            PlaceField(search.weight[k], kWeightValue));
    }
    Write(kRegDelta, 2 * SimpleOptics::kDelta >> kSarWeightFracBits);
    Write(kRegSearch,
          PlaceField(static_cast<uint32_t>(search.steps - 1), kSearchLastStep) |
              PlaceField(static_cast<uint32_t>(search.vote_from),
                         kSearchVoteFrom) |
              PlaceField(search.max_code(), kSearchMaxCode));
    Write(kRegVector, vector);
  }
  void Load(uint32_t tile) {
    Command(kSeqCommandLoad, tile);
    Cycle();
    plane_done = true;
    Cycle();
    plane_done = false;
    WaitForIdle();
  }
  uint16_t LaneValue(int lane, int what) {
    Write(kRegLane, PlaceField(static_cast<uint32_t>(lane), kLaneNumber) |
                        PlaceField(static_cast<uint32_t>(what), kLaneWhat));
    uint32_t word;
    do {
      word = Read(kRegLaneValue);
    } while (!TakeField(word, kLaneValueReady));
    return static_cast<uint16_t>(TakeField(word, kLaneValueValue));
  }
  void Queue(const std::vector<FrameBeat>& beats) {
    to_send.insert(to_send.end(), beats.begin(), beats.end());
  }

  bool plane_done = false, offer = true, take = true;
  std::deque<FrameBeat> to_send;
  std::vector<FrameBeat> received;
  int differ = 0;  // cycles in which model and RTL did
  uint64_t cycles = 0;

 private:
  Run run_;
  OpticalTop model_;
  std::unique_ptr<OpticalTopRtl> rtl_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_TESTS_RTL_OPT_TOP_HOST_H_
