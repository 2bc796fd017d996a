// Weights in codes: where each one lies, and how floats become codes.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"
#include "kernels/base/units.h"
#include "kernels/matmul/quantized.h"

namespace triptych {
namespace {

constexpr size_t kUnit = PackedWeights::kUnitBytes;
constexpr size_t kUnits = QuantizedWeights::kPanelOutputs * kUnit;
constexpr size_t kOctet = 8;  // codes of an output that lie together

// Bytes of eight consecutive k of a panel.
size_t OctetBytes(int bits) { return bits == 4 ? kUnits : 2 * kUnits; }

// What `format` means for rows of k elements.
size_t GroupOf(CodeFormat format, size_t k) {
  TRIPTYCH_CHECK(format.bits == 4 || format.bits == 8, "bits", format.bits);
  if (format.group == CodeFormat::kWholeRow) {
    return std::clamp(RoundUp(k, kOctet), kOctet, CodeFormat::kMostGroup);
  }
  TRIPTYCH_CHECK(
      format.group % kOctet == 0 && format.group <= CodeFormat::kMostGroup,
      "group", format.group);
  return format.group;
}

// round(x / step) within -most..most; a step of 0 has only zeros.
int8_t CodeOf(float x, float step, float most) {
  if (!(step > 0)) return 0;
  const float code = std::nearbyint(x / step);
  return static_cast<int8_t>(std::clamp(code, -most, most));
}

}  // namespace

QuantizedWeights::QuantizedWeights(size_t n, size_t k, CodeFormat format)
    : format_(format),
      n_(n),
      k_(k),
      group_(GroupOf(format, k)),
      groups_(CeilDiv(k, group_)),
      steps_(std::max<size_t>(
          1, CeilDiv(groups_, CodeFormat::kMostGroup / group_))),
      w_scale_(n, 0.f) {
  size_t stride = 0;
  for (size_t step = 0; step < steps_; ++step) {
    stride = std::max(stride, panel_stride(step));
  }
  step_bytes_ = CeilDiv(n, kPanelOutputs) * stride;
  data_.resize(steps_ * step_bytes_);
}

size_t QuantizedWeights::record_bytes() const {
  return kScaleBytes + group_ / kOctet * OctetBytes(format_.bits);
}

QuantizedWeights::Place QuantizedWeights::PlaceOf(size_t row,
                                                  size_t group) const {
  size_t step = group * steps_ / std::max<size_t>(groups_, 1);
  while (group >= first_group(step + 1)) ++step;
  const size_t record = step * step_bytes_ +
                        row / kPanelOutputs * panel_stride(step) +
                        (group - first_group(step)) * record_bytes();
  const size_t output = row % kPanelOutputs;
  return {.scale = record + output * sizeof(uint16_t),
          .codes = record + kScaleBytes + output * kUnit};
}

void QuantizedWeights::SetGroup(size_t row, size_t group, float scale,
                                std::span<const int8_t> codes) {
  const Place place = PlaceOf(row, group);
  const uint16_t scale_code = F16FromF32(scale);
  std::memcpy(&data_[place.scale], &scale_code, sizeof(scale_code));
  for (size_t k = 0; k < group_; ++k) {
    const int32_t code = (k < codes.size() ? codes[k] : 0) + zero();
    std::byte* octet =
        &data_[place.codes] + k / kOctet * OctetBytes(format_.bits) + k % kUnit;
    const bool second = k % kOctet >= kUnit;
    if (format_.bits == 8) {
      octet[second ? kUnits : 0] = static_cast<std::byte>(code);
    } else if (second) {
      *octet |= static_cast<std::byte>(code << 4);
    } else {
      *octet = static_cast<std::byte>(code);
    }
  }
}

double QuantizedWeights::Value(size_t row, size_t col) const {
  const Place place = PlaceOf(row, col / group_);
  const size_t k = col % group_;
  uint16_t scale;
  std::memcpy(&scale, &data_[place.scale], sizeof(scale));
  const std::byte* octet =
      &data_[place.codes] + k / kOctet * OctetBytes(format_.bits) + k % kUnit;
  const bool second = k % kOctet >= kUnit;
  int32_t code;
  if (format_.bits == 8) {
    code = std::to_integer<int32_t>(octet[second ? kUnits : 0]);
  } else {
    code = std::to_integer<int32_t>(*octet) >> (second ? 4 : 0) & 15;
  }
  return double{w_scale_[row]} * F32FromF16(scale) * (code - zero());
}

void QuantizedWeights::CheckRows(size_t first, size_t rows, size_t cols) const {
  TRIPTYCH_CHECK(cols == k_ && first + rows <= n_, "rows from", first, "count",
                 rows, "x", cols, "of", n_, "x", k_);
}

void QuantizedWeights::SetRows(size_t first, ConstMatView<int8_t> codes,
                               ConstMatView<float> group_scales,
                               std::span<const float> w_scale) {
  CheckRows(first, codes.rows(), codes.cols());
  TRIPTYCH_CHECK(group_scales.rows() == codes.rows() &&
                     group_scales.cols() == groups_ &&
                     w_scale.size() == codes.rows(),
                 group_scales.rows(), group_scales.cols(), w_scale.size());
  for (size_t r = 0; r < codes.rows(); ++r) {
    w_scale_[first + r] = w_scale[r];
    for (size_t g = 0; g < groups_; ++g) {
      const size_t begin = g * group_, end = std::min(k_, begin + group_);
      SetGroup(first + r, g, group_scales(r, g),
               codes.row_span(r).subspan(begin, end - begin));
    }
  }
}

void QuantizedWeights::SetRows(size_t first, StridedView<float> rows) {
  CheckRows(first, rows.rows, rows.cols);
  const auto most = static_cast<float>(QMax(format_.bits));
  const bool whole = format_.group == CodeFormat::kWholeRow;
  std::vector<float> row(k_);
  std::vector<int8_t> codes(group_);
  for (size_t r = 0; r < rows.rows; ++r) {
    for (size_t k = 0; k < k_; ++k) row[k] = *rows.at(r, k);
    // The row's largest step: f16 scales are relative to it, at most 1, so
    // that small weights are no smaller than f16 can say.
    const float largest = AbsMax(row) / most;
    w_scale_[first + r] = largest;
    for (size_t g = 0; g < groups_; ++g) {
      const size_t begin = g * group_;
      const std::span<const float> part =
          std::span(row).subspan(begin, std::min(group_, k_ - begin));
      float scale = 1;
      if (!whole && largest > 0) {
        scale = F32FromF16(F16FromF32(AbsMax(part) / most / largest));
      }
      for (size_t k = 0; k < part.size(); ++k) {
        codes[k] = CodeOf(part[k], scale * largest, most);
      }
      SetGroup(first + r, g, scale, std::span(codes).first(part.size()));
    }
  }
}

QuantizedWeights Quantize(StridedView<float> w, CodeFormat format,
                          int threads) {
  constexpr size_t kRows = 16;
  QuantizedWeights packed(w.rows, w.cols, format);
  ParallelFor(CeilDiv(w.rows, kRows), threads, [&](size_t piece) {
    const size_t first = piece * kRows;
    packed.SetRows(first, StridedView<float>(
                              w.at(first, 0), std::min(kRows, w.rows - first),
                              w.cols, w.row_stride, w.col_stride));
  });
  return packed;
}

}  // namespace triptych
