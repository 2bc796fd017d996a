// The GGUF block formats against their formulas, in f64 and by element, and
// the errors their encoders promise.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/formats_gguf.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/base/formats.h"
#include "kernels/base/rng.h"

namespace triptych {
namespace {

constexpr DType kAll[] = {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1,
                          DType::kQ5_0, DType::kQ5_1, DType::kQ4_K,
                          DType::kQ5_K, DType::kQ6_K, DType::kMxfp4};

using Block = std::vector<uint8_t>;

// ---- The formulas, in arithmetic ----

double Half(const Block& b, size_t at) {
  const int code = b[at] + 256 * b[at + 1];
  const int exponent = code / 1024 % 32, mantissa = code % 1024;
  const double magnitude = exponent == 31 ? (mantissa == 0 ? HUGE_VAL : NAN)
                           : exponent == 0
                               ? std::ldexp(mantissa, -24)
                               : std::ldexp(1024 + mantissa, exponent - 25);
  return code < 32768 ? magnitude : -magnitude;
}

int Nibble(const Block& b, size_t first, size_t i) {
  return i < 16 ? b[first + i] % 16 : b[first + i - 16] / 16;
}
int Bit(const Block& b, size_t first, size_t i) {
  return b[first + i / 8] >> (i % 8) & 1;
}

// The two 6-bit numbers of run r, and its element l of `bits` bits.
double RunValue(const Block& b, int bits, size_t r, size_t l) {
  const int s = r < 4 ? b[4 + r] % 64 : b[8 + r] % 16 + b[r] / 64 * 16;
  const int m = r < 4 ? b[8 + r] % 64 : b[8 + r] / 16 + b[4 + r] / 64 * 16;
  const size_t nibbles = bits == 5 ? 48 : 16;
  const int byte = b[nibbles + 32 * (r / 2) + l];
  int u = r % 2 == 0 ? byte % 16 : byte / 16;
  if (bits == 5) u += 16 * (b[16 + l] >> r & 1);
  return Half(b, 0) * s * u - Half(b, 2) * m;
}

double Q6Value(const Block& b, size_t i) {
  const size_t half = i / 128, k = i % 128 / 32, l = i % 32;
  const int byte = b[64 * half + 32 * (k % 2) + l];
  const int low = k < 2 ? byte % 16 : byte / 16;
  const int high = b[128 + 32 * half + l] / (1 << (2 * k)) % 4;
  const int s = b[192 + i / 16] < 128 ? b[192 + i / 16] : b[192 + i / 16] - 256;
  return Half(b, 208) * s * (low + 16 * high - 32);
}

double Fp4(int code) {
  constexpr double kMagnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  return (code < 8 ? 1 : -1) * kMagnitudes[code % 8];
}

// Element i of a block; exact: every factor has few bits.
double Formula(DType dtype, const Block& b, size_t i) {
  switch (dtype) {
    case DType::kQ8_0:
      return Half(b, 0) * (b[2 + i] < 128 ? b[2 + i] : b[2 + i] - 256);
    case DType::kQ4_0:
      return Half(b, 0) * (Nibble(b, 2, i) - 8);
    case DType::kQ4_1:
      return Half(b, 0) * Nibble(b, 4, i) + Half(b, 2);
    case DType::kQ5_0:
      return Half(b, 0) * (Nibble(b, 6, i) + 16 * Bit(b, 2, i) - 16);
    case DType::kQ5_1:
      return Half(b, 0) * (Nibble(b, 8, i) + 16 * Bit(b, 4, i)) + Half(b, 2);
    case DType::kQ4_K:
      return RunValue(b, 4, i / 32, i % 32);
    case DType::kQ5_K:
      return RunValue(b, 5, i / 32, i % 32);
    case DType::kQ6_K:
      return Q6Value(b, i);
    default:
      return b[0] == 255 ? NAN : std::ldexp(Fp4(Nibble(b, 1, i)), b[0] - 127);
  }
}

// Where a format keeps its f16 scales; -1: nowhere.
struct HalfPlaces {
  int first, second;
};
HalfPlaces HalvesOf(DType dtype) {
  if (dtype == DType::kMxfp4) return {-1, -1};
  if (dtype == DType::kQ6_K) return {208, -1};
  const bool two = dtype == DType::kQ4_1 || dtype == DType::kQ5_1 ||
                   dtype == DType::kQ4_K || dtype == DType::kQ5_K;
  return {0, two ? 2 : -1};
}

int WrongElements(DType dtype, const Block& block) {
  const size_t n = InfoOf(dtype).block_elements;
  std::vector<float> got(n);
  DequantizeRow(dtype, block.data(), got.data(), n);
  int wrong = 0;
  for (size_t i = 0; i < n; ++i) {
    const auto want = static_cast<float>(Formula(dtype, block, i));
    wrong += std::isnan(want) ? !std::isnan(got[i]) : got[i] != want;
  }
  return wrong;
}

Block RandomBlock(DType dtype, Rng& rng) {
  Block block(InfoOf(dtype).block_bytes);
  for (uint8_t& byte : block) byte = static_cast<uint8_t>(rng.Below(256));
  return block;
}

TEST_CASE("Random blocks decode to their formulas, bit for bit") {
  for (const DType dtype : kAll) {
    CAPTURE(InfoOf(dtype).name);
    Rng rng(1, static_cast<uint64_t>(dtype));
    int wrong = 0;
    for (int trial = 0; trial < 3000; ++trial) {
      wrong += WrongElements(dtype, RandomBlock(dtype, rng));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("Every f16 scale, and every pair with a special one") {
  for (const DType dtype : kAll) {
    const HalfPlaces at = HalvesOf(dtype);
    if (at.first < 0) continue;
    CAPTURE(InfoOf(dtype).name);
    Rng rng(2, static_cast<uint64_t>(dtype));
    Block block = RandomBlock(dtype, rng);
    const auto put = [&](int where, uint16_t code) {
      if (where >= 0) std::memcpy(block.data() + where, &code, sizeof(code));
    };
    int wrong = 0;
    for (const uint16_t other : {0x0000, 0x8001, 0x3C00, 0x7BFF, 0xFC00}) {
      for (uint32_t code = 0; code < 0x10000; code += 7) {
        put(at.first, static_cast<uint16_t>(code));
        put(at.second, other);
        wrong += WrongElements(dtype, block);
        put(at.first, other);
        put(at.second, static_cast<uint16_t>(code));
        wrong += WrongElements(dtype, block);
        if (at.second < 0) break;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("Every code at every place, and every 6- and 8-bit scale") {
  for (const DType dtype : kAll) {
    CAPTURE(InfoOf(dtype).name);
    Rng rng(3, static_cast<uint64_t>(dtype));
    const HalfPlaces at = HalvesOf(dtype);
    // Each byte runs through all its values, with the others at random.
    int wrong = 0;
    for (size_t byte = 0; byte < InfoOf(dtype).block_bytes; ++byte) {
      Block block = RandomBlock(dtype, rng);
      for (const int half : {at.first, at.second}) {
        if (half >= 0) block[static_cast<size_t>(half) + 1] = 0x3C;  // about 1
      }
      for (int value = 0; value < 256; ++value) {
        block[byte] = static_cast<uint8_t>(value);
        wrong += WrongElements(dtype, block);
      }
    }
    CHECK(wrong == 0);
  }
}

// ---- Encoders ----

// Rows that differ in where their weight lies: around zero, all above, all
// below, with one large element, in runs of very different size, constant.
std::vector<std::vector<float>> Rows() {
  std::vector<std::vector<float>> rows;
  Rng rng(4);
  for (int kind = 0; kind < 60; ++kind) {
    std::vector<float> row(512);
    for (size_t i = 0; i < row.size(); ++i) {
      const double z = rng.Normal();
      const double values[] = {z,
                               5 + z,
                               -3 + 0.1 * z,
                               i % 97 == 0 ? 40 * z : z,
                               z * std::exp2(double(i / 32 % 16) - 8),
                               -0.75,
                               z * 1e-6,
                               z * 1e4,
                               std::abs(z),
                               i % 64 < 32 ? 0.0 : z};
      row[i] = static_cast<float>(values[kind % 10]);
    }
    rows.push_back(row);
  }
  return rows;
}

float Least(std::span<const float> run) {
  return *std::min_element(run.begin(), run.end());
}
float Greatest(std::span<const float> run) {
  return *std::max_element(run.begin(), run.end());
}
// What rounding a non-negative scale up to f16 can add: an ulp, at most
// 2^-10 of it, or the least subnormal.
double RoundedUp(double scale) { return scale * (1 + 0x1p-10) + 0x1p-24; }

// The largest distance between an element of block `x` and what becomes of
// it, from the format and the block alone.
double BoundOf(DType dtype, std::span<const float> x, size_t i) {
  const double absmax = AbsMax(x);
  // f32 arithmetic of the encoders that use it, and the result's rounding.
  const double slack = absmax * 0x1p-20 + 1e-40;
  const auto run_of = [&](size_t size) {
    return x.subspan(i / size * size, size);
  };
  const auto largest = [&](size_t size, auto&& of) {
    double most = 0;
    for (size_t at = 0; at < x.size(); at += size) {
      most = std::max<double>(most, of(x.subspan(at, size)));
    }
    return most;
  };
  switch (dtype) {
    case DType::kQ8_0: {
      const double scale = absmax / 127;
      return scale / 2 + 127 * (scale * 0x1p-11 + 0x1p-25) + slack;
    }
    case DType::kQ4_0:
    case DType::kQ5_0: {
      const double codes = dtype == DType::kQ4_0 ? 8 : 16;
      const double scale = absmax / codes;
      // Opposite the extreme one code is missing: a step, at worst.
      return scale + codes * (scale * 0x1p-11 + 0x1p-25) + slack;
    }
    case DType::kQ4_1:
    case DType::kQ5_1: {
      const double top = dtype == DType::kQ4_1 ? 15 : 31;
      const double lowest = Least(x) - std::abs(Least(x)) * 0x1p-10 - 0x1p-24;
      return RoundedUp((Greatest(x) - lowest) / top) / 2 + slack;
    }
    case DType::kQ4_K:
    case DType::kQ5_K: {
      const double top = dtype == DType::kQ4_K ? 15 : 31;
      const auto below = [](std::span<const float> r) {
        return -std::min(Least(r), 0.f);
      };
      const double dmin = RoundedUp(largest(32, below) / 63);
      const auto step = [&](std::span<const float> r) {
        return std::max(Greatest(r) + below(r) + dmin, 0.0) / top;
      };
      const double d = RoundedUp(largest(32, step) / 63);
      return (step(run_of(32)) + d) / 2 + slack;
    }
    case DType::kQ6_K: {
      const double d = RoundedUp(absmax / 31 / 127);
      return (AbsMax(run_of(16)) / 31 + d) / 2 + slack;
    }
    default: {
      if (absmax == 0) return 0;
      const double unit = std::ldexp(1, std::ilogb(absmax) - 2);
      const double units = std::abs(double{x[i]}) / unit;
      return unit * (units <= 2   ? 0.25
                     : units <= 4 ? 0.5
                     : units <= 6 ? 1
                                  : units - 6);
    }
  }
}

TEST_CASE("Elements end within the bound that their format gives") {
  for (const DType dtype : kAll) {
    const DTypeInfo& info = InfoOf(dtype);
    CAPTURE(info.name);
    int wrong = 0;
    double closest = 0;  // share of the bound that is used
    for (const std::vector<float>& row : Rows()) {
      Block bytes(RowBytes(dtype, row.size()));
      QuantizeRow(dtype, row.data(), bytes.data(), row.size());
      Block again(bytes.size(), 0xA5);  // nothing is left as it was
      QuantizeRow(dtype, row.data(), again.data(), row.size());
      CHECK(again == bytes);
      std::vector<float> got(row.size());
      DequantizeRow(dtype, bytes.data(), got.data(), row.size());
      for (size_t i = 0; i < row.size(); ++i) {
        const size_t block = i / info.block_elements;
        const std::span<const float> x(row.data() + block * info.block_elements,
                                       info.block_elements);
        const double bound = BoundOf(dtype, x, i % info.block_elements);
        const double error = std::abs(double{got[i]} - double{row[i]});
        wrong += error > bound;
        if (bound > 0) closest = std::max(closest, error / bound);
      }
    }
    CHECK(wrong == 0);
    CHECK(closest > 0.85);  // the bound is not loose
  }
}

TEST_CASE("Values that a format holds come back as they were") {
  // Each row reaches the ends of its format's range, so that the scales that
  // the encoder finds are whole numbers.
  std::vector<float> row(256);
  for (const DType dtype : kAll) {
    CAPTURE(InfoOf(dtype).name);
    const bool k4 = dtype == DType::kQ4_K, k5 = dtype == DType::kQ5_K;
    for (size_t i = 0; i < row.size(); ++i) {
      const int j = static_cast<int>(i % 32);
      // 63 steps of a least value and of a scale make 63 x 63 units.
      row[i] = static_cast<float>(
          dtype == DType::kQ8_0   ? (i % 32 == 0 ? -127 : 4 * j)
          : dtype == DType::kQ4_0 ? j % 16 - 8
          : dtype == DType::kQ5_0 ? j - 16
          : dtype == DType::kQ4_1 ? 3 + j % 16 * 2
          : dtype == DType::kQ5_1 ? 3 + j * 2
          : k4                    ? 63 * (j % 16) - 63 * 7
          : k5                    ? 63 * j - 63 * 15
          : dtype == DType::kQ6_K ? 127 * (j % 16 == 0 ? -31 : j % 16 * 2 - 1)
                                  : Fp4(j % 16) * 8);
    }
    Block bytes(RowBytes(dtype, row.size()));
    QuantizeRow(dtype, row.data(), bytes.data(), row.size());
    std::vector<float> got(row.size());
    DequantizeRow(dtype, bytes.data(), got.data(), row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      INFO("element ", i);
      CHECK(got[i] == row[i]);
    }
  }
}

TEST_CASE("Rows too large or too small for f16 scales clip, and say nothing") {
  for (const DType dtype : kAll) {
    const DTypeInfo& info = InfoOf(dtype);
    CAPTURE(info.name);
    for (const float size : {0.f, 1e-45f, 1e-12f, 1e12f, 3e38f}) {
      std::vector<float> row(256);
      for (size_t i = 0; i < row.size(); ++i) {
        row[i] = i % 3 == 0 ? -size : size * 0.5f;
      }
      Block bytes(RowBytes(dtype, row.size()));
      QuantizeRow(dtype, row.data(), bytes.data(), row.size());
      std::vector<float> got(row.size());
      DequantizeRow(dtype, bytes.data(), got.data(), row.size());
      int wrong = 0;
      for (size_t i = 0; i < row.size(); ++i) {
        wrong += !std::isfinite(got[i]);
        // Never the other sign, but by what a least f16 (times 31) is.
        if (size > 1) wrong += got[i] * row[i] <= 0;
        if (size < 1) wrong += std::abs(got[i] - row[i]) > 31 * 0x1p-24f;
      }
      CHECK(wrong == 0);
    }
  }
}

}  // namespace
}  // namespace triptych
