// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "emulators/accuracy.h"
#include "emulators/op_error.h"
#include "emulators/profile.h"
#include "models/build/build.h"
#include "models/ops/op.h"
#include "tools/cli/model_source.h"
#include "tools/gate/text.h"

namespace triptych::gate {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One case: its model and text once, then target by target.
class CaseRunner {
 public:
  CaseRunner(const Case& c, const MeasureOptions& options)
      : case_(c), options_(options), seed_(options.seed.value_or(c.seed)) {}

  Status Prepare() {
    TRIPTYCH_ASSIGN(model_, cli::OpenModel(case_.model, case_.tokenizer,
                                           {.all_logits = case_.scored}));
    TRIPTYCH_ASSIGN(timed_, BuildGraph(model_->file.config));
    if (!case_.scored) return {};
    TRIPTYCH_ASSIGN(std::vector<Segment> segments,
                    SegmentsOf(*model_, case_.text));
    text_digest_ = DigestOf(segments);
    beginning_ = Beginning(segments, case_.operator_tokens);
    TRIPTYCH_ASSIGN(AccuracyTest test,
                    AccuracyTest::Make(model_->graph, *model_->weights,
                                       std::move(segments)));
    test_.emplace(std::move(test));
    return {};
  }

  CaseInfo Info() const {
    std::string settings =
        fmt::format("{}, batch {}, context {}", model_->graph.name(),
                    case_.batch, case_.context);
    if (case_.scored) {
      settings +=
          fmt::format(", text {:016x}, operators on its first {} tokens",
                      text_digest_, case_.operator_tokens);
    }
    return {case_.name, settings, seed_, case_.scored ? case_.seeds : 1};
  }

  Status RunOn(const std::string& spec, std::vector<Row>& rows) {
    TRIPTYCH_ASSIGN(target_,
                    MakeTarget(spec, cli::OverridesFor(spec, case_.set)));
    const auto start = Clock::now();
    const size_t first = rows.size();
    for (const Phase phase : case_.phases) TRIPTYCH_TRY(Time(phase, rows));
    if (test_) {
      TRIPTYCH_TRY(ScoreOperators(rows, first));
      TRIPTYCH_TRY(ScoreAll(rows, first));
    }
    rows[first].host_s = {SecondsSince(start)};
    return {};
  }

 private:
  CompileOptions Options() const {
    return options_.compile ? options_.compile(*target_) : CompileOptions();
  }

  Row NewRow(Phase phase, std::string_view op) const {
    Row row;
    row.case_name = case_.name;
    row.target = target_->name();
    row.preset = target_->preset();
    row.phase = PhaseName(phase);
    row.op = op;
    return row;
  }

  // The row of `op`, made if it is not there; of those of this target.
  Row& RowOf(Phase phase, std::string_view op, std::vector<Row>& rows,
             size_t first) const {
    for (size_t i = first; i < rows.size(); ++i) {
      if (rows[i].op == op && rows[i].phase == PhaseName(phase)) {
        return rows[i];
      }
    }
    rows.push_back(NewRow(phase, op));
    return rows.back();
  }

  Status Time(Phase phase, std::vector<Row>& rows) const {
    TRIPTYCH_ASSIGN(const auto program,
                    target_->Compile(timed_, nullptr, Options()));
    RunRequest request{.phase = phase,
                       .binding = {case_.batch, case_.context, 0},
                       .threads = options_.threads};
    if (phase == Phase::kDecode) {
      request.binding = {case_.batch, 1, case_.context};
    }
    Ledger ledger(Ledger::Mode::kFold);
    TRIPTYCH_TRY(program->Run(request, nullptr, ledger));
    const size_t first = rows.size();
    rows.push_back(NewRow(phase, ""));
    for (const auto& [key, sums] : ledger.rows()) {
      const auto& [node_id, unit, action_id] = key;
      const std::string_view op = NameInLayer(timed_.node(node_id));
      const Cost cost = CostOf(
          target_->actions()[static_cast<size_t>(action_id)], sums.count);
      const int64_t picos = unit == kSchedule ? sums.busy.value : 0;
      AddCost(cost, picos, RowOf(phase, op, rows, first));
      AddCost(cost, picos, rows[first]);
    }
    return {};
  }

