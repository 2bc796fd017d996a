// Calibration: that it finds offsets, gains and weights that are there, and
// the RTL against the model in every cycle of it.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/base/rng.h"
#include "rtl/opt_cal/opt_cal_model.h"
#include "rtl/opt_cal/opt_cal_rtl.h"
#include "rtl/opt_post/opt_post_model.h"
#include "rtl/sar_adc/sar_adc_model.h"

namespace triptych::rtl {
namespace {

constexpr int kDeltaLsb = 12;  // +-delta, as manufactured
constexpr int kUnitsPerLsb = 1 << kSarWeightFracBits;
constexpr int kLevelsPerUnit = kSarLevelsPerLsb / kUnitsPerLsb;

// Model and RTL side by side, with the converters and the post-processing
// registers that they are wired to.
class Bench {
 public:
  explicit Bench(bool with_rtl) : with_rtl_(with_rtl) {
    in.max_code = search.max_code();
  }

  void Cycle() {
    in.kept = &kept_;
    model_.Clock(in);
    if (with_rtl_) rtl_.Clock(in);
    in.start = in.sar_start = in.weight_write = in.delta_write = false;
    in.conversion = nullptr;
    const CalOutputs out = model_.Outputs();
    if (with_rtl_) {
      differ += !(out == rtl_.Outputs());
      differ += !(model_.registers() == rtl_.registers());
      differ += model_.Plus(in.second) != rtl_.Plus(in.second);
      if (out.valid) differ += model_.result() != rtl_.result();
    }
    if (out.write) {
      post.SetWord(out.write_kind, out.write_lane, out.write_data);
    }
    if (out.weight_write) search.weight[out.weight_step] = out.weight;
  }
  // A conversion that ends with `record`, as the slice would time it.
  void Conversion(const SarRecord& record) {
    in.sar_start = true;
    Cycle();
    Cycle();
    kept_ = record.kept;
    in.conversion = &record;
    Cycle();
  }
  // One vector, converted twice; levels as SarConvert's.
  void Pair(const SarFrontEnd& front_end,
            const std::array<int32_t, kSarLanes>& level) {
    in.pairs = true;
    for (const bool second : {false, true}) {
      in.second = second;
      std::array<int32_t, kSarLanes> dithered = level;
      const int sign = model_.Plus(second) ? 1 : -1;
      for (int32_t& l : dithered) l += sign * kDeltaLsb * kSarLevelsPerLsb;
      SarRecord record;
      SarConvert(search, front_end, dithered.data(), nullptr, &record);
      Conversion(record);
    }
    for (int i = 0; i < kCalSteps + 2; ++i) Cycle();
    in.second = false;
    Cycle();
  }
  // The same of conversions that are made up.
  void PairOf(const SarRecord& plus, const SarRecord& minus) {
    for (const bool second : {false, true}) {
      in.second = second;
      Conversion(model_.Plus(second) ? plus : minus);
    }
    for (int i = 0; i < kCalSteps + 2; ++i) Cycle();
  }
  void WriteWeights() {
    const SarSearch nominal = MakeSarSearch(10);
    for (int k = 0; k < nominal.steps; ++k) {
      in.weight_write = true;
      in.weight_step = k;
      in.weight = nominal.weight[k];
      Cycle();
    }
    in.delta_write = true;
    in.delta = 2 * kDeltaLsb * kUnitsPerLsb;
    Cycle();
  }
  // Runs the foreground calibration; sees(source, lane) is what a conversion
  // of that source gives, 1/16 LSB.
  template <class Sees>
  void Foreground(const Sees& sees) {
    in.start = true;
    Cycle();
    int guard = 0;
    while (model_.Outputs().busy && ++guard < 100'000) {
      if (!model_.Outputs().want) {
        Cycle();
        continue;
      }
      SarRecord record;
      for (int lane = 0; lane < kSarLanes; ++lane) {
        record.result[lane] = sees(model_.Outputs().source, lane);
      }
      Conversion(record);
    }
    Cycle();
  }
  const CalRegisters& registers() const { return model_.registers(); }
  const Calibration& model() const { return model_; }

