// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/hil/slice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"
#include "rtl/opt_top/opt_top_model.h"
#include "rtl/opt_top/opt_top_rtl.h"

namespace triptych::optical {
namespace {

using rtl::PlaceField;
using rtl::TakeField;

// Conversions that an offset, or a gain, is the mean of: 2^6.
constexpr uint32_t kCalibrateLog2 = 6;
// Half of what dither adds and takes away between two conversions, LSB of
// ten bits: more than the last six steps, which are the measure, can hide.
constexpr int kDeltaLsb = 12;
// A step of learning, as a power of two of 1/1024 of a weight's unit: the
// one that settles within a quarter LSB (rtl/opt_cal/README.md).
constexpr uint32_t kLearnRate = 2;
// From a frame's last beat to the first of its answer: two conversions with
// votes, DAC and post-processing, several times over.
constexpr int kPatienceCycles = 400;
// A link so bad has no use.
constexpr int kMaxSends = 32;
constexpr uint16_t kCredits = 0x4000;
constexpr uint64_t kLinkSeed = 0x4C494E4B;

// Model and RTL behind one interface.
class Device {
 public:
  virtual ~Device() = default;
  virtual rtl::TopOutputs Outputs(const rtl::TopInputs& in) = 0;
  virtual void Clock(const rtl::TopInputs& in) = 0;
};
template <class Top>
class DeviceOf final : public Device {
 public:
  DeviceOf(rtl::Optics& optics, const rtl::SarFrontEnd& front_end)
      : top_(optics, front_end) {}
  rtl::TopOutputs Outputs(const rtl::TopInputs& in) override {
    return top_.Outputs(in);
  }
  void Clock(const rtl::TopInputs& in) override { top_.Clock(in); }

 private:
  Top top_;
};

std::unique_ptr<Device> MakeDevice(SliceBy by, rtl::Optics& optics,
                                   const rtl::SarFrontEnd& front_end) {
  if (by == SliceBy::kModel) {
    return std::make_unique<DeviceOf<rtl::OpticalTop>>(optics, front_end);
  }
  return std::make_unique<DeviceOf<rtl::OpticalTopRtl>>(optics, front_end);
}

// What the slice's converters meet: receivers see what they are told to, and
// what the sources' switches are is kept.
class Bench final : public rtl::Optics {
 public:
  explicit Bench(const rtl::SarSearch& search)
      : dark_((1 << (search.bits - 1)) * rtl::kSarLevelsPerLsb),
        delta_(std::max(kDeltaLsb >> (rtl::kSarMaxBits - search.bits), 1)) {}

  void Levels(const std::array<rtl::DacSwitches, rtl::kDacLanes>& set,
              int source, int dither,
              std::array<int32_t, rtl::kSarLanes>* level) override {
    switches = set;
    if (source == rtl::kCalSourceDark) {
      level->fill(dark_);
    } else if (source == rtl::kCalSourceReference) {
      level->fill(dark_ + dark_ / 4 * 3);
    } else {
      const int32_t extra = dither * delta_ * rtl::kSarLevelsPerLsb;
      for (size_t i = 0; i < shown.size(); ++i) (*level)[i] = shown[i] + extra;
    }
  }
  const int32_t* Errors(uint64_t) override { return nullptr; }

  uint32_t dark_code() const {
    return static_cast<uint32_t>(dark_ / rtl::kSarLevelsPerLsb);
  }
  uint32_t delta() const { return static_cast<uint32_t>(delta_); }

  std::array<rtl::DacSwitches, rtl::kDacLanes> switches{};
  std::array<int32_t, rtl::kSarLanes> shown{};

