// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/formats.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/base/check.h"
#include "kernels/base/formats_gguf.h"

namespace triptych {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr uint32_t kF32Infinity = 0x7F800000;

uint32_t Bits(float x) { return std::bit_cast<uint32_t>(x); }
uint32_t MagnitudeBits(float x) { return Bits(x) & 0x7FFFFFFF; }

// value / 2^shift, to nearest even; shift >= 1.
uint32_t ShiftRightEven(uint32_t value, int shift) {
  if (shift > 31) return 0;
  const uint32_t quotient = value >> shift;
  const uint32_t rest = value & ((uint32_t{1} << shift) - 1);
  const uint32_t half = uint32_t{1} << (shift - 1);
  return quotient + (rest > half || (rest == half && (quotient & 1) != 0));
}

// The sign-less code of a finite |x| in a float format with `mantissa` bits
// and exponent bias `bias`; may exceed the format's largest code, which is
// the caller's to saturate. The significand keeps its leading one, which adds
// itself to the exponent field, and so does a carry out of the rounding.
uint32_t EncodeMagnitude(uint32_t magnitude, int mantissa, int bias) {
  const int exponent = static_cast<int>(magnitude >> 23) - 127;
  if (exponent == -127) return 0;  // f32 subnormals are below every format
  const uint32_t significand = (magnitude & 0x7FFFFF) | 0x800000;
  const int field = std::max(exponent + bias, 1);
  const int below_normal = field - (exponent + bias);
  return (static_cast<uint32_t>(field - 1) << mantissa) +
         ShiftRightEven(significand, 23 - mantissa + below_normal);
}

// The inverse. The code's fields are moved to where f32 has them and the
// product puts the bias right; it is exact, subnormals included.
float DecodeMagnitude(uint32_t code, int mantissa, int bias) {
  return std::bit_cast<float>(code << (23 - mantissa)) *
         std::bit_cast<float>(static_cast<uint32_t>(254 - bias) << 23);
}

// Ties to even in the default rounding mode; values beyond the range saturate.
template <class Int>
Int SaturatingRound(float x) {
  if (std::isnan(x)) return 0;
  const double lowest = std::numeric_limits<Int>::lowest();
  const double highest = std::numeric_limits<Int>::max();
  return static_cast<Int>(
      std::clamp<double>(std::nearbyint(x), lowest, highest));
}

template <class T>
T Load(const void* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}
template <class T>
void Store(void* bytes, T value) {
  std::memcpy(bytes, &value, sizeof(T));
}

// Codes fill a nibble each, low one first.
void StoreNibble(uint8_t* bytes, size_t i, uint32_t nibble) {
  const int shift = 4 * (i % 2);
  bytes[i / 2] = static_cast<uint8_t>((bytes[i / 2] & (0xF0 >> shift)) |
                                      ((nibble & 0xF) << shift));
}
uint32_t LoadNibble(const uint8_t* bytes, size_t i) {
  return (bytes[i / 2] >> (4 * (i % 2))) & 0xF;
}

// ---- One block of each kind ----

// What one step of a mantissa is worth: a power of two, so that mantissa times
// unit is exact.
float BfpUnit(uint8_t exponent, int magnitude_bits) {
  if (exponent == 255) return kNan;
  return std::ldexp(1.f, exponent - 127 - (magnitude_bits - 1));
}

void DecodeBfp8(const uint8_t* block, float* out) {
  const float unit = BfpUnit(block[0], 7);
  for (size_t i = 0; i < kBfpBlock; ++i) {
    const uint8_t code = block[1 + i];
    out[i] = std::copysign(static_cast<float>(code & 0x7F),
                           (code & 0x80) != 0 ? -1.f : 1.f) *
             unit;
  }
}
void EncodeBfp8(const float* in, uint8_t* block) {
  block[0] = BfpExponent({in, kBfpBlock});
  for (size_t i = 0; i < kBfpBlock; ++i) {
    const int32_t mantissa = BfpMantissa(in[i], block[0], 7);
    block[1 + i] =
        static_cast<uint8_t>(std::abs(mantissa) | (mantissa < 0 ? 0x80 : 0));
  }
}

void DecodeBfp4(const uint8_t* block, float* out) {
  const float unit = BfpUnit(block[0], 3);
  for (size_t i = 0; i < kBfpBlock; ++i) {
    const uint32_t code = LoadNibble(block + 1, i);
    out[i] = std::copysign(static_cast<float>(code & 7),
                           (code & 8) != 0 ? -1.f : 1.f) *
             unit;
  }
}
void EncodeBfp4(const float* in, uint8_t* block) {
  block[0] = BfpExponent({in, kBfpBlock});
  for (size_t i = 0; i < kBfpBlock; ++i) {
    const int32_t mantissa = BfpMantissa(in[i], block[0], 3);
    StoreNibble(
        block + 1, i,
        static_cast<uint32_t>(std::abs(mantissa)) | (mantissa < 0 ? 8u : 0u));
  }
}

void DecodeI4(const uint8_t* block, size_t elements, float* out) {
  const float scale = Load<float>(block);
  for (size_t i = 0; i < elements; ++i) {
    const auto nibble = static_cast<int32_t>(LoadNibble(block + 4, i));
    out[i] = static_cast<float>((nibble ^ 8) - 8) * scale;  // sign-extended
  }
}
void EncodeI4(const float* in, size_t elements, uint8_t* block) {
  int8_t codes[128];
  Store(block, QuantizeRowInt<int8_t>({in, elements}, 4, {codes, elements}));
  for (size_t i = 0; i < elements; ++i) {
    StoreNibble(block + 4, i, static_cast<uint32_t>(codes[i]));
  }
}

// ---- Rows of plain formats ----

// Decodes `cols` elements of a plain format, one at a time.
template <class T, class Convert>
void EachFrom(const void* src, float* dst, size_t cols,
              const Convert& convert) {
  const auto* bytes = static_cast<const uint8_t*>(src);
  for (size_t c = 0; c < cols; ++c) {
    dst[c] = static_cast<float>(convert(Load<T>(bytes + c * sizeof(T))));
  }
}
template <class T, class Convert>
void EachTo(const float* src, void* dst, size_t cols, const Convert& convert) {
  auto* bytes = static_cast<uint8_t*>(dst);
  for (size_t c = 0; c < cols; ++c) {
    Store(bytes + c * sizeof(T), static_cast<T>(convert(src[c])));
  }
}

template <class T>
T Same(T x) {
  return x;
}

}  // namespace

