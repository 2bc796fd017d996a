// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/format.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "emulators/mesh/tile.h"
#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/tile/abi.h"

namespace triptych::mesh::tile {
namespace {

constexpr size_t kRun = kFace;  // elements of a face's row
constexpr size_t kRuns = kTileElements / kRun;

// Where run `i` of the stored order begins in a row-major tile.
constexpr size_t RunAt(size_t i) {
  const size_t face = i / kFace, row = i % kFace;
  const size_t down = face / 2 * kFace + row, right = face % 2 * kFace;
  return down * kTile + right;
}

struct Bfp {
  int magnitude_bits;
  size_t per_byte;
};
Bfp BfpOf(DType format) {
  return format == DType::kBfp8 ? Bfp{7, 1} : Bfp{3, 2};
}

void EncodeBfpRun(Bfp bfp, std::span<const float> run, std::byte* exponent,
                  std::byte* mantissas) {
  const uint8_t e = BfpExponent(run);
  *exponent = std::byte{e};
  for (size_t i = 0; i < run.size(); ++i) {
    const int32_t m = e == 255 ? 0 : BfpMantissa(run[i], e, bfp.magnitude_bits);
    const unsigned sign = m < 0 ? 1u << bfp.magnitude_bits : 0;
    const auto code =
        static_cast<uint8_t>(sign | static_cast<unsigned>(std::abs(m)));
    if (bfp.per_byte == 1) {
      mantissas[i] = std::byte{code};
    } else if (i % 2 == 0) {
      mantissas[i / 2] = std::byte{code};
    } else {
      mantissas[i / 2] |= std::byte(code << 4);
    }
  }
}

void DecodeBfpRun(Bfp bfp, std::byte exponent, const std::byte* mantissas,
                  float* run) {
  const int e = std::to_integer<int>(exponent);
  const unsigned sign = 1u << bfp.magnitude_bits;
  const float unit = std::ldexp(1.0f, e - 127 - (bfp.magnitude_bits - 1));
  for (size_t i = 0; i < kRun; ++i) {
    unsigned code = std::to_integer<unsigned>(mantissas[i / bfp.per_byte]);
    if (bfp.per_byte == 2) code = (i % 2 == 0 ? code : code >> 4) & 15;
    const float magnitude = static_cast<float>(code & (sign - 1)) * unit;
    run[i] = e == 255             ? std::numeric_limits<float>::quiet_NaN()
             : (code & sign) != 0 ? -magnitude
                                  : magnitude;
  }
}

}  // namespace

std::optional<DType> FormatOfCode(uint32_t code) {
  switch (code) {
    case TILE_F32:
      return DType::kF32;
    case TILE_BF16:
      return DType::kBf16;
    case TILE_BFP8:
      return DType::kBfp8;
    case TILE_BFP4:
      return DType::kBfp4;
    default:
      return std::nullopt;
  }
}

uint32_t CodeOf(DType format) {
  for (uint32_t code = TILE_F32; code <= TILE_BFP4; ++code) {
    if (FormatOfCode(code) == format) return code;
  }
  TRIPTYCH_CHECK(false, "no tiles have format", static_cast<int>(format));
  std::abort();
}

size_t BytesOf(DType format) { return static_cast<size_t>(TileBytes(format)); }

void EncodeTile(DType format, std::span<const float> values,
                std::span<std::byte> bytes) {
  TRIPTYCH_CHECK(
      values.size() == kTileElements && bytes.size() == BytesOf(format),
      "values", values.size(), "bytes", bytes.size());
  for (size_t i = 0; i < kRuns; ++i) {
    const auto run = values.subspan(RunAt(i), kRun);
    if (format == DType::kF32) {
      std::memcpy(&bytes[i * kRun * 4], run.data(), kRun * 4);
    } else if (format == DType::kBf16) {
      std::array<uint16_t, kRun> codes;
      for (size_t j = 0; j < kRun; ++j) codes[j] = Bf16FromF32(run[j]);
      std::memcpy(&bytes[i * kRun * 2], codes.data(), kRun * 2);
    } else {
      const Bfp bfp = BfpOf(format);
      EncodeBfpRun(bfp, run, &bytes[i],
                   &bytes[kRuns + i * kRun / bfp.per_byte]);
    }
  }
}

void DecodeTile(DType format, std::span<const std::byte> bytes,
                std::span<float> values) {
  TRIPTYCH_CHECK(
      values.size() == kTileElements && bytes.size() == BytesOf(format),
      "values", values.size(), "bytes", bytes.size());
  for (size_t i = 0; i < kRuns; ++i) {
    float* const run = &values[RunAt(i)];
    if (format == DType::kF32) {
      std::memcpy(run, &bytes[i * kRun * 4], kRun * 4);
    } else if (format == DType::kBf16) {
      std::array<uint16_t, kRun> codes;
      std::memcpy(codes.data(), &bytes[i * kRun * 2], kRun * 2);
      for (size_t j = 0; j < kRun; ++j) run[j] = F32FromBf16(codes[j]);
    } else {
      const Bfp bfp = BfpOf(format);
      DecodeBfpRun(bfp, bytes[i], &bytes[kRuns + i * kRun / bfp.per_byte], run);
    }
  }
}

}  // namespace triptych::mesh::tile
