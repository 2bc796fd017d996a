// Framing: the CRC against its published check value, receiver and sender
// against each other, the RTL against the models cycle by cycle.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "kernels/base/rng.h"
#include "rtl/opt_frame/opt_frame_model.h"
#include "rtl/opt_frame/opt_frame_rtl.h"

namespace triptych::rtl {
namespace {

using Elements = std::array<uint16_t, kFrameMaxElements>;

Elements RandomElements(Rng& rng) {
  Elements elements;
  for (uint16_t& e : elements) e = static_cast<uint16_t>(rng.Next());
  return elements;
}

FrameHeader RandomHeader(Rng& rng, uint16_t vector) {
  FrameHeader header;
  header.tile = static_cast<uint16_t>(rng.Next());
  header.vector = vector;
  header.length = static_cast<uint16_t>(1 + rng.Below(kFrameMaxElements));
  header.exponent = static_cast<int8_t>(rng.Next());
  return header;
}

TEST_CASE("CRC-32 of the digits 1 to 9 is the published check value") {
  constexpr std::string_view kDigits = "123456789";
  const std::vector<uint8_t> bytes(kDigits.begin(), kDigits.end());
  CHECK(Crc32(bytes) == 0xCBF43926);
  uint64_t beat = 0;
  for (int i = 0; i < 8; ++i) beat |= uint64_t{bytes[i]} << 8 * i;
  CHECK(~Crc32Step(UINT32_MAX, beat) == Crc32(std::span(bytes).first(8)));
}

TEST_CASE("A header's beat has each field where the table says") {
  const FrameHeader header{0x1234, 0x5678, 0x40, -2, kFrameFormat};
  CHECK(header.Beat() == 0x01FE'0040'5678'1234);
  CHECK(FrameHeader::FromBeat(header.Beat()) == header);
}

// Feeds `beats` to a receiver that is always emptied; elements of good frames.
std::vector<Elements> Receive(FrameReceiver& receiver,
                              const std::vector<FrameBeat>& beats) {
  std::vector<Elements> frames;
  for (const FrameBeat& beat : beats) {
    receiver.Clock(&beat, false, false);
    if (!receiver.full()) continue;
    frames.push_back(receiver.codes());
    receiver.Clock(nullptr, true, false);
  }
  return frames;
}

TEST_CASE("Every length arrives as it was sent, the rest as zeros") {
  Rng rng(1);
  FrameReceiver receiver;
  for (int length = 1; length <= kFrameMaxElements; ++length) {
    FrameHeader header = RandomHeader(rng, static_cast<uint16_t>(length - 1));
    header.length = static_cast<uint16_t>(length);
    const Elements sent = RandomElements(rng);
    const std::vector<Elements> got =
        Receive(receiver, EncodeFrame(header, sent));
    REQUIRE(got.size() == 1);
    for (int i = 0; i < kFrameMaxElements; ++i) {
      CHECK(got[0][i] == (i < length ? sent[i] : 0));
    }
    CHECK(receiver.header() == header.Beat());
  }
  CHECK(receiver.counters() == FrameReceiver::Counters{64, 0, 0, 0});
}

TEST_CASE("Every single flipped bit of a frame is noticed") {
  Rng rng(2);
  FrameHeader header = RandomHeader(rng, 0);
  header.length = 7;
  const std::vector<FrameBeat> sent = EncodeFrame(header, RandomElements(rng));
  for (size_t beat = 0; beat < sent.size(); ++beat) {
    for (int bit = 0; bit < kFrameBeatBits; ++bit) {
      FrameReceiver receiver;
      std::vector<FrameBeat> damaged = sent;
      damaged[beat].data ^= uint64_t{1} << bit;
      CHECK(Receive(receiver, damaged).empty());
      const auto [frames, crc, format, sequence] = receiver.counters();
      CHECK(frames == 0);
      CHECK(crc + format == 1);
      CHECK(sequence == 0);
    }
  }
}

TEST_CASE("A lost, a doubled, a cut and a drawn-out frame are counted") {
  Rng rng(3);
  FrameReceiver receiver;
  const auto frame = [&](int vector) {
    return EncodeFrame(RandomHeader(rng, static_cast<uint16_t>(vector)),
                       RandomElements(rng));
  };
  CHECK(Receive(receiver, frame(0)).size() == 1);
  CHECK(Receive(receiver, frame(2)).size() == 1);  // 1 was lost
  CHECK(Receive(receiver, frame(2)).size() == 1);  // doubled
  CHECK(receiver.counters() == FrameReceiver::Counters{3, 0, 0, 2});
  std::vector<FrameBeat> cut = frame(3);
  cut.erase(cut.end() - 2);
  CHECK(Receive(receiver, cut).empty());
  std::vector<FrameBeat> drawn_out = frame(3);
  drawn_out.back().last = false;
  drawn_out.push_back({0, true});
  CHECK(Receive(receiver, drawn_out).empty());
  CHECK(receiver.counters() == FrameReceiver::Counters{3, 0, 2, 2});
  CHECK(Receive(receiver, frame(3)).size() == 1);
  CHECK(receiver.counters() == FrameReceiver::Counters{4, 0, 2, 2});
}

// Frames one after the other, some of them spoilt in some way.
class Traffic {
 public:
  explicit Traffic(uint64_t seed) : rng_(seed) {}
  const FrameBeat& Next() {
    if (beats_.empty()) Refill();
    return beats_.front();
  }
  void Pop() { beats_.pop_front(); }

 private:
  void Refill() {
    FrameHeader header = RandomHeader(rng_, vector_++);
    const Elements elements = RandomElements(rng_);
    std::vector<FrameBeat> beats = EncodeFrame(header, elements);
    const uint32_t at = rng_.Below(static_cast<uint32_t>(beats.size()));
    switch (rng_.Below(12)) {
      case 0:
        beats[at].data ^= uint64_t{1} << rng_.Below(64);
        break;
      case 1:
        beats.erase(beats.begin() + at);
        break;
      case 2:
        beats.insert(beats.begin() + at, beats[at]);
        break;
      case 3:
        beats[at].last = !beats[at].last;
        break;
      case 4:
        ++vector_;
        break;
      case 5:  // too long, zero, or not our format; no CRC would help
        header.length = static_cast<uint16_t>(rng_.Below(2) * 65);
        header.version = static_cast<uint8_t>(rng_.Below(3));
        beats[0].data = header.Beat();
        break;
      default:
        break;
    }
    beats_.insert(beats_.end(), beats.begin(), beats.end());
  }

  Rng rng_;
  uint16_t vector_ = 0;
  std::deque<FrameBeat> beats_;
};

TEST_CASE("RTL == model: the receiver, 1e5 cycles of spoilt traffic") {
  Traffic traffic(4);
  Rng rng(5);
  FrameReceiver model;
  FrameReceiverRtl rtl;
  int differ = 0;
  for (int cycle = 0; cycle < 100'000; ++cycle) {
    const FrameBeat beat = traffic.Next();
    const bool offered = rng.Below(8) != 0;
    const bool take = rng.Below(4) == 0;
    const bool clear = rng.Below(20'000) == 0;
    if (offered && model.ready()) traffic.Pop();
    model.Clock(offered ? &beat : nullptr, take, clear);
    rtl.Clock(offered ? &beat : nullptr, take, clear);
    differ += model.ready() != rtl.ready();
    differ += model.full() != rtl.full();
    differ += model.header() != rtl.header();
    differ += model.codes() != rtl.codes();
    differ += !(model.counters() == rtl.counters());
  }
  CHECK(differ == 0);
  CHECK(model.counters().frames > 100);
  CHECK(model.counters().crc_errors > 10);
  CHECK(model.counters().format_errors > 10);
  CHECK(model.counters().sequence_errors > 10);
}

TEST_CASE("RTL == model: error counters stop at the top") {
  FrameReceiver model;
  FrameReceiverRtl rtl;
  const FrameBeat stray{0, true};
  for (int i = 0; i < UINT16_MAX + 2; ++i) {
    model.Clock(&stray, false, false);
    rtl.Clock(&stray, false, false);
  }
  CHECK(model.counters().format_errors == UINT16_MAX);
  CHECK(rtl.counters() == model.counters());
}

TEST_CASE("RTL == model: the sender, under back-pressure; frames survive") {
  Rng rng(6);
  FrameSender model;
  FrameSenderRtl rtl;
  FrameReceiver receiver;
  int differ = 0;
  uint16_t vector = 0;
  for (int cycle = 0; cycle < 50'000; ++cycle) {
    const uint64_t header = RandomHeader(rng, vector).Beat();
    const Elements elements = RandomElements(rng);
    const bool send = rng.Below(3) == 0;
    const bool taken = rng.Below(4) != 0;
    const bool clear = rng.Below(20'000) == 0;
    if (send && model.ready()) ++vector;
    if (taken && !model.ready()) {
      receiver.Clock(&model.beat(), false, false);
      if (receiver.full()) receiver.Clock(nullptr, true, false);
    }
    model.Clock(send ? &header : nullptr, elements.data(), taken, clear);
    rtl.Clock(send ? &header : nullptr, elements.data(), taken, clear);
    differ += model.ready() != rtl.ready();
    if (!model.ready()) differ += !(model.beat() == rtl.beat());
    differ += !(model.counters() == rtl.counters());
  }
  CHECK(differ == 0);
  CHECK(receiver.counters().frames > 1000);
  CHECK(receiver.counters().crc_errors == 0);
  CHECK(receiver.counters().format_errors == 0);
  CHECK(receiver.counters().sequence_errors == 0);
}

}  // namespace
}  // namespace triptych::rtl
