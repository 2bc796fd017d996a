// The error budget against what each cause does on its own.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/error_budget.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace triptych::optical {
namespace {

// Nothing but what a test switches on.
Params Silent() {
  Params p;
  p.dac_bits = p.adc_bits = p.plane_bits = 0;
  p.physical_noise = false;
  return p;
}

double Of(const Params& p, std::string_view name) {
  const auto budget = ErrorBudgetOf(p);
  const auto term = std::ranges::find(budget, name, &ErrorTerm::name);
  REQUIRE(term != budget.end());
  return term->variance;
}

double All(const Params& p) {
  double sum = 0;
  for (const ErrorTerm& term : ErrorBudgetOf(p)) sum += term.variance;
  return sum;
}

TEST_CASE("what is switched off adds nothing") { CHECK(All(Silent()) == 0); }

TEST_CASE("an ADC at four sigma, by hand") {
  Params p = Silent();
  p.encoding = "offset";
  p.adc_full_scale = "row_sigma";
  p.adc_clip_sigma = 4;
  p.adc_bits = 8;
  // A step is 4 sigma / 127.
  const double step = 4.0 / 127;
  CHECK(Of(p, "ADC rounding") == doctest::Approx(step * step / 12));
  CHECK(All(p) == doctest::Approx(step * step / 12));
  p.encoding = "two_pass";
  CHECK(All(p) == doctest::Approx(2 * step * step / 12));
}

TEST_CASE("a bit more is 6 dB less, for each converter") {
  for (int64_t Params::*bits :
       {&Params::dac_bits, &Params::adc_bits, &Params::plane_bits}) {
    Params p = Silent();
    p.*bits = 8;
    const double at_8 = All(p);
    CHECK(at_8 > 0);
    p.*bits = 9;
    CHECK(at_8 / All(p) == doctest::Approx(4).epsilon(0.03));
  }
}

TEST_CASE("noise is that of the receiver, and light helps against it") {
  Params p = Silent();
  p.physical_noise = true;
  const double shot = Of(p, "shot noise");
  const double thermal = Of(p, "thermal noise");
  const double rin = Of(p, "laser intensity noise");
  CHECK(std::min({shot, thermal, rin}) > 0);
  p.laser_power_mw *= 2;
  CHECK(shot / Of(p, "shot noise") == doctest::Approx(2));
  CHECK(thermal / Of(p, "thermal noise") == doctest::Approx(4));
  CHECK(rin / Of(p, "laser intensity noise") == doctest::Approx(1));
}

TEST_CASE("mismatch grows with the unit's spread squared") {
  Params p = Silent();
  p.adc_bits = p.dac_bits = 8;
  p.adc_unit_sigma = p.dac_unit_sigma = 0.01;
  const double adc = Of(p, "ADC mismatch"), dac = Of(p, "DAC mismatch");
  p.adc_unit_sigma = p.dac_unit_sigma = 0.02;
  CHECK(Of(p, "ADC mismatch") / adc == doctest::Approx(4));
  CHECK(Of(p, "DAC mismatch") / dac == doctest::Approx(4));
}

}  // namespace
}  // namespace triptych::optical
