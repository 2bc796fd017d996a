// Frames of the socket protocol: bytes on the wire, and what reads them.
// README.md specifies both; frames here are the protocol's, not opt_frame's.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_HIL_FRAME_H_
#define TRIPTYCH_EMULATORS_OPTICAL_HIL_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace triptych::optical::hil {

inline constexpr uint32_t kMagic = 0x4C485254;  // "TRHL"
inline constexpr size_t kHeaderBytes = 20, kTrailerBytes = 4;
// A vector of the largest core, and some room.
inline constexpr uint32_t kMaxPayload = 1 << 20;

using Bytes = std::vector<uint8_t>;

struct Frame {
  uint16_t type = 0;
  uint32_t sequence = 0;
  Bytes payload;
  friend bool operator==(const Frame&, const Frame&) = default;
};

Bytes Encode(const Frame& frame);

// Finds frames in a stream of bytes that nobody vouches for. It never holds
// more than a frame and what was fed last.
class FrameReader {
 public:
  enum class Found : uint8_t {
    kNothing,  // more bytes are needed
    kFrame,
    kDamaged,  // a frame with a wrong CRC, or bytes that are no frame
  };
  void Feed(std::span<const uint8_t> bytes);
  // The next in the stream; `frame` is set if there is one. Bytes that are no
  // frame are passed over, and said once, until a header is sound again.
  Found Next(Frame* frame);

 private:
  void Drop(size_t count);
  Bytes bytes_;
  size_t begin_ = 0;   // of what was not read yet
  bool lost_ = false;  // looking for a header
};

}  // namespace triptych::optical::hil

#endif  // TRIPTYCH_EMULATORS_OPTICAL_HIL_FRAME_H_
