// Any bytes as what a host sends to `hil serve`: as a stream, and as the
// payload of a sound frame.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "emulators/optical/hil/server.h"
#include "kernels/base/check.h"

namespace hil = triptych::optical::hil;

namespace {

// Most of what a host may say needs a few slices, not a thousand of them.
bool IsSmall(const hil::Frame& request) {
  if (request.type != hil::kConfigure) return true;
  const auto settings = hil::UnpackSettings(request);
  return !settings || (settings->sources <= 128 && settings->receivers <= 128);
}

void Feed(hil::HostSession& session, const hil::Bytes& stream) {
  hil::FrameReader reader;
  reader.Feed(stream);
  hil::Frame request, answer;
  while (true) {
    const auto found = reader.Next(&request);
    if (found == hil::FrameReader::Found::kNothing) return;
    if (found == hil::FrameReader::Found::kDamaged) continue;
    if (!IsSmall(request)) return;
    hil::FrameReader back;
    back.Feed(session.Answer(request));
    TRIPTYCH_CHECK(back.Next(&answer) == hil::FrameReader::Found::kFrame,
                   "type", request.type);
    TRIPTYCH_CHECK(answer.sequence == request.sequence, "type", request.type);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hil::HostSession stranger({});
  Feed(stranger, hil::Bytes(data, data + size));

  // A host that is known and has slices open: its bytes as requests, each of
  // a type and a length that they begin with.
  hil::HostSession session({});
  triptych::optical::BoundarySettings settings;
  settings.sources = settings.receivers = 64;
  uint32_t sequence = 0;
  Feed(session,
       hil::Encode({hil::kHello, ++sequence, hil::Pack(hil::Hello{})}));
  Feed(session,
       hil::Encode({hil::kConfigure, ++sequence, hil::Pack(settings)}));
  if (size > 0) {
    const hil::OpenRequest open{static_cast<uint8_t>(data[0] & 1), 0, 0, 64};
    Feed(session, hil::Encode({hil::kOpen, ++sequence, hil::Pack(open)}));
  }
  for (size_t at = 1; at + 2 <= size;) {
    const uint16_t type = data[at] % 20;
    const size_t length = std::min<size_t>(data[at + 1] * 2, size - at - 2);
    const uint8_t* payload = data + at + 2;
    Feed(session, hil::Encode({type, ++sequence,
                               hil::Bytes(payload, payload + length)}));
    at += 2 + length;
  }
  return 0;
}
