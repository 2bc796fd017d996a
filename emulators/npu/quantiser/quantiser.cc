// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/quantiser/quantiser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"

namespace triptych::npu {
namespace {

// Sums in lanes: what a compiler can do side by side without changing bits.
constexpr size_t kLanes = 8;
using Lanes = std::array<float, kLanes>;
float Total(const Lanes& x) {
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

struct CodeRange {
  float low, high;
};
CodeRange RangeOf(int bits) {
  const auto qmax = static_cast<float>(QMax(bits));
  return {-qmax - 1, qmax};
}

// The nearest integer, ties to even, of |x| < 2^22: the last place of what is
// added is 1.
float RoundSmall(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

float Code(float w, float inverse, CodeRange range) {
  const float x = w * inverse;
  const float above = x > range.low ? x : range.low;
  return RoundSmall(above < range.high ? above : range.high);
}

// f(w, importance, lane) over a group in lanes.
template <class F>
void ForLanes(std::span<const float> w, std::span<const float> importance,
              const F& f) {
  size_t i = 0;
  for (; i + kLanes <= w.size(); i += kLanes) {
    if (importance.empty()) {
      for (size_t l = 0; l < kLanes; ++l) f(w[i + l], 1.0f, l);
    } else {
      for (size_t l = 0; l < kLanes; ++l) f(w[i + l], importance[i + l], l);
    }
  }
  for (size_t l = 0; i + l < w.size(); ++l) {
    f(w[i + l], importance.empty() ? 1.0f : importance[i + l], l);
  }
}

float ErrorOf(std::span<const float> w, std::span<const float> importance,
              float scale, CodeRange range) {
  Lanes error{};
  const float inverse = 1 / scale;
  ForLanes(w, importance, [&](float x, float h, size_t l) {
    const float d = x - Code(x, inverse, range) * scale;
    error[l] += h * (d * d);
  });
  return Total(error);
}

// The best scale for the codes that `scale` gives.
float Refit(std::span<const float> w, std::span<const float> importance,
            float scale, CodeRange range) {
  Lanes with{}, of{};
  const float inverse = 1 / scale;
  ForLanes(w, importance, [&](float x, float h, size_t l) {
    const float c = Code(x, inverse, range);
    with[l] += h * (c * x);
    of[l] += h * (c * c);
  });
  const float denominator = Total(of);
  return denominator > 0 ? Total(with) / denominator : scale;
}

// Tries scales and keeps the best.
class Search {
 public:
  Search(std::span<const float> w, std::span<const float> importance,
         CodeRange range)
      : w_(w), importance_(importance), range_(range) {}
  void Try(float scale) {
    if (!(std::abs(scale) >= std::numeric_limits<float>::min())) return;
    const float error = ErrorOf(w_, importance_, scale, range_);
    if (!(error < least_)) return;
    least_ = error;
    best_ = scale;
  }
  void TryRefit() { Try(Refit(w_, importance_, best_, range_)); }
  float best() const { return best_; }

 private:
  std::span<const float> w_, importance_;
  CodeRange range_;
  float least_ = std::numeric_limits<float>::infinity(), best_ = 0;
};

}  // namespace

float SearchScale(std::span<const float> w, std::span<const float> importance,
                  int bits) {
  const CodeRange range = RangeOf(bits);
  float absmax = 0;
  bool finite = true;
  for (const float x : w) {
    finite = finite && std::isfinite(x);
    absmax = std::max(absmax, std::abs(x));
  }
  if (!finite) return std::numeric_limits<float>::quiet_NaN();
  const float whole = absmax / -range.low;
  // Codes of what is nearly 0 are not worth an infinite inverse.
  if (whole < std::numeric_limits<float>::min()) return 0;
  Search search(w, importance, range);
  // From clipping more than half of the range to one code more than needed:
  // coarsely for both signs, then around the best.
  constexpr int kCoarse = 12;
  constexpr float kStep = 0.06f, kFirst = 0.42f;
  for (int i = 0; i < kCoarse; ++i) {
    const float part = kFirst + kStep * static_cast<float>(i);
    search.Try(whole * part);
    search.Try(-whole * part);
  }
  const float middle = search.best();
  for (const float step : {-2.0f, -1.0f, 1.0f, 2.0f}) {
    search.Try(middle + std::copysign(whole, middle) * (step * kStep / 3));
  }
  search.Try(absmax / range.high);  // as large as without a search
  search.TryRefit();
  return search.best();
}

Quantiser::Quantiser(const QuantiserParams& params, int bits, size_t group,
                     const InputMoments* moments)
    : search_(params.scale == "search"), bits_(bits), group_(group) {
  if (moments == nullptr || moments->count() == 0) return;
  if (search_) {
    for (size_t c = 0; c < moments->cols(); ++c) {
      importance_.push_back(static_cast<float>(moments->MeanSquare(c)));
    }
  }
  if (params.rounding == "compensated") compensation_.emplace(*moments);
}

float Quantiser::ScaleOf(std::span<const float> group, size_t first) const {
  if (!search_) {
    std::vector<int8_t> codes(group.size());
    return QuantizeRowInt<int8_t>(group, bits_, codes);
  }
  return SearchScale(group,
                     importance_.empty()
                         ? std::span<const float>()
                         : std::span(importance_).subspan(first, group_),
                     bits_);
}

int8_t Quantiser::CodeOf(float w, float scale) const {
  // Zeros, and what is not finite.
  if (!(std::abs(scale) >= std::numeric_limits<float>::min())) return 0;
  CodeRange range = RangeOf(bits_);
  if (!search_) range.low = -range.high;
  return static_cast<int8_t>(Code(w, 1 / scale, range));
}

void Quantiser::Quantise(std::span<const float> row, std::span<int8_t> codes,
                         std::span<float> scales) const {
  TRIPTYCH_CHECK(row.size() % group_ == 0, row.size(), group_);
  if (compensation_) return Compensated(row, codes, scales);
  for (size_t g = 0; g < row.size() / group_; ++g) {
    const auto part = row.subspan(g * group_, group_);
    const auto to = codes.subspan(g * group_, group_);
    if (!search_) {
      scales[g] = QuantizeRowInt<int8_t>(part, bits_, to);
      continue;
    }
    scales[g] = ScaleOf(part, g * group_);
    for (size_t i = 0; i < group_; ++i) to[i] = CodeOf(part[i], scales[g]);
  }
}

// A group's scale is chosen when its first weight's turn has come: for what is
// left of it by then.
void Quantiser::Compensated(std::span<const float> row, std::span<int8_t> codes,
                            std::span<float> scales) const {
  std::vector<float> left(row.begin(), row.end());
  for (size_t c = 0; c < row.size(); ++c) {
    float& scale = scales[c / group_];
    if (c % group_ == 0) {
      scale = ScaleOf(std::span(left).subspan(c, group_), c);
    }
    codes[c] = CodeOf(left[c], scale);
    const float off = left[c] - static_cast<float>(codes[c]) * scale;
    if (off == 0 || !std::isfinite(off)) continue;
    const auto factors = compensation_->Factors(c);
    float* const rest = left.data() + c + 1;
    for (size_t j = 0; j < factors.size(); ++j) rest[j] -= off * factors[j];
  }
}

}  // namespace triptych::npu
