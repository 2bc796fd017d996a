// accuracy: NLL, perplexity, KL and top-1 against the f64 reference, errors
// and KL by operator, and a gate on them.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "emulators/attribution.h"
#include "emulators/op_error.h"
#include "tools/cli/accuracy_report.h"
#include "tools/cli/gate_output.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/gate/judge.h"
#include "tools/gate/recorded_logits.h"
#include "tools/gate/report.h"
#include "tools/gate/results.h"
#include "tools/gate/text.h"

namespace triptych::cli {
namespace {

gate::TextSource SourceOf(const AccuracyOptions& o) {
  return {.file = o.text,
          .self_tokens = o.self_tokens,
          .self_seed = o.seed,
          .protocol = o.protocol,
          .context = o.context};
}

std::string ModelPath(const AccuracyOptions& o) {
  return o.model.empty() ? DefaultModelPath() : o.model;
}

Status Record(const AccuracyTest& test, const AccuracyOptions& o) {
  if (o.record.empty()) return {};
  TRIPTYCH_ASSIGN(const gate::Sha256 hash, gate::Sha256OfFile(ModelPath(o)));
  const std::string note = fmt::format(
      "{}, {}", test.graph().name(),
      o.text.empty()
          ? fmt::format("{} tokens of its own, seed {}", o.self_tokens, o.seed)
          : o.text + ", protocol " + o.protocol);
  return WriteFile(o.record, [&](std::ostream& out) {
    gate::WriteLogits(test, hash, note, out);
  });
}

// The reference's answers, from a file if there is one.
Result<AccuracyTest> TestOf(const Model& model, const AccuracyOptions& o) {
  Progress writing("reference's text");
  TRIPTYCH_ASSIGN(auto segments,
                  gate::SegmentsOf(model, SourceOf(o), std::ref(writing)));
  if (!o.against.empty()) {
    TRIPTYCH_ASSIGN(const gate::Sha256 hash, gate::Sha256OfFile(ModelPath(o)));
    const int64_t vocab = model.file.config.vocab;
    TRIPTYCH_ASSIGN(auto logits,
                    gate::ReadLogits(o.against, hash, segments, vocab));
    return AccuracyTest::FromLogits(model.graph, std::move(segments),
                                    std::move(logits));
  }
  Progress progress("f64 reference");
  return AccuracyTest::Make(model.graph, *model.weights, std::move(segments),
                            std::ref(progress));
}

// The test of the first tokens of another.
Result<AccuracyTest> PartOf(const AccuracyTest& test, int64_t tokens) {
  std::vector<Segment> segments = Beginning(test.segments(), tokens);
  std::vector<std::vector<double>> logits;
  for (size_t s = 0; s < segments.size(); ++s) {
    const std::vector<double>& all = test.logits()[s];
    const size_t vocab = all.size() / test.segments()[s].fed().size();
    const auto count = static_cast<ptrdiff_t>(segments[s].fed().size() * vocab);
    logits.emplace_back(all.begin(), all.begin() + count);
    // A beginning of a chunk may end before what is scored.
    segments[s].first_scored =
        std::min(segments[s].first_scored, segments[s].fed().size() - 1);
  }
  return AccuracyTest::FromLogits(test.graph(), std::move(segments),
                                  std::move(logits));
}

using Repeats = std::vector<std::vector<TokenScore>>;

// Once for each seed; a machine without noise twice at most.
Result<Repeats> ScoresOf(const AccuracyTest& test, const Program& program,
                         std::string_view name, const AccuracyOptions& o) {
  Repeats repeats;
  for (int i = 0; i < o.seeds; ++i) {
    Progress progress(name);
    TRIPTYCH_ASSIGN(
        std::vector<TokenScore> scores,
        test.Scores(program, SeedOfRepeat(o.seed, static_cast<uint64_t>(i)),
                    ThreadsOf(o), std::ref(progress)));
    repeats.push_back(std::move(scores));
    if (i == 1 && repeats[0] == repeats[1]) break;
  }
  return repeats;
}

void Summarise(const Repeats& repeats, ScoredTarget& scored) {
  std::vector<double> kl, nll;
  Accuracy& mean = scored.accuracy;
  const auto n = static_cast<double>(repeats.size());
  for (const std::vector<TokenScore>& scores : repeats) {
    const Accuracy a = SummaryOf(scores);
    kl.push_back(a.kl_nats_per_token);
    nll.push_back(a.nll_nats_per_token);
    mean.predictions = a.predictions;
    mean.reference_nll_nats_per_token = a.reference_nll_nats_per_token;
    mean.nll_nats_per_token += a.nll_nats_per_token / n;
    mean.nll_stderr += a.nll_stderr / n;
    mean.kl_nats_per_token += a.kl_nats_per_token / n;
    mean.kl_stderr += a.kl_stderr / n;
    mean.kl_max = std::max(mean.kl_max, a.kl_max);
    mean.top1_agreement += a.top1_agreement / n;
  }
  mean.perplexity = std::exp(mean.nll_nats_per_token);
  mean.accuracy_class = AccuracyClass(mean.kl_nats_per_token);
  scored.kl_by_seed = gate::MeanOf(kl);
  scored.nll_by_seed = gate::MeanOf(nll);
  scored.deterministic = repeats.size() > 1 && repeats[0] == repeats[1];
}

// Errors and attribution, if they are asked for.
Status LookCloser(const Model& model, const AccuracyTest& test,
                  const Target& target, const AccuracyOptions& o,
                  ScoredTarget& scored) {
  const std::vector<Segment> part = Beginning(test.segments(), o.detail_tokens);
  if (o.operators) {
    OpErrorOptions options{.inputs = OpInputs::kReference,
                           .seed = o.seed,
                           .threads = ThreadsOf(o)};
    TRIPTYCH_ASSIGN(scored.own, OperatorErrors(model.graph, *model.weights,
                                               target, part, options));
    options.inputs = OpInputs::kPropagated;
    TRIPTYCH_ASSIGN(
        scored.propagated,
        OperatorErrors(model.graph, *model.weights, target, part, options));
  }
  if (!o.attribute) return {};
  TRIPTYCH_ASSIGN(const AccuracyTest small, PartOf(test, o.detail_tokens));
  Progress progress("attribution");
  TRIPTYCH_ASSIGN(scored.attribution,
                  Attribute(small, *model.weights, target,
                            {.seed = o.seed,
                             .threads = ThreadsOf(o),
                             .drill = static_cast<size_t>(o.drill)},
                            std::ref(progress)));
  return {};
}

struct Scored {
  std::vector<ScoredTarget> targets;
  gate::Results results;  // the same, as a gate keeps it
};

Status RunOn(const Model& model, const AccuracyTest& test,
             const std::string& spec, const AccuracyOptions& o, Scored& all) {
  TRIPTYCH_ASSIGN(const auto target,
                  MakeTarget(spec, OverridesFor(spec, o.set)));
  TRIPTYCH_ASSIGN(const auto program,
                  target->Compile(model.graph, &*model.weights));
  ScoredTarget scored;
  scored.target = target->name();
  scored.preset = target->preset();
  TRIPTYCH_ASSIGN(const Repeats repeats,
                  ScoresOf(test, *program, target->name(), o));
  Summarise(repeats, scored);
  TRIPTYCH_TRY(LookCloser(model, test, *target, o, scored));
  gate::Row row;
  row.case_name = "accuracy";
  row.target = scored.target;
  row.preset = scored.preset;
  row.phase = PhaseName(Phase::kPrefill);
  row.accuracy = gate::AccuracyOf(repeats);
  all.results.rows.push_back(std::move(row));
  all.targets.push_back(std::move(scored));
  return {};
}

Result<Scored> RunAll(const Model& model, const AccuracyOptions& o) {
  TRIPTYCH_ASSIGN(const AccuracyTest test, TestOf(model, o));
  TRIPTYCH_TRY(Record(test, o));
  Scored all;
  all.results.cases = {{"accuracy",
                        fmt::format("{}, text {:016x}", model.graph.name(),
                                    gate::DigestOf(test.segments())),
                        o.seed, o.seeds}};
  for (const std::string& spec : TargetsOr(o, {"cpu"})) {
    TRIPTYCH_TRY(RunOn(model, test, spec, o, all));
  }
  return all;
}

Status CheckOptions(const AccuracyOptions& o) {
  if (o.accept && o.baseline.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     "accuracy: --accept needs --baseline FILE to write");
  }
  if (o.accept) TRIPTYCH_TRY(CheckWritable(o.baseline));
  TRIPTYCH_TRY(CheckWritable(o.record));
  return CheckWritable(o.junit);
}

}  // namespace

