// Published tables: today's figures, so that they can only get better; what
// is refused and why; and rules small enough for a hand.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <string_view>

#include "emulators/optical/validation/adc_energy.h"
#include "emulators/optical/validation/predict.h"
#include "emulators/validate.h"

namespace triptych::optical {
namespace {

Validation Score(std::string_view table) {
  const auto loaded = Table::Load("emulators/optical/validation/" +
                                  std::string(table) + ".csv");
  REQUIRE_MESSAGE(loaded, (loaded ? "" : loaded.error().message));
  const auto scored = Validate("optical", {}, *loaded);
  REQUIRE_MESSAGE(scored, (scored ? "" : scored.error().message));
  return *scored;
}

// The worst error of rows whose keys contain `part`, and how many there are.
double Worst(const triptych::Score& score, std::string_view part, int& rows) {
  double worst = 0;
  rows = 0;
  for (const RowScore& row : score.rows_detail) {
    if (!row.keys.contains(part)) continue;
    worst = std::max(worst, std::abs(row.error_pct));
    ++rows;
  }
  return worst;
}

// A printed "0.14" stands for 0.135 to 0.145.
double HalfDigit(double printed) {
  double unit = 1;
  while (unit > 1e-6 &&
         std::abs(printed / unit - std::rint(printed / unit)) > 1e-6) {
    unit /= 10;
  }
  return unit / 2;
}

TEST_CASE("Lightening-Transformer: energy, latency and power within 1 %") {
  const Validation v = Score("lightening_transformer");
  REQUIRE(v.scores.size() == 1);
  int rows = 0;
  CHECK(Worst(v.scores[0], "quantity=energy_mj", rows) < 1);
  CHECK(rows == 3);
  CHECK(Worst(v.scores[0], "quantity=latency_ms", rows) < 0.1);
  CHECK(rows == 3);
  CHECK(Worst(v.scores[0], "quantity=power", rows) < 1);
  CHECK(rows == 8);
  CHECK(Worst(v.scores[0], "quantity=area", rows) < 1);
  CHECK(rows == 6);
  // Shares that are printed with two digits.
  CHECK(Worst(v.scores[0], "quantity=energy_share", rows) < 3.5);
  CHECK(rows == 4);
}

TEST_CASE("rows of other machines are refused, each with its reason") {
  const Validation v = Score("lightening_transformer");
  CHECK(v.unpredicted.size() == 8);
  for (const std::string& why : v.unpredicted) {
    CHECK(why.contains("only dota-b and dota-l"));
  }
}

TEST_CASE("Albireo within 2 %, but where the table has two digits") {
  const Validation v = Score("albireo");
  REQUIRE(v.scores.size() == 1);
  CHECK(v.scores[0].rows == 19);
  for (const RowScore& row : v.scores[0].rows_detail) {
    CAPTURE(row.keys);
    CHECK((std::abs(row.error_pct) < 2 ||
           std::abs(row.predicted - row.measured) <=
               HalfDigit(row.measured) * 1.001));
  }
}

TEST_CASE("no converter of ours takes less than the survey's least") {
  const Validation v = Score("adc_survey");
  int checked = 0;
  for (const triptych::Score& score : v.scores) {
    for (const RowScore& row : score.rows_detail) {
      if (score.measure == "min_pj") {
        CHECK(row.predicted >= row.measured * (1 - 1e-12));
        ++checked;
      } else if (score.measure == "best_fom_s_db") {
        CHECK(row.predicted <= row.measured + 1e-9);
        ++checked;
      }
    }
  }
  CHECK(checked == 18);
}

TEST_CASE("the formula's values, and the clamp above them") {
  // 1 GS/s: evaluated by hand from the published coefficients.
  CHECK(AdcEnergyOf(1e9, 6, 28).formula_j * 1e12 ==
        doctest::Approx(0.829).epsilon(0.001));
  CHECK(AdcEnergyOf(1e9, 8, 16).formula_j * 1e12 ==
        doctest::Approx(0.4657).epsilon(0.001));
  CHECK(AdcEnergyOf(1e9, 10, 7).formula_j * 1e12 ==
        doctest::Approx(0.8).epsilon(0.001));
  // A part of 8.5 bits: the cell's least is 5.2 pJ.
  const AdcEnergy energy = AdcEnergyOf(1e9, 8.5, 7);
  CHECK(energy.joules() == doctest::Approx(5.2e-12));
  CHECK(energy.formula_j < 1e-12);
}

TEST_CASE("tables that need other people's images are refused by name") {
  for (const char* kind :
       {"photon_sweep", "single_photon_networks", "accuracy_noise"}) {
    const auto refused = PredictTable(nullptr, kind, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kUnsupported);
    CHECK(refused.error().message.contains("images"));
  }
  const auto setting = PredictTable(nullptr, "albireo",
                                    {{"setting", "optimistic"},
                                     {"quantity", "power_w"},
                                     {"component", "adc"}});
  REQUIRE_FALSE(setting);
  CHECK(setting.error().message.contains("wdm-conv-array-optimistic"));
  const auto quantity =
      PredictTable(nullptr, "lightening_transformer",
                   {{"config", "dota-b"}, {"quantity", "weight_kg"}});
  REQUIRE_FALSE(quantity);
  CHECK(quantity.error().message.contains("weight_kg"));
}

}  // namespace
}  // namespace triptych::optical
