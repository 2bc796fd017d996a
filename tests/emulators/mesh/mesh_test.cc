// The target as a whole: charges, predictions, configuration errors.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/mesh.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "emulators/profile.h"
#include "emulators/target.h"
#include "emulators/validate.h"
#include "models/graph.h"

namespace triptych::mesh {
namespace {

const std::vector<std::string> kPresets = {"mesh:blackhole-p150",
                                           "mesh:wormhole-n150"};

std::unique_ptr<Target> Make(const std::string& spec,
                             std::vector<std::string> overrides = {}) {
  auto target = MakeTarget(spec, overrides);
  REQUIRE_MESSAGE(target.has_value(), target.error().message);
  return std::move(*target);
}

std::string ErrorOf(const std::string& override_text) {
  const std::vector<std::string> overrides = {override_text};
  const auto target = MakeTarget("mesh", overrides);
  REQUIRE_FALSE(target.has_value());
  return target.error().message;
}

Graph OneMatmul(int64_t k, int64_t n) {
  GraphBuilder builder("one");
  const ValueId a = builder.Input("a", {kTokenRows, k});
  const ValueId w = builder.Weight("w", n, k);
  builder.AddEntry(Phase::kEncode, 0, builder.Add("matmul", "mm", {a, w}));
  auto graph = builder.Finish();
  REQUIRE(graph.has_value());
  return std::move(*graph);
}

// A number that somebody chose or fitted. One that is published is none, nor
// is 0, which says that something is not modelled.
bool IsFree(const ParamInfo& param) {
  const bool number = param.value.find_first_not_of("0123456789.e+-") ==
                      std::string::npos;
  return number && param.value != "0" &&
         param.provenance.basis != Basis::kPublished;
}

double MapeOf(const std::string& file, const std::string& measure) {
  const auto table = Table::Load("emulators/mesh/validation/" + file);
  REQUIRE_MESSAGE(table.has_value(), table.error().message);
  const auto validation = Validate("mesh", {}, *table);
  REQUIRE_MESSAGE(validation.has_value(), validation.error().message);
  for (const Score& score : validation->scores) {
    if (score.measure != measure) continue;
    MESSAGE(file << " " << measure << ": " << score.rows << " rows, MAPE "
                 << score.mape_pct << " %, median " << score.median_ape_pct
                 << " %, p90 " << score.p90_ape_pct << " %, max "
                 << score.max_ape_pct << " %");
    return score.mape_pct;
  }
  return HUGE_VAL;
}

}  // namespace

TEST_CASE("mesh: padding is charged as padding") {
  const Graph graph = OneMatmul(40, 70);
  for (const std::string& preset : kPresets) {
    const auto target = Make(preset);
    const auto program = target->Compile(graph, nullptr);
    REQUIRE(program.has_value());
    Ledger ledger;
    REQUIRE((*program)
                ->Run({.phase = Phase::kEncode, .binding = {1, 33, 0}}, nullptr,
                      ledger)
                .has_value());
    const Profile profile = MakeProfile(graph, *target, ledger);
    CHECK(profile.total.flops == 2 * 33 * 40 * 70);
    // 2 x 2 x 3 tiles.
    CHECK(profile.total.padding_flops == 2 * (64 * 64 * 96 - 33 * 40 * 70));
    CHECK(profile.total.off_chip_bytes >= 40 * 70 * 17 / 16);
  }
}

TEST_CASE("mesh: predictions for measured tables") {
  // Gates a little above today's figures, which README.md states.
  CHECK(MapeOf("matmul.csv", "device_cycles") < 4);
  CHECK(MapeOf("matmul.csv", "wall_us") < 5.5);
}

TEST_CASE("mesh: constants that were fitted are few and say so") {
  for (const std::string& preset : kPresets) {
    const auto target = Make(preset);
    int calibrated = 0, free = 0;
    for (const ParamInfo& param : target->params().params()) {
      const bool fitted = param.provenance.source.starts_with("calibrated");
      // The host of any target is not the chip; what was fitted for it is.
      if (param.key.starts_with("host.") && !fitted) continue;
      CHECK_MESSAGE(!param.provenance.source.empty(), param.key);
      if (fitted) ++calibrated;
      if (IsFree(param)) ++free;
    }
    MESSAGE(preset << ": " << free << " free constants, " << calibrated
                   << " of them calibrated");
    CHECK(calibrated <= 11);
    CHECK(free <= 40);
  }
}

TEST_CASE("mesh: a wrong configuration is told what is allowed") {
  CHECK(ErrorOf("grid.cols=0").find("grid.cols") != std::string::npos);
  CHECK(ErrorOf("fpu.fidelity=hifi5").find("hifi4") != std::string::npos);
  CHECK(ErrorOf("fpu.fidelty=hifi2").find("fpu.fidelity") != std::string::npos);
  CHECK(ErrorOf("l1.reserved_bytes=1572864").find("l1.reserved_bytes") !=
        std::string::npos);
  const auto target = Make("mesh");
  const OpSpec shape = {{"m", "64"}, {"k", "64"}, {"n", "64"}};
  const auto error_with = [&](const std::string& key,
                              const std::string& value) {
    OpSpec spec = shape;
    spec[key] = value;
    const auto prediction = target->Predict("matmul", spec);
    REQUIRE_FALSE(prediction.has_value());
    return prediction.error().message;
  };
  CHECK(error_with("dtype", "int8").find("bfp8") != std::string::npos);
  CHECK(error_with("fidelity", "low").find("hifi2") != std::string::npos);
  CHECK(error_with("placement", "hbm").find("dram") != std::string::npos);
  CHECK(error_with("m", "0").find("m:") != std::string::npos);
  CHECK(target->Predict("matmul", shape).has_value());
  CHECK_FALSE(target->Predict("fft", shape).has_value());
}

TEST_CASE("mesh: predictions agree with a compiled graph") {
  const auto target = Make("mesh");
  const Graph graph = OneMatmul(512, 1024);
  const auto program = target->Compile(graph, nullptr);
  REQUIRE(program.has_value());
  Ledger ledger;
  REQUIRE((*program)
              ->Run({.phase = Phase::kEncode, .binding = {1, 256, 0}}, nullptr,
                    ledger)
              .has_value());
  const auto prediction =
      target->Predict("matmul", {{"m", "256"}, {"k", "512"}, {"n", "1024"}});
  REQUIRE(prediction.has_value());
  const Profile profile = MakeProfile(graph, *target, ledger);
  double seconds = 0, joules = 0;
  for (const OpCost& node : profile.nodes) {
    seconds += node.cost.seconds;
    joules += node.cost.energy_j;
  }
  // The graph also moves its input and output between host and machine.
  CHECK(prediction->at("seconds") <= seconds);
  CHECK(prediction->at("energy_j") <= joules);
  CHECK(prediction->at("utilisation") > 0);
  CHECK(prediction->at("utilisation") < 1);
}

}  // namespace triptych::mesh
