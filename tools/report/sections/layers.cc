// One run operator by operator: time, energy and errors by what they are of.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/report/charts/stacked_bars.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {
namespace {

using Parts = std::map<std::string, double>;

// Nothing if no operator has any such part.
void AddChart(const LayerLines& lines, std::string title,
              std::string description, Quantity quantity,
              Parts LayerLine::*parts, Blocks& blocks) {
  auto chart = std::make_unique<StackedBarChart>();
  chart->title = std::move(title);
  chart->description = std::move(description);
  chart->quantity = std::move(quantity);
  chart->shares = true;
  for (const LayerLine& line : lines.operators) {
    StackedBar bar{line.name, line.*parts};
    if (bar.total() > 0) chart->bars.push_back(std::move(bar));
  }
  if (!chart->bars.empty()) blocks.emplace_back(std::move(chart));
}

std::string TextOf(const NamedValue& reading) {
  return reading.unit == "%" ? FormatQuantity(100 * reading.value, "%")
                             : FormatQuantity(reading.value, reading.unit);
}

// Of the operators that were compared.
void AddTable(const LayerLines& lines, Blocks& blocks) {
  DataTable table;
  table.header = {lines.phase, "relative rms", "effective bits",
                  "dominant noise"};
  const auto compared = std::ranges::find_if(
      lines.operators,
      [](const LayerLine& line) { return std::isfinite(line.relative_rms); });
  if (compared == lines.operators.end()) return;
  for (const NamedValue& reading : compared->readings) {
    table.header.push_back(reading.name);
  }
  for (const LayerLine& line : lines.operators) {
    if (!std::isfinite(line.relative_rms)) continue;
    std::vector<std::string> row = {
        line.name, fmt::format("{:.2e}", line.relative_rms),
        FormatQuantity(line.effective_bits, ""), line.dominant_error};
    for (const NamedValue& reading : line.readings) {
      row.push_back(TextOf(reading));
    }
    row.resize(table.header.size());
    table.rows.push_back(std::move(row));
  }
  blocks.emplace_back(std::move(table));
}

}  // namespace

Blocks BuildLayers(const Material& material) {
  Blocks blocks;
  for (const Machine& m : material.machines) {
    for (const LayerLines& lines : m.layers) {
      const std::string of = NameOf(material, m) + ", " + lines.phase;
      AddChart(lines, "Time by operator of " + of,
               "Parts of each operator's time; the whole stands beside it",
               {"time", "s"}, &LayerLine::seconds, blocks);
      AddChart(lines, "Energy by operator of " + of,
               "Components of each operator's energy; the whole stands beside",
               {"energy", "J"}, &LayerLine::joules, blocks);
      AddChart(lines, "Errors by operator of " + of,
               "Causes of each operator's errors, by variance over the mean "
               "square of its outputs; the sum stands beside",
               {"variance", ""}, &LayerLine::errors, blocks);
      AddTable(lines, blocks);
    }
  }
  return blocks;
}

}  // namespace triptych::report
