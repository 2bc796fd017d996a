// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/receive.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "emulators/optical/detect.h"
#include "kernels/matmul/matmul.h"

namespace triptych::optical {
namespace {

// Rows of a product: as many as its blocks have (kMc of kernels/matmul), so
// that the strip's sums, 120 KiB, are still in L2 when they are read.
constexpr size_t kRows = 120;

// Scratch of the calling thread; grows and is kept.
struct Room {
  AlignedVector<int32_t> sums, light_sums, levels;
  AlignedVector<float> float_sums, y, light_of;
  AlignedVector<uint16_t> codes;

  template <class T>
  static T* Of(AlignedVector<T>& memory, size_t size) {
    if (memory.size() < size) memory.resize(size);
    return memory.data();
  }
};
Room& MyRoom() {
  thread_local Room room;
  return room;
}

class Receiver {
 public:
  Receiver(const Machine& machine, const Encoding& encoding,
           const TileView& tile, const Block& block, size_t first,
           MatView<float> out)
      : p_(machine.params),
        encoding_(encoding),
        tile_(tile),
        block_(block),
        first_(first),
        out_(out),
        width_(RoundUp(block.cols, kNoiseBlock)),
        rows_(tile.light.rows_of(out.rows())) {
    if (p_.adc_bits > 0 && p_.bit_true()) adcs_.emplace(machine.converters());
  }

  void Run(NoiseKey key, bool set, const std::function<void(size_t)>& done) {
    if (encoding_.bytes) {
      sums_ = Room::Of(room_.sums, rows_ * width_);
      Multiply(tile_.weights.strips, sums_);
    } else {
      float_sums_ = Room::Of(room_.float_sums, rows_ * width_);
      MultiplyFloats(tile_.weights.strips, float_sums_);
    }
    if (p_.exact_light()) MultiplyMagnitudes();
    for (size_t i = 0; i < out_.rows(); ++i) {
      if (set) std::ranges::fill(out_.row_span(i), 0.0f);
      for (size_t pass = 0; pass < tile_.light.passes; ++pass) {
        key.vector = static_cast<uint32_t>(first_ + i);
        Detect(i, pass, key);
        ++key.tile_pass;
      }
      key.tile_pass -= static_cast<uint32_t>(tile_.light.passes);
      done(i);
    }
  }

 private:
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

  // Strips of this block.
  template <class Body>
  void ForStrips(const std::vector<PackedWeights>& strips, const Body& body) {
    for (size_t from = 0; from < block_.cols; from += kStripOutputs) {
      const PackedWeights& w = strips[(block_.from + from) / kStripOutputs];
      body(w, from);
    }
  }
  void Multiply(const std::vector<PackedWeights>& strips, int32_t* sums) {
    ForStrips(strips, [&](const PackedWeights& w, size_t from) {
      MatmulI8(Bytes(), w, {sums + from, rows_, w.n(), width_});
    });
  }
  void MultiplyFloats(const std::vector<PackedWeights>& strips, float* sums) {
    ForStrips(strips, [&](const PackedWeights& w, size_t from) {
      Matmul(Floats(), w, {sums + from, rows_, w.n(), width_});
    });
  }
  void MultiplyMagnitudes() {
    if (encoding_.bytes) {
      light_sums_ = Room::Of(room_.light_sums, rows_ * width_);
      Multiply(tile_.weights.magnitudes, light_sums_);
    } else {
      // Floats need no digits: light takes the place of levels to come.
      light_floats_.resize(rows_ * width_);
      MultiplyFloats(tile_.weights.magnitudes, light_floats_.data());
    }
  }

