// The whole periphery: that vectors come out as they should, and that model
// and RTL are equal in every cycle of everything that can happen to them.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "kernels/base/rng.h"
#include "tests/rtl/opt_top_host.h"

namespace triptych::rtl {
namespace {

using Elements = std::array<uint16_t, kFrameMaxElements>;

uint32_t VectorWord(bool pairs, Dem dem, int steps, int rate) {
  return PlaceField(3, kVectorOpticsCycles) | PlaceField(pairs, kVectorPairs) |
         PlaceField(static_cast<uint32_t>(dem), kVectorDem) |
         PlaceField(static_cast<uint32_t>(steps), kVectorSteps) |
         PlaceField(static_cast<uint32_t>(rate), kVectorRate);
}

void Calibrate(Host& host, uint32_t log2_samples) {
  host.Write(kRegCalibration,
             PlaceField(log2_samples, kCalibrationLog2Samples) |
                 PlaceField(SimpleOptics::kReference << kSarWeightFracBits,
                            kCalibrationReference));
  host.Command(kSeqCommandCalibrate);
  host.WaitForIdle();
}

// The frames in what the host received; every one of them must be sound.
struct Received {
  std::vector<FrameHeader> headers;
  std::vector<Elements> values;
};
Received Decode(const std::vector<FrameBeat>& beats) {
  Received received;
  FrameReceiver receiver;
  for (const FrameBeat& beat : beats) {
    receiver.Clock(&beat, false, false);
    if (!receiver.full()) continue;
    received.headers.push_back(FrameHeader::FromBeat(receiver.header()));
    received.values.push_back(receiver.codes());
    receiver.Clock(nullptr, true, false);
  }
  CHECK(receiver.counters().crc_errors == 0);
  CHECK(receiver.counters().format_errors == 0);
  return received;
}

Elements RandomCodes(Rng& rng, uint32_t below) {
  Elements codes;
  for (uint16_t& code : codes) code = static_cast<uint16_t>(rng.Below(below));
  return codes;
}

// Calibrated receivers give back the codes that the sources were sent.
TEST_CASE("What goes in comes out, offsets and slopes taken out") {
  for (const bool pairs : {false, true}) {
    SimpleOptics optics(0.3, 0);
    const SarSearch search = MakeSarSearch(10);
    const SarFrontEnd ideal = IdealFrontEnd(search);
    Host host(optics, ideal, Host::Run::kBoth);
    host.Configure(search, VectorWord(pairs, Dem::kRotate, 0, 0));
    CHECK(host.Read(kRegIdentity) == kIdentityIs);
    Calibrate(host, 6);
    host.Load(42);
    host.Command(kSeqCommandStream);
    host.Write(kRegCredit, 100);
    Rng rng(1);
    std::vector<Elements> sent;
    for (uint16_t v = 0; v < 20; ++v) {
      sent.push_back(RandomCodes(rng, 1000));
      host.Queue(EncodeFrame({42, v, 64, static_cast<int8_t>(v)}, sent.back()));
    }
    while (host.Read(kRegFramesOut) < 20) host.Cycle();
    const Received got = Decode(host.received);
    REQUIRE(got.values.size() == sent.size());
    for (size_t v = 0; v < sent.size(); ++v) {
      CHECK(got.headers[v] == FrameHeader{42, static_cast<uint16_t>(v), 64,
                                          static_cast<int8_t>(v)});
      for (int lane = 0; lane < kSarLanes; ++lane) {
        const double value = static_cast<int16_t>(got.values[v][lane]) / 16.0;
        // Rounding of a code (1/2), its noise and the calibration's, all
        // divided by a slope of at least 0.8.
        CHECK(std::abs(value - sent[v][lane]) < 2.5);
      }
    }
    CHECK(host.Read(kRegCredits) == 80);
    CHECK(host.Read(kRegPairs) == (pairs ? 20 : 0));
    CHECK(host.LaneValue(5, 4 + kPostCoefficientOffset) > 0);
    CHECK(host.differ == 0);
  }
}

// Anything at all: frames damaged and for other planes, credits that run out,
// commands out of turn, reads of everything, back-pressure, saturation.
class Storm {
 public:
  Storm(uint64_t seed, Host& host) : rng_(seed), host_(host) {}

  void Queue() {
    const uint32_t below = rng_.Below(4) == 0 ? 1024 : 900;
    const auto length = static_cast<uint16_t>(1 + rng_.Below(64));
    const auto tile = static_cast<uint16_t>(rng_.Below(12) == 0 ? 8 : 7);
    std::vector<FrameBeat> beats =
        EncodeFrame({tile, vector_++, length, static_cast<int8_t>(rng_.Next())},
                    RandomCodes(rng_, below));
    const uint32_t at = rng_.Below(static_cast<uint32_t>(beats.size()));
    switch (rng_.Below(14)) {
      case 0:
        beats[at].data ^= uint64_t{1} << rng_.Below(64);
        break;
      case 1:
        beats.erase(beats.begin() + at);
        break;
      case 2:
        ++vector_;
        break;
      default:
        break;
    }
    host_.Queue(beats);
  }
  void Poke() {
    switch (rng_.Below(12)) {
      case 0:
        host_.Write(kRegCredit, rng_.Below(4));
        break;
      case 1:  // refused, in most states; drain is not among them
        host_.Command(rng_.Below(2) ? kSeqCommandStream : kSeqCommandCalibrate,
                      7);
        break;
      case 2:
        host_.LaneValue(static_cast<int>(rng_.Below(64)),
                        static_cast<int>(rng_.Below(8)));
        break;
      default: {
        const RegisterSpec& spec = kRegisters[rng_.Below(kRegisters.size())];
        if (spec.readable) host_.Read(spec.offset);
      }
    }
  }
  void Run(int cycles) {
    for (int i = 0; i < cycles; ++i) {
      if (host_.to_send.size() < 40) Queue();
      host_.offer = rng_.Below(8) != 0;
      host_.take = rng_.Below(4) != 0;
      if (rng_.Below(6) == 0) {
        Poke();
      } else {
        host_.Cycle();
      }
    }
    host_.take = true;
  }

