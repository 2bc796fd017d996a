// One run operator by operator: time, energy and errors by what they are of.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
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

const NamedValue* Find(const std::vector<NamedValue>& readings,
                       const std::string& key) {
  const auto found = std::ranges::find(readings, key, &NamedValue::key);
  return found == readings.end() ? nullptr : &*found;
}

// Every reading that some line has, once, in the order in which they come: an
// operator without conversions has none of them, say.
std::vector<NamedValue> ReadingsOf(const std::vector<LayerLine>& lines) {
  std::vector<NamedValue> all;
  for (const LayerLine& line : lines) {
    for (const NamedValue& reading : line.readings) {
      if (Find(all, reading.key) == nullptr) all.push_back(reading);
    }
  }
  return all;
}

// Of the operators that were compared.
void AddTable(const LayerLines& lines, Blocks& blocks) {
  std::vector<LayerLine> compared;
  std::ranges::copy_if(
      lines.operators, std::back_inserter(compared),
      [](const LayerLine& line) { return std::isfinite(line.relative_rms); });
  if (compared.empty()) return;
  const std::vector<NamedValue> columns = ReadingsOf(compared);
  DataTable table;
  table.header = {lines.phase, "relative rms", "effective bits",
                  "dominant noise"};
  for (const NamedValue& column : columns) table.header.push_back(column.name);
  for (const LayerLine& line : compared) {
    std::vector<std::string> row = {
        line.name, fmt::format("{:.2e}", line.relative_rms),
        FormatQuantity(line.effective_bits, ""), line.dominant_error};
    for (const NamedValue& column : columns) {
      const NamedValue* const reading = Find(line.readings, column.key);
      row.push_back(reading != nullptr ? TextOf(*reading) : "-");
    }
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
