// SPDX-License-Identifier: Apache-2.0
#include "tools/report/scale.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/base/rng.h"

namespace triptych::report {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string Labels(const Scale& scale, int about, std::string_view unit) {
  std::string all;
  for (const Tick& tick : scale.Ticks(about, unit)) {
    if (!tick.label.empty()) all += (all.empty() ? "" : "|") + tick.label;
  }
  return all;
}

TEST_CASE("quantities have three digits and a prefix") {
  CHECK(FormatQuantity(0.00123456, "s") == "1.23 ms");
  CHECK(FormatQuantity(45.64e9, "B/s") == "45.6 GB/s");
  CHECK(FormatQuantity(12345, "1/s") == "12.3 k/s");
  CHECK(FormatQuantity(0.25, "1/s") == "0.25 /s");
  CHECK(FormatQuantity(0, "J") == "0 J");
  CHECK(FormatQuantity(-2.5e-6, "J") == "-2.5 µJ");
  CHECK(FormatQuantity(12.345, "%") == "12.3 %");
  CHECK(FormatQuantity(1.7e-5, "nats/token") == "1.70e-05 nats/token");
  CHECK(FormatQuantity(3200000, "") == "3.2 M");
  CHECK(FormatQuantity(0.25, "") == "0.25");
  CHECK(FormatQuantity(0.487, "FLOP/B") == "0.487 FLOP/B");
  CHECK(FormatQuantity(kNan, "s") == "-");
  CHECK(FormatQuantity(std::numeric_limits<double>::infinity(), "s") == "-");
}

TEST_CASE("a unit with a prefix of its own gets no second one") {
  CHECK(FormatQuantity(10, "us") == "10 µs");
  CHECK(FormatQuantity(1e4, "us") == "10 ms");
  CHECK(FormatQuantity(0.01, "us") == "10 ns");
  CHECK(FormatQuantity(0, "us") == "0 µs");
  CHECK(FormatQuantity(1500, "GB/s") == "1.5 TB/s");
  CHECK(FormatQuantity(250, "MHz") == "250 MHz");
  CHECK(FormatQuantity(1e-3, "pJ") == "1 fJ");
  CHECK(FormatQuantity(0.5, "GFLOP/s") == "500 MFLOP/s");
  CHECK(FormatQuantity(2000, "mm2") == "2000 mm2");
  CHECK(FormatQuantity(2048, "KiB") == "2048 KiB");
  // What only looks like one: metres are no thousandths, a pascal no peta-a.
  CHECK(FormatQuantity(5, "m") == "5 m");
  CHECK(FormatQuantity(5, "Pa") == "5 Pa");
  CHECK(FormatQuantity(5000, "um") == "5 mm");
  CHECK(Labels(Scale({1e-2, 2e4}, true, 0, 100), 4, "us") ==
        "10 ns|1 µs|100 µs|10 ms");
  CHECK(Labels(Scale({0, 21}, false, 0, 100, Fit::kFromZero), 5, "us") ==
        "0 µs|5 µs|10 µs|15 µs|20 µs|25 µs");
}

TEST_CASE("a value that rounds up takes the next prefix") {
  CHECK(FormatQuantity(999.4, "B") == "999 B");
  CHECK(FormatQuantity(999.96, "B") == "1 kB");
  CHECK(FormatQuantity(0.99996e-3, "s") == "1 ms");
}

TEST_CASE("linear ticks are round and share a prefix") {
  CHECK(Labels(Scale({0, 0.0021}, false, 0, 100, Fit::kFromZero), 5, "s") ==
        "0 ms|0.5 ms|1 ms|1.5 ms|2 ms|2.5 ms");
  CHECK(Labels(Scale({-30, 65}, false, 0, 100), 5, "") == "-20|0|20|40|60");
  CHECK(Labels(Scale({97.2, 99.1}, false, 0, 100), 4, "%") ==
        "97.5 %|98 %|98.5 %|99 %");
}

TEST_CASE("log ticks are powers of ten, or 1 2 5 where there is room") {
  CHECK(Labels(Scale({1e-6, 1e-1}, true, 0, 100), 6, "s") ==
        "1 µs|10 µs|100 µs|1 ms|10 ms|100 ms");
  CHECK(Labels(Scale({2, 45}, true, 0, 100), 6, "B") ==
        "2 B|5 B|10 B|20 B|50 B");
  // Every so many decades where there are too many.
  CHECK(Labels(Scale({1, 1e18}, true, 0, 100), 6, "") ==
        "1|1 k|1 M|1 G|1 T|1 P|1 E");
}

TEST_CASE("ends map to ends, whichever way they run") {
  const Scale across({0, 10}, false, 50, 250);
  CHECK(across.At(0) == doctest::Approx(50));
  CHECK(across.At(10) == doctest::Approx(250));
  const Scale up({1, 100}, true, 300, 0);
  CHECK(up.At(1) == doctest::Approx(300));
  CHECK(up.At(10) == doctest::Approx(150));
  CHECK(up.At(100) == doctest::Approx(0));
  // What lies outside ends a pixel outside.
  CHECK(across.At(1e9) == doctest::Approx(251));
  CHECK(across.At(-1e9) == doctest::Approx(49));
}

TEST_CASE("nothing, one value and equal values still make a scale") {
  for (const bool log : {false, true}) {
    for (const Fit fit : {Fit::kRound, Fit::kFromZero, Fit::kTight}) {
      for (const Extent extent :
           {Extent{}, Extent{5, 5}, Extent{1e-30, 1e-30}, Extent{3, 4}}) {
        const Scale scale(extent, log, 0, 100, fit);
        CHECK(scale.lo() < scale.hi());
        CHECK(!scale.Ticks(5, "s").empty());
      }
    }
  }
  const Scale zero({0, 0}, false, 0, 100, Fit::kFromZero);
  CHECK(zero.At(0) == doctest::Approx(0));
  CHECK(Scale({-4, -4}, false, 0, 100, Fit::kFromZero).hi() == 0);
}

TEST_CASE("extents leave out what cannot be shown") {
  const std::vector<double> values = {kNan, -3, 0, 8, HUGE_VAL};
  CHECK(ExtentOf(values, false).lo == -3);
  CHECK(ExtentOf(values, false).hi == 8);
  CHECK(ExtentOf(values, true).lo == 8);
  CHECK(ExtentOf({}, false).empty());
}

TEST_CASE("any extent: it is covered, ticks are within, in order, distinct") {
  Rng rng(11);
  for (int i = 0; i < 2000; ++i) {
    const auto random = [&] {
      return std::pow(10.0, static_cast<double>(rng.Below(24)) - 12) *
             (1 + static_cast<double>(rng.Below(1000)) / 100);
    };
    const bool log = rng.Below(2) == 0;
    const double lo = (log || rng.Below(2) == 0 ? 1 : -1) * random();
    const double hi = lo + random();
    CAPTURE(lo);
    CAPTURE(hi);
    const Scale scale({lo, hi}, log, 0, 500);
    const double rounding = 1e-8 * (hi - lo) + 1e-12 * std::abs(lo);
    CHECK(scale.lo() <= lo + rounding);
    CHECK(scale.hi() >= hi - rounding);
    const int about = 2 + static_cast<int>(rng.Below(8));
    const std::vector<Tick> ticks = scale.Ticks(about, "s");
    size_t labelled = 0;
    const Tick* last = nullptr;
    for (const Tick& tick : ticks) {
      CHECK(scale.At(tick.value) >= -1e-6);
      CHECK(scale.At(tick.value) <= 500 + 1e-6);
      if (last != nullptr) CHECK(tick.value > last->value);
      if (last != nullptr && !tick.label.empty()) {
        CHECK(tick.label != last->label);
      }
      labelled += tick.label.empty() ? 0 : 1;
      last = &tick;
    }
    CHECK(labelled <= static_cast<size_t>(3 * about + 4));
  }
}

}  // namespace
}  // namespace triptych::report
