// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/formats.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/base/rng.h"

namespace triptych {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A float format of at most 16 bits, to be tested over all its codes.
// `largest` is the code of its largest finite number; what lies half a step
// or more beyond becomes `overflow`.
struct Minifloat {
  const char* name;
  uint32_t sign, largest, overflow;
  uint32_t (*encode)(float);
  float (*decode)(uint32_t);
};

constexpr Minifloat kMinifloats[] = {
    {"bf16", 0x8000, 0x7F7F, 0x7F80,
     [](float x) -> uint32_t { return Bf16FromF32(x); },
     [](uint32_t c) { return F32FromBf16(static_cast<uint16_t>(c)); }},
    {"f16", 0x8000, 0x7BFF, 0x7C00,
     [](float x) -> uint32_t { return F16FromF32(x); },
     [](uint32_t c) { return F32FromF16(static_cast<uint16_t>(c)); }},
    {"e4m3", 0x80, 0x7E, 0x7E,
     [](float x) -> uint32_t { return Fp8E4m3FromF32(x); },
     [](uint32_t c) { return F32FromFp8E4m3(static_cast<uint8_t>(c)); }},
};

TEST_CASE("All codes of all float formats survive a round trip") {
  for (const Minifloat& format : kMinifloats) {
    CAPTURE(format.name);
    int wrong = 0;
    for (uint32_t code = 0; code < 2 * format.sign; ++code) {
      const float value = format.decode(code);
      const uint32_t back = format.encode(value);
      if (std::isnan(value)) {
        wrong += !std::isnan(format.decode(back)) ||
                 (back & format.sign) != (code & format.sign);
      } else {
        wrong += back != code;
      }
    }
    CHECK(wrong == 0);
  }
}

// Between each two neighbours: the f32 just below the middle goes down, the
// middle to the even code, the f32 just above it up. Together with the round
// trip this is rounding to nearest even over the whole range.
TEST_CASE("Rounding is to nearest even between all neighbours") {
  for (const Minifloat& format : kMinifloats) {
    CAPTURE(format.name);
    int wrong = 0;
    for (uint32_t code = 0; code < format.largest; ++code) {
      const float low = format.decode(code), high = format.decode(code + 1);
      CHECK_MESSAGE(low < high, code);
      // Exact: one bit more than the format has, and f32 has more.
      const float middle = static_cast<float>((double{low} + double{high}) / 2);
      const uint32_t even = code + (code & 1);
      wrong += format.encode(std::nextafter(middle, -kInf)) != code;
      wrong += format.encode(middle) != even;
      wrong += format.encode(-middle) != (even | format.sign);
      wrong += format.encode(std::nextafter(middle, kInf)) != code + 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("Overflow, infinities and zeros of the float formats") {
  for (const Minifloat& format : kMinifloats) {
    CAPTURE(format.name);
    CHECK(format.encode(kInf) == format.overflow);
    CHECK(format.encode(-kInf) == (format.overflow | format.sign));
    CHECK(format.encode(3.4e38f * 0.9999f) <= format.overflow);
    CHECK(format.encode(0.f) == 0);
    CHECK(format.encode(-0.f) == format.sign);
    CHECK(format.encode(1e-45f) == 0);  // the least f32: below half of any
  }
  CHECK(F16FromF32(65519.f) == 0x7BFF);
  CHECK(F16FromF32(65520.f) == 0x7C00);  // the middle, to even: infinity
  CHECK(RoundToFp8E4m3(1e30f) == 448.f);
  CHECK(RoundToFp8E4m3(-465.f) == -448.f);
  CHECK(Bf16FromF32(std::numeric_limits<float>::max()) == 0x7F80);
}

TEST_CASE("Values of the float formats that their standards print") {
  CHECK(F32FromF16(0x3C00) == 1.f);
  CHECK(F32FromF16(0x0001) == 0x1p-24f);
  CHECK(F32FromF16(0x7BFF) == 65504.f);
  CHECK(F32FromF16(0x3555) == doctest::Approx(1.0 / 3).epsilon(2e-4));
  CHECK(F32FromBf16(0x3F80) == 1.f);
  CHECK(F32FromBf16(0x4049) == 3.140625f);
  CHECK(F32FromFp8E4m3(0x7E) == 448.f);
  CHECK(F32FromFp8E4m3(0x01) == 0x1p-9f);
  CHECK(F32FromFp8E4m3(0x08) == 0x1p-6f);
  CHECK(std::isnan(F32FromFp8E4m3(0xFF)));
}

// ---- Shared exponents ----

std::vector<float> RandomRow(size_t n, uint64_t seed, double spread = 1) {
  Rng rng(seed);
  std::vector<float> row(n);
  for (float& x : row) {
    x = static_cast<float>(rng.Normal() * std::exp(spread * rng.Normal()));
  }
  return row;
}

std::vector<uint8_t> Encode(DType dtype, const std::vector<float>& row) {
  std::vector<uint8_t> bytes(RowBytes(dtype, row.size()));
  QuantizeRow(dtype, row.data(), bytes.data(), row.size());
  return bytes;
}
std::vector<float> Decode(DType dtype, const std::vector<uint8_t>& bytes,
                          size_t n) {
  std::vector<float> row(n);
  DequantizeRow(dtype, bytes.data(), row.data(), n);
  return row;
}

TEST_CASE("A bfp8 block by hand") {
  std::vector<float> row(16, 0.f);
  row[0] = 1.f;        // the largest: mantissa 64 of exponent 127
  row[1] = -0.5f;      // 32
  row[2] = 1.f / 128;  // half a step: to even, 0
  row[3] = 3.f / 128;  // one and a half: to even, 2
  row[4] = -1.f / 64;  // one step
  row[5] = 1.999f;     // 127.9 rounds past the top: saturates at 127
  const std::vector<uint8_t> bytes = Encode(DType::kBfp8, row);
  const uint8_t expected[7] = {127, 64, 0x80 | 32, 0, 2, 0x81, 127};
  for (size_t i = 0; i < 7; ++i) CHECK(bytes[i] == expected[i]);
  CHECK(Decode(DType::kBfp8, bytes, 16)[5] == 127.f / 64);
}

TEST_CASE("A bfp4 block by hand") {
  std::vector<float> row(16, 0.f);
  row[0] = 4.f;   // exponent 129: 4
  row[1] = -3.f;  // 3
  row[2] = 0.5f;  // half a step: 0
  row[15] = 7.9f;
  const std::vector<uint8_t> bytes = Encode(DType::kBfp4, row);
  CHECK(bytes[0] == 129);
  CHECK(bytes[1] == (4 | (0x8 | 3) << 4));
  CHECK(bytes[2] == 0);
  CHECK(bytes[8] == 7 << 4);
}

TEST_CASE("Every bfp code decodes to its formula") {
  int wrong = 0;
  for (int exponent = 0; exponent < 255; ++exponent) {
    for (int code = 0; code < 256; ++code) {
      std::vector<uint8_t> block(17, static_cast<uint8_t>(code));
      block[0] = static_cast<uint8_t>(exponent);
      const double sign = code < 128 ? 1 : -1;
      wrong += Decode(DType::kBfp8, block, 16)[9] !=
               sign * std::ldexp(code & 127, exponent - 133);
      block.resize(9);
      const int nibble = code >> 4;
      wrong += Decode(DType::kBfp4, block, 16)[9] !=
               (nibble < 8 ? 1 : -1) * std::ldexp(nibble & 7, exponent - 129);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("bfp errors are half a step, one where the top saturates") {
  for (const auto& [dtype, bits] :
       {std::pair{DType::kBfp8, 7}, std::pair{DType::kBfp4, 3}}) {
    const std::vector<float> row = RandomRow(16 * 500, 5);
    const std::vector<uint8_t> bytes = Encode(dtype, row);
    const std::vector<float> got = Decode(dtype, bytes, row.size());
    CHECK(Encode(dtype, got) == bytes);
    std::vector<float> rounded = row;
    RoundRowToBfp(rounded, bits);
    CHECK(rounded == got);
    int wrong = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::span<const float> block(row.data() + i / 16 * 16, 16);
      const int exponent = std::ilogb(AbsMax(block));
      const double step = std::ldexp(1, exponent - (bits - 1));
      const double top = step * ((1 << bits) - 1);
      const double bound = std::abs(row[i]) > top ? step : step / 2;
      wrong += std::abs(double{got[i]} - double{row[i]}) > bound;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("A short last block is rounded by itself") {
  std::vector<float> row(17, 1000.f);
  row[16] = 1.25f;
  RoundRowToBfp(row, 3);
  CHECK(row[16] == 1.25f);
}

// ---- Scales ----

TEST_CASE("Symmetric integers: codes, scale, zeros, ties") {
  const std::vector<float> row = {-127.f, 0.5f, 1.5f, -2.5f, 126.4f, 0.f};
  int8_t codes[6];
  CHECK(QuantizeRowInt<int8_t>(row, 8, codes) == 1.f);
  const int8_t expected[6] = {-127, 0, 2, -2, 126, 0};
  for (size_t i = 0; i < 6; ++i) CHECK(codes[i] == expected[i]);

  const std::vector<float> zeros(6, 0.f);
  CHECK(QuantizeRowInt<int8_t>(zeros, 8, codes) == 0.f);
  CHECK(codes[0] == 0);
  CHECK(QuantizeRowInt<int8_t>({}, 8, {}) == 0.f);
  const std::vector<float> tiny(6, 1e-42f);  // 127 / 1e-42 overflows
  CHECK(QuantizeRowInt<int8_t>(tiny, 8, codes) == 0.f);
  CHECK(codes[0] == 0);
}

TEST_CASE("Symmetric integers of every width stay in range and near") {
  const std::vector<float> row = RandomRow(1000, 8);
  std::vector<int32_t> codes(row.size());
  for (int bits = 2; bits <= 20; ++bits) {
    const float scale = QuantizeRowInt<int32_t>(row, bits, codes);
    // Half a code, and the f32 roundings of inverse, product and scale.
    const double bound = scale * (0.5 + QMax(bits) * 4 * 0x1p-24);
    int wrong = 0, reached = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      const double value = double{scale} * codes[i];
      wrong += std::abs(value - double{row[i]}) > bound;
      wrong += std::abs(codes[i]) > QMax(bits);
      reached += std::abs(codes[i]) == QMax(bits);
    }
    CHECK(wrong == 0);
    CHECK(reached >= 1);
  }
}

TEST_CASE("Scaled block formats: the error each promises") {
  struct Case {
    DType dtype;
    double steps;  // of the block's scale; what clipping adds is in it
  };
  // q8_0 clips by the rounding of its scale, 127 * 2^-11 = 0.06 steps at
  // most; q4_0 has no code 8 opposite its extreme: a whole step.
  for (const Case& c : {Case{DType::kQ8_0, 0.5}, Case{DType::kQ4_0, 1.0},
                        Case{DType::kI4G32, 0.5}, Case{DType::kI4G64, 0.5},
                        Case{DType::kI4G128, 0.5}}) {
    const DTypeInfo& info = InfoOf(c.dtype);
    CAPTURE(info.name);
    const std::vector<float> row = RandomRow(128 * 50, 13);
    const std::vector<uint8_t> bytes = Encode(c.dtype, row);
    const std::vector<float> got = Decode(c.dtype, bytes, row.size());
    int wrong = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      const uint8_t* block =
          bytes.data() + i / info.block_elements * info.block_bytes;
      float scale = 0;
      if (c.dtype == DType::kQ8_0 || c.dtype == DType::kQ4_0) {
        uint16_t half;
        std::memcpy(&half, block, 2);
        scale = std::abs(F32FromF16(half));
      } else {
        std::memcpy(&scale, block, 4);
      }
      wrong += std::abs(double{got[i]} - double{row[i]}) >
               scale * (c.steps + 127 * 0x1p-22);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("GGUF blocks by hand") {
  std::vector<uint8_t> q8(34, 0);
  q8[1] = 0x38;  // f16 0.5
  q8[2] = 0xFF;
  q8[33] = 0x80;
  CHECK(Decode(DType::kQ8_0, q8, 32)[0] == -0.5f);
  CHECK(Decode(DType::kQ8_0, q8, 32)[31] == -64.f);

  std::vector<uint8_t> q4(18, 0x88);
  q4[0] = 0;
  q4[1] = 0x40;  // f16 2
  q4[2] = 0xF1;  // element 0 in the low nibble, 16 in the high one
  const std::vector<float> values = Decode(DType::kQ4_0, q4, 32);
  CHECK(values[0] == -14.f);
  CHECK(values[16] == 14.f);
  CHECK(values[1] == 0.f);

  std::vector<float> row(32, 0.f);
  row[3] = 8.f;  // the extreme, positive: scale -1 and code 0
  row[4] = -3.f;
  const std::vector<uint8_t> bytes = Encode(DType::kQ4_0, row);
  CHECK(bytes[1] == 0xBC);  // f16 -1
  CHECK((bytes[2 + 3] & 15) == 0);
  CHECK((bytes[2 + 4] & 15) == 11);
}

TEST_CASE("int4 groups by hand: scale first, low nibble first") {
  std::vector<float> row(32, 0.f);
  row[0] = -7.f;
  row[1] = 3.f;
  row[31] = 0.5f;
  const std::vector<uint8_t> bytes = Encode(DType::kI4G32, row);
  float scale;
  std::memcpy(&scale, bytes.data(), 4);
  CHECK(scale == 1.f);
  CHECK(bytes[4] == (0x9 | 3 << 4));
  CHECK(bytes[19] == 0);  // 0.5 to even
}

TEST_CASE("What is not finite stays visible in every format") {
  for (int i = 0; i <= static_cast<int>(DType::kI4G128); ++i) {
    const auto dtype = static_cast<DType>(i);
    const DTypeInfo& info = InfoOf(dtype);
    CAPTURE(info.name);
    for (float bad : {kNan, kInf, -kInf}) {
      std::vector<float> row(256, 1.f);
      row[37] = bad;
      const std::vector<float> got = Decode(dtype, Encode(dtype, row), 256);
      if (info.block_elements > 1) {
        CHECK(std::isnan(got[37]));
        CHECK(std::isnan(got[37 / info.block_elements * info.block_elements]));
        if (info.block_elements <= 32)
          CHECK(got[0] == doctest::Approx(1).epsilon(0x1p-11));
      } else if (dtype == DType::kI8) {
        CHECK(got[37] == (std::isnan(bad) ? 0.f : bad > 0 ? 127.f : -128.f));
      } else if (dtype == DType::kU8) {
        CHECK(got[37] == (bad > 0 ? 255.f : 0.f));
      } else if (dtype == DType::kI32) {
        CHECK(got[37] == (std::isnan(bad) ? 0.f
                          : bad > 0       ? 0x1p31f
                                          : -0x1p31f));
      } else {
        CHECK(std::isnan(got[37]) == std::isnan(bad));
        CHECK(std::isinf(got[37]) == std::isinf(bad));
      }
    }
  }
}

TEST_CASE("Plain formats: rows round element by element") {
  const std::vector<float> row = {-3.5f, 2.5f, 300.f, 1e-3f, -200.f};
  const std::vector<float> i8 = {-4.f, 2.f, 127.f, 0.f, -128.f};
  const std::vector<float> u8 = {0.f, 2.f, 255.f, 0.f, 0.f};
  CHECK(Decode(DType::kI8, Encode(DType::kI8, row), 5) == i8);
  CHECK(Decode(DType::kU8, Encode(DType::kU8, row), 5) == u8);
  CHECK(Decode(DType::kF32, Encode(DType::kF32, row), 5) == row);
  CHECK(Decode(DType::kF64, Encode(DType::kF64, row), 5) == row);
  CHECK(Decode(DType::kBf16, Encode(DType::kBf16, row), 5)[3] ==
        RoundToBf16(1e-3f));
}

}  // namespace
}  // namespace triptych
