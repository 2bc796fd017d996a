// SPDX-License-Identifier: Apache-2.0
#include "rtl/opt_frame/opt_frame_model.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace triptych::rtl {
namespace {

// Eight steps of the CRC for each byte there is.
constexpr std::array<uint32_t, 256> MakeByteTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ (crc & 1 ? kFrameCrcPolynomial : 0);
    }
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kByteTable = MakeByteTable();

uint32_t ByteStep(uint32_t crc, uint8_t byte) {
  return crc >> 8 ^ kByteTable[(crc ^ byte) & 0xFF];
}

uint64_t Place(uint64_t value, BitField field) {
  return (value & ((uint64_t{1} << field.bits) - 1)) << field.lsb;
}
uint64_t Take(uint64_t beat, BitField field) {
  return beat >> field.lsb & ((uint64_t{1} << field.bits) - 1);
}

int Beats(int length) {
  return (length + kFrameElementsPerBeat - 1) / kFrameElementsPerBeat;
}

template <class Counter>
void CountTo(Counter& counter, Counter top) {
  if (counter != top) ++counter;
}

}  // namespace

uint64_t FrameHeader::Beat() const {
  return Place(tile, kFrameTile) | Place(vector, kFrameVector) |
         Place(length, kFrameLength) |
         Place(static_cast<uint8_t>(exponent), kFrameExponent) |
         Place(version, kFrameVersion);
}

FrameHeader FrameHeader::FromBeat(uint64_t beat) {
  FrameHeader header;
  header.tile = static_cast<uint16_t>(Take(beat, kFrameTile));
  header.vector = static_cast<uint16_t>(Take(beat, kFrameVector));
  header.length = static_cast<uint16_t>(Take(beat, kFrameLength));
  header.exponent = static_cast<int8_t>(Take(beat, kFrameExponent));
  header.version = static_cast<uint8_t>(Take(beat, kFrameVersion));
  return header;
}

uint32_t Crc32Step(uint32_t crc, uint64_t beat) {
  for (int byte = 0; byte < kFrameBeatBits / 8; ++byte) {
    crc = ByteStep(crc, static_cast<uint8_t>(beat >> 8 * byte));
  }
  return crc;
}

uint32_t Crc32(std::span<const uint8_t> bytes) {
  uint32_t crc = UINT32_MAX;
  for (const uint8_t byte : bytes) crc = ByteStep(crc, byte);
  return ~crc;
}

std::vector<FrameBeat> EncodeFrame(const FrameHeader& header,
                                   std::span<const uint16_t> elements) {
  TRIPTYCH_CHECK(header.length >= 1 && header.length <= elements.size(),
                 "length", header.length, "elements", elements.size());
  std::vector<FrameBeat> beats{{header.Beat(), false}};
  for (int first = 0; first < header.length; first += kFrameElementsPerBeat) {
    uint64_t data = 0;
    for (int i = 0; i < kFrameElementsPerBeat; ++i) {
      if (first + i >= header.length) break;
      data |= uint64_t{elements[first + i]} << kFrameElementBits * i;
    }
    beats.push_back({data, false});
  }
  uint32_t crc = UINT32_MAX;
  for (const FrameBeat& beat : beats) crc = Crc32Step(crc, beat.data);
  beats.push_back({static_cast<uint32_t>(~crc), true});
  return beats;
}

FrameReceiver::Fault FrameReceiver::Accept(const FrameBeat& beat) {
  const bool sound = beat.data == static_cast<uint32_t>(~crc_);
  const State state = state_;
  crc_ = Crc32Step(state == State::kHeader ? UINT32_MAX : crc_, beat.data);
  const uint16_t length = FrameHeader::FromBeat(header_).length;
  switch (state) {
    case State::kHeader: {
      const FrameHeader header = FrameHeader::FromBeat(beat.data);
      const bool fits = header.length >= 1 &&
                        header.length <= kFrameMaxElements &&
                        header.version == kFrameFormat;
      header_ = beat.data;
      codes_.fill(0);
      beat_ = 0;
      last_beat_ = Beats(header.length) - 1;
      state_ = beat.last ? State::kHeader
               : fits    ? State::kPayload
                         : State::kSkip;
      return fits && !beat.last ? Fault::kNone : Fault::kFormat;
    }
    case State::kPayload:
      for (int i = 0; i < kFrameElementsPerBeat; ++i) {
        const int element = beat_ * kFrameElementsPerBeat + i;
        if (element >= length) break;
        codes_[element] =
            static_cast<uint16_t>(beat.data >> kFrameElementBits * i);
      }
      if (beat.last) {
        state_ = State::kHeader;
        return Fault::kFormat;
      }
      if (beat_++ == last_beat_) state_ = State::kCrc;
      return Fault::kNone;
    case State::kCrc: {
      state_ = !beat.last ? State::kSkip
               : sound    ? State::kFull
                          : State::kHeader;
      if (!beat.last) return Fault::kFormat;
      if (!sound) return Fault::kCrc;
      ++counters_.frames;
      const uint16_t vector = FrameHeader::FromBeat(header_).vector;
      const bool follows = vector == expected_;
      expected_ = static_cast<uint16_t>(vector + 1);
      return follows ? Fault::kNone : Fault::kSequence;
    }
    default:
      if (beat.last) state_ = State::kHeader;
      return Fault::kNone;
  }
}

void FrameReceiver::Clock(const FrameBeat* beat, bool take, bool clear) {
  if (full()) {
    if (take) state_ = State::kHeader;
  } else if (beat != nullptr) {
    switch (Accept(*beat)) {
      case Fault::kNone:
        break;
      case Fault::kFormat:
        CountTo<uint16_t>(counters_.format_errors, UINT16_MAX);
        break;
      case Fault::kCrc:
        CountTo<uint16_t>(counters_.crc_errors, UINT16_MAX);
        break;
      case Fault::kSequence:
        CountTo<uint16_t>(counters_.sequence_errors, UINT16_MAX);
        break;
    }
  }
  if (clear) counters_ = {};
}

void FrameSender::Clock(const uint64_t* header, const uint16_t* elements,
                        bool taken, bool clear) {
  if (ready()) {
    if (header != nullptr) {
      beats_ = EncodeFrame(FrameHeader::FromBeat(*header),
                           {elements, size_t{kFrameMaxElements}});
      next_ = 0;
    }
  } else if (taken) {
    counters_.frames += beat().last;
    ++next_;
  } else {
    ++counters_.stalls;
  }
  if (clear) counters_ = {};
}

}  // namespace triptych::rtl
