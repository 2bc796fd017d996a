// sweep: the points of a study, into a database that survives.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <functional>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tools/analysis/pareto.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"
#include "tools/sweep/database.h"
#include "tools/sweep/evaluator.h"
#include "tools/sweep/plan.h"
#include "tools/sweep/reader.h"
#include "tools/sweep/runner.h"
#include "tools/sweep/study.h"
#include "tools/sweep/worker.h"

namespace triptych::cli {
namespace {

using sweep::Database;
using sweep::PointStatus;
using sweep::Tier;

constexpr size_t kFrontLines = 20;  // of a front that people are shown

std::unexpected<Error> Missing(std::string_view what) {
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("sweep: {} is missing; allowed: sweep "
                               "STUDY.toml --db FILE",
                               what));
}

Result<PointStatus> StatusOf(const std::string& name) {
  const auto found = std::ranges::find(sweep::kStatusNames, name);
  if (found != std::end(sweep::kStatusNames) && name != "ok") {
    return static_cast<PointStatus>(found - std::begin(sweep::kStatusNames));
  }
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("--retry: {} is not allowed; allowed invalid, "
                               "oom, timeout, crash",
                               name));
}

// What a run did, for the report.
struct Work {
  size_t done = 0;
  double seconds = 0;
  int signal = 0;  // that stopped it; 0: it came to its end
};

// Ends as the signal would have ended us, so that a script sees why.
[[noreturn]] void EndBySignal(int signal) {
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  std::abort();  // a signal that is blocked
}

// Evaluates those of `numbers` that the database does not have.
Result<Work> RunTier(const sweep::Study& study, const sweep::Plan& plan,
                     Tier tier, const std::vector<uint32_t>& numbers,
                     const SweepOptions& o, Database& database) {
  TRIPTYCH_ASSIGN(const std::vector<uint32_t> have, database.Numbers(tier));
  std::vector<uint32_t> missing;
  std::ranges::set_difference(numbers, have, std::back_inserter(missing));
  const int64_t start = sweep::NowNs();
  Progress progress(study.name);
  const sweep::RunnerHooks hooks{
      .add = [&](const sweep::Row& row) { return database.Add(tier, row); },
      .idle = [&] { return database.CommitIfDue(); },
      .tell = std::ref(progress)};
  TRIPTYCH_ASSIGN(
      const sweep::RunResult run,
      sweep::RunPoints(
          study, plan, tier, missing, ThreadsOf(o),
          [&] { return sweep::MakeEvaluator(study, tier); }, hooks));
  if (run.signal != 0) {
    TRIPTYCH_TRY(database.Suspend());
    fmt::print(stderr,
               "triptych: stopped with {} of {} points in {}; the same command "
               "goes on from there\n",
               numbers.size() - missing.size() + run.done, numbers.size(),
               o.db);
  }
  return Work{run.done, static_cast<double>(sweep::NowNs() - start) * 1e-9,
              run.signal};
}

// The points near the front of the analytic tier, walked in full.
Result<Work> Refine(const sweep::Study& study, const sweep::Plan& plan,
                    const SweepOptions& o, Database& database) {
  TRIPTYCH_TRY(database.Suspend());
  TRIPTYCH_ASSIGN(const sweep::Results results, sweep::ReadResults(o.db));
  std::vector<uint32_t> numbers;
  for (const size_t row : analysis::ParetoBand(results, study.refine.band)) {
    numbers.push_back(results.numbers[row]);
  }
  return RunTier(study, plan, Tier::kDetailed, numbers, o, database);
}

// ---- Report ----

nlohmann::json CellOf(const sweep::Column& column, size_t row) {
  if (column.is_text()) return column.texts[row];
  const double value = column.numbers[row];
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

nlohmann::json FrontJson(const sweep::Results& results,
                         const std::vector<size_t>& front) {
  nlohmann::json points = nlohmann::json::array();
  for (const size_t row : front) {
    nlohmann::json point = {{"point", results.numbers[row]}};
    for (const sweep::Column& column : results.columns) {
      point[column.name] = CellOf(column, row);
    }
    points.push_back(std::move(point));
  }
  return points;
}

bool IsObjective(const sweep::Results& results, const std::string& name) {
  return std::ranges::find(results.objectives, name,
                           &sweep::Objective::column) !=
         results.objectives.end();
}

// Whether a column tells the points of the front apart.
bool Varies(const sweep::Column& column, const std::vector<size_t>& front) {
  return std::ranges::any_of(front, [&](size_t row) {
    return CellOf(column, row) != CellOf(column, front.front());
  });
}

std::string FrontText(const sweep::Results& results,
                      const std::vector<size_t>& front) {
  std::vector<const sweep::Column*> shown;
  std::vector<std::string> header{"point"};
  for (const sweep::Column& column : results.columns) {
    const bool axis =
        column.role == sweep::Role::kAxis && Varies(column, front);
    if (!axis && !IsObjective(results, column.name)) continue;
    shown.push_back(&column);
    header.push_back(column.name);
  }
  Table table(header);
  for (size_t i = 0; i < std::min(front.size(), kFrontLines); ++i) {
    std::vector<std::string> cells{std::to_string(results.numbers[front[i]])};
    for (const sweep::Column* column : shown) {
      cells.push_back(column->is_text()
                          ? column->texts[front[i]]
                          : fmt::format("{:.4g}", column->numbers[front[i]]));
    }
    table.Add(std::move(cells));
  }
  std::string text =
      fmt::format("\nPareto front, {} points:\n{}", front.size(), table.Text());
  if (front.size() > kFrontLines) text += "...\n";
  return text;
}

Status Report(const sweep::Study& study, Tier tier, const Work& work,
              const SweepOptions& o, Database& database) {
  TRIPTYCH_ASSIGN(const Database::Counts counts, database.Count(tier));
  TRIPTYCH_TRY(database.Finish());
  sweep::Results results;
  if (!study.objectives.empty()) {
    TRIPTYCH_ASSIGN(results, sweep::ReadResults(o.db, tier));
  }
  const std::vector<size_t> front = analysis::ParetoFront(results);
  uint64_t points = 0;
  for (const uint64_t count : counts) points += count;
  const double rate =
      work.done > 0 ? static_cast<double>(work.done) / work.seconds : 0;
  nlohmann::json json = {{"study", study.name},
                         {"db", o.db},
                         {"tier", sweep::kTierNames[static_cast<size_t>(tier)]},
                         {"points", points},
                         {"evaluated", work.done},
                         {"points_per_s", rate},
                         {"pareto", FrontJson(results, front)}};
  std::string text =
      fmt::format("{}: {} points in {}", study.name, points, o.db);
  for (size_t i = 0; i < counts.size(); ++i) {
    json[std::string(sweep::kStatusNames[i])] = counts[i];
    if (counts[i] == 0) continue;
    text += fmt::format(", {} {}", counts[i], sweep::kStatusNames[i]);
  }
  text += work.done > 0 ? fmt::format("; {} evaluated now, {:.0f} a second\n",
                                      work.done, rate)
                        : "; nothing was left to do\n";
  if (!front.empty()) text += FrontText(results, front);
  Print(o.json, text);
  return WriteJson(o.json, "sweep", nlohmann::json::array({json}));
}

Status CheckOptions(const SweepOptions& o, const sweep::Study& study) {
  if (!o.refine) return {};
  if (!o.shard.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     "--refine: the front is that of all points; allowed "
                     "without --shard, on the merged database");
  }
  if (study.objectives.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}:1: objectives: missing; --refine needs a "
                                 "front to refine",
                                 study.file));
  }
  return {};
}

