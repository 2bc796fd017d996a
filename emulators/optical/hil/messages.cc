// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/hil/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "models/formats/byte_reader.h"
#include "rtl/rtl_constants.h"

namespace triptych::optical::hil {
namespace {

constexpr size_t kMaxText = 255;
constexpr uint32_t kMaxLanes = 65536;
constexpr double kMaxSigma = 0.5, kMaxBitErrors = 0.1;

class Writer {
 public:
  template <class T>
  Writer& Put(T value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
    return *this;
  }
  Writer& Text(const std::string& text) {
    const size_t size = std::min(text.size(), kMaxText);
    Put(static_cast<uint8_t>(size));
    bytes_.insert(bytes_.end(), text.begin(),
                  text.begin() + static_cast<std::ptrdiff_t>(size));
    return *this;
  }
  Bytes Done() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

ByteReader ReaderOf(const Frame& frame) {
  return {std::as_bytes(std::span(frame.payload)), "message"};
}

std::string PrintableAll(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

Result<std::string> ReadText(ByteReader& reader) {
  TRIPTYCH_ASSIGN(const uint8_t size, reader.Read<uint8_t>("name"));
  TRIPTYCH_ASSIGN(const auto text, reader.ReadText(size, "name"));
  return PrintableAll(text);
}

Status AtEnd(const ByteReader& reader) {
  if (reader.remaining() == 0) return {};
  return reader.Fail("end",
                     fmt::format("{} bytes too many", reader.remaining()));
}

template <class T>
Status InRange(const ByteReader& reader, std::string_view key, T value, T low,
               T high) {
  // Written so that what is not a number is not in any range.
  if (value >= low && value <= high) return {};
  return reader.Fail(key, fmt::format("{} is not allowed; allowed {} to {}",
                                      value, low, high));
}

}  // namespace

Bytes Pack(const Hello& hello) {
  return Writer().Put(hello.oldest).Put(hello.newest).Text(hello.name).Done();
}
Bytes Pack(const Welcome& w) {
  return Writer()
      .Put(w.version)
      .Put(w.capabilities)
      .Put(w.sources)
      .Put(w.receivers)
      .Put(w.dac_bits)
      .Put(w.adc_bits)
      .Text(w.name)
      .Done();
}
Bytes Pack(const BoundarySettings& s) {
  return Writer()
      .Put(s.sources)
      .Put(s.receivers)
      .Put(s.dac_bits)
      .Put(s.adc_bits)
      .Put(s.dem)
      .Put(static_cast<uint8_t>((s.correct ? 1 : 0) | (s.pairs ? 2 : 0)))
      .Put(s.track)
      .Put(s.calibrate_every)
      .Put(s.bit_errors)
      .Put(s.dac_unit_sigma)
      .Put(s.adc_unit_sigma)
      .Done();
}
Bytes Pack(const OpenRequest& open) {
  return Writer()
      .Put(open.role)
      .Put(uint8_t{0})
      .Put(open.tile)
      .Put(open.first)
      .Put(open.count)
      .Done();
}
Bytes Pack(const RegisterRequest& request) {
  return Writer()
      .Put(request.slice)
      .Put(request.offset)
      .Put(request.data)
      .Done();
}
Bytes PackText(const std::string& text) { return Writer().Text(text).Done(); }

Result<Hello> UnpackHello(const Frame& frame) {
  ByteReader reader = ReaderOf(frame);
  Hello hello;
  TRIPTYCH_ASSIGN(hello.oldest, reader.Read<uint16_t>("oldest"));
  TRIPTYCH_ASSIGN(hello.newest, reader.Read<uint16_t>("newest"));
  TRIPTYCH_ASSIGN(hello.name, ReadText(reader));
  // A newer peer may have more to say.
  return hello;
}

Result<Welcome> UnpackWelcome(const Frame& frame) {
  ByteReader reader = ReaderOf(frame);
  Welcome w;
  TRIPTYCH_ASSIGN(w.version, reader.Read<uint16_t>("version"));
  TRIPTYCH_ASSIGN(w.capabilities, reader.Read<uint32_t>("capabilities"));
  TRIPTYCH_ASSIGN(w.sources, reader.Read<uint32_t>("sources"));
  TRIPTYCH_ASSIGN(w.receivers, reader.Read<uint32_t>("receivers"));
  TRIPTYCH_ASSIGN(w.dac_bits, reader.Read<uint8_t>("dac_bits"));
  TRIPTYCH_ASSIGN(w.adc_bits, reader.Read<uint8_t>("adc_bits"));
  TRIPTYCH_ASSIGN(w.name, ReadText(reader));
  TRIPTYCH_TRY(AtEnd(reader));
  return w;
}

Result<BoundarySettings> UnpackSettings(const Frame& frame) {
  ByteReader reader = ReaderOf(frame);
  BoundarySettings s;
  TRIPTYCH_ASSIGN(s.sources, reader.Read<uint32_t>("sources"));
  TRIPTYCH_TRY(InRange(reader, "sources", s.sources, 1u, kMaxLanes));
  TRIPTYCH_ASSIGN(s.receivers, reader.Read<uint32_t>("receivers"));
  TRIPTYCH_TRY(InRange(reader, "receivers", s.receivers, 1u, kMaxLanes));
  TRIPTYCH_ASSIGN(s.dac_bits, reader.Read<uint8_t>("dac_bits"));
  TRIPTYCH_TRY(InRange<int>(reader, "dac_bits", s.dac_bits, 1, rtl::kDacBits));
  TRIPTYCH_ASSIGN(s.adc_bits, reader.Read<uint8_t>("adc_bits"));
  TRIPTYCH_TRY(
      InRange<int>(reader, "adc_bits", s.adc_bits, 1, rtl::kSarMaxBits));
  TRIPTYCH_ASSIGN(s.dem, reader.Read<uint8_t>("dem"));
  TRIPTYCH_TRY(InRange<int>(reader, "dem", s.dem, 0, rtl::kDemRandom));
  TRIPTYCH_ASSIGN(const uint8_t flags, reader.Read<uint8_t>("flags"));
  TRIPTYCH_TRY(InRange<int>(reader, "flags", flags, 0, 3));
  s.correct = (flags & 1) != 0;
  s.pairs = (flags & 2) != 0;
  TRIPTYCH_ASSIGN(s.track, reader.Read<uint8_t>("track"));
  TRIPTYCH_TRY(
      InRange<int>(reader, "track", s.track, 0, rtl::kCalMaxLog2Samples));
  TRIPTYCH_ASSIGN(s.calibrate_every, reader.Read<uint32_t>("calibrate_every"));
  TRIPTYCH_ASSIGN(s.bit_errors, reader.Read<double>("bit_errors"));
  TRIPTYCH_TRY(InRange(reader, "bit_errors", s.bit_errors, 0.0, kMaxBitErrors));
  TRIPTYCH_ASSIGN(s.dac_unit_sigma, reader.Read<double>("dac_unit_sigma"));
  TRIPTYCH_TRY(
      InRange(reader, "dac_unit_sigma", s.dac_unit_sigma, 0.0, kMaxSigma));
  TRIPTYCH_ASSIGN(s.adc_unit_sigma, reader.Read<double>("adc_unit_sigma"));
  TRIPTYCH_TRY(
      InRange(reader, "adc_unit_sigma", s.adc_unit_sigma, 0.0, kMaxSigma));
  TRIPTYCH_TRY(AtEnd(reader));
  return s;
}

Result<OpenRequest> UnpackOpen(const Frame& frame) {
  ByteReader reader = ReaderOf(frame);
  OpenRequest open;
  TRIPTYCH_ASSIGN(open.role, reader.Read<uint8_t>("role"));
  TRIPTYCH_TRY(InRange<int>(reader, "role", open.role, 0, 1));
  TRIPTYCH_TRY(reader.Skip(1, "zero"));
  TRIPTYCH_ASSIGN(open.tile, reader.Read<uint16_t>("tile"));
  TRIPTYCH_ASSIGN(open.first, reader.Read<uint32_t>("first"));
  TRIPTYCH_TRY(InRange(reader, "first", open.first, 0u, kMaxLanes));
  TRIPTYCH_ASSIGN(open.count, reader.Read<uint32_t>("count"));
  TRIPTYCH_TRY(InRange(reader, "count", open.count, 1u, kMaxLanes));
  TRIPTYCH_TRY(AtEnd(reader));
  return open;
}

Result<RegisterRequest> UnpackRegister(const Frame& frame) {
  ByteReader reader = ReaderOf(frame);
  RegisterRequest request;
  TRIPTYCH_ASSIGN(request.slice, reader.Read<uint32_t>("slice"));
  TRIPTYCH_ASSIGN(request.offset, reader.Read<uint32_t>("offset"));
  TRIPTYCH_ASSIGN(request.data, reader.Read<uint32_t>("data"));
  TRIPTYCH_TRY(AtEnd(reader));
  return request;
}

Result<std::string> UnpackText(const Frame& frame) {
  ByteReader reader = ReaderOf(frame);
  TRIPTYCH_ASSIGN(const uint8_t size, reader.Read<uint8_t>("text"));
  TRIPTYCH_ASSIGN(const auto text, reader.ReadText(size, "text"));
  TRIPTYCH_TRY(AtEnd(reader));
  return PrintableAll(text);
}

template <class T>
Status UnpackArray(const Frame& frame, std::span<T> values) {
  if (frame.payload.size() != values.size_bytes()) {
    return MakeError(
        ErrorCode::kCorrupt,
        fmt::format("message: {} bytes; allowed {}, for {} lanes",
                    frame.payload.size(), values.size_bytes(), values.size()));
  }
  if (!values.empty()) {
    std::memcpy(values.data(), frame.payload.data(), values.size_bytes());
  }
  return {};
}
template Status UnpackArray(const Frame&, std::span<uint16_t>);
template Status UnpackArray(const Frame&, std::span<int16_t>);
template Status UnpackArray(const Frame&, std::span<int32_t>);
template Status UnpackArray(const Frame&, std::span<uint32_t>);

uint32_t Needed(const BoundarySettings& settings) {
  uint32_t needed = 0;
  if (settings.dem != rtl::kDemOff) needed |= kDem;
  if (settings.correct) needed |= kCorrection;
  if (settings.pairs) needed |= kPairs;
  if (settings.calibrate_every > 0) needed |= kCalibration;
  if (settings.bit_errors > 0) needed |= kBitErrors;
  return needed;
}

}  // namespace triptych::optical::hil
