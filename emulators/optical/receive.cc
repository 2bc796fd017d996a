// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/receive.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "emulators/optical/detect.h"
#include "emulators/optical/encode.h"
#include "emulators/optical/meter.h"
#include "kernels/matmul/part.h"

namespace triptych::optical {
namespace {

// Rows of a product: as many as its blocks have (kMc of kernels/matmul), so
// that a block's sums, at most 480 KiB, are still in L2 when they are read.
constexpr size_t kRows = 120;

constexpr int kLevelBitsPerLsb =
    std::countr_zero(static_cast<unsigned>(rtl::kSarLevelsPerLsb));

// Of the calling thread; grows and is kept.
struct Scratch {
  AlignedVector<int32_t> sums, light_sums, levels;
  AlignedVector<float> float_sums, light_floats, y, light_of;
  AlignedVector<uint16_t> codes;
  AlignedVector<int16_t> values;
};
Scratch& MyScratch() {
  thread_local Scratch scratch;
  return scratch;
}

class Receiver {
 public:
  Receiver(const Machine& machine, const Encoding& encoding,
           const TileView& tile, const Block& block, size_t first,
           const Output& output, BlockMeter* meter)
      : p_(machine.params),
        encoding_(encoding),
        tile_(tile),
        block_(block),
        first_(first),
        output_(output),
        meter_(meter),
        width_(RoundUp(block.cols, kNoiseBlock)),
        rows_(tile.light.rows_of(output.out.rows())),
        fused_(meter == nullptr && encoding.bytes && HasNoise() &&
               p_.adc_bits > 0 && !Detector::NeedsLargest(p_) &&
               tile.drift == nullptr && !tile.detector.distorts() &&
               tile.detector.post() == nullptr) {
    if (p_.adc_bits > 0 && p_.bit_true()) {
      adcs_.emplace(machine.converters(), tile.number);
      fraction_bits_ = machine.converters().fraction_bits();
    }
  }

  Status Run(NoiseKey key) {
    if (encoding_.bytes) {
      sums_ = Room(scratch_.sums, rows_ * width_);
      Multiply(tile_.plane.packed, sums_);
    } else {
      float_sums_ = Room(scratch_.float_sums, rows_ * width_);
      MultiplyFloats(tile_.plane.packed, float_sums_);
    }
    if (p_.exact_light()) MultiplyMagnitudes();
    const MatView<float> out = output_.out;
    if (out.rows() == 1) FetchNext();
    for (size_t i = 0; i < out.rows(); ++i) {
      if (i + 1 < out.rows()) Fetch(out.row_span(i + 1));
      for (size_t pass = 0; pass < tile_.light.passes; ++pass) {
        key.vector = static_cast<uint32_t>(first_ + i);
        Detect(i, pass, key);
        ++key.tile_pass;
      }
      key.tile_pass -= static_cast<uint32_t>(tile_.light.passes);
    }
    return adcs_ ? adcs_->status() : Status();
  }

 private:
  // Rows of the output are far apart: no machine sees the next one coming.
  static void Fetch(std::span<float> row) {
    constexpr size_t kLine = kCacheLine / sizeof(float);
    for (size_t j = 0; j < row.size(); j += kLine) {
      __builtin_prefetch(&row[j], 1);
    }
  }

  Sums SumsTo(size_t i, size_t pass) const {
    Sums to = {.out = output_.out.row(i),
               .first = output_.first_tile && pass == 0};
    if (output_.last_tile && pass + 1 == tile_.light.passes) {
      to.row_scale = output_.row_scale;
      to.scale = output_.scale[i];
      to.bias = output_.bias;
    }
    return to;
  }

  // Rows of the light for this block's vectors.
  ConstMatView<uint8_t> Bytes() const {
    const Light& light = tile_.light;
    const uint8_t* data =
        light.bytes.data() + light.rows_of(first_) * light.stride;
    return {data, rows_, light.k, light.stride};
  }
  ConstMatView<float> Floats() const {
    const Light& light = tile_.light;
    const float* data =
        light.floats.data() + light.rows_of(first_) * light.stride;
    return {data, rows_, light.k, light.stride};
  }

  // What one thread multiplies next: the next tile of these outputs, or the
  // first one of those behind them.
  void FetchNext() const {
    const std::vector<PackedWeights>& packed = tile_.plane.packed;
    const size_t next = tile_.weights.columns + 1;
    const size_t first = tile_.weights.first + block_.from;
    if (next < packed.size()) return FetchPart(packed[next], first);
    FetchPart(packed.front(), first + block_.cols);
  }