// Returns the signal that stopped it, or 0; the database is closed by then.
Result<int> Sweep(const SweepOptions& o, const sweep::Shard& shard,
                  const std::vector<PointStatus>& retry) {
  TRIPTYCH_ASSIGN(const sweep::Study study, sweep::LoadStudy(o.study));
  TRIPTYCH_TRY(CheckOptions(o, study));
  TRIPTYCH_ASSIGN(const sweep::Plan plan, sweep::Plan::Make(study));
  TRIPTYCH_ASSIGN(Database database, Database::Open(o.db, study, plan));
  for (const PointStatus status : retry) {
    TRIPTYCH_TRY(database.Forget(Tier::kAnalytic, status, shard));
    if (!o.refine) continue;
    TRIPTYCH_TRY(database.Forget(Tier::kDetailed, status, shard));
  }
  TRIPTYCH_ASSIGN(Work work, RunTier(study, plan, Tier::kAnalytic,
                                     plan.Numbers(shard), o, database));
  if (o.refine && work.signal == 0) {
    TRIPTYCH_ASSIGN(work, Refine(study, plan, o, database));
  }
  if (work.signal != 0) return work.signal;
  TRIPTYCH_TRY(Report(study, o.refine ? Tier::kDetailed : Tier::kAnalytic, work,
                      o, database));
  return 0;
}

}  // namespace

Result<int> SweepCommand(const SweepOptions& options) {
  if (options.study.empty()) return Missing("the study");
  if (options.db.empty()) return Missing("--db");
  std::vector<PointStatus> retry;
  for (const std::string& name : options.retry) {
    TRIPTYCH_ASSIGN(const PointStatus status, StatusOf(name));
    retry.push_back(status);
  }
  sweep::Shard shard;
  if (!options.shard.empty()) {
    TRIPTYCH_ASSIGN(shard, sweep::ParseShard(options.shard));
  }
  TRIPTYCH_ASSIGN(const int signal, Sweep(options, shard, retry));
  if (signal != 0) EndBySignal(signal);
  return kOk;
}

Result<int> SweepMergeCommand(const SweepMergeOptions& options) {
  TRIPTYCH_ASSIGN(const sweep::Merged merged,
                  sweep::Merge(options.out, options.in));
  Print(options.json, fmt::format("{}: {} of {} points\n", options.out,
                                  merged.points, merged.expected));
  return kOk;
}

Result<int> SweepExportCommand(const SweepExportOptions& options) {
  if (options.csv.empty() == options.ndjson.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     "sweep export: allowed --csv FILE or --ndjson FILE");
  }
  const bool csv = !options.csv.empty();
  const std::string& path = csv ? options.csv : options.ndjson;
  TRIPTYCH_TRY(CheckWritable(path));
  const auto write = [&](std::ostream& out) {
    return csv ? sweep::ExportCsv(options.db, out)
               : sweep::ExportNdjson(options.db, out);
  };
  if (path == "-") {
    TRIPTYCH_TRY(write(std::cout));
    return kOk;
  }
  Status exported;
  const Status written = WriteFile(path, [&](std::ostream& out) {
    exported = write(out);
    if (!exported) out.setstate(std::ios::failbit);  // keeps what was there
  });
  TRIPTYCH_TRY(exported);
  TRIPTYCH_TRY(written);
  return kOk;
}

Result<int> SweepShowCommand(const SweepShowOptions& options) {
  const Tier tier =
      options.tier == "analytic" ? Tier::kAnalytic : Tier::kDetailed;
  TRIPTYCH_ASSIGN(const sweep::PointReport report,
                  sweep::ReadPoint(options.db, tier, options.point));
  Print(options.json, fmt::format("{}\n{}", report.columns, report.effective));
  return kOk;
}

}  // namespace triptych::cli
