// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/formats_gguf.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"

namespace triptych {
namespace {

constexpr size_t kBlock = 32;   // elements of the plain block formats
constexpr size_t kSuper = 256;  // elements of the K formats

constexpr float kLargestF16 = 65504;
constexpr uint16_t kNanF16 = 0x7E00;

float LoadScale(const uint8_t* at) {
  uint16_t code;
  std::memcpy(&code, at, sizeof(code));
  return F32FromF16(code);
}
void StoreScale(uint16_t code, uint8_t* at) {
  std::memcpy(at, &code, sizeof(code));
}

// Saturating, so that large rows clip and do not turn into infinities; NaN
// stays NaN.
uint16_t F16Nearest(float x) {
  return F16FromF32(std::isnan(x) ? x
                                  : std::clamp(x, -kLargestF16, kLargestF16));
}
// The least f16 that is not below x, a number; saturates likewise.
uint16_t F16AtLeast(double x) {
  const uint16_t code = F16Nearest(static_cast<float>(x));
  const float value = F32FromF16(code);
  if (value >= x || value == kLargestF16) return code;
  return static_cast<uint16_t>((code & 0x8000) != 0 ? code - 1 : code + 1);
}
// The greatest f16 that is not above x.
uint16_t F16AtMost(double x) { return F16AtLeast(-x) ^ 0x8000; }

float InverseOrZero(float scale) {
  return scale == 0 || std::isnan(scale) ? 0.f : 1.f / scale;
}

// round(x / step) within 0..top; all zeros when there is no step.
uint32_t CodeOf(double x, double step, int top) {
  if (step == 0) return 0;
  return static_cast<uint32_t>(
      std::clamp(std::nearbyint(x / step), 0.0, static_cast<double>(top)));
}

// ---- Blocks of 32 ----

void DecodeQ8(const uint8_t* block, float* out) {
  const float scale = LoadScale(block);
  for (size_t i = 0; i < kBlock; ++i) {
    out[i] = static_cast<float>(static_cast<int8_t>(block[2 + i])) * scale;
  }
}
void EncodeQ8(const float* in, uint8_t* block) {
  const uint16_t scale = F16Nearest(AbsMax({in, kBlock}) / 127.f);
  StoreScale(scale, block);
  const float inverse = InverseOrZero(F32FromF16(scale));
  for (size_t i = 0; i < kBlock; ++i) {
    // -128 is left unused: products of codes then fit in 15 bits.
    const float code = std::nearbyint(inverse == 0 ? 0.f : in[i] * inverse);
    block[2 + i] = static_cast<uint8_t>(
        static_cast<int8_t>(std::clamp(code, -127.f, 127.f)));
  }
}

// Where a block of 4- or 5-bit codes has what.
template <int kBits, bool kLeast>
struct Layout {
  static constexpr int kTop = (1 << kBits) - 1;
  static constexpr int kMiddle = 1 << (kBits - 1);
  static constexpr size_t kFifths = kLeast ? 4 : 2;
  static constexpr size_t kNibbles = kFifths + (kBits == 5 ? 4 : 0);
};

template <int kBits, bool kLeast>
void LoadCodes(const uint8_t* block, std::array<uint8_t, kBlock>& codes) {
  using L = Layout<kBits, kLeast>;
  for (size_t i = 0; i < kBlock / 2; ++i) {
    codes[i] = block[L::kNibbles + i] & 15;
    codes[i + kBlock / 2] = block[L::kNibbles + i] >> 4;
  }
  if constexpr (kBits == 5) {
    uint32_t fifths;
    std::memcpy(&fifths, block + L::kFifths, sizeof(fifths));
    for (size_t i = 0; i < kBlock; ++i) codes[i] |= (fifths >> i & 1) << 4;
  }
}
template <int kBits, bool kLeast>
void StoreCodes(const std::array<uint8_t, kBlock>& codes, uint8_t* block) {
  using L = Layout<kBits, kLeast>;
  for (size_t i = 0; i < kBlock / 2; ++i) {
    block[L::kNibbles + i] = static_cast<uint8_t>(
        (codes[i] & 15) | (codes[i + kBlock / 2] & 15) << 4);
  }
  if constexpr (kBits == 5) {
    uint32_t fifths = 0;
    for (size_t i = 0; i < kBlock; ++i) fifths |= (codes[i] >> 4) << i;
    std::memcpy(block + L::kFifths, &fifths, sizeof(fifths));
  }
}

// q4_0, q5_0: codes around the middle one.
template <int kBits>
void DecodeCentred(const uint8_t* block, float* out) {
  std::array<uint8_t, kBlock> codes;
  LoadCodes<kBits, false>(block, codes);
  const float scale = LoadScale(block);
  for (size_t i = 0; i < kBlock; ++i) {
    out[i] =
        static_cast<float>(codes[i] - Layout<kBits, false>::kMiddle) * scale;
  }
}
template <int kBits>
void EncodeCentred(const float* in, uint8_t* block) {
  using L = Layout<kBits, false>;
  constexpr float kMiddle = L::kMiddle;
  // The extreme takes code 0: the side that has one code more.
  const float absmax = AbsMax({in, kBlock});
  const bool positive = std::find(in, in + kBlock, absmax) != in + kBlock;
  const uint16_t scale = F16Nearest((positive ? -absmax : absmax) / kMiddle);
  StoreScale(scale, block);
  const float inverse = InverseOrZero(F32FromF16(scale));
  std::array<uint8_t, kBlock> codes;
  for (size_t i = 0; i < kBlock; ++i) {
    const float q =
        std::nearbyint(inverse == 0 ? 0.f : in[i] * inverse) + kMiddle;
    codes[i] =
        static_cast<uint8_t>(std::clamp(q, 0.f, static_cast<float>(L::kTop)));
  }
  StoreCodes<kBits, false>(codes, block);
}

// q4_1, q5_1: codes from the least value up.
template <int kBits>
void DecodeFromLeast(const uint8_t* block, float* out) {
  std::array<uint8_t, kBlock> codes;
  LoadCodes<kBits, true>(block, codes);
  const float scale = LoadScale(block), least = LoadScale(block + 2);
  for (size_t i = 0; i < kBlock; ++i) {
    out[i] = static_cast<float>(codes[i]) * scale + least;
  }
}
template <int kBits>
void EncodeFromLeast(const float* in, uint8_t* block) {
  constexpr int kTop = Layout<kBits, true>::kTop;
  uint16_t scale_code = kNanF16, least_code = kNanF16;
  if (!std::isnan(AbsMax({in, kBlock}))) {
    const auto [least, greatest] = std::minmax_element(in, in + kBlock);
    least_code = F16AtMost(*least);
    scale_code =
        F16AtLeast((double{*greatest} - F32FromF16(least_code)) / kTop);
  }
  StoreScale(scale_code, block);
  StoreScale(least_code, block + 2);
  const double scale = F32FromF16(scale_code), least = F32FromF16(least_code);
  std::array<uint8_t, kBlock> codes{};
  for (size_t i = 0; i < kBlock && !std::isnan(scale); ++i) {
    codes[i] = static_cast<uint8_t>(CodeOf(in[i] - least, scale, kTop));
  }
  StoreCodes<kBits, true>(codes, block);
}

constexpr uint8_t kNanE8m0 = 255;

void DecodeMxfp4(const uint8_t* block, float* out) {
  const float unit =
      block[0] == kNanE8m0 ? std::nanf("") : std::ldexp(1.f, block[0] - 127);
  for (size_t i = 0; i < kBlock / 2; ++i) {
    out[i] = F32FromFp4E2m1(block[1 + i] & 15) * unit;
    out[i + kBlock / 2] = F32FromFp4E2m1(block[1 + i] >> 4) * unit;
  }
}
void EncodeMxfp4(const float* in, uint8_t* block) {
  const float absmax = AbsMax({in, kBlock});
  // The largest fp4 has exponent 2.
  block[0] = std::isnan(absmax) ? kNanE8m0
             : absmax == 0      ? uint8_t{0}
                                : static_cast<uint8_t>(std::clamp(
                                      std::ilogb(absmax) - 2 + 127, 0, 254));
  const auto code = [&](float x) {
    if (block[0] == kNanE8m0) return 0;
    return int{Fp4E2m1FromF32(std::ldexp(x, 127 - block[0]))};
  };
  for (size_t i = 0; i < kBlock / 2; ++i) {
    block[1 + i] =
        static_cast<uint8_t>(code(in[i]) | code(in[i + kBlock / 2]) << 4);
  }
}

// ---- Super-blocks of 256 ----

// Scales and least values of the 8 runs of q4_k and q5_k, 6 bits each.
struct RunScales {
  std::array<uint8_t, 8> scale{}, least{};
};

RunScales UnpackRunScales(const uint8_t* at) {
  RunScales runs;
  for (size_t i = 0; i < 4; ++i) {
    runs.scale[i] = at[i] & 63;
    runs.least[i] = at[i + 4] & 63;
    runs.scale[i + 4] =
        static_cast<uint8_t>((at[i + 8] & 15) | (at[i] >> 6) << 4);
    runs.least[i + 4] =
        static_cast<uint8_t>(at[i + 8] >> 4 | (at[i + 4] >> 6) << 4);
  }
  return runs;
}
void PackRunScales(const RunScales& runs, uint8_t* at) {
  for (size_t i = 0; i < 4; ++i) {
    at[i] = static_cast<uint8_t>(runs.scale[i] | (runs.scale[i + 4] >> 4) << 6);
    at[i + 4] =
        static_cast<uint8_t>(runs.least[i] | (runs.least[i + 4] >> 4) << 6);
    at[i + 8] = static_cast<uint8_t>((runs.scale[i + 4] & 15) |
                                     (runs.least[i + 4] & 15) << 4);
  }
}

constexpr size_t kRunScales = 4;        // where they are
constexpr size_t kKBits = 4 + 12;       // q5_k: fifth bits; q4_k: nibbles
constexpr size_t kFifthBytes = kBlock;  // of q5_k

template <int kBits>
void DecodeK(const uint8_t* block, float* out) {
  const float d = LoadScale(block), dmin = LoadScale(block + 2);
  const RunScales runs = UnpackRunScales(block + kRunScales);
  const uint8_t* fifths = block + kKBits;
  const uint8_t* nibbles = fifths + (kBits == 5 ? kFifthBytes : 0);
  for (size_t run = 0; run < 8; ++run) {
    // Exact: 11 and 6 bits; and so is the product with a code.
    const float step = d * static_cast<float>(runs.scale[run]);
    const float least = dmin * static_cast<float>(runs.least[run]);
    for (size_t i = 0; i < kBlock; ++i) {
      int code = nibbles[run / 2 * kBlock + i] >> (run % 2 * 4) & 15;
      if (kBits == 5) code |= (fifths[i] >> run & 1) << 4;
      *out++ = static_cast<float>(code) * step - least;
    }
  }
}

// The f16 that carries the largest of `wanted`, which are not negative, in
// `top` steps, and how many of these steps hold each; rounded up.
template <size_t kRuns>
uint16_t ScaleRuns(const std::array<double, kRuns>& wanted, int top,
                   std::array<uint8_t, kRuns>& steps) {
  const uint16_t code =
      F16AtLeast(*std::max_element(wanted.begin(), wanted.end()) / top);
  const double unit = F32FromF16(code);
  for (size_t run = 0; run < kRuns; ++run) {
    steps[run] = static_cast<uint8_t>(
        unit == 0 ? 0.0 : std::min<double>(std::ceil(wanted[run] / unit), top));
  }
  return code;
}

template <int kBits>
void EncodeK(const float* in, uint8_t* block) {
  constexpr int kTop = (1 << kBits) - 1;
  constexpr int kSteps = 63;
  std::fill_n(block, kKBits + (kBits == 5 ? kFifthBytes : 0) + kSuper / 2, 0);
  if (std::isnan(AbsMax({in, kSuper}))) {
    StoreScale(kNanF16, block);
    StoreScale(kNanF16, block + 2);
    return;
  }
  // Least values first: what they round to is what a step has to span.
  std::array<double, 8> below, greatest, span;
  for (size_t run = 0; run < 8; ++run) {
    const float* begin = in + run * kBlock;
    const auto [least, most] = std::minmax_element(begin, begin + kBlock);
    below[run] = -std::min(*least, 0.f);
    greatest[run] = *most;
  }
  RunScales runs;
  const uint16_t dmin_code = ScaleRuns(below, kSteps, runs.least);
  const double dmin = F32FromF16(dmin_code);
  for (size_t run = 0; run < 8; ++run) {
    span[run] = std::max(greatest[run] + dmin * runs.least[run], 0.0) / kTop;
  }
  const uint16_t d_code = ScaleRuns(span, kSteps, runs.scale);
  const double d = F32FromF16(d_code);
  StoreScale(d_code, block);
  StoreScale(dmin_code, block + 2);
  PackRunScales(runs, block + kRunScales);
  uint8_t* fifths = block + kKBits;
  uint8_t* nibbles = fifths + (kBits == 5 ? kFifthBytes : 0);
  for (size_t run = 0; run < 8; ++run) {
    const double step = d * runs.scale[run], least = dmin * runs.least[run];
    for (size_t i = 0; i < kBlock; ++i) {
      const uint32_t code = CodeOf(*in++ + least, step, kTop);
      nibbles[run / 2 * kBlock + i] |= (code & 15) << (run % 2 * 4);
      if (kBits == 5) fifths[i] |= (code >> 4) << run;
    }
  }
}

// Where q6_k keeps element `i`.
struct Q6Place {
  size_t nibble, pair;           // bytes
  int nibble_shift, pair_shift;  // bits
  explicit Q6Place(size_t i)
      : nibble(i / 128 * 64 + i % 64),
        pair(kPairs + i / 128 * 32 + i % 32),
        nibble_shift(static_cast<int>(i / 64 % 2 * 4)),
        pair_shift(static_cast<int>(i / 32 % 4 * 2)) {}
  static constexpr size_t kPairs = 128, kScales = 192, kD = 208;
};

constexpr size_t kQ6Run = 16;

void DecodeQ6(const uint8_t* block, float* out) {
  const float d = LoadScale(block + Q6Place::kD);
  for (size_t i = 0; i < kSuper; ++i) {
    const Q6Place at(i);
    const int code = (block[at.nibble] >> at.nibble_shift & 15) |
                     (block[at.pair] >> at.pair_shift & 3) << 4;
    const auto scale =
        static_cast<int8_t>(block[Q6Place::kScales + i / kQ6Run]);
    // d * scale is exact (11 and 8 bits); the product rounds once.
    out[i] = d * static_cast<float>(scale) * static_cast<float>(code - 32);
  }
}
void EncodeQ6(const float* in, uint8_t* block) {
  constexpr int kReach = 31;  // codes -31..31 about 32: what fits both sides
  std::fill_n(block, Q6Place::kD, 0);
  if (std::isnan(AbsMax({in, kSuper}))) {
    StoreScale(kNanF16, block + Q6Place::kD);
    return;
  }
  std::array<double, kSuper / kQ6Run> wanted;
  for (size_t run = 0; run < wanted.size(); ++run) {
    wanted[run] = double{AbsMax({in + run * kQ6Run, kQ6Run})} / kReach;
  }
  std::array<uint8_t, kSuper / kQ6Run> scales;
  const uint16_t d_code = ScaleRuns(wanted, 127, scales);
  const double d = F32FromF16(d_code);
  std::copy(scales.begin(), scales.end(), block + Q6Place::kScales);
  StoreScale(d_code, block + Q6Place::kD);
  for (size_t i = 0; i < kSuper; ++i) {
    const double step = d * scales[i / kQ6Run];
    const uint32_t code =
        step == 0 ? 32 : CodeOf(in[i] + 32 * step, step, 32 + kReach);
    const Q6Place at(i);
    block[at.nibble] |= (code & 15) << at.nibble_shift;
    block[at.pair] |= (code >> 4) << at.pair_shift;
  }
}

struct Row {
  DType dtype;
  GgufCodec codec;
};
constexpr Row kCodecs[] = {
    {DType::kQ8_0, {DecodeQ8, EncodeQ8}},
    {DType::kQ4_0, {DecodeCentred<4>, EncodeCentred<4>}},
    {DType::kQ4_1, {DecodeFromLeast<4>, EncodeFromLeast<4>}},
    {DType::kQ5_0, {DecodeCentred<5>, EncodeCentred<5>}},
    {DType::kQ5_1, {DecodeFromLeast<5>, EncodeFromLeast<5>}},
    {DType::kQ4_K, {DecodeK<4>, EncodeK<4>}},
    {DType::kQ5_K, {DecodeK<5>, EncodeK<5>}},
    {DType::kQ6_K, {DecodeQ6, EncodeQ6}},
    {DType::kMxfp4, {DecodeMxfp4, EncodeMxfp4}},
};

}  // namespace

const GgufCodec& GgufCodecOf(DType dtype) {
  for (const Row& row : kCodecs) {
    if (row.dtype == dtype) return row.codec;
  }
  TRIPTYCH_CHECK(false, InfoOf(dtype).name, "is no block format of GGUF");
}

}  // namespace triptych
