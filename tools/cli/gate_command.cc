// gate: a suite against a baseline, or an old build or machine against a new
// one.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "tools/cli/gate_output.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/gate/judge.h"
#include "tools/gate/measure.h"
#include "tools/gate/old_vs_new.h"
#include "tools/gate/report.h"
#include "tools/gate/results.h"
#include "tools/gate/suite.h"

namespace triptych::cli {

Status WriteText(const std::string& path, const std::string& text) {
  return WriteFile(path, [&](std::ostream& out) { out << text; });
}

Status Accept(const std::string& path, const std::string& reason,
              gate::Results results, bool some_targets) {
  if (std::filesystem::exists(path) && !std::filesystem::is_empty(path)) {
    TRIPTYCH_ASSIGN(gate::Results old, gate::ReadBaseline(path));
    if (some_targets) {
      for (gate::Row& row : RowsOfTargets(old, results, /*there=*/false)) {
        results.rows.push_back(std::move(row));
      }
    }
    results.reasons = std::move(old.reasons);
  }
  if (!reason.empty()) results.reasons.push_back(reason);
  return WriteText(path, BaselineText(results));
}

namespace {

bool TwoSides(const GateOptions& o) {
  return !o.old.empty() || !o.now.empty() || !o.old_set.empty() ||
         !o.new_set.empty();
}

Status CheckOptions(const GateOptions& o) {
  if (o.accept && o.reason.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     "gate: --accept needs --reason TEXT, which the baseline "
                     "keeps");
  }
  if (TwoSides(o) && !o.measure.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     "gate: --measure writes one run; --old and --new are two");
  }
  if ((o.exact || o.repeat > 1) && !TwoSides(o)) {
    return MakeError(ErrorCode::kInvalid,
                     "gate: --exact and --repeat compare --old with --new");
  }
  if (o.accept) TRIPTYCH_TRY(CheckWritable(o.baseline));
  for (const std::string& path : {o.junit, o.markdown, o.measure}) {
    TRIPTYCH_TRY(CheckWritable(path));
  }
  return {};
}

// The suite with -t and --set of the command line.
Result<gate::Suite> SuiteOf(const GateOptions& o) {
  TRIPTYCH_ASSIGN(gate::Suite suite, gate::ReadSuite(o.suite));
  for (gate::Case& c : suite.cases) {
    c.targets = TargetsOr(o, std::move(c.targets));
    c.set.insert(c.set.end(), o.set.begin(), o.set.end());
  }
  return suite;
}

// The sides as a child process or this one measures them: -t and --set of the
// command line are for both.
gate::Side SideOf(const GateOptions& o, const std::string& text,
                  const std::vector<std::string>& set) {
  gate::Side side = gate::SideOf(text, set);
  if (side.build.empty()) return side;
  for (const std::string& spec : o.targets) {
    side.target += (side.target.empty() ? "" : ",") + spec;
  }
  side.set.insert(side.set.begin(), o.set.begin(), o.set.end());
  return side;
}

nlohmann::json ToJson(const gate::Finding& f) {
  return {{"id", f.row.Id()},       {"case", f.row.case_name},
          {"target", f.row.target}, {"preset", f.row.preset},
          {"phase", f.row.phase},   {"op", f.row.op},
          {"what", f.what},         {"fails", f.fails},
          {"text", f.text}};
}

nlohmann::json ToJson(const gate::HostTime& t) {
  return {{"case", t.row.case_name}, {"target", t.row.target},
          {"preset", t.row.preset},  {"old_s", t.old_s},
          {"new_s", t.new_s},        {"p", t.p},
          {"slower", t.slower}};
}

// One result: the verdict, with the rows it is of.
nlohmann::json ToJson(const gate::Verdict& v) {
  nlohmann::json rows = nlohmann::json::array(), findings = rows, worst = rows,
                 times = rows;
  for (const gate::Row& row : v.now.rows) rows.push_back(gate::ToJson(row));
  for (const auto& f : v.judgement.findings) findings.push_back(ToJson(f));
  for (const auto& w : WorstThree(v.judgement, v.now)) {
    worst.push_back({{"op", w.row->op},
                     {"target", w.row->target},
                     {"preset", w.row->preset},
                     {"why", w.why}});
  }
  for (const auto& t : v.host_times) times.push_back(ToJson(t));
  return nlohmann::json::array({{{"passed", v.passed()},
                                 {"failures", v.judgement.failures()},
                                 {"findings", findings},
                                 {"worst_operators", worst},
                                 {"host_times", times},
                                 {"rows", rows}}});
}

std::string TextIn(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<int> Tell(const gate::Verdict& verdict, const GateOptions& o) {
  Print(o.json, TerminalText(verdict));
  TRIPTYCH_TRY(WriteJson(o.json, "gate", ToJson(verdict)));
  TRIPTYCH_TRY(WriteText(o.junit, JunitText(verdict, "triptych gate")));
  TRIPTYCH_TRY(WriteText(o.markdown, MarkdownText(verdict)));
  if (o.annotations) {
    const std::string lines =
        AnnotationsText(verdict, o.baseline, TextIn(o.baseline));
    std::fputs(lines.c_str(), o.json == "-" ? stderr : stdout);
  }
  return verdict.passed() ? kOk : kGateFailed;
}

Result<int> CompareSides(const gate::Suite& suite, const GateOptions& o,
                         const gate::MeasureOptions& options) {
  TRIPTYCH_ASSIGN(const gate::OldAndNew both,
                  MeasureBoth(suite, SideOf(o, o.old, o.old_set),
                              SideOf(o, o.now, o.new_set), o.repeat, options));
  const auto standard =
      o.exact ? gate::Standard::kExact : gate::Standard::kOldVsNew;
  return Tell({both.now, Judge(both.old, both.now, standard),
               CompareHostTimes(both.old, both.now)},
              o);
}

}  // namespace

Result<int> GateCommand(const GateOptions& options) {
  TRIPTYCH_TRY(CheckOptions(options));
  TRIPTYCH_ASSIGN(const gate::Suite suite, SuiteOf(options));
  Progress progress("gate");
  const gate::MeasureOptions measure{.seed = options.seed,
                                     .threads = ThreadsOf(options),
                                     .compile = {},
                                     .tell = std::ref(progress)};
  if (TwoSides(options)) return CompareSides(suite, options, measure);
  gate::Results old;
  const bool judged = !options.baseline.empty() && !options.accept;
  if (judged) {
    TRIPTYCH_ASSIGN(old, gate::ReadBaseline(options.baseline));
  }
  TRIPTYCH_ASSIGN(const gate::Results now, Measure(suite, measure));
  if (!options.measure.empty()) {
    TRIPTYCH_TRY(WriteText(options.measure,
                           BaselineText(now, /*with_host_times=*/true)));
    return kOk;
  }
  const bool some_targets = !options.targets.empty();
  if (some_targets) old.rows = RowsOfTargets(old, now, /*there=*/true);
  gate::Judgement judgement;
  if (judged) judgement = Judge(old, now, gate::Standard::kBaseline);
  if (options.accept) {
    TRIPTYCH_TRY(Accept(options.baseline, options.reason, now, some_targets));
  }
  return Tell({now, std::move(judgement), {}}, options);
}

}  // namespace triptych::cli
