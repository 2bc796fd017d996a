// Divergence of each machine from the f64 reference.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "tools/report/charts/bars.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {

Blocks BuildAccuracy(const Material& material) {
  Blocks blocks;
  if (material.accuracies.empty()) return blocks;
  DataTable table{{"machine", "KL nats/token", "class", "top-1", "perplexity",
                   "NLL nats/token", "predictions"},
                  {}};
  auto chart = std::make_unique<BarChart>();
  chart->title = "Divergence from the f64 reference";
  chart->description = "Kullback-Leibler divergence a token, logarithmic";
  chart->quantity = {"KL divergence", "nats/token", true};
  for (const AccuracyScore& a : material.accuracies) {
    const std::string label = a.target + ":" + a.preset;
    table.rows.push_back({label, fmt::format("{:.2e}", a.kl_nats_per_token),
                          a.accuracy_class,
                          fmt::format("{:.1f} %", 100 * a.top1_agreement),
                          fmt::format("{:.3f}", a.perplexity),
                          fmt::format("{:.4f}", a.nll_nats_per_token),
                          fmt::format("{:.0f}", a.predictions)});
    chart->bars.push_back({.label = label,
                           .value = a.kl_nats_per_token,
                           .note = "class " + a.accuracy_class,
                           .series = chart->bars.size()});
  }
  blocks.emplace_back(std::move(table));
  blocks.emplace_back(std::move(chart));
  return blocks;
}

}  // namespace triptych::report
