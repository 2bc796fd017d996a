// SPDX-License-Identifier: Apache-2.0
#include "models/audio/wav.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "models/formats/byte_reader.h"
#include "models/mapped_file.h"

namespace triptych {
namespace {

// Of the field wFormatTag; the third says that a GUID further on, whose first
// bytes are one of the others, has it.
constexpr uint16_t kPcm = 1, kFloat = 3, kExtensible = 0xfffe;
constexpr uint16_t kMostChannels = 64;

struct Format {
  uint16_t kind = 0, channels = 0, bits = 0;
  uint32_t rate_hz = 0;
  size_t offset = 0;
  size_t bytes() const { return bits / 8u; }
};

Result<Format> ReadFormat(ByteReader r, uint32_t size) {
  Format f;
  f.offset = r.offset();
  const size_t start = r.remaining();
  TRIPTYCH_ASSIGN(f.kind, r.Read<uint16_t>("format tag"));
  TRIPTYCH_ASSIGN(f.channels, r.Read<uint16_t>("channels"));
  TRIPTYCH_ASSIGN(f.rate_hz, r.Read<uint32_t>("sample rate"));
  TRIPTYCH_TRY(r.Skip(6, "bytes a second and a block"));
  TRIPTYCH_ASSIGN(f.bits, r.Read<uint16_t>("bits"));
  if (f.kind == kExtensible) {
    TRIPTYCH_TRY(r.Skip(8, "extension"));
    TRIPTYCH_ASSIGN(f.kind, r.Read<uint16_t>("format tag of the extension"));
  }
  if (start - r.remaining() > size) {
    return r.FailAt(f.offset, "fmt", "the chunk is shorter than its fields");
  }
  const bool pcm =
      f.kind == kPcm && f.bits >= 8 && f.bits <= 32 && f.bits % 8 == 0;
  if (!pcm && !(f.kind == kFloat && f.bits == 32)) {
    return r.FailAt(f.offset, "fmt",
                    fmt::format("format {} of {} bits; allowed are PCM of 8, "
                                "16, 24, 32 and floats of 32",
                                f.kind, f.bits),
                    ErrorCode::kUnsupported);
  }
  if (f.channels < 1 || f.channels > kMostChannels || f.rate_hz == 0) {
    return r.FailAt(f.offset, "fmt",
                    fmt::format("{} channels at {} Hz; allowed are 1 to {}, at "
                                "more than 0",
                                f.channels, f.rate_hz, kMostChannels));
  }
  return f;
}

double Sample(const Format& f, const std::byte* at) {
  if (f.kind == kFloat) {
    float value;
    std::memcpy(&value, at, sizeof(value));
    return static_cast<double>(value);
  }
  // Bytes of 8 bits have their zero at 128; the others are two's complement.
  if (f.bits == 8) return (std::to_integer<int>(at[0]) - 128) / 128.0;
  uint32_t word = 0;  // the sample in its highest bits
  std::memcpy(reinterpret_cast<std::byte*>(&word) + 4 - f.bytes(), at,
              f.bytes());
  return static_cast<double>(static_cast<int32_t>(word)) / 0x1p31;
}

Sound SoundOf(const Format& f, std::span<const std::byte> data) {
  Sound sound;
  sound.rate_hz = f.rate_hz;
  const size_t block = f.channels * f.bytes();
  sound.samples.resize(data.size() / block);
  for (size_t i = 0; i < sound.samples.size(); ++i) {
    double sum = 0;
    for (size_t c = 0; c < f.channels; ++c) {
      sum += Sample(f, data.data() + i * block + c * f.bytes());
    }
    sound.samples[i] = static_cast<float>(sum / f.channels);
  }
  return sound;
}

}  // namespace

Result<Sound> ParseWav(std::span<const std::byte> bytes,
                       const std::string& file) {
  ByteReader r(bytes, file);
  TRIPTYCH_ASSIGN(const std::string_view riff, r.ReadText(4, "header"));
  TRIPTYCH_TRY(r.Skip(4, "size"));
  TRIPTYCH_ASSIGN(const std::string_view wave, r.ReadText(4, "header"));
  if (riff != "RIFF" || wave != "WAVE") {
    return r.FailAt(0, "header", "not a WAVE file; RIFF...WAVE is allowed",
                    ErrorCode::kUnsupported);
  }
  Format format;
  while (r.remaining() > 0) {
    TRIPTYCH_ASSIGN(const std::string_view name, r.ReadText(4, "chunk"));
    TRIPTYCH_ASSIGN(const uint32_t size, r.Read<uint32_t>("chunk size"));
    TRIPTYCH_TRY(r.Need(name == "data" ? 0 : size, Printable(name)));
    if (name == "fmt ") {
      TRIPTYCH_ASSIGN(format, ReadFormat(r, size));
    } else if (name == "data") {
      if (format.channels == 0) {
        return r.Fail("data", "comes before the chunk \"fmt \"");
      }
      // What writes to a pipe does not know the size: then all that is left.
      const size_t have = std::min<size_t>(size, r.remaining());
      return SoundOf(format, {r.here(), have});
    }
    // Chunks begin at even offsets.
    TRIPTYCH_TRY(r.Skip(std::min<size_t>(size + (size & 1), r.remaining()),
                        Printable(name)));
  }
  return r.Fail("data", "there is no such chunk");
}

Result<Sound> ReadWav(const std::string& path) {
  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(path));
  return ParseWav(file.bytes(), path);
}

std::vector<float> Centred(std::span<const float> samples, size_t count) {
  std::vector<float> out(count, 0.0F);
  if (samples.size() >= count) {
    const auto from = samples.subspan((samples.size() - count) / 2, count);
    std::copy(from.begin(), from.end(), out.begin());
  } else {
    const size_t before = (count - samples.size()) / 2;
    std::copy(samples.begin(), samples.end(),
              out.begin() + static_cast<std::ptrdiff_t>(before));
  }
  return out;
}

}  // namespace triptych
