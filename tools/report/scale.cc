// SPDX-License-Identifier: Apache-2.0
#include "tools/report/scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/base/check.h"

namespace triptych::report {
namespace {

// Units that nobody writes with a prefix.
bool TakesPrefix(std::string_view unit) {
  static constexpr std::array<std::string_view, 10> kPlain = {
      "%", "x", "nats", "nats/token", "bit", "dB", "mm2", "KiB", "MiB", "GiB"};
  return std::ranges::find(kPlain, unit) == kPlain.end();
}

constexpr std::array<std::string_view, 13> kPrefixes = {
    "a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"};
constexpr int kOnes = 6;

// "us" is 1000^-2 of "s": what a parameter is in. One that has no prefix, or
// that nobody knows, is 1000^0 of itself.
struct Unit {
  int power = 0;
  std::string_view base;
};
Unit UnitOf(std::string_view unit) {
  static constexpr std::array<std::string_view, 8> kBases = {
      "s", "Hz", "J", "W", "A", "B", "B/s", "FLOP/s"};
  const auto is_base = [](std::string_view base) {
    return std::ranges::find(kBases, base) != kBases.end();
  };
  if (unit == "nm" || unit == "um" || unit == "mm") {
    return {unit == "nm" ? -3 : unit == "um" ? -2 : -1, "m"};
  }
  if (unit.starts_with('u') && is_base(unit.substr(1))) {
    return {-2, unit.substr(1)};
  }
  for (size_t i = 0; i < kPrefixes.size(); ++i) {
    const std::string_view prefix = kPrefixes[i];
    if (unit.starts_with(prefix) && is_base(unit.substr(prefix.size()))) {
      return {static_cast<int>(i) - kOnes, unit.substr(prefix.size())};
    }
  }
  return {0, unit};
}

// The power of 1000 whose prefix stands before `value`, beside that of its
// own unit. What is counted has no
// small prefixes.
int PrefixOf(double value, std::string_view unit) {
  if (value == 0 || !TakesPrefix(unit)) return 0;
  // A value that rounds up to 1000 takes the next prefix.
  const double magnitude = std::abs(value) * (1 + 5e-4);
  const int power = static_cast<int>(std::floor(std::log10(magnitude) / 3));
  const auto [own, base] = UnitOf(unit);
  const bool counts =
      base.empty() || base.starts_with("FLOP") || base.starts_with("1/");
  return std::clamp(power, (counts ? 0 : -kOnes) - own, kOnes - own);
}

std::string WithPrefix(std::string_view number, int power,
                       std::string_view whole_unit) {
  auto [own, unit] = UnitOf(whole_unit);
  const std::string_view prefix =
      kPrefixes[static_cast<size_t>(power + own + kOnes)];
  if (prefix.empty() && unit.empty()) return std::string(number);
  // Rates read "10 k/s", not "10 k1/s".
  if (unit.starts_with("1/")) unit.remove_prefix(1);
  return fmt::format("{} {}{}", number, prefix, unit);
}

// Without zeros that say nothing: "2.50" is "2.5".
std::string Trimmed(std::string text) {
  if (text.find('e') != std::string::npos) return text;
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

// 1, 2 or 5 times a power of ten, near `rough` from above.
double NiceStep(double rough) {
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

// One prefix for all of them, as many digits as the step has.
std::string LinearLabel(double value, double step, int power,
                        std::string_view unit) {
  const double unit_value = std::pow(1000.0, power);
  const double scaled_step = step / unit_value;
  const int digits = std::max(
      0, -static_cast<int>(std::floor(std::log10(scaled_step) + 1e-9)));
  return WithPrefix(Trimmed(fmt::format("{:.{}f}", value / unit_value, digits)),
                    power, unit);
}

std::string LogLabel(double value, std::string_view unit) {
  if (!TakesPrefix(unit) && (value < 1e-3 || value >= 1e5)) {
    return WithPrefix(fmt::format("{:.0e}", value), 0, unit);
  }
  const int power = PrefixOf(value, unit);
  return WithPrefix(fmt::format("{:.3g}", value / std::pow(1000.0, power)),
                    power, unit);
}

}  // namespace

std::string FormatQuantity(double value, std::string_view unit) {
  if (!std::isfinite(value)) return "-";
  const int power = PrefixOf(value, unit);
  const double scaled = value / std::pow(1000.0, power);
  const double size = std::abs(scaled);
  if (size != 0 && (size < 1e-3 || size >= 1e6)) {
    return WithPrefix(fmt::format("{:.2e}", scaled), power, unit);
  }
  const int before =
      size == 0 ? 1 : static_cast<int>(std::floor(std::log10(size))) + 1;
  return WithPrefix(
      Trimmed(fmt::format("{:.{}f}", scaled, std::max(0, 3 - before))), power,
      unit);
}

void Extent::Include(double value, bool log) {
  if (!std::isfinite(value) || (log && value <= 0)) return;
  if (empty()) {
    lo = hi = value;
  } else {
    lo = std::min(lo, value);
    hi = std::max(hi, value);
  }
}

Extent ExtentOf(std::span<const double> values, bool log) {
  Extent extent;
  for (const double value : values) extent.Include(value, log);
  return extent;
}

Scale::Scale(const Extent& extent, bool log, double from, double to, Fit fit)
    : lo_(extent.lo), hi_(extent.hi), from_(from), to_(to), log_(log) {
  if (extent.empty()) {
    lo_ = log ? 1 : 0;
    hi_ = log ? 10 : 1;
  }
  if (log) {
    // To the next 1, 2 or 5; a single value gets its decade.
    if (hi_ / lo_ < 1 + 1e-9) {
      lo_ /= 2;
      hi_ *= 2;
    }
    hi_ = NiceStep(hi_);
    lo_ = 1 / NiceStep(1 / lo_);
    return;
  }
  const bool from_zero = fit == Fit::kFromZero;
  if (from_zero) {
    lo_ = std::min(lo_, 0.0);
    hi_ = std::max(hi_, 0.0);
  }
  if (hi_ - lo_ <= 1e-12 * std::max(std::abs(lo_), std::abs(hi_))) {
    const double room = hi_ == 0 ? 1 : std::abs(hi_) / 2;
    lo_ = from_zero && lo_ == 0 ? 0 : lo_ - room;
    hi_ = from_zero && hi_ == 0 ? 1 : hi_ + room;
  }
  if (fit == Fit::kTight) return;
  const double step = NiceStep((hi_ - lo_) / 10);
  lo_ = std::floor(lo_ / step + 1e-9) * step;
  hi_ = std::ceil(hi_ / step - 1e-9) * step;
}

bool Scale::Shows(double value) const {
  return std::isfinite(value) && (!log_ || value > 0);
}

double Scale::Position(double value) const {
  return log_ ? (std::log(value) - std::log(lo_)) /
                    (std::log(hi_) - std::log(lo_))
              : (value - lo_) / (hi_ - lo_);
}

double Scale::At(double value) const {
  TRIPTYCH_CHECK(Shows(value), "value", value, "log", log_);
  const double beyond = 1 / std::max(1.0, std::abs(to_ - from_));
  return from_ +
         (to_ - from_) * std::clamp(Position(value), -beyond, 1 + beyond);
}

std::vector<Tick> Scale::Ticks(int about, std::string_view unit) const {
  std::vector<Tick> ticks;
  if (!log_) {
    const double step = NiceStep((hi_ - lo_) / about);
    const int power = PrefixOf(std::max(std::abs(lo_), std::abs(hi_)), unit);
    for (double n = std::ceil(lo_ / step - 1e-9); n * step <= hi_ + step * 1e-9;
         ++n) {
      ticks.push_back({n * step, LinearLabel(n * step, step, power, unit)});
    }
    return ticks;
  }
  const double decades = std::log10(hi_) - std::log10(lo_);
  const int every = std::max(1, static_cast<int>(std::ceil(decades / about)));
  // Between decades, where these are few: 1 2 5; unlabelled lines otherwise.
  const bool between = 3 * decades <= about;
  const int first = static_cast<int>(std::floor(std::log10(lo_) + 1e-9));
  const int last = static_cast<int>(std::ceil(std::log10(hi_) - 1e-9));
  for (int decade = first; decade <= last; ++decade) {
    for (const int factor : {1, 2, 5}) {
      const double value = factor * std::pow(10.0, decade);
      if (value < lo_ * (1 - 1e-9) || value > hi_ * (1 + 1e-9)) continue;
      // Multiples of `every` whatever the first: 1, 1000, 10^6.
      const bool labelled =
          between || (factor == 1 && ((decade % every) + every) % every == 0);
      if (factor != 1 && !between && every > 1) continue;
      ticks.push_back({value, labelled ? LogLabel(value, unit) : ""});
    }
  }
  return ticks;
}

}  // namespace triptych::report