 private:
  Rng rng_;
  Host& host_;
  uint16_t vector_ = 0;
};

void ReadAll(Host& host) {
  for (const RegisterSpec& spec : kRegisters) {
    if (spec.readable) host.Read(spec.offset);
  }
  for (int what = 0; what < 8; ++what) {
    if (what == 3) continue;
    for (const int lane : {0, 1, 31, 62, 63}) host.LaneValue(lane, what);
  }
}

// One round: configured at random, calibrated, streamed, drained; the next
// one begins with another calibration and other weights.
void Round(uint64_t seed, int cycles, Host& host) {
  Rng rng(seed);
  SarSearch search = MakeSarSearch(10);
  if (rng.Below(2)) search.vote_from = 9;
  for (int k = 0; k < search.steps; ++k) {
    search.weight[k] = static_cast<uint16_t>(search.weight[k] + rng.Below(5));
  }
  const auto dem = static_cast<Dem>(rng.Below(3));
  const uint32_t rails = PlaceField(rng.Below(2), kVectorRails);
  host.Configure(search, VectorWord(rng.Below(4) != 0, dem,
                                    static_cast<int>(rng.Below(7)), 5) |
                             rails);
  for (int i = 0; i < 40; ++i) {
    host.Write(kRegKnot, PlaceField(rng.Below(64), kKnotLane) |
                             PlaceField(rng.Below(17), kKnotIndex) |
                             PlaceField(rng.Below(256), kKnotValue));
    host.Write(kRegCoefficient,
               PlaceField(rng.Below(64), kCoefficientLane) |
                   PlaceField(2 + rng.Below(2), kCoefficientKind) |
                   PlaceField(rng.Below(1 << 16), kCoefficientValue));
  }
  host.Write(kRegSettleCycles, rng.Below(50));
  host.Write(kRegTrack, PlaceField(rng.Below(4), kTrackLog2Pairs) |
                            PlaceField(rng.Below(1 << 14), kTrackTarget));
  Calibrate(host, rng.Below(4));
  host.Load(7);
  host.Command(kSeqCommandStream);
  host.Write(kRegCredit, 5);
  Storm storm(seed, host);
  storm.Run(cycles);
  host.Command(kSeqCommandDrain);
  host.to_send.clear();
  host.WaitForIdle();
  ReadAll(host);
}

TEST_CASE("RTL == model: streaming, storms, recalibration, in every cycle") {
  SimpleOptics optics(0.5, 0.02);
  optics.leak = 0.05;
  const SarSearch search = MakeSarSearch(10);
  SarFrontEnd front_end = MismatchedFrontEnd(search, 0.02, 5, 0);
  front_end.metastable_below = 8;
  Host host(optics, front_end, Host::Run::kBoth);
  for (uint64_t round = 0; round < 4; ++round) Round(round, 2500, host);
  CHECK(host.differ == 0);
  // The storm has been everywhere.
  CHECK(host.Read(kRegVectors) > 50);
  CHECK(host.Read(kRegCrcErrors) > 3);
  CHECK(host.Read(kRegFormatErrors) > 0);
  CHECK(host.Read(kRegSequenceErrors) > 3);
  CHECK(host.Read(kRegRefusedCommands) > 3);
  CHECK(host.Read(kRegRefusedVectors) > 3);
  CHECK(host.Read(kRegCreditStalls) > 0);
  CHECK(host.Read(kRegFrameStalls) > 0);
  CHECK(host.Read(kRegSendStalls) > 0);
  CHECK(host.Read(kRegPairs) > 0);
  CHECK(host.Read(kRegTracked) > 0);
  CHECK((host.Read(kRegSaturatedLow) | host.Read(kRegSaturatedHigh)) != 0);
  host.Write(kRegClear, 7);
  CHECK(host.Read(kRegVectors) == 0);
  CHECK(host.Read(kRegSaturatedLow) == 0);
  CHECK(host.LaneValue(9, kSarEventTop) == 0);
  CHECK(host.differ == 0);
}

TEST_CASE("slow: RTL == model: storms for long") {
  SimpleOptics optics(0.5, 0.02);
  optics.leak = 0.05;
  const SarSearch search = MakeSarSearch(10);
  SarFrontEnd front_end = MismatchedFrontEnd(search, 0.02, 6, 0);
  front_end.metastable_below = 8;
  Host host(optics, front_end, Host::Run::kBoth);
  for (uint64_t round = 100; round < 140; ++round) Round(round, 20'000, host);
  CHECK(host.differ == 0);
}

}  // namespace
}  // namespace triptych::rtl
