// Inputs, analyses and pages.
// SPDX-License-Identifier: Apache-2.0
#include "tools/report/page.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tools/report/inputs.h"
#include "tools/report/sections/sections.h"
#include "tools/report/study.h"
#include "tools/report/terminal.h"
#include "tools/report/text_width.h"

namespace triptych::report {
namespace {

using Json = nlohmann::json;

Json ProfileResult() {
  return Json::parse(R"({
    "target": "mesh", "preset": "p<1>", "model": "m", "phase": "decode",
    "batch": 1, "context": 512, "seconds": 0.01, "energy_j": 2,
    "bound": "dram", "busy": {"dram": 0.9, "noc": 0.4},
    "assumed_energy_fraction": 0.5,
    "energy_by_action": {"dram.byte": 1.5, "fpu.mac": 0.5},
    "energy_basis": {"dram.byte": "derived", "fpu.mac": "assumed"},
    "roofline": {"peak_flops_per_s": 1e14, "off_chip_bytes_per_s": 5e11,
                 "flops_per_byte": 2, "flops_per_s": 8e11},
    "ops": [{"op": "matmul", "seconds": 0.009, "nodes": 7, "energy_j": 1,
             "matrix_flops": 16e9, "off_chip_bytes": 8e9}],
    "traffic": {"columns": 2, "rows": 1, "link_bytes_per_s": 1e9,
                "right": [1e6, 2e6], "down": [0, 0], "macs": [5, null],
                "kinds": ["tile", "dram"]},
    "error_budget": [{"name": "shot noise", "variance": 1e-4}],
    "layers": {"decode": {"operators": [
      {"name": "attn.q", "seconds_by_part": {"stream": 1e-3, "link": 2e-3},
       "energy_by_action": {"fpu.mac": 0.5},
       "relative_rms_error": 0.01, "effective_bits": 6.4,
       "errors": [{"name": "shot noise", "variance": 1e-4}],
       "dominant_error": "shot noise",
       "readings": {"clip_rate": {"name": "clip rate", "unit": "%",
                                  "value": 0.02}}},
      {"name": "norm", "seconds_by_part": {"host": 1e-3},
       "energy_by_action": {}, "relative_rms_error": null,
       "effective_bits": null}]}},
    "timeline": [{"unit": "dram", "begin_s": [0, 0.5], "end_s": [0.4, 1],
                  "busy": [1, 0.5], "ops": ["matmul", "norm"]}]})");
}

sweep::Results StudyResults() {
  using sweep::Role;
  const auto numbers = [](const char* name, Role role, const char* unit,
                          std::vector<double> values) {
    return sweep::Column{name, role, unit, std::move(values), {}};
  };
  const auto texts = [](const char* name, Role role,
                        std::vector<std::string> values) {
    return sweep::Column{name, role, "", {}, std::move(values)};
  };
  sweep::Results results{.study = "s", .points = 6, .invalid = 1};
  results.numbers = {0, 1, 2, 3, 4, 5};
  results.columns = {
      numbers("rows", Role::kAxis, "", {1, 1, 2, 2, 4, 4}),
      numbers("bw", Role::kAxis, "B/s", {1e9, 2e9, 1e9, 2e9, 1e9, 2e9}),
      texts("format", Role::kAxis, {"a", "b", "a", "b", "b", "a"}),
      texts("bound", Role::kMeasure,
            {"dram", "dram", "dram", "fpu", "dram", "fpu"}),
      numbers("seconds", Role::kMeasure, "s", {6, 5, 4, 3, 4, 1}),
      numbers("energy", Role::kDerived, "J", {1, 2, 3, 4, 5, 9})};
  results.objectives = {{"seconds", false}, {"energy", false}};
  return results;
}

Material Everything() {
  Material material;
  material.sources = {"a&b.json"};
  material.machines = {*ReadMachine(ProfileResult(), "profile")};
  material.studies = {Analyse(StudyResults())};
  material.scores = {*ReadScore(Json::parse(R"({
    "target": "mesh", "table": "t.csv", "measure": "device_cycles",
    "mape_pct": 10, "rows_detail": [
      {"preset": "p<1>", "keys": "m=1", "measured": 10, "predicted": 11,
       "error_pct": 10},
      {"preset": "other", "keys": "m=2", "measured": 10, "predicted": 5,
       "error_pct": -50}]})"))};
  material.accuracies = {*ReadAccuracy(Json::parse(
      R"({"target": "mesh", "preset": "p", "class": "Q8",
          "kl_nats_per_token": 1e-3, "top1_agreement": 0.98})"))};
  return material;
}

TEST_CASE("a result is read with what it has, and no more") {
  const Machine m = *ReadMachine(ProfileResult(), "profile");
  CHECK(m.label() == "mesh:p<1>");
  CHECK(m.work == "m decode");
  CHECK(m.job == "m decode, batch 1, context 512");
  CHECK(m.step_s == 0.01);
  CHECK(std::isnan(m.prefill_s));
  REQUIRE(m.energy.size() == 2);
  CHECK(m.energy[0].action == "dram.byte");  // the largest first
  CHECK(!m.energy[0].assumed);
  CHECK(m.energy[1].assumed);
  CHECK(m.traffic.columns == 2);
  CHECK(std::isnan(m.traffic.macs[1]));
  CHECK(m.timeline[0].slices[1].op == "norm");
  REQUIRE(m.layers.size() == 1);
  const LayerLines& lines = m.layers[0];
  CHECK(lines.phase == "decode");
  REQUIRE(lines.operators.size() == 2);
  CHECK(lines.operators[0].seconds.at("link") == 2e-3);
  CHECK(lines.operators[0].errors.at("shot noise") == 1e-4);
  CHECK(lines.operators[0].readings[0].value == 0.02);
  CHECK(std::isnan(lines.operators[1].effective_bits));
}

TEST_CASE("what is not what a command writes is refused, and says where") {
  const auto refused = [](const char* pointer, Json value, const char* says) {
    Json json = ProfileResult();
    json[Json::json_pointer(pointer)] = std::move(value);
    const auto read = ReadMachine(json, "profile");
    REQUIRE(!read);
    CAPTURE(read.error().message);
    CHECK(read.error().message.find(says) != std::string::npos);
  };
  refused("/seconds", "fast", "seconds: has to be a number");
  refused("/target", 7, "target: has to be a text");
  refused("/ops", 3, "ops: has to be an array");
  refused("/traffic/right", Json::array({1}), "allowed are 2 values");
  refused("/layers/decode", Json::object(), "operators: has to be present");
  refused("/layers/decode/operators/0/errors", 1, "errors: has to be an array");
  refused("/timeline/0/ops", Json::array({"x"}), "equally many");
  CHECK(!ReadMachine(Json::array(), "profile"));
  CHECK(!ReadMachine(Json::object(), "run"));
  CHECK(!ReadScore(Json::object()));
}

TEST_CASE("a study's front, knee, effects and bounds, by hand") {
  const Study study = Analyse(StudyResults());
  // By seconds: 5 (1 s), 3 (3 s), 2 (4 s), 1 (5 s), 0 (6 s); 4 is beaten by 2.
  CHECK(study.front == std::vector<size_t>{5, 3, 2, 1, 0});
  CHECK(study.knee == 3);  // (0.4, 5/8 of the way down)
  const Sensitivity& s = study.sensitivities[0];
  CHECK(s.base == doctest::Approx(23.0 / 6));
  REQUIRE(s.effects.size() == 3);
  CHECK(s.effects[0].axis == "rows");
  CHECK(s.effects[0].means == std::vector<double>{5.5, 3.5, 2.5});
  CHECK(s.effects[0].levels == std::vector<std::string>{"1", "2", "4"});
  CHECK(s.swings[1].axis == "bw");
  CHECK(s.swings[1].low == doctest::Approx(3));
  CHECK(s.swings[1].high == doctest::Approx(14.0 / 3));
  REQUIRE(study.bound_maps.size() == 1);
  const BoundMap& map = study.bound_maps[0];
  CHECK(map.column_axis == "rows");
  CHECK(map.row_axis == "bw");
  CHECK(map.columns.size() == 3);
  CHECK(map.cells == std::vector<double>{0, 0, 0, 0, 1, 1});
}

TEST_CASE("a curve names the least x from which on it stays near its best") {
  sweep::Results results{.study = "s", .points = 5};
  results.numbers = {0, 1, 2, 3, 4};
  results.columns = {
      {"bits", sweep::Role::kAxis, "", {4, 5, 6, 7, 8}, {}},
      {"kl", sweep::Role::kMeasure, "", {0.1, 0.5, 0.12, 0.11, 0.1}, {}}};
  results.objectives = {{"kl", false}};
  Material material;
  material.studies = {Analyse(results)};
  const Blocks blocks = BuildCurves(material);
  REQUIRE(blocks.size() == 3);
  const auto& text = std::get<Paragraph>(blocks[1]).text;
  CAPTURE(text);
  // 4 is as good, but 5 is not; 0.12 is within a quarter of 0.1.
  CHECK(text.ends_with("from: 6."));
  // More points than a curve is for.
  material.studies[0].results.points = 401;
  CHECK(BuildCurves(material).empty());
}

TEST_CASE("the error of a preset is that of its own rows") {
  const Material material = Everything();
  const auto errors = ErrorsOf(material, "mesh", "p<1>");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].mape_pct == doctest::Approx(10));
  CHECK(errors[0].rows == 1);
  const auto of_time = TimeErrorOf(material, material.machines[0]);
  REQUIRE(of_time);
  CHECK(of_time->measure == "device_cycles");
  CHECK(ErrorsOf(material, "npu", "p<1>").empty());
}

TEST_CASE("every section has something to say of something") {
  const Material material = Everything();
  const auto sections = BuildSections(material);
  CHECK(sections.size() == AllSections().size());
  std::set<std::string_view> ids;
  for (const Section& section : AllSections()) ids.insert(section.id);
  CHECK(ids.size() == AllSections().size());
  CHECK(BuildSections(Material{}).empty());
}

TEST_CASE("a page names everything once and escapes what it is given") {
  const Material material = Everything();
  const std::string html = HtmlPage(material, BuildSections(material));
  CHECK(html.find("p<1>") == std::string::npos);
  CHECK(html.find("p&lt;1&gt;") != std::string::npos);
  CHECK(html.find("a&amp;b.json") != std::string::npos);
  std::set<std::string> ids;
  constexpr std::string_view kId = " id=\"";
  for (size_t at = html.find(kId); at != std::string::npos;
       at = html.find(kId, at + 1)) {
    const size_t from = at + kId.size();
    const std::string id = html.substr(from, html.find('"', from) - from);
    CAPTURE(id);
    CHECK(ids.insert(id).second);
  }
  CHECK(ids.size() > 20);
}

TEST_CASE("pictures stand alone, in colours that any program knows") {
  const Material material = Everything();
  const auto pictures = Pictures(BuildSections(material));
  std::set<std::string> ids;
  for (const Picture& picture : pictures) {
    CHECK(ids.insert(picture.id).second);
    CHECK(picture.svg.find("var(") == std::string::npos);
    CHECK(picture.svg.find("<style>") != std::string::npos);
  }
  CHECK(pictures.size() >= 14);
}

TEST_CASE("colours replace their names") {
  CHECK(ResolveColours(".a{fill:var(--x);stroke:var(--y)}",
                       "--y: #222;\n--x: red;\n") ==
        ".a{fill:red;stroke:#222}");
}

TEST_CASE("the text form fits the terminal") {
  const Material material = Everything();
  const std::string text =
      TextReport(BuildSections(material), {100, /*unicode=*/true});
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    CHECK(CountCharacters(text.substr(at, end - at)) <= 100);
    at = end + 1;
  }
  CHECK(text.find("Roofline\n========") != std::string::npos);
}

TEST_CASE("a terminal without Unicode gets ASCII, each character known") {
  const Material material = Everything();
  const std::string text =
      TextReport(BuildSections(material), {80, /*unicode=*/false});
  for (const char c : text) CHECK((static_cast<unsigned char>(c) < 0x80));
  CHECK(text.find('?') == std::string::npos);
  CHECK(ToAscii("9 µs ±1 % …") == "9 us ~1 % .");
}

}  // namespace
}  // namespace triptych::report