  CalInputs in;
  SarSearch search = MakeSarSearch(10);
  PostCoefficients post;
  int differ = 0;

 private:
  bool with_rtl_;
  Calibration model_;
  CalibrationRtl rtl_;
  std::array<uint64_t, kSarMaxSteps> kept_{};
};

TEST_CASE("Foreground: each lane's offset and gain, noise averaged") {
  Bench bench(true);
  bench.in.log2_samples = 6;
  bench.in.optics_cycles = 5;
  bench.in.reference = 8000;
  Rng rng(1);
  const auto offset = [](int lane) { return 300.0 - 4 * lane; };
  const auto slope = [](int lane) { return 0.8 + 0.01 * lane; };
  bench.Foreground([&](int source, int lane) {
    CHECK(source != kCalSourceSignal);
    const double light = source == kCalSourceReference ? 8000 : 0;
    return static_cast<uint16_t>(
        std::lround(offset(lane) + slope(lane) * light + 10 * rng.Normal()));
  });
  CHECK(bench.differ == 0);
  CHECK(bench.registers().clipped_gains == 0);
  for (int lane = 0; lane < kSarLanes; ++lane) {
    // Noise of 10 over 64 samples: 1.25. Four of that, and rounding.
    CHECK(std::abs(bench.post.offset[lane] - offset(lane)) < 5.5);
    const double gain = bench.post.gain[lane] / double{kPostUnityGain};
    CHECK(gain * slope(lane) == doctest::Approx(1).epsilon(0.0015));
  }
}

TEST_CASE("Foreground: a lane that sees no light has its gain clipped") {
  Bench bench(true);
  bench.in.log2_samples = 0;
  bench.in.reference = 4000;
  bench.Foreground([](int source, int lane) -> uint16_t {
    if (source == kCalSourceDark) return 500;
    return lane == 3 ? 500 : lane == 9 ? 400 : lane == 11 ? 1400 : 4500;
  });
  CHECK(bench.differ == 0);
  CHECK(bench.registers().clipped_gains == 3);
  CHECK(bench.post.gain[3] == UINT16_MAX);   // nothing to divide by
  CHECK(bench.post.gain[9] == UINT16_MAX);   // less than nothing
  CHECK(bench.post.gain[11] == UINT16_MAX);  // 4.44, which Q2.14 has not
  CHECK(bench.post.gain[0] == kPostUnityGain);
}

// Capacitors of all lanes off by the same, and each lane's own mismatch.
struct Chip {
  SarFrontEnd front_end;
  std::array<double, kCalSteps> units;  // what the weights should be