  // Strip by strip: also of blocks that are wider, a strip stays in the cache.
  template <class Body>
  void ForStrips(const Body& body) {
    for (size_t from = 0; from < block_.cols; from += kStripOutputs) {
      body(tile_.weights.first + block_.from + from, from,
           std::min(kStripOutputs, block_.cols - from));
    }
  }
  void Multiply(const std::vector<PackedWeights>& packed, int32_t* sums) {
    const PackedWeights& w = packed[tile_.weights.columns];
    ForStrips([&](size_t first, size_t from, size_t count) {
      MatmulI8Part(Bytes(), w, first, {sums + from, rows_, count, width_});
    });
  }
  void MultiplyFloats(const std::vector<PackedWeights>& packed, float* sums) {
    const PackedWeights& w = packed[tile_.weights.columns];
    ForStrips([&](size_t first, size_t from, size_t count) {
      MatmulPart(Floats(), w, first, {sums + from, rows_, count, width_});
    });
  }
  void MultiplyMagnitudes() {
    if (encoding_.bytes) {
      light_sums_ = Room(scratch_.light_sums, rows_ * width_);
      Multiply(tile_.plane.magnitudes, light_sums_);
    } else {
      // Floats need no digits: light takes the place of levels to come.
      light_floats_ = Room(scratch_.light_floats, rows_ * width_);
      MultiplyFloats(tile_.plane.magnitudes, light_floats_);
    }
  }

  void Detect(size_t i, size_t pass, const NoiseKey& key) {
    const size_t row = i * tile_.light.passes + pass;
    const LightSums& light =
        tile_.light.sums[first_ * tile_.light.passes + row];
    const float sign = pass == 0 ? 1 : -1;
    const Sums to = SumsTo(i, pass);
    if (fused_) return DetectAtOnce(row, light, key, sign, to);
    float* const y = Room(scratch_.y, width_);
    Signal(row, y);
    if (tile_.drift != nullptr) {
      const float* gain = tile_.drift->gain.data() + block_.from;
      for (size_t j = 0; j < block_.cols; ++j) y[j] *= gain[j];
    }
    float largest = 0;
    if (Detector::NeedsLargest(p_)) largest = LargestOf(y, block_.cols);
    const float full_scale = tile_.detector.FullScale(light, largest);
    const float* const light_of = LightOf(row);
    if (HasNoise()) {
      const NoiseOfVector noise =
          tile_.detector.NoiseOf(light, largest, full_scale, light_of);
      AddLightNoise(key, block_.from / kNoiseBlock,
                    tile_.detector.columns(block_.from), noise, block_.cols, y);
    }
    if (meter_ != nullptr) {
      meter_->Received(first_ + i, pass,
                       {light, largest, full_scale, y, light_of});
    }
    if (tile_.drift != nullptr || tile_.detector.distorts()) {
      tile_.detector.Distort(block_.from, full_scale, tile_.drift,
                             {y, block_.cols});
    }
    const size_t clipped = ToOutput(y, full_scale, sign, to);
    if (meter_ != nullptr) meter_->Converted(clipped);
  }

  // The same where nothing is needed in between.
  void DetectAtOnce(size_t row, const LightSums& light, const NoiseKey& key,
                    float sign, const Sums& to) {
    const float full_scale = tile_.detector.FullScale(light, 0);
    if (full_scale <= 0) return AddNothing(block_.cols, to);
    const Scale scale(static_cast<int>(p_.adc_bits), full_scale);
    std::optional<DigitValues> light_of;
    if (p_.exact_light()) light_of = LightValuesOf(row);
    const NoisyRow noisy = {
        .value = ValuesOf(row),
        .light_of = light_of ? &*light_of : nullptr,
        .key = key,
        .first_block = block_.from / kNoiseBlock,
        .columns = tile_.detector.columns(block_.from),
        .vector = tile_.detector.NoiseOf(light, 0, full_scale, nullptr),
        .count = block_.cols};
    if (!p_.bit_true()) {
      NoisyToCodes(noisy, scale, sign, to);
      return;
    }
    int32_t* const levels = Room(scratch_.levels, width_);
    NoisyToLevels(noisy, scale, levels);
    ConvertLevels(levels, scale, sign, to);
  }

  // Leaves the codes where CodesAtEnds() looks.
  void ConvertLevels(const int32_t* levels, const Scale& scale, float sign,
                     const Sums& to) {
    uint16_t* const codes = Room(scratch_.codes, width_);
    if (adcs_.has_value()) {
      adcs_->Convert(tile_.tile.col + static_cast<int64_t>(block_.from),
                     {levels, block_.cols}, {codes, block_.cols});
    } else {
      IdealCodes({levels, block_.cols}, scale, codes);
    }
    const PostCorrection* const post = tile_.detector.post();
    if (post == nullptr) {
      AddCodes(codes, block_.cols, scale.WithFraction(fraction_bits_), sign,
               to);
      return;
    }
    int16_t* const values = Room(scratch_.values, width_);
    post->Apply(block_.from, {codes, block_.cols}, {values, block_.cols});
    float* const y = Room(scratch_.y, width_);
    const float unit = sign * scale.full_scale / scale.steps() /
                       (1 << rtl::kSarWeightFracBits);
    for (size_t j = 0; j < block_.cols; ++j) {
      y[j] = static_cast<float>(values[j]) * unit;
    }
    AddValues(y, block_.cols, 1, to);
  }

