// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/layers.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

using nlohmann::json;
using Cells = std::vector<std::string>;

std::string ValueOf(const Reading& reading) {
  if (reading.unit == "%") return Percent(reading.value);
  return Si(reading.value, reading.unit);
}

// A table of all rows: operators, layers, everything.
std::string TableOf(const LayerReport& report, Cells header,
                    const std::function<void(const LayerRow&, Cells&)>& add) {
  header.insert(header.begin(), {"operator or layer", "nodes"});
  Table table(std::move(header));
  const auto add_row = [&](const LayerRow& row) {
    Cells cells = {row.op.name, std::to_string(row.op.nodes)};
    add(row, cells);
    table.Add(std::move(cells));
  };
  for (const LayerRow& row : report.operators) add_row(row);
  for (const LayerRow& row : report.layers) add_row(row);
  add_row(report.total);
  return table.Text();
}

std::string TimeTable(const LayerReport& report) {
  Cells header = {"cycles"};
  for (const TimePart& part : report.total.time) header.push_back(part.name);
  header.insert(header.end(), {"utilisation", "energy"});
  return TableOf(report, std::move(header), [](const LayerRow& row, Cells& c) {
    c.push_back(Si(row.cycles, ""));
    for (const TimePart& part : row.time) {
      c.push_back(Percent(
          row.op.cost.seconds > 0 ? part.seconds / row.op.cost.seconds : 0));
    }
    c.push_back(Percent(row.utilisation));
    c.push_back(Si(row.op.cost.energy_j, "J"));
  });
}

// A cell for each reading of the total; rows that lack one get a dash.
void AddReadings(const LayerReport& report, const LayerRow& row, Cells& c) {
  for (const Reading& column : report.total.others) {
    std::string cell = "-";
    for (const Reading& reading : row.others) {
      if (reading.key == column.key) cell = ValueOf(reading);
    }
    c.push_back(std::move(cell));
  }
}

void AddErrors(const LayerRow& row, Cells& c) {
  if (!row.compared()) return c.insert(c.end(), 4, "-"), void();
  c.push_back(fmt::format("{:.2e}", row.relative_rms()));
  c.push_back(fmt::format("{:.1f}", row.effective_bits()));
  const ErrorTerm* const term = row.dominant();
  if (term == nullptr) return c.insert(c.end(), 2, "-"), void();
  c.push_back(fmt::format("{} ({})", term->name,
                          Percent(term->variance / row.explained())));
  c.push_back(Percent(row.explained() * row.signal / row.error));
}

std::string ErrorTable(const LayerReport& report) {
  Cells header = {"relative rms", "effective bits", "dominant noise",
                  "explained"};
  for (const Reading& reading : report.total.others) {
    header.push_back(reading.name);
  }
  return TableOf(report, std::move(header), [&](const LayerRow& row, Cells& c) {
    AddErrors(row, c);
    AddReadings(report, row, c);
  });
}

std::string EnergyTable(const LayerReport& report) {
  Cells header;
  for (const auto& [action, joules] : report.total.energy_j) {
    if (joules > 0) header.push_back(action);
  }
  const Cells actions = header;
  return TableOf(report, std::move(header), [&](const LayerRow& row, Cells& c) {
    for (const std::string& action : actions) {
      const auto found = row.energy_j.find(action);
      c.push_back(Si(found == row.energy_j.end() ? 0 : found->second, "J"));
    }
  });
}

// null where there is nothing to compare, or no error at all.
json NumberOrNull(bool known, double value) {
  return known && std::isfinite(value) ? json(value) : json(nullptr);
}

json RowJson(const LayerRow& row) {
  const Cost& cost = row.op.cost;
  json object = {{"name", row.op.name},
                 {"op", row.op.op},
                 {"layer", row.op.layer},
                 {"nodes", row.op.nodes},
                 {"seconds", cost.seconds},
                 {"cycles", row.cycles},
                 {"utilisation", row.utilisation},
                 {"energy_j", cost.energy_j},
                 {"energy_by_action", row.energy_j},
                 {"matrix_flops", cost.matrix_flops},
                 {"off_chip_bytes", cost.off_chip_bytes}};
  for (const TimePart& part : row.time) {
    object["seconds_by_part"][part.name] = part.seconds;
    object["cycles_by_part"][part.name] =
        cost.seconds > 0 ? row.cycles * part.seconds / cost.seconds : 0;
  }
  const bool known = row.compared();
  object["relative_rms_error"] =
      NumberOrNull(known, known ? row.relative_rms() : 0);
  object["effective_bits"] =
      NumberOrNull(known, known ? row.effective_bits() : 0);
  for (const ErrorTerm& term : row.errors) {
    object["errors"].push_back(
        {{"name", term.name}, {"variance", term.variance}});
  }
  if (const ErrorTerm* const term = row.dominant(); term != nullptr) {
    object["dominant_error"] = term->name;
    object["explained_error"] =
        NumberOrNull(known, row.explained() * row.signal / row.error);
  }
  for (const Reading& reading : row.others) {
    object["readings"][reading.key] = {{"value", reading.value},
                                       {"name", reading.name},
                                       {"unit", reading.unit}};
  }
  return object;
}

json RowsJson(const std::vector<LayerRow>& rows) {
  json all = json::array();
  for (const LayerRow& row : rows) all.push_back(RowJson(row));
  return all;
}

}  // namespace

std::string LayerTables(const LayerReport& report) {
  std::string text = "time:\n" + TimeTable(report);
  if (report.total.compared() || !report.total.others.empty()) {
    text += "\nerrors against f32 of the same inputs:\n" + ErrorTable(report);
  }
  return text + "\nenergy by component:\n" + EnergyTable(report);
}

json ToJson(const LayerReport& report) {
  return {{"nodes", RowsJson(report.nodes)},
          {"operators", RowsJson(report.operators)},
          {"layers", RowsJson(report.layers)},
          {"total", RowJson(report.total)}};
}

}  // namespace triptych::cli