 private:
  int32_t dark_;
  int delta_;
};

}  // namespace

struct Slice::Impl {
  Impl(SliceBy by, SliceRole r, const BoundarySettings& s, const Chip& c,
       uint32_t n, uint16_t t)
      : role(r),
        settings(s),
        chip(c),
        number(n),
        tile(t),
        search(r == SliceRole::kSource ? rtl::MakeSarSearch(1) : c.search),
        front_end(r == SliceRole::kSource ? rtl::IdealFrontEnd(search)
                                          : c.adc[n]),
        bench(search),
        device(MakeDevice(by, bench, front_end)),
        link_noise(kLinkSeed + static_cast<uint64_t>(r), n) {
    Configure();
    if (calibrates()) Calibrate();
    LoadPlane();
    Write(rtl::kRegCredit, kCredits);
  }

  bool calibrates() const {
    return role == SliceRole::kReceiver && settings.calibrate_every > 0;
  }
  bool pairs() const { return role == SliceRole::kReceiver && settings.pairs; }

  // ---- The bus ----

  rtl::TopOutputs Cycle(const rtl::BusInputs& bus = {}) {
    rtl::TopInputs in;
    in.bus = bus;
    in.plane_done = plane_done;
    in.take = true;
    rtl::FrameBeat beat;
    if (next_beat < beats.size()) {
      beat = Carried(beats[next_beat]);
      in.beat = &beat;
    }
    const rtl::TopOutputs out = device->Outputs(in);
    device->Clock(in);
    if (in.beat != nullptr && out.ready) {
      ++next_beat;
      ++carried;
    }
    if (out.valid) answer.Clock(&out.beat, false, false);
    ++cycles;
    return out;
  }
  // The link may turn one bit of a beat over. Asked again, it says the same.
  rtl::FrameBeat Carried(rtl::FrameBeat beat) const {
    if (settings.bit_errors == 0) return beat;
    const std::array<uint32_t, 4> draw = link_noise.At(carried);
    if (ToUnit(draw[0]) < settings.bit_errors) {
      beat.data ^= uint64_t{1} << (draw[1] % rtl::kFrameBeatBits);
    }
    return beat;
  }
  void Write(uint32_t offset, uint32_t data) {
    rtl::BusInputs bus, wait;
    bus.awvalid = bus.wvalid = bus.bready = wait.bready = true;
    bus.awaddr = static_cast<uint16_t>(offset);
    bus.wdata = data;
    Cycle(bus);
    const rtl::TopOutputs out = Cycle(wait);
    TRIPTYCH_CHECK(out.bus.bvalid && out.bus.bresp == 0, "offset", offset);
  }
  uint32_t Read(uint32_t offset) {
    rtl::BusInputs bus, wait;
    bus.arvalid = wait.rready = true;
    bus.araddr = static_cast<uint16_t>(offset);
    Cycle(bus);
    const rtl::TopOutputs out = Cycle(wait);
    TRIPTYCH_CHECK(out.bus.rvalid && out.bus.rresp == 0, "offset", offset);
    return out.bus.rdata;
  }
  void Command(int code) {
    Write(rtl::kRegCommand,
          PlaceField(static_cast<uint32_t>(code), rtl::kCommandCode) |
              PlaceField(tile, rtl::kCommandTile));
  }
  // The longest way there is a calibration: conversions, and a division a
  // lane. It is the host's own device: it gets there.
  void WaitForIdle() {
    for (int i = 0; TakeField(Read(rtl::kRegStatus), rtl::kStatusState) !=
                    rtl::kSeqStateIdle;
         ++i) {
      TRIPTYCH_CHECK(i < 100'000, "slice", number);
    }
  }

  // ---- Setting up ----

  void Configure() {
    for (int k = 0; k < search.steps; ++k) {
      Write(rtl::kRegWeight,
            PlaceField(static_cast<uint32_t>(k), rtl::kWeightStep) |
                PlaceField(search.weight[k], rtl::kWeightValue));
    }
    Write(rtl::kRegDelta, 2 * bench.delta() << rtl::kSarWeightFracBits);
    Write(rtl::kRegSearch,
          PlaceField(static_cast<uint32_t>(search.steps - 1),
                     rtl::kSearchLastStep) |
              PlaceField(static_cast<uint32_t>(search.vote_from),
                         rtl::kSearchVoteFrom) |
              PlaceField(search.max_code(), rtl::kSearchMaxCode));
    const auto learnt = static_cast<uint32_t>(
        std::clamp(search.steps - rtl::kCalSteps, 0, int{rtl::kCalSteps}));
    Write(rtl::kRegVector, PlaceField(pairs(), rtl::kVectorPairs) |
                               PlaceField(settings.dem, rtl::kVectorDem) |
                               PlaceField(kLearnRate, rtl::kVectorRate) |
                               PlaceField(learnt, rtl::kVectorSteps));
    // Behind the gain 2 delta is to be what it is here.
    Write(rtl::kRegTrack,
          PlaceField(pairs() ? settings.track : 0, rtl::kTrackLog2Pairs) |
              PlaceField(2 * bench.delta() << rtl::kSarWeightFracBits,
                         rtl::kTrackTarget));
    if (role == SliceRole::kReceiver) WriteOffsets();
    if (role == SliceRole::kSource) WriteKnots();
  }
  // Zero is the middle code, until a calibration knows better; sums of weights
  // with fractions stand for the middle of their code.
  void WriteOffsets() {
    const uint32_t zero =
        (bench.dark_code() << rtl::kSarWeightFracBits) +
        (settings.fractions() ? 1u << (rtl::kSarWeightFracBits - 1) : 0);
    for (uint32_t lane = 0; lane < rtl::kSarLanes; ++lane) {
      Write(rtl::kRegCoefficient,
            PlaceField(lane, rtl::kCoefficientLane) |
                PlaceField(rtl::kPostCoefficientOffset, rtl::kCoefficientKind) |
                PlaceField(zero, rtl::kCoefficientValue));
    }
  }
  void WriteKnots() {
    if (chip.knots.empty()) return;
    for (uint32_t lane = 0; lane < rtl::kDacLanes; ++lane) {
      const rtl::DacKnots& knots = chip.knots[number * rtl::kDacLanes + lane];
      for (uint32_t k = 0; k < knots.size(); ++k) {
        Write(rtl::kRegKnot,
              PlaceField(lane, rtl::kKnotLane) |
                  PlaceField(k, rtl::kKnotIndex) |
                  PlaceField(static_cast<uint8_t>(knots[k]), rtl::kKnotValue));
      }
    }
  }
  void Calibrate() {
    const uint32_t reference = bench.dark_code() / 4 * 3;
    Write(rtl::kRegCalibration,
          PlaceField(kCalibrateLog2, rtl::kCalibrationLog2Samples) |
              PlaceField(reference << rtl::kSarWeightFracBits,
                         rtl::kCalibrationReference));
    Command(rtl::kSeqCommandCalibrate);
    WaitForIdle();
  }
  void LoadPlane() {
    Command(rtl::kSeqCommandLoad);
    plane_done = true;
    Cycle();
    Cycle();
    plane_done = false;
    WaitForIdle();
    Command(rtl::kSeqCommandStream);
  }

  // ---- Vectors ----

  Status Send(std::span<const uint16_t> codes) {
    if (vectors > 0 && vectors % kCredits == 0) {
      Write(rtl::kRegCredit, kCredits);
    }
    if (calibrates() && vectors > 0 &&
        vectors % settings.calibrate_every == 0) {
      Command(rtl::kSeqCommandDrain);
      WaitForIdle();
      Calibrate();
      Command(rtl::kSeqCommandStream);
    }
    beats = rtl::EncodeFrame({tile, static_cast<uint16_t>(vectors),
                              static_cast<uint16_t>(codes.size()), 0},
                             codes);
    ++vectors;
    for (int sends = 0; sends < kMaxSends; ++sends) {
      next_beat = 0;
      if (Answered()) {
        sent_again += static_cast<uint64_t>(sends);
        return {};
      }
    }
    return MakeError(
        ErrorCode::kIo,
        fmt::format("slice {}: vector {} was refused {} times; hil.bit_errors "
                    "is too much for this link",
                    number, vectors - 1, kMaxSends));
  }
  // Whether an answer came; it is then in `answer`, to be let go.
  bool Answered() {
    int idle = 0;
    while (!answer.full() && idle < kPatienceCycles) {
      const bool moves = next_beat < beats.size();
      const bool comes = Cycle().valid;
      idle = moves || comes ? 0 : idle + 1;
    }
    const bool came = answer.full();
    answer.Clock(nullptr, came, false);
    return came;
  }

  const SliceRole role;
  const BoundarySettings& settings;
  const Chip& chip;
  const uint32_t number;
  const uint16_t tile;
  const rtl::SarSearch search;
  const rtl::SarFrontEnd front_end;
  Bench bench;
  std::unique_ptr<Device> device;
  const Rng link_noise;
  bool plane_done = false;
  std::vector<rtl::FrameBeat> beats;  // of the frame on its way
  size_t next_beat = 0;
  rtl::FrameReceiver answer;
  uint64_t carried = 0, vectors = 0, sent_again = 0, cycles = 0;
};

Slice::Slice(SliceBy by, SliceRole role, const BoundarySettings& settings,
             const Chip& chip, uint32_t number, uint16_t tile)
    : impl_(std::make_unique<Impl>(by, role, settings, chip, number, tile)) {}
Slice::~Slice() = default;

Status Slice::Shine(std::span<const uint16_t> codes,
                    std::span<int32_t> levels) {
  Impl& slice = *impl_;
  const int shift = rtl::kDacBits - slice.settings.dac_bits;
  std::array<uint16_t, rtl::kDacLanes> lanes{};
  for (size_t i = 0; i < codes.size(); ++i) {
    lanes[i] = static_cast<uint16_t>(codes[i] << shift);
  }
  TRIPTYCH_TRY(slice.Send(lanes));
  const rtl::DacElements* elements =
      slice.chip.dac.data() + slice.number * rtl::kDacLanes;
  for (size_t i = 0; i < levels.size(); ++i) {
    levels[i] = elements[i].Level(slice.bench.switches[i]);
  }
  return {};
}

Status Slice::Receive(std::span<const int32_t> levels,
                      std::span<int16_t> values) {
  Impl& slice = *impl_;
  slice.bench.shown.fill(0);
  std::ranges::copy(levels, slice.bench.shown.begin());
  static constexpr std::array<uint16_t, 1> kTrigger{};
  TRIPTYCH_TRY(slice.Send(kTrigger));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<int16_t>(slice.answer.codes()[i]);
  }
  return {};
}

uint32_t Slice::Read(uint32_t offset) { return impl_->Read(offset); }
void Slice::Write(uint32_t offset, uint32_t data) {
  impl_->Write(offset, data);
}
uint16_t Slice::LaneValue(uint32_t lane, uint32_t what) {
  Write(rtl::kRegLane,
        PlaceField(lane, rtl::kLaneNumber) | PlaceField(what, rtl::kLaneWhat));
  while (true) {
    const uint32_t word = Read(rtl::kRegLaneValue);
    if (TakeField(word, rtl::kLaneValueReady) != 0) {
      return static_cast<uint16_t>(TakeField(word, rtl::kLaneValueValue));
    }
  }
}
std::vector<uint32_t> Slice::Registers() {
  std::vector<uint32_t> words;
  for (const rtl::RegisterSpec& spec : rtl::kRegisters) {
    if (spec.readable) words.push_back(Read(spec.offset));
  }
  return words;
}
uint64_t Slice::frames_sent_again() const { return impl_->sent_again; }
uint64_t Slice::cycles() const { return impl_->cycles; }

}  // namespace triptych::optical
