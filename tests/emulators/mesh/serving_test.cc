// Whole models on one and on many chips, against what was measured.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/serving.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "emulators/mesh/clock.h"
#include "emulators/target.h"
#include "emulators/validate.h"

namespace triptych::mesh {
namespace {

Validation Scored(const std::string& file) {
  const auto table = Table::Load("emulators/mesh/validation/" + file);
  REQUIRE_MESSAGE(table.has_value(), table.error().message);
  auto validation = Validate("mesh", {}, *table);
  REQUIRE_MESSAGE(validation.has_value(), validation.error().message);
  return std::move(*validation);
}

const Score& ScoreOf(const Validation& validation, const std::string& name) {
  for (const Score& score : validation.scores) {
    if (score.measure == name) {
      MESSAGE(name << ": " << score.rows << " rows, MAPE " << score.mape_pct
                   << " %, median " << score.median_ape_pct << " %, p90 "
                   << score.p90_ape_pct << " %, max " << score.max_ape_pct
                   << " %");
      return score;
    }
  }
  FAIL("no measure " << name);
  return validation.scores.front();
}

}  // namespace

TEST_CASE("mesh serving: all rows, most of them well") {
  const Validation validation = Scored("llm_serving.csv");
  CHECK(validation.unpredicted.empty());
  const Score& decode = ScoreOf(validation, "decode_tokens_per_s_per_user");
  CHECK(decode.median_ape_pct <= 12);
  int within = 0, measured = 0, measured_within = 0;
  for (const RowScore& row : decode.rows_detail) {
    const bool close = std::abs(row.error_pct) <= 25;
    within += close;
    // The others are targets of a test.
    const bool is_measured = !row.keys.contains("series=ci_target");
    measured += is_measured;
    measured_within += is_measured && close;
    CHECK_FALSE(row.bound.empty());
    CHECK_FALSE(row.next_bound.empty());
  }
  MESSAGE(within << " of " << decode.rows << " within 25 %, of measured ones "
                 << measured_within << " of " << measured);
  CHECK(within >= 20);
  CHECK(measured_within * 10 >= measured * 9);
}

TEST_CASE("mesh workloads: a video on 32 and on 128 chips") {
  for (const auto& [preset, seconds] :
       {std::pair(std::string("mesh:blackhole-galaxy"), 142.0),
        std::pair(std::string("mesh:blackhole-quad-galaxy"), 37.31)}) {
    const auto target = MakeTarget(preset);
    REQUIRE_MESSAGE(target.has_value(), target.error().message);
    OpSpec spec = {{"workload", "wan2.2-t2v-a14b"},
                   {"stage", "denoise"},
                   {"resolution", "720p"},
                   {"frames", "81"},
                   {"steps", "40"},
                   {"forwards", "80"}};
    const auto prediction = (*target)->Predict("workloads", spec);
    REQUIRE_MESSAGE(prediction.has_value(), prediction.error().message);
    MESSAGE(preset << ": " << prediction->at("seconds") << " s, measured "
                   << seconds << ", bound by "
                   << BoundsIn(*prediction).front().part);
    CHECK(std::abs(prediction->at("seconds") / seconds - 1) < 0.2);
    spec["stage"] = "vae";
    CHECK_FALSE((*target)->Predict("workloads", spec).has_value());
  }
}

TEST_CASE("mesh serving: a layer of DeepSeek-V3 that eight chips hold") {
  const auto target = MakeTarget("mesh:blackhole-blitz");
  REQUIRE_MESSAGE(target.has_value(), target.error().message);
  const auto layer = (*target)->Predict(
      "decoder_layer", {{"model", "deepseek-v3"}, {"batch", "1"}});
  REQUIRE_MESSAGE(layer.has_value(), layer.error().message);
  const auto bounds = BoundsIn(*layer);
  MESSAGE(layer->at("us") << " us, bound by " << bounds[0].part << ", then "
                          << bounds[1].part);
  CHECK(layer->at("us") >= 60);
  CHECK(layer->at("us") <= 100);
}

TEST_CASE("mesh clock: power beyond the card's limit takes it away") {
  Params p;
  CHECK(Slowdown(p, 1, 1e6) == 1);  // no limit
  p.power_limit_w = 300;
  p.static_w = 100;
  CHECK(Slowdown(p, 2, 2 * 199.0) == 1);
  CHECK(Slowdown(p, 2, 2 * 400.0) == doctest::Approx(2));
  p.power_window_ms = 100;
  CHECK(Slowdown(p, 0.1, 0.1 * 400) == 1);
  CHECK(Slowdown(p, 0.2, 0.2 * 400) == doctest::Approx(1.5));
  CHECK(Slowdown(p, 100, 100 * 400.0) == doctest::Approx(2).epsilon(0.01));
}

TEST_CASE("mesh: presets of several chips say what is wrong with them") {
  const auto error = [](const std::string& preset, std::string set) {
    const std::vector<std::string> overrides = {std::move(set)};
    const auto target = MakeTarget(preset, overrides);
    REQUIRE_FALSE(target.has_value());
    return target.error().message;
  };
  CHECK(error("mesh:blackhole-galaxy", "parallel.sequence=3")
            .contains("parallel.sequence: 3 is not allowed"));
  CHECK(error("mesh:blackhole-galaxy", "parallel.pipeline=5")
            .contains("divisor of 32 chips"));
  CHECK(error("mesh:blackhole-p150", "chips.topology=star").contains("ring"));
  const auto based =
      Config::Parse("target = \"mesh\"\nbase = \"nothing\"\n", "own.toml");
  REQUIRE_FALSE(based.has_value());
  CHECK(based.error().message.contains("blackhole-p150"));
}

}  // namespace triptych::mesh