  explicit Chip(double sigma) {
    const SarSearch nominal = MakeSarSearch(10);
    front_end = MismatchedFrontEnd(nominal, sigma, 12, 0);
    constexpr std::array<double, kCalSteps> kOffLsb{-6.3, 3.7, 1.9,
                                                    -0.8, 0.6, -0.4};
    for (int k = 0; k < kCalSteps; ++k) {
      for (int32_t& c : front_end.capacitor[k]) {
        c += static_cast<int32_t>(std::lround(kOffLsb[k] * kSarLevelsPerLsb));
      }
      units[k] = nominal.weight[k] + kOffLsb[k] * kUnitsPerLsb;
    }
  }
};

std::array<int32_t, kSarLanes> RandomLevels(Rng& rng, double from, double to) {
  std::array<int32_t, kSarLanes> level;
  for (int32_t& l : level) {
    l = static_cast<int32_t>((from + (to - from) * rng.Uniform()) * 1024 *
                             kSarLevelsPerLsb);
  }
  return level;
}

// Mean square of what is left of results after the best straight line, LSB^2.
double Nonlinearity(const SarSearch& search, const SarFrontEnd& front_end) {
  Rng rng(77);
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
  for (int i = 0; i < 200; ++i) {
    const auto level = RandomLevels(rng, 0.03, 0.97);
    SarRecord record;
    SarConvert(search, front_end, level.data(), nullptr, &record);
    for (int lane = 0; lane < kSarLanes; ++lane) {
      const double x = level[lane] / double{kSarLevelsPerLsb};
      const double y = record.result[lane] / double{kUnitsPerLsb};
      n += 1, sx += x, sy += y, sxx += x * x, sxy += x * y, syy += y * y;
    }
  }
  const double vx = sxx - sx * sx / n, vxy = sxy - sx * sy / n;
  return (syy - sy * sy / n - vxy * vxy / vx) / n;
}

TEST_CASE("Background: sign-LMS finds weights that all lanes share") {
  const Chip chip(0.005);
  Bench bench(false);
  bench.WriteWeights();
  bench.in.steps = kCalSteps;
  Rng rng(3);
  const double before = Nonlinearity(bench.search, chip.front_end);
  for (const int rate : {7, 6, 4, 2}) {
    bench.in.rate = rate;
    for (int i = 0; i < 4000; ++i) {
      bench.Pair(chip.front_end, RandomLevels(rng, 0.03, 0.97));
    }
  }
  const double after = Nonlinearity(bench.search, chip.front_end);
  for (int k = 0; k < kCalSteps; ++k) {
    CAPTURE(k);
    const double found =
        std::ldexp(bench.registers().estimate[k], -kCalEstimateFracBits);
    // The lanes' own mismatch, averaged over 64, and what the step leaves:
    // a quarter LSB of weights up to 448.
    CHECK(std::abs(found - chip.units[k]) < kUnitsPerLsb / 4.0);
  }
  // Ideal conversion leaves 1/12 LSB^2; so much of it must be reached.
  CHECK(before > 2);
  CHECK(after < 0.15);
  CHECK(bench.registers().pairs == 16'000);
}

TEST_CASE("Background: frozen, nothing is learnt, and means still come out") {
  const Chip chip(0);
  Bench bench(true);
  bench.WriteWeights();
  bench.in.steps = kCalSteps;
  bench.in.rate = 4;
  bench.in.freeze = true;
  const CalRegisters at_start = bench.registers();
  Rng rng(4);
  for (int i = 0; i < 50; ++i) {
    bench.Pair(chip.front_end, RandomLevels(rng, 0, 1));
  }
  CHECK(bench.registers() == at_start);
  CHECK(bench.differ == 0);
}

TEST_CASE("Background: clipped conversions teach nothing") {
  Bench bench(true);
  bench.WriteWeights();
  bench.in.steps = kCalSteps;
  bench.in.rate = 7;
  const CalRegisters at_start = bench.registers();
  const SarFrontEnd ideal = IdealFrontEnd(bench.search);
  Rng rng(5);
  for (int i = 0; i < 20; ++i) {
    // One of the two always beyond an end: 12 LSB of 1024 are 1.17 %.
    bench.Pair(ideal, RandomLevels(rng, 0.99, 1.005));
    bench.Pair(ideal, RandomLevels(rng, -0.005, 0.01));
  }
  CHECK(bench.registers().estimate == at_start.estimate);
  CHECK(bench.registers().delta == at_start.delta);
  CHECK(bench.registers().pairs == 40);
  CHECK(bench.differ == 0);
}

// A receiver's amplifier has drifted: light and dither both come through it.
SarFrontEnd Drifted(const SarSearch& search, const std::array<double, 64>& by) {
  // Smaller capacitors see more of the same signal.
  SarFrontEnd front_end = IdealFrontEnd(search);
  for (int k = 0; k < search.steps; ++k) {
    for (int lane = 0; lane < kSarLanes; ++lane) {
      front_end.capacitor[k][lane] = static_cast<int32_t>(
          std::lround(front_end.capacitor[k][lane] / by[lane]));
    }
  }
  return front_end;
}

TEST_CASE("Background: gains that drift between foreground runs are tracked") {
  Bench bench(true);
  bench.WriteWeights();
  bench.in.track = 8;
  bench.in.target = 2 * kDeltaLsb * kUnitsPerLsb;
  Rng rng(7);
  std::array<double, 64> drift;
  for (double& by : drift) by = 1 + 0.03 * rng.Normal();
  const SarFrontEnd drifted = Drifted(bench.search, drift);
  // Two windows; after each, divisions, while pairs are not counted.
  constexpr int kDivisions = 200;
  for (int i = 0; i < 2 * (256 + kDivisions); ++i) {
    std::array<int32_t, kSarLanes> level;
    for (int lane = 0; lane < kSarLanes; ++lane) {
      const double code = lane == 9 ? 1021 : 100 + 800 * rng.Uniform();
      level[lane] = static_cast<int32_t>(code / drift[lane] * kSarLevelsPerLsb);
    }
    bench.Pair(drifted, level);
  }
  CHECK(bench.registers().tracked == 2);
  for (int lane = 0; lane < kSarLanes; ++lane) {
    CAPTURE(lane);
    const double gain = std::ldexp(bench.post.gain[lane], -kPostGainFracBits);
    if (lane == 9) {
      CHECK(gain == 1);  // clipped in every pair: as it was
      continue;
    }
    // Each difference is off by two roundings, 0.41 LSB rms of 24; the mean of
    // 256 by a sixteenth: 0.11 %, of which four standard deviations.
    CHECK(std::abs(gain * drift[lane] - 1) < 0.0043);
  }
  CHECK(bench.differ == 0);
}

TEST_CASE("Background: gains that would not fit are left alone") {
  Bench bench(true);
  bench.in.pairs = true;
  bench.in.track = 1;
  bench.in.target = 3000;
  // What two conversions differ by, with its sign, by lane.
  const auto difference = [](int lane) { return 64 * (lane - 20); };
  SarRecord plus, minus;
  for (int lane = 0; lane < kSarLanes; ++lane) {
    minus.result[lane] = 5000;
    plus.result[lane] = static_cast<uint16_t>(5000 + difference(lane));
  }
  for (int i = 0; i < 2; ++i) bench.PairOf(plus, minus);
  // Commands of the foreground would be taken now: it is not busy.
  CHECK(!bench.model().Outputs().busy);
  CHECK(bench.model().Outputs().source == kCalSourceSignal);
  for (int cycle = 0; cycle < 3000; ++cycle) bench.Cycle();
  CHECK(bench.registers().tracked == 1);
  CHECK(bench.registers().clipped_gains == 0);
  for (int lane = 0; lane < kSarLanes; ++lane) {
    CAPTURE(lane);
    const double gain = difference(lane) > 0 ? 3000.0 / difference(lane) : 9;
    CHECK(bench.post.gain[lane] ==
          (gain < 4 ? std::lround(gain * (1 << kPostGainFracBits))
                    : 1 << kPostGainFracBits));
  }
  CHECK(bench.differ == 0);
}

TEST_CASE("Background: a window that was given up spoils nothing") {
  Bench bench(true);
  bench.in.pairs = true;
  bench.in.track = 2;
  bench.in.target = 2000;
  SarRecord plus, minus;
  plus.result.fill(6000);
  minus.result.fill(5000);
  SarRecord clipped = plus;
  clipped.result[5] = static_cast<uint16_t>(bench.in.max_code * kUnitsPerLsb);
  bench.PairOf(clipped, minus);
  bench.in.track = 0;
  bench.Cycle();
  bench.in.track = 1;
  for (int i = 0; i < 2; ++i) bench.PairOf(plus, minus);
  for (int cycle = 0; cycle < 3000; ++cycle) bench.Cycle();
  CHECK(bench.registers().tracked == 1);
  for (int lane = 0; lane < kSarLanes; ++lane) {
    CAPTURE(lane);
    CHECK(bench.post.gain[lane] == 2 * kPostUnityGain);
  }
  CHECK(bench.differ == 0);
}

TEST_CASE("RTL == model: gains tracked, stopped and started at any time") {
  Bench bench(true);
  bench.WriteWeights();
  bench.in.steps = kCalSteps;
  bench.in.rate = 4;
  bench.in.optics_cycles = 3;
  Rng rng(8);
  const Chip chip(0.01);
  int tracked = 0;
  for (int i = 0; i < 600; ++i) {
    bench.Pair(chip.front_end, RandomLevels(rng, -0.01, 1.01));
    switch (rng.Below(40)) {
      case 0:
        bench.in.track = static_cast<int>(rng.Below(4));
        break;
      case 1:
        bench.in.target = static_cast<uint16_t>(rng.Below(1 << 14));
        break;
      case 2:
        bench.in.freeze = !bench.in.freeze;
        break;
      case 3:
        for (uint32_t k = rng.Below(3000); k > 0; --k) bench.Cycle();
        break;
      case 4:  // in the middle of whatever there is
        bench.in.pairs = false;
        bench.in.log2_samples = static_cast<int>(rng.Below(3));
        bench.in.reference = static_cast<uint16_t>(rng.Below(1 << 14));
        bench.Foreground([&rng](int, int) {
          return static_cast<uint16_t>(rng.Below(1 << 14));
        });
        break;
      case 5:  // a pair that ends as a command comes
        bench.in.pairs = bench.in.second = bench.in.start = true;
        {
          SarRecord record;
          record.result.fill(5000);
          bench.in.conversion = &record;
          bench.Cycle();
        }
        bench.in.pairs = bench.in.second = false;
        bench.Foreground([](int, int) { return uint16_t{4000}; });
        break;
      default:
        break;
    }
    tracked += bench.registers().tracked > 0;
  }
  CHECK(tracked > 0);
  CHECK(bench.differ == 0);
}

TEST_CASE("RTL == model: estimates stop at both their ends") {
  for (const uint16_t end : {uint16_t{0}, uint16_t{(1 << 14) - 1}}) {
    Bench bench(true);
    bench.in.steps = kCalSteps;
    bench.in.rate = 7;
    bench.in.pairs = true;
    for (int k = 0; k < kCalSteps; ++k) {
      bench.in.weight_write = true;
      bench.in.weight_step = k;
      bench.in.weight = end;
      bench.Cycle();
    }
    // What +delta keeps, -delta does not, in every step; and the difference
    // is far too large, which wants smaller weights, or far too small.
    SarRecord plus, minus;
    plus.result.fill(end == 0 ? 9000 : 1000);
    minus.result.fill(end == 0 ? 1000 : 9000);
    plus.kept.fill(UINT64_MAX);
    for (int i = 0; i < 20; ++i) bench.PairOf(plus, minus);
    for (const uint32_t estimate : bench.registers().estimate) {
      // From the largest weight there is a unit's fraction to the end.
      CHECK(estimate == (end == 0 ? 0 : (1u << 24) - 1));
    }
    CHECK(bench.differ == 0);
  }
}

TEST_CASE("RTL == model: learning, recalibrated midway, in every cycle") {
  Bench bench(true);
  Rng rng(6);
  for (int round = 0; round < 4; ++round) {
    const Chip chip(0.01 * round);
    bench.WriteWeights();
    bench.in.steps = static_cast<int>(rng.Below(kCalSteps + 1));
    bench.in.rate = static_cast<int>(rng.Below(8));
    for (int i = 0; i < 200; ++i) {
      bench.in.freeze = rng.Below(10) == 0;
      bench.Pair(chip.front_end, RandomLevels(rng, -0.02, 1.02));
    }
    bench.in.pairs = false;
    bench.in.log2_samples = static_cast<int>(rng.Below(5));
    bench.in.reference = static_cast<uint16_t>(rng.Below(1 << 14));
    bench.in.optics_cycles = static_cast<uint16_t>(rng.Below(9));
    bench.Foreground(
        [&rng](int, int) { return static_cast<uint16_t>(rng.Below(1 << 14)); });
  }
  CHECK(bench.differ == 0);
}

}  // namespace
}  // namespace triptych::rtl
