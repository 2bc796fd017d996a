// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/hil/frame.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "kernels/base/check.h"
#include "rtl/opt_frame/opt_frame_model.h"

namespace triptych::optical::hil {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the wire is little-endian, and so is this machine");

template <class T>
void Put(Bytes& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

template <class T>
T Take(std::span<const uint8_t> bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Where a header has what.
constexpr size_t kTypeAt = 4, kZeroAt = 6, kSequenceAt = 8, kLengthAt = 12,
                 kCrcAt = 16;

bool IsHeader(std::span<const uint8_t> bytes) {
  return Take<uint32_t>(bytes, 0) == kMagic &&
         Take<uint32_t>(bytes, kCrcAt) == rtl::Crc32(bytes.first(kCrcAt)) &&
         Take<uint16_t>(bytes, kZeroAt) == 0 &&
         Take<uint32_t>(bytes, kLengthAt) <= kMaxPayload;
}

}  // namespace

Bytes Encode(const Frame& frame) {
  TRIPTYCH_CHECK(frame.payload.size() <= kMaxPayload, "bytes",
                 frame.payload.size());
  const size_t size = frame.payload.size();
  Bytes bytes(kHeaderBytes + size + kTrailerBytes);
  Put(bytes, 0, kMagic);
  Put(bytes, kTypeAt, frame.type);
  Put(bytes, kSequenceAt, frame.sequence);
  Put(bytes, kLengthAt, static_cast<uint32_t>(size));
  Put(bytes, kCrcAt, rtl::Crc32(std::span(bytes).first(kCrcAt)));
  std::ranges::copy(frame.payload, bytes.begin() + kHeaderBytes);
  Put(bytes, kHeaderBytes + size, rtl::Crc32(frame.payload));
  return bytes;
}

void FrameReader::Feed(std::span<const uint8_t> bytes) {
  bytes_.erase(bytes_.begin(),
               bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
  begin_ = 0;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void FrameReader::Drop(size_t count) { begin_ += count; }

FrameReader::Found FrameReader::Next(Frame* frame) {
  while (true) {
    const std::span<const uint8_t> rest =
        std::span<const uint8_t>(bytes_).subspan(begin_);
    if (rest.size() < kHeaderBytes) return Found::kNothing;
    if (!IsHeader(rest)) {
      const auto next = std::find(rest.begin() + 1, rest.end(),
                                  static_cast<uint8_t>(kMagic & 0xFF));
      Drop(static_cast<size_t>(next - rest.begin()));
      if (std::exchange(lost_, true)) continue;
      return Found::kDamaged;
    }
    lost_ = false;
    const uint32_t length = Take<uint32_t>(rest, kLengthAt);
    const size_t size = kHeaderBytes + length + kTrailerBytes;
    if (rest.size() < size) return Found::kNothing;
    const std::span<const uint8_t> payload = rest.subspan(kHeaderBytes, length);
    if (Take<uint32_t>(rest, kHeaderBytes + length) != rtl::Crc32(payload)) {
      // Not more than its header: bytes may be missing, and the next frame
      // begin within what looks like this one's.
      Drop(kHeaderBytes);
      lost_ = true;
      return Found::kDamaged;
    }
    frame->type = Take<uint16_t>(rest, kTypeAt);
    frame->sequence = Take<uint32_t>(rest, kSequenceAt);
    frame->payload.assign(payload.begin(), payload.end());
    Drop(size);
    return Found::kFrame;
  }
}

}  // namespace triptych::optical::hil