uint16_t F16FromF32(float x) {
  const uint32_t magnitude = MagnitudeBits(x);
  const uint32_t sign = (Bits(x) >> 16) & 0x8000;
  if (magnitude > kF32Infinity) {
    return static_cast<uint16_t>(sign | 0x7E00 | ((magnitude >> 13) & 0x3FF));
  }
  const uint32_t code =
      magnitude == kF32Infinity ? 0x7C00 : EncodeMagnitude(magnitude, 10, 15);
  return static_cast<uint16_t>(sign | std::min<uint32_t>(code, 0x7C00));
}

float F32FromF16(uint16_t code) {
  const uint32_t magnitude = code & 0x7FFF;
  const uint32_t sign = (uint32_t{code} & 0x8000) << 16;
  const uint32_t bits = magnitude >= 0x7C00
                            ? kF32Infinity | ((magnitude & 0x3FF) << 13)
                            : Bits(DecodeMagnitude(magnitude, 10, 15));
  return std::bit_cast<float>(sign | bits);
}

uint8_t Fp8E4m3FromF32(float x) {
  const uint32_t magnitude = MagnitudeBits(x);
  const uint32_t sign = (Bits(x) >> 24) & 0x80;
  if (magnitude > kF32Infinity) return static_cast<uint8_t>(sign | 0x7F);
  const uint32_t code =
      magnitude == kF32Infinity ? 0x7E : EncodeMagnitude(magnitude, 3, 7);
  return static_cast<uint8_t>(sign | std::min<uint32_t>(code, 0x7E));
}

