// The levels of fidelity: what each adds, what they have in common, and that
// neither threads nor the width of vectors enter any of them.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/matmul/targets.h"
#include "tests/emulators/optical/product.h"
#include "tests/kernels/simd_targets.h"

namespace triptych {
namespace {

struct Moments {
  double mean = 0, sd = 0;
};

// Of `values` - `from`.
Moments MomentsOf(const std::vector<float>& values,
                  const std::vector<float>& from) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double off = double{values[i]} - from[i];
    sum += off;
    squares += off * off;
  }
  const auto n = static_cast<double>(values.size());
  return {sum / n, std::sqrt(squares / n - sum / n * (sum / n))};
}

TEST_CASE("L0 is rounding alone: no seed, no mismatch, no noise") {
  const Product product(150, 300, true);
  const auto l0 = Make(kSmallPlanes + Overrides{"fidelity=L0"});
  const auto bare =
      Make(kSmallPlanes + Overrides{"noise.physical=false", "adc.unit_sigma=0",
                                    "dac.unit_sigma=0"});
  const auto values = product.Run(*l0, 20);
  CHECK(values == product.Run(*l0, 20, 1, 6));
  // A SAR without mismatch rounds to the nearest level of 1/256 LSB first.
  const auto sar = product.Run(*bare, 20);
  size_t differ = 0;
  for (size_t i = 0; i < sar.size(); ++i) differ += sar[i] != values[i];
  CHECK(differ < sar.size() / 50);
  CHECK(RelativeError(sar, values) < 2e-3);
}

// The errors that L1 draws have the moments of those that L2 computes: of
// light exactly, of mismatched elements as far as one chip is like all chips.
TEST_CASE("L1 has the moments of L2") {
  struct Case {
    std::string name;
    Overrides set;
    double of_sd, of_mean;  // limits, in standard deviations
  };
  const Case cases[] = {
      {"light",
       {"dac.unit_sigma=0", "adc.unit_sigma=0", "laser.power_mw=1"},
       0.01,
       0.01},
      {"DAC elements",
       {"noise.physical=false", "dac.unit_sigma=0.05", "adc.unit_sigma=0",
        "adc.bits=0"},
       0.10,
       0.10},
      {"ADC elements",
       {"noise.physical=false", "dac.unit_sigma=0", "adc.unit_sigma=0.05"},
       0.10,
       0.10},
      {"all",
       {"dac.unit_sigma=0.01", "adc.unit_sigma=0.01", "laser.power_mw=2"},
       0.05,
       0.05},
  };
  const Product product(2048, 1024, false);
  for (const char* encoding : {"two_pass", "offset"}) {
    for (const Case& c : cases) {
      const auto level = [&](const char* fidelity) {
        return product.Run(
            *Make(c.set + Overrides{std::string("vector.encoding=") + encoding,
                                    std::string("fidelity=") + fidelity}),
            60);
      };
      const auto ideal = level("L0");
      const Moments one = MomentsOf(level("L1"), ideal);
      const Moments two = MomentsOf(level("L2"), ideal);
      CAPTURE(c.name);
      CAPTURE(std::string(encoding));
      CHECK(two.sd > 0);
      CHECK(one.sd / two.sd == doctest::Approx(1).epsilon(c.of_sd));
      CHECK(std::abs(one.mean - two.mean) / two.sd < c.of_mean);
    }
  }
}

TEST_CASE("L3 == L2 bit for bit, far into saturation") {
  const Product product(150, 300, true);
  for (const char* fraction : {"0.0005", "0.004", "0.05"}) {
    const Overrides set =
        kSmallPlanes + Overrides{"adc.full_scale=fixed", "dac.unit_sigma=0.05",
                                 "adc.unit_sigma=0.05",
                                 std::string("adc.fixed_fraction=") + fraction};
    const auto two = product.Run(*Make(set), 20);
    CHECK(two == product.Run(*Make(set + Overrides{"fidelity=L3"}), 20, 2));
    CHECK(two == product.Run(*Make(set + Overrides{"periphery=rtl"}), 20));
  }
}

TEST_CASE("Neither threads nor SIMD targets enter any level") {
  const Product product(150, 300, true);
  for (const Overrides& set : std::vector<Overrides>{
           {"fidelity=L0"},
           {"fidelity=L1"},
           {"fidelity=L2"},
           {"fidelity=L2", "dac.unit_sigma=0", "vector.encoding=offset"},
           {"fidelity=L2", "noise.light=output"},
           {"fidelity=L2", "adc.full_scale=row_max", "plane.cols=2048"},
           {"fidelity=L1", "plane.weight_bits=0", "noise.output_sigma=0.01"},
       }) {
    const auto target = Make(kSmallPlanes + set);
    const auto values = product.Run(*target, 40);
    CHECK(values == product.Run(*target, 40, 2));
    // Sums of floats, where there are any, need fused multiply-add.
    const bool floats = set.size() > 1 && set[1] == "plane.weight_bits=0";
    ForEachSimdTarget([&](int64_t simd) {
      if (floats && simd > HWY_AVX2) return;
      CAPTURE(hwy::TargetName(simd));
      CHECK(values == product.Run(*target, 40));
    });
  }
}

TEST_CASE("Strips of any length give the same values") {
  // One thread takes 1,024 outputs and more at a time, two take 256.
  const Product product(1300, 200, false);
  const auto target = Make({"plane.rows=128"});
  for (const int64_t vectors : {1, 2, 35}) {
    CAPTURE(vectors);
    CHECK(product.Run(*target, vectors) == product.Run(*target, vectors, 2));
  }
}

TEST_CASE("Light of each output: what a column's mean stands for") {
  const Product product(64, 256, false);
  const Overrides set = {"plane.rails=split",   "adc.bits=0",
                         "dac.unit_sigma=0",    "rx.tia_noise_pa_per_sqrt_hz=0",
                         "laser.power_mw=1e-3", "laser.rin_db_per_hz=-200"};
  const auto noise = [&](const char* light, const char* encoding) {
    const Overrides of =
        set + Overrides{std::string("noise.light=") + light,
                        std::string("vector.encoding=") + encoding};
    return MomentsOf(
               product.Run(*Make(of), 400),
               product.Run(*Make(of + Overrides{"noise.physical=false"}), 400))
        .sd;
  };
  for (const char* encoding : {"two_pass", "offset"}) {
    CAPTURE(encoding);
    CHECK(noise("output", encoding) ==
          doctest::Approx(noise("column", encoding)).epsilon(0.03));
  }
}

}  // namespace
}  // namespace triptych
