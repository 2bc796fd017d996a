// Studies: what they come to, and what is said about wrong ones.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>

#include "tools/sweep/plan.h"
#include "tools/sweep/study.h"
#include "tools/sweep/units.h"

namespace triptych::sweep {
namespace {

std::string MessageOf(const auto& result) {
  return result ? "" : result.error().message;
}

// Lines 1 to 3 of every study below.
constexpr std::string_view kHead =
    "name = 's'\n"
    "model = 'stories260k'\n"
    "targets = ['npu', 'optical']\n";

Study StudyOf(const std::string& rest, std::string_view head = kHead) {
  auto study = ParseStudy(std::string(head) + rest, "s.toml");
  REQUIRE_MESSAGE(study.has_value(), MessageOf(study));
  return std::move(*study);
}

// Of the study, or of its plan.
std::string ErrorOf(const std::string& text) {
  const auto study = ParseStudy(text, "s.toml");
  if (!study) return study.error().message;
  const auto plan = Plan::Make(*study);
  return plan ? "" : plan.error().message;
}

const Axis& AxisOf(const Study& study, std::string_view name) {
  const auto found = std::ranges::find(study.axes, name, &Axis::name);
  REQUIRE(found != study.axes.end());
  return *found;
}

TEST_CASE("axes: lists, steps and ranges, in the units of their keys") {
  const Study study = StudyOf(
      "batch = [1, 4]\n"
      "[axes]\n"
      "'host.link_latency_us' = ['500 ns', 2, '0.003 ms']\n"
      "'npu:host.link_gb_per_s' = { low = 1, high = 16, steps = 5, log = true "
      "}\n"
      "adc.bits = [4, 6]\n");
  CHECK(AxisOf(study, "host.link_latency_us").levels ==
        std::vector<double>{0.5, 2, 3});
  const Axis& link = AxisOf(study, "npu:host.link_gb_per_s");
  REQUIRE(link.levels.size() == 5);
  for (int i = 0; i < 5; ++i) {
    CHECK(link.levels[static_cast<size_t>(i)] ==
          doctest::Approx(std::pow(2, i)));
  }
  CHECK(link.levels.back() == 16);
  CHECK(link.applies == std::vector<bool>{true, false});
  CHECK(link.unit == "GB/s");
  CHECK(AxisOf(study, "adc.bits").kind == AxisKind::kWhole);
  CHECK(AxisOf(study, "adc.bits").applies == std::vector<bool>{false, true});
  // npu: 3 latencies, 5 links; optical: 3 latencies, 2 converters; 2 batches.
  const auto plan = Plan::Make(study);
  REQUIRE(plan.has_value());
  CHECK(plan->points() == 3 * 5 * 2 + 3 * 2 * 2);
}

TEST_CASE("every point of a grid is there once") {
  const Study study = StudyOf(
      "batch = [1, 4]\ncontext = [16, 32, 64]\n"
      "[axes]\nadc.bits = [4, 6, 8]\n");
  const auto plan = Plan::Make(study);
  REQUIRE(plan.has_value());
  std::set<std::string> texts;
  Point point;
  for (uint64_t i = 0; i < plan->design_size(); ++i) {
    plan->At(i, point);
    texts.insert(CanonicalText(study, point));
  }
  CHECK(texts.size() == 6 + 18);
  CHECK(
      texts.contains("batch=4\ncontext=16\nmodel=stories260k\nphase=decode\n"
                     "target=npu:tri-npu-100\n"));
}

TEST_CASE("a point's key is that of what it is, not of who asks") {
  const Study a = StudyOf("[axes]\n'optical:adc.bits' = [4, 6]\n");
  const Study b = StudyOf("[axes]\nadc.bits = [6, 8]\n");
  const auto plan_a = Plan::Make(a), plan_b = Plan::Make(b);
  REQUIRE(plan_a.has_value());
  REQUIRE(plan_b.has_value());
  KeyMaker keys_a(a), keys_b(b);
  Point point_a, point_b;
  plan_a->At(2, point_a);  // optical, 6 bits
  plan_b->At(1, point_b);
  CHECK(CanonicalText(a, point_a) == CanonicalText(b, point_b));
  CHECK(keys_a(point_a, Tier::kAnalytic) == keys_b(point_b, Tier::kAnalytic));
  CHECK(keys_a(point_a, Tier::kAnalytic) != keys_a(point_a, Tier::kDetailed));
  plan_b->At(2, point_b);  // 8 bits
  CHECK(keys_a(point_a, Tier::kAnalytic) != keys_b(point_b, Tier::kAnalytic));
  // Another machine behind the same words.
  const Study c = StudyOf(
      "[set]\n'optical:host.link_gb_per_s' = 3\n[axes]\nadc.bits = [6, 8]\n");
  CHECK(ModelVersion(c) != ModelVersion(b));
  KeyMaker keys_c(c);
  CHECK(keys_c(point_b, Tier::kAnalytic) != keys_b(point_b, Tier::kAnalytic));
}

// FIPS 180-4, example of one block.
TEST_CASE("SHA-256") {
  CHECK(Sha256Hex("abc") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("designs that are no grid draw from lists and ranges") {
  for (const char* kind : {"random", "lhs", "sobol"}) {
    const Study study = StudyOf(
        "batch = { low = 1, high = 8 }\n[axes]\n"
        "'host.link_gb_per_s' = { low = 2, high = 32, log = true }\n"
        "adc.bits = [4, 6, 8]\n[design]\nkind = '" +
        std::string(kind) + "'\npoints = 400\nseed = 5\n");
    const auto plan = Plan::Make(study);
    REQUIRE(plan.has_value());
    CHECK(plan->points() == 400);
    std::set<double> batches;
    int below = 0, optical = 0;
    Point point;
    for (const uint32_t number : plan->Numbers({})) {
      plan->At(number, point);
      optical += point.values[0] == 1;
      CHECK(std::isnan(point.values[2]) == (point.values[0] == 0));
      CHECK(point.values[1] >= 2);
      CHECK(point.values[1] < 32);
      below += point.values[1] < 8;  // half of a log range
      batches.insert(point.values[study.batch_axis()]);
    }
    CAPTURE(kind);
    CHECK(batches == std::set<double>{1, 2, 3, 4, 5, 6, 7, 8});
    CHECK(std::abs(below - 200) < 40);
    CHECK(std::abs(optical - 200) < 40);
  }
}

TEST_CASE("points of a random design that come out the same are one") {
  const Study study =
      StudyOf("batch = [1, 2]\n[design]\nkind = 'random'\npoints = 100\n");
  const auto plan = Plan::Make(study);
  REQUIRE(plan.has_value());
  CHECK(plan->points() == 4);
}

TEST_CASE("shards are the whole, and have nothing in common") {
  const Study study = StudyOf(
      "batch = { low = 1, high = 50, steps = 50 }\n"
      "[constraints]\nodd = 'batch != 7'\n");
  const auto plan = Plan::Make(study);
  REQUIRE(plan.has_value());
  std::multiset<uint32_t> all;
  for (uint64_t i = 0; i < 8; ++i) {
    for (const uint32_t number : plan->Numbers({i, 8})) all.insert(number);
  }
  const auto numbers = plan->Numbers({});
  CHECK(numbers.size() == 98);
  CHECK(std::equal(all.begin(), all.end(), numbers.begin(), numbers.end()));
}

TEST_CASE("constraints over what a machine does not have leave it alone") {
  const Study study = StudyOf(
      "[axes]\nadc.bits = [4, 6, 8]\n"
      "[constraints]\nbits = 'adc.bits > 4'\n"
      "only = 'if(target == \"npu\", array.rows == 128, 1)'\n");
  const auto plan = Plan::Make(study);
  REQUIRE(plan.has_value());
  CHECK(plan->points() == 1 + 2);
}

TEST_CASE("presets and models as axes") {
  const Study study = StudyOf(
      "[axes]\npreset = ['blackhole-p150', 'wormhole-n150']\n"
      "model = ['stories260k', 'stories15m']\n",
      "name = 's'\ntargets = 'mesh'\n");
  CHECK(study.machines.size() == 2);
  CHECK(study.machines[1].label == "mesh:wormhole-n150");
  CHECK(study.axes[0].name == "preset");
  CHECK(study.models.size() == 2);
  CHECK(Plan::Make(study)->points() == 4);
}

TEST_CASE("units of keys") {
  CHECK(UnitOfKey("clock_hz") == "Hz");
  CHECK(UnitOfKey("dram.gb_per_s") == "GB/s");
  CHECK(UnitOfKey("rx.tia_noise_pa_per_sqrt_hz") == "");
  CHECK(UnitOfKey("rx.responsivity_a_per_w") == "");
  CHECK(UnitOfKey("grid.rows") == "");
  CHECK(*ParseQuantity("1.35 GHz", "clock_hz") == 1.35e9);
  CHECK(*ParseQuantity("10us", "latency_s") == 10e-6);
  CHECK(*ParseQuantity("2 MiB", "scratchpad_kib") == 2048);
}

struct BadStudy {
  const char* rest;  // after kHead
  const char* says;  // after "s.toml:"
};

TEST_CASE("wrong studies are refused with the place and what is allowed") {
  const BadStudy kBad[] = {
      {"contxt = 3\n",
       "4: contxt: no such key; the nearest is context, allowed name, about, "
       "model, targets, phase, batch, context, set, timeout_s, memory_gb, "
       "axes, design, derived, constraints, constants, refine, objectives"},
      {"batch = 0\n", "4: batch: 0 is out of range; allowed 1..1048576"},
      {"batch = [1, 2.5]\n", "4: batch: a whole number is needed, not 2.5"},
      {"batch = []\n", "4: batch: an empty list; allowed one or more"},
      {"batch = [2, 2]\n", "4: batch: 2 is there twice; allowed once"},
      {"phase = 'train'\n",
       "4: phase: \"train\" is not allowed; allowed prefill, decode, encode"},
      {"phase = 'encode'\n",
       "4: phase: stories260k has no encode; allowed prefill, decode"},
      {"context = true\n", "4: context: a number is needed, not true"},
      {"timeout_s = -1\n",
       "4: timeout_s: -1 is not allowed; allowed a number above 0"},
      {"axes = 3\n", "4: axes: a table is needed, not 3"},
      {"[axes]\nadc.bit = [4]\n",
       "5: adc.bit: no such parameter; the nearest is adc.bits"},
      {"[axes]\n'gpu:adc.bits' = [4]\n",
       "5: gpu:adc.bits: gpu is not a target of this study; the nearest is "
       "npu"},
      {"[axes]\n'npu:adc.bits' = [4]\n",
       "5: npu:adc.bits: no such parameter; the nearest is"},
      {"[axes]\nadc.bits = [4, 99]\n",
       "5: adc.bits: 99 is out of range; allowed"},
      {"[axes]\nadc.bits = [4.5]\n",
       "5: adc.bits: a whole number is needed, not 4.5"},
      {"[axes]\nadc.bits = { low = 4, high = 8 }\n",
       "5: adc.bits: a range without steps in a grid; allowed with steps, or "
       "a list, or [design] kind = \"random\", \"lhs\", \"sobol\""},
      {"[axes]\nadc.bits = { low = 4, hig = 8 }\n",
       "5: adc.bits.hig: no such key; the nearest is high, allowed low, high, "
       "steps, log"},
      {"[axes]\nadc.bits = { low = 8, high = 4, steps = 2 }\n",
       "5: adc.bits: low is not below high"},
      {"[axes]\nadc.bits = { low = 4, high = 6, steps = 5 }\n",
       "5: adc.bits: 5 is there twice; allowed once"},
      {"[axes]\n'host.link_latency_us' = { low = 0, high = 4, steps = 3, log "
       "= true }\n",
       "5: host.link_latency_us: low is not above 0, as log needs"},
      {"[axes]\n'host.link_latency_us' = ['10 MHz']\n",
       "5: host.link_latency_us: \"10 MHz\" is a frequency, and a time is "
       "needed; allowed ps, ns, us, ms, s"},
      {"[axes]\n'host.link_latency_us' = ['10 parsec']\n",
       "5: host.link_latency_us: \"10 parsec\" has no unit that is known; "
       "allowed ps, ns, us, ms, s"},
      {"[axes]\n'array.rows' = ['10 us']\n",
       "5: array.rows: \"10 us\" is not allowed; this key has no unit: a plain "
       "number is needed"},
      {"[axes]\n'host.link_gb_per_s' = [1]\n'npu:host.link_gb_per_s' = [2]\n",
       "6: npu:host.link_gb_per_s: host.link_gb_per_s sets it for npu already; "
       "allowed once"},
      {"batch = 1\n[axes]\nbatch = [2]\n",
       "6: axes.batch: given in line 4 already; allowed once"},
      {"[axes]\npreset = ['a']\n",
       "5: axes.preset: presets are of one target; allowed with a single "
       "target that names none"},
      {"[set]\nadc.bit = 3\n",
       "5: set.adc.bit: no such parameter; the nearest is adc.bits"},
      {"[set]\nadc.bits = 99\n", "5: set: --set: adc.bits: 99 is out of range"},
      {"[design]\nkind = 'gird'\n",
       "5: design.kind: \"gird\" is not allowed; allowed grid, random, lhs, "
       "sobol"},
      {"[design]\nkind = 'sobol'\n",
       "4: design.points: missing; a design that is no grid says how many"},
      {"[design]\npoints = 3\n",
       "5: design.points: a grid has the points that its axes make; allowed "
       "with random, lhs, sobol"},
      {"[design]\nkind = 'lhs'\npoints = 0\n",
       "6: design.points: 0 is not allowed; allowed a whole number "
       "1..4294967295"},
      {"[constants]\nprice = 'x'\n",
       "5: constants.price: a number is needed, not \"x\"; allowed a number or "
       "{ value, unit, source, basis }"},
      {"[constants]\nbatch = 3\n",
       "5: constants.batch: there is a column, constant or parameter of this "
       "name already; allowed another name"},
      {"[derived]\ncost = 'batch * pric'\n[constants]\nprice = 2\n",
       "5: derived.cost: column 9: no such name pric; the nearest is price"},
      {"[derived]\na = 'b'\nb = '1'\n", "5: derived.a: column 1: no such name"},
      {"[derived]\na = 3\n", "5: derived.a: an expression is needed, as text"},
      {"[constraints]\nx = 'batch >'\n",
       "5: constraints.x: column 8: ends where a number, a name or ( is "
       "needed"},
      {"[constraints]\nx = 'batch > 0'\ny = 'batch > 5'\n",
       "5: constraints: none of the 2 points of the design satisfies all of "
       "them; allowed constraints that leave one or more"},
      {"[objectives]\nmaximise = ['token_per_s']\n",
       "5: objectives.maximise: token_per_s: no such column of numbers; the "
       "nearest is tokens_per_s"},
      {"[objectives]\nminimize = ['seconds']\n",
       "5: objectives.minimize: no such key; the nearest is minimise, allowed "
       "maximise, minimise"},
      {"[objectives]\nminimise = ['target']\n",
       "5: objectives.minimise: target: no such column of numbers"},
      {"[refine]\nmeasures = ['ppl']\n",
       "5: refine.measures: \"ppl\" is not allowed; allowed kl"},
      {"[refine]\nmeasures = ['kl']\nmodel = 'llama-3.1-8b'\n",
       "5: refine.model: llama-3.1-8b: is a shape without weights"},
      {"[refine]\nset = { 'adc.bit' = 3 }\n",
       "5: refine.set.adc.bit: no such parameter; the nearest is adc.bits"},
      {"x = 2020-01-01\n", "4: x: dates are not used here"},
      {"x = \xff\n", "4: not UTF-8"},
  };
  for (const BadStudy& bad : kBad) {
    const std::string error = ErrorOf(std::string(kHead) + bad.rest);
    CAPTURE(bad.rest);
    CHECK_MESSAGE(error.starts_with("s.toml:" + std::string(bad.says)), error);
  }
}

TEST_CASE("a study without a name, a target, a model that is there") {
  CHECK(ErrorOf("targets = 'npu'\n") ==
        "s.toml:1: name: missing; a study has a name");
  CHECK(ErrorOf("name = 's'\n") ==
        "s.toml:1: targets: missing; a study has one or more");
  CHECK(ErrorOf("name = 's'\ntargets = 'cpu'\n")
            .starts_with("s.toml:2: targets: cpu is measured on this "
                         "computer"));
  CHECK(ErrorOf("name = 's'\ntargets = ['npu', 'npu']\n") ==
        "s.toml:2: target: npu is there twice; allowed once");
  CHECK(ErrorOf("name = 's'\ntargets = 'npx'\n")
            .starts_with("s.toml:2: targets: target: no target \"npx\""));
  CHECK(ErrorOf("name = 's'\ntargets = 'npu'\nmodel = 'llama-9'\n")
            .starts_with("s.toml:3: model: llama-9: no such file, and no such "
                         "preset"));
}

}  // namespace
}  // namespace triptych::sweep
