// A seeded fault in each emulator is caught, and the report names the
// operator; other seeds without a fault are not.
//
// With TRIPTYCH_GATE_LONG in the environment the reruns are 100 and the text
// is longer (suite `slow`).
// SPDX-License-Identifier: Apache-2.0
#include "tests/gate/faults.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "emulators/accuracy.h"
#include "emulators/target.h"
#include "models/build/build.h"
#include "tools/cli/model_source.h"
#include "tools/gate/judge.h"
#include "tools/gate/measure.h"
#include "tools/gate/report.h"
#include "tools/gate/statistics.h"
#include "tools/gate/suite.h"

namespace triptych::gate {
namespace {

bool Long() { return std::getenv("TRIPTYCH_GATE_LONG") != nullptr; }

// Emulated machines of each kind; the host computes in bf16, for in f32 there
// is no rounding to get wrong.
struct Machine {
  std::string spec;
  std::vector<std::string> set;
};
const Machine kMachines[] = {
    {"cpu", {"dtype=bf16"}}, {"mesh", {}}, {"optical", {}}, {"npu", {}}};

Suite SuiteFor(const Machine& machine, int64_t tokens, int64_t seeds) {
  Case c;
  c.name = "stories";
  c.targets = {machine.spec};
  c.set = machine.set;
  c.phases = {Phase::kPrefill};
  c.context = 16;
  c.scored = true;
  c.text.self_tokens = tokens;
  c.operator_tokens = tokens;
  c.seeds = seeds;
  return {.file = "test", .cases = {c}};
}

Results MeasureOrFail(const Suite& suite, const MeasureOptions& options) {
  const auto results = Measure(suite, options);
  REQUIRE_MESSAGE(results, (results ? "" : results.error().message));
  return *results;
}

Results WithFault(const Suite& suite, Seeded fault, const std::string& op,
                  int layer) {
  MeasureOptions options;
  options.compile = [&](const Target& target) {
    return gate::WithFault(target, fault, op, layer);
  };
  return MeasureOrFail(suite, options);
}

// Operators of which something failed.
std::vector<std::string> FailedOperators(const Judgement& j) {
  std::vector<std::string> ops;
  for (const Finding& f : j.findings) {
    const bool known = std::ranges::find(ops, f.row.op) != ops.end();
    if (f.fails && !f.row.op.empty() && !known) ops.push_back(f.row.op);
  }
  return ops;
}

// How the first finding that fails reads.
std::string FirstOf(const Judgement& j) {
  return j.findings.empty() ? "nothing" : j.findings.front().text;
}

// The fault is found against a baseline, in the operator that has it alone.
void CheckCaught(const Results& baseline, const Suite& suite,
                 const Machine& machine, Seeded fault, const std::string& op,
                 int layer, Standard standard) {
  const Results now = WithFault(suite, fault, op, layer);
  const Verdict verdict{now, Judge(baseline, now, standard), {}};
  CAPTURE(machine.spec);
  MESSAGE(fmt::format("{}: {} in {}, layer {}: {}", machine.spec,
                      SeededName(fault), op, layer,
                      FirstOf(verdict.judgement)));
  CHECK_FALSE(verdict.passed());
  CHECK(FailedOperators(verdict.judgement) == std::vector<std::string>{op});
  const auto worst = WorstThree(verdict.judgement, now);
  REQUIRE_FALSE(worst.empty());
  CHECK(worst[0].row->op == op);
  CHECK(MarkdownText(verdict).contains("1. **" + op + "**"));
}

TEST_CASE("a seeded fault in each emulator is caught, and named") {
  for (const Machine& machine : kMachines) {
    const Suite suite = SuiteFor(machine, 24, 1);
    const Results baseline = MeasureOrFail(suite, {});
    CHECK(Judge(baseline, MeasureOrFail(suite, {}), Standard::kExact)
              .findings.empty());
    const auto caught = [&](Seeded fault, const char* op, int layer,
                            Standard standard = Standard::kBaseline) {
      CheckCaught(baseline, suite, machine, fault, op, layer, standard);
    };
    caught(Seeded::kWrongRounding, "attn.q", -1);
    caught(Seeded::kWrongRounding, "ffn.up", 2);  // in one layer of four
    caught(Seeded::kLostTile, "ffn.down", 1);
    caught(Seeded::kLostTile, "head", -1);
    caught(Seeded::kExtraByte, "attn.o", 3);
    caught(Seeded::kOneBit, "ffn.gate", 0, Standard::kExact);
    // The host's times are measured, so it has no emulated cycles.
    if (machine.spec != "cpu") {
      caught(Seeded::kExtraCycle, "attn.v", 0);
    }
  }
}

// ---- Noise ----

// The optical machine with one noise term up by 5 %: as if its code were
// wrong by that factor.
const Machine kQuiet = {"optical", {}};
const Machine kThermal = {"optical", {"rx.tia_noise_pa_per_sqrt_hz=5.25"}};
const Machine kFurther = {"optical", {"noise.output_sigma=0.002"}};
const Machine kFurtherUp = {"optical", {"noise.output_sigma=0.0021"}};

TEST_CASE("a noise term that is 5 % up is caught with the same noise") {
  const struct {
    const Machine& right;
    const Machine& wrong;
    std::string term;
  } kTerms[] = {{kQuiet, kThermal, "amplifier noise"},
                {kFurther, kFurtherUp, "further noise"}};
  for (const auto& term : kTerms) {
    CAPTURE(term.term);
    const Results baseline = MeasureOrFail(SuiteFor(term.right, 24, 1), {});
    const Results now = MeasureOrFail(SuiteFor(term.wrong, 24, 1), {});
    const Judgement j = Judge(baseline, now, Standard::kBaseline);
    CHECK_FALSE(j.passed());
    const auto failed = FailedOperators(j);
    MESSAGE(term.term, ": ", failed.size(), " operators, ", FirstOf(j));
    CHECK(failed.size() >= 4);  // of the eight that light computes
  }
}

TEST_CASE("other seeds are no alarm; with a fault they mostly are") {
  const int reruns = Long() ? 100 : 4;
  const int64_t tokens = Long() ? 96 : 24;
  const Results baseline = MeasureOrFail(SuiteFor(kQuiet, tokens, 4), {});
  const auto alarms = [&](const Machine& machine, int count) {
    int failed = 0;
    for (int i = 0; i < count; ++i) {
      MeasureOptions options;
      options.seed = 1000 + static_cast<uint64_t>(i);
      const Results now = MeasureOrFail(SuiteFor(machine, tokens, 2), options);
      const Judgement j = Judge(baseline, now, Standard::kBaseline);
      if (!j.passed()) ++failed;
      if (!j.passed() && &machine == &kQuiet) MESSAGE(FirstOf(j));
    }
    return failed;
  };
  const int false_alarms = alarms(kQuiet, reruns);
  MESSAGE(false_alarms, " alarms in ", reruns, " reruns without a fault");
  CHECK(false_alarms <= 1);
  const int tries = Long() ? 20 : 1;
  const int caught = alarms(kThermal, tries);
  MESSAGE(caught, " of ", tries, " caught with amplifier noise 5 % up");
  if (Long()) CHECK(caught >= 18);
}

// ---- What else takes long ----

TEST_CASE("classes Q6 and Q4 are where the default model's weights say" *
          doctest::skip(!Long())) {
  const auto model = cli::OpenModel("", "", {.all_logits = true});
  REQUIRE(model);
  const auto test =
      AccuracyTest::Make((*model)->graph, *(*model)->weights,
                         *SegmentsOf(**model, {.self_tokens = 1500}));
  REQUIRE(test);
  const auto kl = [&](int bits) {
    const auto target = *MakeTarget(
        "npu", std::vector<std::string>{fmt::format("weight_bits={}", bits),
                                        "weight_group=32", "activation_bits=0",
                                        "attention_bits=0"});
    const auto program = *target->Compile((*model)->graph, &*(*model)->weights);
    return test->Run(*program, 0, 2)->kl_nats_per_token;
  };
  const double q5 = kl(5);
  const auto limit = [](size_t row) {
    return AccuracyClasses()[row].kl_nats_per_token;
  };
  const double q6 = kl(6) / q5 * limit(2), q4 = kl(4) / q5 * limit(2);
  MESSAGE("Q6 at ", q6, " and Q4 at ", q4, " beside Q5 at ", limit(2));
  CHECK(limit(1) == doctest::Approx(q6).epsilon(0.1));
  CHECK(limit(3) == doctest::Approx(q4).epsilon(0.1));
}

}  // namespace
}  // namespace triptych::gate
