// validate: a target against a table of measured values.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/base/log.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

nlohmann::json ToJson(const Score& score, const ValidateOptions& options) {
  nlohmann::json rows = nlohmann::json::array();
  for (const RowScore& row : score.rows_detail) {
    rows.push_back({{"line", row.line},
                    {"preset", row.preset},
                    {"keys", row.keys},
                    {"measured", row.measured},
                    {"predicted", row.predicted},
                    {"error_pct", row.error_pct}});
    if (row.bound.empty()) continue;
    rows.back()["bound"] = row.bound;
    rows.back()["next_bound"] = row.next_bound;
  }
  nlohmann::json json = {
      {"target", options.target.substr(0, options.target.find(':'))},
      {"table", options.table},
      {"measure", score.measure},
      {"rows", score.rows},
      {"mape_pct", score.mape_pct},
      {"median_ape_pct", score.median_ape_pct},
      {"p90_ape_pct", score.p90_ape_pct},
      {"max_ape_pct", score.max_ape_pct},
      {"rows_detail", rows}};
  if (score.rank_correlation) {
    json["rank_correlation"] = *score.rank_correlation;
  }
  return json;
}

// The rows furthest off, which say more than a mean.
std::string Worst(const Score& score) {
  std::vector<RowScore> rows = score.rows_detail;
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::abs(a.error_pct) > std::abs(b.error_pct);
  });
  constexpr size_t kShown = 5;
  rows.resize(std::min(rows.size(), kShown));
  Table table({"furthest off, " + score.measure, "measured", "predicted",
               "error", "bound"});
  for (const RowScore& row : rows) {
    table.Add({fmt::format("{}: {}", row.line, row.keys),
               fmt::format("{:.5g}", row.measured),
               fmt::format("{:.5g}", row.predicted),
               fmt::format("{:+.1f} %", row.error_pct), row.bound});
  }
  return fmt::format("\n{}", table.Text());
}

// Rows without a prediction, with the first reasons; -v lists them all.
void SayUnpredicted(const std::vector<std::string>& reasons) {
  constexpr size_t kShown = 3;
  for (size_t i = 0; i < reasons.size(); ++i) {
    Log(i < kShown ? LogLevel::kWarning : LogLevel::kInfo, "validate",
        "not predicted: " + reasons[i]);
  }
  if (reasons.size() > kShown) {
    Log(LogLevel::kWarning, "validate",
        fmt::format("{} rows in all are not predicted; -v lists them",
                    reasons.size()));
  }
}

}  // namespace

Result<int> ValidateCommand(const ValidateOptions& options) {
  TRIPTYCH_ASSIGN(const auto table, triptych::Table::Load(options.table));
  TRIPTYCH_ASSIGN(const Validation validation,
                  Validate(options.target,
                           OverridesFor(options.target, options.set), table));
  Table summary({"measure", "rows", "MAPE", "median", "p90", "max",
                 "rank"});
  nlohmann::json results = nlohmann::json::array();
  std::string worst;
  for (const Score& score : validation.scores) {
    summary.Add({score.measure, std::to_string(score.rows),
                 fmt::format("{:.1f} %", score.mape_pct),
                 fmt::format("{:.1f} %", score.median_ape_pct),
                 fmt::format("{:.1f} %", score.p90_ape_pct),
                 fmt::format("{:.1f} %", score.max_ape_pct),
                 score.rank_correlation
                     ? fmt::format("{:.3f}", *score.rank_correlation)
                     : std::string("-")});
    worst += Worst(score);
    results.push_back(ToJson(score, options));
  }
  Print(options.json, summary.Text() + worst);
  SayUnpredicted(validation.unpredicted);
  TRIPTYCH_TRY(WriteJson(options.json, "validate", results));
  return kOk;
}

}  // namespace triptych::cli