Result<int> AccuracyCommand(const AccuracyOptions& options) {
  TRIPTYCH_TRY(CheckOptions(options));
  TRIPTYCH_ASSIGN(const auto model, OpenModel(options.model, options.tokenizer,
                                              {.all_logits = true}));
  TRIPTYCH_TRY(CheckWeights(*model));
  TRIPTYCH_ASSIGN(Scored all, RunAll(*model, options));
  gate::Verdict verdict{all.results, {}, {}};
  if (!options.baseline.empty() && !options.accept) {
    TRIPTYCH_ASSIGN(gate::Results baseline,
                    gate::ReadBaseline(options.baseline));
    baseline.rows = RowsOfTargets(baseline, all.results, /*there=*/true);
    verdict.judgement = Judge(baseline, all.results, gate::Standard::kBaseline);
  }
  nlohmann::json results = nlohmann::json::array();
  for (const ScoredTarget& scored : all.targets) {
    results.push_back(ToJson(scored));
  }
  Print(options.json, TextOf(all.targets));
  TRIPTYCH_TRY(WriteJson(options.json, "accuracy", results));
  if (options.accept) {
    TRIPTYCH_TRY(Accept(options.baseline, options.reason, all.results,
                        /*some_targets=*/false));
  }
  TRIPTYCH_TRY(
      WriteText(options.junit, JunitText(verdict, "triptych accuracy")));
  if (verdict.passed()) return kOk;
  fmt::print(stderr, "{}", TerminalText(verdict));
  return kGateFailed;
}

}  // namespace triptych::cli