  void AddCost(const Cost& cost, int64_t picos, Row& row) const {
    if (!row.cost) row.cost.emplace();
    row.cost->measured = target_->measured();
    if (!row.cost->measured) {
      row.cost->picos += picos;
      row.cost->cycles =
          Seconds(Picos(row.cost->picos)) * target_->clock().value;
    }
    row.cost->energy_j += cost.energy_j;
    row.cost->off_chip_bytes += cost.off_chip_bytes;
    row.cost->internal_bytes += cost.internal_bytes;
  }

  Status ScoreOperators(std::vector<Row>& rows, size_t first) const {
    if (case_.operator_tokens == 0) return {};
    TRIPTYCH_ASSIGN(std::vector<std::vector<OpError>> repeats,
                    OperatorErrorsOverSeeds(model_->graph, *model_->weights,
                                            *target_, beginning_,
                                            {.inputs = OpInputs::kReference,
                                             .seed = seed_,
                                             .threads = options_.threads,
                                             .compile = Options()},
                                            static_cast<size_t>(case_.seeds)));
    for (auto& repeat : repeats) repeat = AcrossLayers(repeat);
    const std::vector<OpError> pooled = Pooled(repeats);
    for (size_t k = 0; k < pooled.size(); ++k) {
      const OpError& e = pooled[k];
      bool varies = false;
      for (const auto& repeat : repeats) {
        varies |= repeat[k].digest != repeats.front()[k].digest;
      }
      RowOf(Phase::kPrefill, e.name, rows, first).error =
          RowError{.outputs = e.outputs,
                   .mean_square = e.mean_square,
                   .mean_square_stderr = e.mean_square_stderr,
                   .max_abs = e.max_abs,
                   .digest = e.digest,
                   .varies = varies,
                   .bit_exact = target_->bit_exact()};
    }
    return {};
  }

  Status ScoreAll(std::vector<Row>& rows, size_t first) const {
    TRIPTYCH_ASSIGN(
        const auto program,
        target_->Compile(model_->graph, &*model_->weights, Options()));
    std::vector<std::vector<TokenScore>> repeats;
    for (int64_t i = 0; i < case_.seeds; ++i) {
      TRIPTYCH_ASSIGN(
          std::vector<TokenScore> scores,
          test_->Scores(*program, SeedOfRepeat(seed_, static_cast<uint64_t>(i)),
                        options_.threads));
      const bool same = !repeats.empty() && scores == repeats.front();
      repeats.push_back(std::move(scores));
      if (same) break;  // no noise: more seeds are more of the same
    }
    RowOf(Phase::kPrefill, "", rows, first).accuracy = AccuracyOf(repeats);
    return {};
  }

  const Case& case_;
  const MeasureOptions& options_;
  uint64_t seed_;
  std::unique_ptr<cli::Model> model_;
  Graph timed_;  // as `profile` times it: logits of the last token alone
  std::optional<AccuracyTest> test_;
  std::vector<Segment> beginning_;
  uint64_t text_digest_ = 0;
  std::unique_ptr<Target> target_;
};

Status MeasureCase(const Case& c, const MeasureOptions& options, size_t& done,
                   size_t total, Results& results) {
  CaseRunner runner(c, options);
  TRIPTYCH_TRY(runner.Prepare());
  results.cases.push_back(runner.Info());
  for (const std::string& spec : c.targets) {
    if (Status status = runner.RunOn(spec, results.rows); !status) {
      return Locate(std::move(status).error(), spec);
    }
    if (options.tell) options.tell(++done, total);
  }
  return {};
}

}  // namespace

Result<Results> Measure(const Suite& suite, const MeasureOptions& options) {
  Results results;
  size_t done = 0, total = 0;
  for (const Case& c : suite.cases) total += c.targets.size();
  for (const Case& c : suite.cases) {
    Status status = MeasureCase(c, options, done, total, results);
    if (!status) {
      return Locate(std::move(status).error(),
                    fmt::format("{}: case {}", suite.file, c.name));
    }
  }
  return results;
}

}  // namespace triptych::gate