  void Detect(size_t i, size_t pass, const NoiseKey& key) {
    const size_t row = i * tile_.light.passes + pass;
    const LightSums& light = tile_.light.sums[first_ * tile_.light.passes + row];
    float* const y = Room::Of(room_.y, width_);
    Signal(row, y);
    float largest = 0;
    if (Detector::NeedsLargest(p_)) {
      for (size_t j = 0; j < block_.cols; ++j) {
        largest = std::max(largest, std::abs(y[j]));
      }
    }
    const float full_scale = tile_.detector.FullScale(light, largest);
    if (HasNoise()) {
      const NoiseOfVector noise =
          tile_.detector.NoiseOf(light, largest, full_scale, LightOf(row));
      AddLightNoise(key, block_.from / kNoiseBlock,
                    tile_.detector.columns(block_.from), noise, block_.cols, y);
    }
    ToOutput(y, full_scale, pass == 0 ? 1 : -1, out_.row(i));
  }

  bool HasNoise() const {
    return p_.noisy() && (p_.physical_noise || p_.output_sigma > 0 ||
                          (!p_.bit_true() &&
                           (p_.dac_unit_sigma > 0 || p_.adc_unit_sigma > 0)));
  }

  void Signal(size_t row, float* y) const {
    const float* scale = tile_.detector.scale(block_.from);
    if (!encoding_.bytes) {
      return ScaleSums(float_sums_ + row * width_, scale, block_.cols, y);
    }
    const size_t digits = tile_.light.digits;
    SumDigits({sums_ + row * digits * width_, digits, width_},
              tile_.detector.correction(block_.from), scale, block_.cols, y);
  }

  // The light that follows the weights, by output; null if nobody asks.
  const float* LightOf(size_t row) {
    if (!p_.exact_light()) return nullptr;
    float* const light_of = Room::Of(room_.light_of, width_);
    const float* scale = tile_.detector.light_scale(block_.from);
    if (!encoding_.bytes) {
      ScaleSums(light_floats_.data() + row * width_, scale, block_.cols,
                light_of);
      return light_of;
    }
    const size_t digits = tile_.light.digits;
    SumDigits({light_sums_ + row * digits * width_, digits, width_},
              tile_.detector.light_correction(block_.from), scale, block_.cols,
              light_of);
    return light_of;
  }

  void ToOutput(const float* y, float full_scale, float sign, float* out) {
    if (p_.adc_bits == 0) return AddValues(y, block_.cols, sign, out);
    if (full_scale <= 0) return;
    const Scale scale(static_cast<int>(p_.adc_bits), full_scale);
    if (!p_.bit_true()) {
      RoundToCodes(y, block_.cols, scale, sign, out);
      return;
    }
    int32_t* const levels = Room::Of(room_.levels, width_);
    uint16_t* const codes = Room::Of(room_.codes, width_);
    ToLevels(y, block_.cols, scale, levels);
    adcs_->Convert(tile_.tile.col + static_cast<int64_t>(block_.from),
                   {levels, block_.cols}, {codes, block_.cols});
    AddCodes(codes, block_.cols, scale, sign, out);
  }

  const Params& p_;
  const Encoding& encoding_;
  const TileView& tile_;
  const Block& block_;
  size_t first_;
  MatView<float> out_;
  size_t width_, rows_;  // of the sums
  Room& room_ = MyRoom();
  int32_t* sums_ = nullptr;
  int32_t* light_sums_ = nullptr;
  float* float_sums_ = nullptr;
  AlignedVector<float> light_floats_;
  std::optional<Adcs> adcs_;
};

}  // namespace

bool NeedsWholeRows(const Params& params) {
  return Detector::NeedsLargest(params);
}

size_t MostVectors(const Encoding& encoding) {
  const auto passes = static_cast<size_t>(encoding.passes());
  return std::max<size_t>(1, kRows / (passes * encoding.digits));
}

void Receive(const Machine& machine, const Encoding& encoding,
             const TileView& tile, const Block& block, size_t first,
             NoiseKey key, MatView<float> out, bool set,
             const std::function<void(size_t)>& done) {
  Receiver(machine, encoding, tile, block, first, out).Run(key, set, done);
}

}  // namespace triptych::optical
