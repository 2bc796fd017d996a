// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/light.h"

#include <algorithm>
#include <cmath>

#include "emulators/optical/encode.h"
#include "emulators/optical/source.h"
#include "kernels/base/check.h"
#include "kernels/base/parallel.h"
#include "kernels/base/units.h"

namespace triptych::optical {
namespace {

// Bits of a full-scale level that is more than a byte; twice as much fits.
constexpr int kLevelBits = 15;

// What a vector's sums over levels mean, from sums over a in -1..1 (offset)
// or 0..1 (a pass of two).
LightSums LightSumsOf(const Encoding& encoding, double k, double a, double a2) {
  if (encoding.two_pass) return {a, a2, a2};
  return {(k + a) / 2, (k + 2 * a + a2) / 4, a2};
}

// Vectors of one tile to light.
class Shiner {
 public:
  Shiner(const Params& params, const Converters* converters,
         const Encoding& encoding, const Tile& tile, size_t number,
         ConstMatView<float> a, std::span<const float> scale, Light& light)
      : p_(params),
        converters_(converters),
        encoding_(encoding),
        tile_(tile),
        number_(number),
        a_(a),
        scale_(scale),
        light_(light),
        k_(static_cast<size_t>(tile.k)),
        copies_(encoding.converted ? static_cast<size_t>(tile.copies) : 1) {}

  // Vectors [first, first + count) of one pass.
  Status Run(int pass, size_t first, size_t count) const {
    Work room;
    if (p_.shaped_sources()) {
      room.sources.emplace_back(p_, k_, encoding_.full(), encoding_.rest());
    }
    if (encoding_.converted) {
      room.dacs.emplace_back(*converters_, tile_.row, tile_.rows(), number_);
    }
    if (copies_ > 1) room.levels.resize(copies_ * k_);
    room.codes.resize(copies_ * k_);
    room.row.resize(k_);
    for (size_t i = first; i < first + count; ++i) {
      const size_t at = i * light_.passes + static_cast<size_t>(pass);
      const float to_codes = scale_[i] > 0 ? encoding_.steps / scale_[i] : 0;
      const float* in = a_.row(i) + tile_.k0;
      const float factor = pass == 0 ? to_codes : -to_codes;
      const bool at_once =
          encoding_.digits == 1 && encoding_.bytes && encoding_.exact;
      light_.sums[at] = at_once && !encoding_.converted
                            ? Encode(in, factor, at)
                            : Convert(in, factor, room, at);
    }
    return room.dacs.empty() ? Status() : room.dacs.front().status();
  }

 private:
  // Scratch of one thread; `dacs` and `sources` hold one or none.
  struct Work {
    std::vector<Dacs> dacs;
    std::vector<Sources> sources;
    std::vector<uint16_t> codes;
    std::vector<float> levels;  // of all copies, where there are several
    std::vector<float> row;     // of levels in codes
  };

  uint8_t* BytesOf(size_t at, size_t digit) const {
    return light_.bytes.data() + (at * light_.digits + digit) * light_.stride;
  }

  LightSums Encode(const float* in, float factor, size_t at) const {
    const CodeSums sums =
        EncodeBytes(in, k_, factor, encoding_.middle(), BytesOf(at, 0));
    return SumsOf(sums.sum, sums.squares);
  }

  // From sums over levels, counted from that of input 0.
  LightSums SumsOf(int64_t sum, int64_t squares) const {
    const double steps = double{encoding_.steps} * encoding_.level;
    return LightSumsOf(encoding_, static_cast<double>(k_),
                       static_cast<double>(sum) / steps,
                       static_cast<double>(squares) / (steps * steps));
  }

  // Levels in the order of the machine: codes, converters, sources.
  LightSums Convert(const float* in, float factor, Work& room,
                    size_t at) const {
    if (encoding_.bits == 0) return Unrounded(in, factor, room, at);
    RoundToDacCodes(in, k_, factor, encoding_.middle(),
                    static_cast<int>(encoding_.full()), room.codes.data());
    if (encoding_.converted) {
      ToLevels(room);
    } else {
      std::ranges::copy(room.codes, room.row.begin());
    }
    if (!room.sources.empty()) room.sources.front().Shine(room.row);
    if (encoding_.bytes) return ToDigits(room.row, at);
    const auto middle = static_cast<float>(encoding_.middle());
    for (float& level : room.row) level -= middle;
    return ToFloats(room.row, at);
  }

  LightSums Unrounded(const float* in, float factor, Work& room,
                      size_t at) const {
    for (size_t j = 0; j < k_; ++j) {
      const float codes = in[j] * factor;
      room.row[j] = encoding_.two_pass ? std::max(codes, 0.0f) : codes;
    }
    if (!room.sources.empty()) {
      const float rest = encoding_.rest();
      for (float& level : room.row) level += rest;
      room.sources.front().Shine(room.row);
      for (float& level : room.row) level -= rest;
    }
    return ToFloats(room.row, at);
  }

