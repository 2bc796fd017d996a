// From values to pixels, and the marks along the way.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_SCALE_H_
#define TRIPTYCH_TOOLS_REPORT_SCALE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace triptych::report {

// What an axis or a bar shows.
struct Quantity {
  std::string name;  // "time of a decode step"
  std::string unit;  // "s", "J", "%"; "" for a plain number
  bool log = false;
};

// Three significant digits and the unit, with an SI prefix where the unit
// takes one: "1.23 ms", "45.6 GB/s", "12.3 %", "3.2 M". "-" if not finite.
std::string FormatQuantity(double value, std::string_view unit);

// The least and greatest of finite values, of positive ones for `log`;
// {lo > hi} if there are none.
struct Extent {
  double lo = 1, hi = 0;
  bool empty() const { return lo > hi; }
  void Include(double value, bool log);
};
Extent ExtentOf(std::span<const double> values, bool log);

struct Tick {
  double value = 0;
  std::string label;  // "" for a minor one
};

// What a linear scale shows beside its extent: up to round numbers; those and
// 0, so that lengths of bars mean something; or nothing.
enum class Fit { kRound, kFromZero, kTight };

// A map of [lo, hi], an extent with what fits around it, onto pixels. `from`
// may be right of or below `to`.
class Scale {
 public:
  // An extent that is empty or a single value gets room around it. A log
  // scale ends at round numbers.
  Scale(const Extent& extent, bool log, double from, double to,
        Fit fit = Fit::kRound);

  double lo() const { return lo_; }
  double hi() const { return hi_; }
  bool log() const { return log_; }
  // Aborts for a log scale and value <= 0; clamped to a pixel beyond.
  double At(double value) const;
  // Whether At() may be asked: finite, and positive on a log scale.
  bool Shows(double value) const;

  // About `about` labelled ticks, in increasing order, all within the scale.
  std::vector<Tick> Ticks(int about, std::string_view unit) const;

 private:
  double Position(double value) const;  // 0 at lo, 1 at hi
  double lo_, hi_, from_, to_;
  bool log_;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_SCALE_H_
