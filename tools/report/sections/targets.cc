// The machines side by side: a card each, a table, and times and energies.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>

#include "tools/report/charts/bars.h"
#include "tools/report/scale.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {
namespace {

std::string PercentOf(double fraction) {
  return std::isfinite(fraction) ? fmt::format("{:.1f} %", 100 * fraction)
                                 : "-";
}

Card CardOf(const Material& material, const Machine& m) {
  Card card{.title = m.label(), .subtitle = m.job, .quote = m.text};
  const auto fact = [&](const char* name, std::string value) {
    if (value != "-" && !value.empty()) {
      card.facts.emplace_back(name, std::move(value));
    }
  };
  fact("prefill", FormatQuantity(m.prefill_s, "s"));
  fact(m.command == "profile" ? "time" : "time a token",
       FormatQuantity(m.step_s, "s"));
  fact(m.command == "profile" ? "energy" : "energy a token",
       FormatQuantity(m.step_j, "J"));
  fact("of it assumed", PercentOf(m.assumed_energy_fraction));
  fact("bound by", m.bound);
  fact("KL divergence", std::isfinite(m.kl_nats_per_token)
                            ? fmt::format("{:.2e} nats/token ({})",
                                          m.kl_nats_per_token, m.accuracy_class)
                            : "");
  fact("same first choice", PercentOf(m.top1_agreement));
  const auto errors = ErrorsOf(material, m.target, m.preset);
  for (const PresetError& e : errors) {
    fact(("error of " + e.measure).c_str(),
         fmt::format("±{:.1f} % ({} rows)", e.mape_pct, e.rows));
  }
  if (errors.empty()) fact("validation", "no file given");
  return card;
}

DataTable SideBySide(const Material& material) {
  DataTable table{{"machine", "prefill", "time", "energy", "assumed",
                   "utilisation", "bound by", "KL", "top-1", "host time"},
                  {}};
  for (const Machine& m : material.machines) {
    table.rows.push_back(
        {NameOf(material, m), FormatQuantity(m.prefill_s, "s"),
         FormatQuantity(m.step_s, "s"), FormatQuantity(m.step_j, "J"),
         PercentOf(m.assumed_energy_fraction), PercentOf(m.utilisation),
         m.bound.empty() ? "-" : m.bound,
         std::isfinite(m.kl_nats_per_token)
             ? fmt::format("{:.2e}", m.kl_nats_per_token)
             : "-",
         PercentOf(m.top1_agreement), FormatQuantity(m.host_wall_s, "s")});
  }
  return table;
}

// Machines are orders of magnitude apart: a log scale.
std::unique_ptr<BarChart> Bars(const Material& material, const char* title,
                               Quantity quantity, double Machine::*value) {
  auto chart = std::make_unique<BarChart>();
  chart->title = title;
  chart->description = fmt::format("{} of {} machines, on a logarithmic scale",
                                   quantity.name, material.machines.size());
  quantity.log = true;
  chart->quantity = quantity;
  const bool is_time = value == &Machine::step_s;
  for (size_t i = 0; i < material.machines.size(); ++i) {
    const Machine& m = material.machines[i];
    Bar bar{.label = NameOf(material, m), .value = m.*value, .series = i};
    if (!m.bound.empty()) bar.note = "bound by " + m.bound;
    if (const auto error = TimeErrorOf(material, m); is_time && error) {
      bar.error = error->mape_pct / 100;
      bar.note += fmt::format("; validated by {} rows of {}", error->rows,
                              error->measure);
    }
    chart->bars.push_back(std::move(bar));
  }
  return chart;
}

}  // namespace

Blocks BuildTargets(const Material& material) {
  Blocks blocks;
  if (material.machines.empty()) return blocks;
  std::vector<Card> cards;
  for (const Machine& m : material.machines) {
    cards.push_back(CardOf(material, m));
  }
  blocks.emplace_back(std::move(cards));
  blocks.emplace_back(SideBySide(material));
  blocks.emplace_back(Bars(material, "Time of a step",
                           {"seconds of a decode step or profiled run", "s"},
                           &Machine::step_s));
  blocks.emplace_back(Bars(material, "Energy of a step",
                           {"joules of a decode step or profiled run", "J"},
                           &Machine::step_j));
  return blocks;
}

}  // namespace triptych::report
