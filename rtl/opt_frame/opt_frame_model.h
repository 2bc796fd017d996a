// Frames, and what takes them from a stream and puts them on one: the same
// beats and registers as opt_frame_rx.sv and opt_frame_tx.sv, cycle by cycle.
//
// A frame: a header beat, the elements, four of 16 bits a beat, the last one
// filled up with zeros, and a beat with the CRC-32 of all before it. Bytes
// are in little-endian order, for the CRC too.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_FRAME_OPT_FRAME_MODEL_H_
#define TRIPTYCH_RTL_OPT_FRAME_OPT_FRAME_MODEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "rtl/rtl_constants.h"

namespace triptych::rtl {

inline constexpr int kFrameElementsPerBeat = kFrameBeatBits / kFrameElementBits;
inline constexpr int kFrameMaxElements = kDacLanes;
static_assert(kDacLanes == kSarLanes, "frames in and out are alike");

struct FrameHeader {
  uint16_t tile = 0;
  uint16_t vector = 0;  // counts up by one from frame to frame
  uint16_t length = 0;  // elements, 1 to kFrameMaxElements
  int8_t exponent = 0;  // values are to be scaled by 2^exponent
  uint8_t version = kFrameFormat;

  uint64_t Beat() const;
  static FrameHeader FromBeat(uint64_t beat);
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

// What an AXI stream carries in a cycle.
struct FrameBeat {
  uint64_t data = 0;
  bool last = false;
  friend bool operator==(const FrameBeat&, const FrameBeat&) = default;
};

// CRC-32 of IEEE 802.3. A step of the unfinished sum, which begins with all
// ones and is inverted at the end; and the whole of some bytes.
uint32_t Crc32Step(uint32_t crc, uint64_t beat);
uint32_t Crc32(std::span<const uint8_t> bytes);

// header.length elements.
std::vector<FrameBeat> EncodeFrame(const FrameHeader& header,
                                   std::span<const uint16_t> elements);

// opt_frame_rx.sv.
class FrameReceiver {
 public:
  struct Counters {
    uint32_t frames = 0;  // good ones; wraps, the others stop at the top
    uint16_t crc_errors = 0, format_errors = 0, sequence_errors = 0;
    friend bool operator==(const Counters&, const Counters&) = default;
  };
  // A rising edge. `beat`: null, or what the stream offers, which is taken if
  // ready(). take: the frame that is held may go. clear: counters to zero.
  void Clock(const FrameBeat* beat, bool take, bool clear);

  bool ready() const { return state_ != State::kFull; }
  bool full() const { return state_ == State::kFull; }
  uint64_t header() const { return header_; }
  const std::array<uint16_t, kFrameMaxElements>& codes() const {
    return codes_;
  }
  const Counters& counters() const { return counters_; }

 private:
  enum class State : uint8_t { kHeader, kPayload, kCrc, kSkip, kFull };
  enum class Fault : uint8_t { kNone, kFormat, kCrc, kSequence };
  Fault Accept(const FrameBeat& beat);

  State state_ = State::kHeader;
  uint64_t header_ = 0;
  int beat_ = 0, last_beat_ = 0;
  uint32_t crc_ = 0;
  uint16_t expected_ = 0;
  std::array<uint16_t, kFrameMaxElements> codes_{};
  Counters counters_;
};

// opt_frame_tx.sv.
class FrameSender {
 public:
  struct Counters {
    uint32_t frames = 0;  // sent whole
    uint32_t stalls = 0;  // cycles that nobody took a beat
    friend bool operator==(const Counters&, const Counters&) = default;
  };
  // A rising edge. `header`: null, or that of a frame to send, which is taken
  // if ready(), with kFrameMaxElements of `elements`. taken: the stream takes
  // the beat.
  void Clock(const uint64_t* header, const uint16_t* elements, bool taken,
             bool clear);

  bool ready() const { return next_ == beats_.size(); }
  // What the stream is offered; only while not ready().
  const FrameBeat& beat() const { return beats_[next_]; }
  const Counters& counters() const { return counters_; }

 private:
  std::vector<FrameBeat> beats_;
  size_t next_ = 0;
  Counters counters_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_FRAME_OPT_FRAME_MODEL_H_
