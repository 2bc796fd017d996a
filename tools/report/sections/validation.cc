// Predictions against what was measured.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "tools/report/charts/scatter.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {
namespace {

DataTable SummaryOf(const Material& material) {
  DataTable table{
      {"target", "table", "measure", "rows", "MAPE", "median", "p90", "max"},
      {}};
  const auto percent = [](double pct) { return fmt::format("{:.1f} %", pct); };
  for (const Score& s : material.scores) {
    table.rows.push_back({s.target, s.table, s.measure,
                          std::to_string(s.rows.size()), percent(s.mape_pct),
                          percent(s.median_ape_pct), percent(s.p90_ape_pct),
                          percent(s.max_ape_pct)});
  }
  return table;
}

std::unique_ptr<Chart> ScatterOf(const Score& score) {
  auto chart = std::make_unique<ScatterChart>();
  chart->title = fmt::format("{}{}{}: error {:.1f} %", score.target,
                             score.target.empty() ? "" : " ", score.measure,
                             score.mape_pct);
  chart->description = fmt::format(
      "{} rows of {}: mean error {:.1f} %, median {:.1f} %, largest {:.0f} %; "
      "the dashed lines are the mean error",
      score.rows.size(), score.table.empty() ? "a table" : score.table,
      score.mape_pct, score.median_ape_pct, score.max_ape_pct);
  Extent extent;
  bool positive = true;
  for (const ScoredRow& row : score.rows) {
    auto series = std::ranges::find(chart->series, row.preset);
    if (series == chart->series.end()) {
      series = chart->series.insert(series, row.preset);
    }
    chart->points.push_back(
        {row.measured, row.predicted,
         static_cast<uint32_t>(series - chart->series.begin())});
    extent.Include(row.measured, true);
    positive = positive && row.measured > 0 && row.predicted > 0;
  }
  const bool log = positive && !extent.empty() && extent.hi > 10 * extent.lo;
  chart->x = {"measured " + score.measure, "", log};
  chart->y = {"predicted " + score.measure, "", log};
  chart->identity_band = score.mape_pct / 100;
  chart->describe = [&score](size_t i) {
    return fmt::format("error {:+.1f} %; {}", score.rows[i].error_pct,
                       score.rows[i].keys);
  };
  return chart;
}

}  // namespace

Blocks BuildValidation(const Material& material) {
  Blocks blocks;
  if (material.scores.empty()) return blocks;
  blocks.emplace_back(SummaryOf(material));
  for (const Score& score : material.scores) {
    blocks.emplace_back(ScatterOf(score));
  }
  return blocks;
}

}  // namespace triptych::report
