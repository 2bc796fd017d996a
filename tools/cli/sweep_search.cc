// sweep search and sweep serve: points that are chosen as answers come in, by
// NSGA-II or by a program outside.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"
#include "tools/search/nsga2.h"
#include "tools/search/serve.h"
#include "tools/sweep/probe.h"
#include "tools/sweep/study.h"
#include "tools/sweep/worker.h"

namespace triptych::cli {
namespace {

Status CheckObjectives(const sweep::Study& study) {
  if (!study.objectives.empty()) return {};
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}:1: objectives: missing; a search needs "
                               "maximise or minimise",
                               study.file));
}

std::string CellOf(const search::Axis& axis, double value) {
  return axis.kind == search::AxisKind::kChoice
             ? axis.choices[static_cast<size_t>(value)]
             : fmt::format("{:.4g}", value);
}

nlohmann::json PointJson(const std::vector<search::Axis>& space,
                         const sweep::Study& study,
                         const search::Trial& trial) {
  nlohmann::json point;
  for (size_t i = 0; i < space.size(); ++i) {
    if (space[i].kind == search::AxisKind::kChoice) {
      point[space[i].name] = CellOf(space[i], trial.point[i]);
    } else {
      point[space[i].name] = trial.point[i];
    }
  }
  for (size_t i = 0; i < trial.objectives.size(); ++i) {
    point[study.objectives[i].column] = trial.objectives[i];
  }
  return point;
}

std::string FrontText(const std::vector<search::Axis>& space,
                      const sweep::Study& study, const search::Found& found) {
  constexpr size_t kShown = 20;
  std::vector<std::string> header;
  for (const search::Axis& axis : space) header.push_back(axis.name);
  for (const auto& objective : study.objectives) {
    header.push_back(objective.column);
  }
  Table table(header);
  for (size_t i = 0; i < std::min(found.front.size(), kShown); ++i) {
    const search::Trial& trial = found.trials[found.front[i]];
    std::vector<std::string> cells;
    for (size_t a = 0; a < space.size(); ++a) {
      cells.push_back(CellOf(space[a], trial.point[a]));
    }
    for (const double value : trial.objectives) {
      cells.push_back(fmt::format("{:.4g}", value));
    }
    table.Add(std::move(cells));
  }
  return fmt::format("\nPareto front, {} points:\n{}{}", found.front.size(),
                     table.Text(), found.front.size() > kShown ? "...\n" : "");
}

}  // namespace

Result<int> SweepSearchCommand(const SweepSearchOptions& o) {
  TRIPTYCH_ASSIGN(const sweep::Study study, sweep::LoadStudy(o.study));
  TRIPTYCH_TRY(CheckObjectives(study));
  sweep::Probe probe(study, sweep::Tier::kAnalytic);
  Progress progress("search");
  const auto evaluate =
      [&](std::span<const double> place) -> Result<std::vector<double>> {
    TRIPTYCH_ASSIGN(search::Answer answer, probe.At(place));
    return std::move(answer.objectives);
  };
  const int64_t start = sweep::NowNs();
  TRIPTYCH_ASSIGN(
      const search::Found found,
      search::Nsga2(probe.space(), study.objectives, evaluate,
                    {.seed = o.seed,
                     .population = static_cast<size_t>(o.population),
                     .generations = static_cast<size_t>(o.generations),
                     .progress = std::ref(progress)}));
  const double seconds = static_cast<double>(sweep::NowNs() - start) * 1e-9;
  size_t ok = 0;
  for (const search::Trial& trial : found.trials) ok += trial.error.empty();
  nlohmann::json front = nlohmann::json::array();
  for (const size_t i : found.front) {
    front.push_back(PointJson(probe.space(), study, found.trials[i]));
  }
  const double rate = static_cast<double>(found.trials.size()) / seconds;
  Print(o.json, fmt::format("{}: {} points tried, {} ok, {:.0f} a second\n{}",
                            study.name, found.trials.size(), ok, rate,
                            FrontText(probe.space(), study, found)));
  const nlohmann::json result = {{"study", study.name},
                                 {"points", found.trials.size()},
                                 {"ok", ok},
                                 {"points_per_s", rate},
                                 {"pareto", front}};
  TRIPTYCH_TRY(
      WriteJson(o.json, "sweep search", nlohmann::json::array({result})));
  return kOk;
}

Result<int> SweepServeCommand(const SweepServeOptions& o) {
  TRIPTYCH_ASSIGN(const sweep::Study study, sweep::LoadStudy(o.study));
  TRIPTYCH_TRY(CheckObjectives(study));
  sweep::Probe probe(
      study, o.refine ? sweep::Tier::kDetailed : sweep::Tier::kAnalytic);
  TRIPTYCH_ASSIGN(
      const search::Served served,
      search::Serve(
          std::cin, std::cout, probe.space(), study.objectives,
          [&](std::span<const double> place) { return probe.At(place); }));
  fmt::print(stderr, "triptych: {} points answered, {} invalid, {} errors\n",
             served.points, served.invalid, served.errors);
  return kOk;
}

}  // namespace triptych::cli