float F32FromFp8E4m3(uint8_t code) {
  const uint32_t magnitude = code & 0x7F;
  const float value =
      magnitude == 0x7F ? kNan : DecodeMagnitude(magnitude, 3, 7);
  return std::copysign(value, (code & 0x80) != 0 ? -1.f : 1.f);
}

uint8_t Fp4E2m1FromF32(float x) {
  const uint32_t code = EncodeMagnitude(MagnitudeBits(x), 1, 1);
  return static_cast<uint8_t>((Bits(x) >> 31 << 3) |
                              std::min<uint32_t>(code, 7));
}

float F32FromFp4E2m1(uint8_t code) {
  return std::copysign(DecodeMagnitude(code & 7, 1, 1),
                       (code & 8) != 0 ? -1.f : 1.f);
}

float AbsMax(std::span<const float> row) {
  // The bits of non-negative floats order as integers do, NaN above infinity:
  // nothing that is not finite can hide behind a comparison.
  uint32_t largest = 0;
  for (float x : row) largest = std::max(largest, MagnitudeBits(x));
  return largest >= kF32Infinity ? kNan : std::bit_cast<float>(largest);
}

uint8_t BfpExponent(std::span<const float> block) {
  uint32_t largest = 0;
  for (float x : block) largest = std::max(largest, MagnitudeBits(x));
  return static_cast<uint8_t>(largest >> 23);
}

int32_t BfpMantissa(float x, uint8_t exponent, int magnitude_bits) {
  TRIPTYCH_DCHECK(magnitude_bits >= 2 && magnitude_bits <= 23, magnitude_bits);
  const uint32_t magnitude = MagnitudeBits(x);
  const int own = static_cast<int>(magnitude >> 23);
  if (own == 0 || exponent == 255) return 0;
  TRIPTYCH_DCHECK(own <= exponent, "exponent", own, "above", int{exponent});
  const uint32_t significand = (magnitude & 0x7FFFFF) | 0x800000;
  const uint32_t rounded =
      ShiftRightEven(significand, 24 - magnitude_bits + exponent - own);
  const auto saturated = static_cast<int32_t>(
      std::min(rounded, (uint32_t{1} << magnitude_bits) - 1));
  return std::signbit(x) ? -saturated : saturated;
}

void RoundRowToBfp(std::span<float> row, int magnitude_bits) {
  for (size_t first = 0; first < row.size(); first += kBfpBlock) {
    const std::span<float> block =
        row.subspan(first, std::min(kBfpBlock, row.size() - first));
    const uint8_t exponent = BfpExponent(block);
    const float unit = BfpUnit(exponent, magnitude_bits);
    for (float& x : block) {
      x = static_cast<float>(BfpMantissa(x, exponent, magnitude_bits)) * unit;
    }
  }
}

template <class Int>
float QuantizeRowInt(std::span<const float> row, int bits,
                     std::span<Int> codes) {
  TRIPTYCH_DCHECK(
      bits >= 2 && bits <= 20 && bits <= 8 * static_cast<int>(sizeof(Int)),
      "bits", bits);
  TRIPTYCH_DCHECK(codes.size() == row.size(), codes.size(), row.size());
  const auto qmax = static_cast<float>(QMax(bits));
  const float absmax = AbsMax(row);
  const float inverse = qmax / absmax;
  if (absmax == 0 || !std::isfinite(inverse)) {
    std::fill(codes.begin(), codes.end(), Int{0});
    return std::isnan(absmax) ? kNan : 0.f;
  }
  for (size_t i = 0; i < row.size(); ++i) {
    codes[i] = static_cast<Int>(std::nearbyint(row[i] * inverse));
  }
  return absmax / qmax;
}
template float QuantizeRowInt<int8_t>(std::span<const float>, int,
                                      std::span<int8_t>);