  // Codes to what the converters of the copies make of them, on average.
  void ToLevels(Work& room) const {
    if (copies_ == 1) return room.dacs.front().Convert(room.codes, room.row);
    const auto codes = room.codes.begin();
    for (size_t c = 1; c < copies_; ++c) {
      std::copy_n(codes, k_, codes + static_cast<ptrdiff_t>(c * k_));
    }
    room.dacs.front().Convert(room.codes, room.levels);
    for (size_t j = 0; j < k_; ++j) {
      float sum = 0;
      for (size_t c = 0; c < copies_; ++c) sum += room.levels[c * k_ + j];
      room.row[j] = sum / static_cast<float>(copies_);
    }
  }

  LightSums ToDigits(std::span<const float> row, size_t at) const {
    const auto zero = static_cast<int32_t>(
        static_cast<float>(encoding_.middle()) * encoding_.level);
    const CodeSums sums = LevelsToDigits(
        row.data(), row.size(), encoding_.level, zero, BytesOf(at, 0),
        encoding_.digits == 2 ? BytesOf(at, 1) : nullptr);
    return SumsOf(sums.sum, sums.squares);
  }

  LightSums ToFloats(std::span<const float> row, size_t at) const {
    std::ranges::copy(row, light_.floats.data() + at * light_.stride);
    return FloatSums(row);
  }

  LightSums FloatSums(std::span<const float> row) const {
    double sum = 0, squares = 0;
    for (const float codes : row) {
      const double a = codes / encoding_.steps;
      sum += a;
      squares += a * a;
    }
    return LightSumsOf(encoding_, static_cast<double>(row.size()), sum,
                       squares);
  }

  const Params& p_;
  const Converters* converters_;
  const Encoding& encoding_;
  const Tile& tile_;
  size_t number_;
  ConstMatView<float> a_;
  std::span<const float> scale_;
  Light& light_;
  size_t k_, copies_;
};

}  // namespace

Encoding::Encoding(const Params& p)
    : two_pass(p.two_pass()),
      bits(static_cast<int>(p.dac_bits)),
      bytes(p.of_bytes()),
      converted(bits > 0 &&
                ((p.bit_true() && (p.dac_unit_sigma > 0 || p.attached())) ||
                 p.rtl() || p.whole_periphery())),
      exact(!p.shaped_sources() && !(p.bit_true() && bits > 0 &&
                                     (p.dac_unit_sigma > 0 || p.attached()))),
      digits(bytes && !(exact && bits <= 8) ? 2 : 1),
      steps(bits == 0
                ? 1.0f
                : static_cast<float>((1 << (two_pass ? bits : bits - 1)) - 1)),
      level(digits == 2 ? static_cast<float>(1 << (kLevelBits - bits)) : 1) {}

int32_t Encoding::middle_digit() const {
  if (!bytes) return 0;
  const int32_t of_level = middle() * static_cast<int32_t>(level);
  return digits == 2 ? of_level / 256 : of_level;
}

std::vector<float> RowScales(ConstMatView<float> a, int threads) {
  std::vector<float> scale(a.rows());
  ParallelForRows(a.rows(), a.cols(), threads, [&](size_t first, size_t count) {
    for (size_t i = first; i < first + count; ++i) {
      scale[i] = LargestOf(a.row(i), a.cols());
    }
  });
  return scale;
}

Status Shine(const Params& params, const Converters* converters,
             const Encoding& encoding, const Tile& tile, size_t number,
             ConstMatView<float> a, std::span<const float> scale, int threads,
             Light& light) {
  light.k = static_cast<size_t>(tile.k);
  light.passes = static_cast<size_t>(encoding.passes());
  light.digits = encoding.digits;
  light.sums.resize(a.rows() * light.passes);
  // An odd number of cache lines: rows a power of two apart share cache sets.
  const size_t size = encoding.bytes ? 1 : sizeof(float);
  const size_t lines = CeilDiv(light.k * size, kCacheLine) | 1;
  light.stride = lines * kCacheLine / size;
  if (encoding.bytes) {
    Room(light.bytes, light.rows_of(a.rows()) * light.stride);
  } else {
    Room(light.floats, light.rows_of(a.rows()) * light.stride);
  }
  const Shiner shiner(params, converters, encoding, tile, number, a, scale,
                      light);
  const bool remembers =
      params.remembering_light() ||
      (encoding.converted && (converters->rtl || converters->whole ||
                              converters->dem != rtl::Dem::kOff));
  for (int pass = 0; pass < encoding.passes(); ++pass) {
    if (remembers) {
      TRIPTYCH_TRY(shiner.Run(pass, 0, a.rows()));
      continue;
    }
    ParallelForRows(a.rows(), light.k, threads,
                    [&](size_t first, size_t count) {
                      // Converters of this machine: nothing that can be lost.
                      const Status status = shiner.Run(pass, first, count);
                      TRIPTYCH_CHECK(status.has_value(), "pass", pass);
                    });
  }
  return {};
}

}  // namespace triptych::optical