  // Of the codes that were converted last.
  size_t CodesAtEnds(const Scale& scale) {
    const uint16_t* const codes = Room(scratch_.codes, width_);
    const int top = 2 * scale.middle - 1;
    return static_cast<size_t>(
        std::count_if(codes, codes + block_.cols,
                      [&](uint16_t code) { return code == 0 || code >= top; }));
  }

  // The nearest code of each level.
  static void IdealCodes(std::span<const int32_t> levels, const Scale& scale,
                         uint16_t* codes) {
    for (size_t j = 0; j < levels.size(); ++j) {
      const int32_t code =
          (levels[j] + rtl::kSarLevelsPerLsb / 2) >> kLevelBitsPerLsb;
      codes[j] =
          static_cast<uint16_t>(std::clamp(code, 0, 2 * scale.middle - 1));
    }
  }

  DigitSums DigitsOf(const int32_t* sums, size_t row) const {
    const size_t digits = tile_.light.digits;
    return {sums + row * digits * width_, digits, width_};
  }
  DigitValues ValuesOf(size_t row) const {
    return {DigitsOf(sums_, row), tile_.detector.correction(block_.from),
            tile_.detector.scale(block_.from)};
  }
  DigitValues LightValuesOf(size_t row) const {
    return {DigitsOf(light_sums_, row),
            tile_.detector.light_correction(block_.from),
            tile_.detector.light_scale(block_.from)};
  }

  bool HasNoise() const {
    return p_.noisy() && (p_.physical_noise || p_.output_sigma > 0 ||
                          (!p_.bit_true() &&
                           (p_.dac_unit_sigma > 0 || p_.adc_unit_sigma > 0)));
  }

  void Signal(size_t row, float* y) const {
    if (encoding_.bytes) return SumDigits(ValuesOf(row), block_.cols, y);
    ScaleSums(float_sums_ + row * width_, tile_.detector.scale(block_.from),
              block_.cols, y);
  }

  // The light that follows the weights, by output; null if nobody asks.
  const float* LightOf(size_t row) {
    if (!p_.exact_light()) return nullptr;
    float* const light_of = Room(scratch_.light_of, width_);
    if (encoding_.bytes) {
      SumDigits(LightValuesOf(row), block_.cols, light_of);
    } else {
      ScaleSums(light_floats_ + row * width_,
                tile_.detector.light_scale(block_.from), block_.cols, light_of);
    }
    return light_of;
  }

  size_t ToOutput(const float* y, float full_scale, float sign,
                  const Sums& to) {
    if (p_.adc_bits == 0) {
      AddValues(y, block_.cols, sign, to);
      return 0;
    }
    if (full_scale <= 0) {
      AddNothing(block_.cols, to);
      return 0;
    }
    const Scale scale(static_cast<int>(p_.adc_bits), full_scale);
    if (!p_.bit_true() && tile_.detector.post() == nullptr) {
      return RoundToCodes(y, block_.cols, scale, sign, to);
    }
    int32_t* const levels = Room(scratch_.levels, width_);
    ToLevels(y, block_.cols, scale, levels);
    ConvertLevels(levels, scale, sign, to);
    return meter_ == nullptr ? 0 : CodesAtEnds(scale);
  }

  const Params& p_;
  const Encoding& encoding_;
  const TileView& tile_;
  const Block& block_;
  size_t first_;
  const Output& output_;
  BlockMeter* meter_;
  size_t width_, rows_;  // of the sums
  bool fused_;
  int fraction_bits_ = 0;  // of the ADC's codes
  Scratch& scratch_ = MyScratch();
  int32_t* sums_ = nullptr;
  int32_t* light_sums_ = nullptr;
  float* float_sums_ = nullptr;
  float* light_floats_ = nullptr;
  std::optional<Adcs> adcs_;
};

}  // namespace

bool NeedsWholeRows(const Params& params) {
  return Detector::NeedsLargest(params) || params.whole_periphery() ||
         params.post_correction == "crosstalk";
}

size_t MostVectors(const Encoding& encoding) {
  const auto passes = static_cast<size_t>(encoding.passes());
  return std::max<size_t>(1, kRows / (passes * encoding.digits));
}

Status Receive(const Machine& machine, const Encoding& encoding,
               const TileView& tile, const Block& block, size_t first,
               NoiseKey key, const Output& output, BlockMeter* meter) {
  return Receiver(machine, encoding, tile, block, first, output, meter)
      .Run(key);
}

}  // namespace triptych::optical
