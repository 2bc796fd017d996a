// Variances of an analog output, by cause.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <set>
#include <string>

#include "tools/report/charts/bars.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {

Blocks BuildErrorBudget(const Material& material) {
  Blocks blocks;
  std::set<std::string> seen;
  for (size_t i = 0; i < material.machines.size(); ++i) {
    const Machine& m = material.machines[i];
    double sum = 0;
    for (const ErrorShare& e : m.error_budget) sum += e.variance;
    // It is the machine's, whatever it runs.
    if (!(sum > 0) || !seen.insert(m.label()).second) continue;
    auto chart = std::make_unique<BarChart>();
    chart->title = "Error budget of " + m.label();
    chart->description = fmt::format(
        "Shares of the variance of an output; all together {:.1f} dB below "
        "the signal, {:.1f} effective bits",
        -10 * std::log10(sum), (-10 * std::log10(sum) - 1.76) / 6.02);
    chart->quantity = {"share of the variance", "%"};
    for (const ErrorShare& e : m.error_budget) {
      chart->bars.push_back(
          {.label = e.name,
           .value = 100 * e.variance / sum,
           .note = e.variance > 0 ? fmt::format("{:.1f} dB below the signal",
                                                -10 * std::log10(e.variance))
                                  : "none",
           .series = i});
    }
    SortByValue(chart->bars);
    blocks.emplace_back(std::move(chart));
  }
  return blocks;
}

}  // namespace triptych::report