template float QuantizeRowInt<int16_t>(std::span<const float>, int,
                                       std::span<int16_t>);
template float QuantizeRowInt<int32_t>(std::span<const float>, int,
                                       std::span<int32_t>);

void DequantizeRow(DType dtype, const void* src, float* dst, size_t cols) {
  const DTypeInfo& info = InfoOf(dtype);
  const size_t blocks = cols / info.block_elements;
  TRIPTYCH_CHECK(cols % info.block_elements == 0, info.name, "cols", cols);
  const auto each_block = [&](const auto& decode) {
    const auto* block = static_cast<const uint8_t*>(src);
    for (size_t b = 0; b < blocks; ++b) {
      decode(block + b * info.block_bytes, dst + b * info.block_elements);
    }
  };
  switch (dtype) {
    case DType::kF64:
      return EachFrom<double>(src, dst, cols, Same<double>);
    case DType::kF32:
      std::memcpy(dst, src, cols * sizeof(float));
      return;
    case DType::kBf16:
      return EachFrom<uint16_t>(src, dst, cols, F32FromBf16);
    case DType::kF16:
      return EachFrom<uint16_t>(src, dst, cols, F32FromF16);
    case DType::kI32:
      return EachFrom<int32_t>(src, dst, cols, Same<int32_t>);
    case DType::kI8:
      return EachFrom<int8_t>(src, dst, cols, Same<int8_t>);
    case DType::kU8:
      return EachFrom<uint8_t>(src, dst, cols, Same<uint8_t>);
    case DType::kQ8_0:
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
    case DType::kMxfp4:
      return each_block(GgufCodecOf(dtype).decode);
    case DType::kBfp8:
      return each_block(DecodeBfp8);
    case DType::kBfp4:
      return each_block(DecodeBfp4);
    case DType::kI4G32:
    case DType::kI4G64:
    case DType::kI4G128:
      return each_block([&](const uint8_t* block, float* out) {
        DecodeI4(block, info.block_elements, out);
      });
  }
}

void QuantizeRow(DType dtype, const float* src, void* dst, size_t cols) {
  const DTypeInfo& info = InfoOf(dtype);
  const size_t blocks = cols / info.block_elements;
  TRIPTYCH_CHECK(cols % info.block_elements == 0, info.name, "cols", cols);
  const auto each_block = [&](const auto& encode) {
    auto* block = static_cast<uint8_t*>(dst);
    for (size_t b = 0; b < blocks; ++b) {
      encode(src + b * info.block_elements, block + b * info.block_bytes);
    }
  };
  switch (dtype) {
    case DType::kF64:
      return EachTo<double>(src, dst, cols, Same<float>);
    case DType::kF32:
      std::memcpy(dst, src, cols * sizeof(float));
      return;
    case DType::kBf16:
      return EachTo<uint16_t>(src, dst, cols, Bf16FromF32);
    case DType::kF16:
      return EachTo<uint16_t>(src, dst, cols, F16FromF32);
    case DType::kI32:
      return EachTo<int32_t>(src, dst, cols, SaturatingRound<int32_t>);
    case DType::kI8:
      return EachTo<int8_t>(src, dst, cols, SaturatingRound<int8_t>);
    case DType::kU8:
      return EachTo<uint8_t>(src, dst, cols, SaturatingRound<uint8_t>);
    case DType::kQ8_0:
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
    case DType::kMxfp4:
      return each_block(GgufCodecOf(dtype).encode);
    case DType::kBfp8:
      return each_block(EncodeBfp8);
    case DType::kBfp4:
      return each_block(EncodeBfp4);
    case DType::kI4G32:
    case DType::kI4G64:
    case DType::kI4G128:
      return each_block([&](const float* in, uint8_t* block) {
        EncodeI4(in, info.block_elements, block);
      });
  }
}

}  // namespace triptych
