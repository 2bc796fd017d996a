// Machines under their roofs, and the operators of each under its own.
// SPDX-License-Identifier: Apache-2.0
#include "tools/report/charts/roofline.h"

#include <fmt/format.h>

#include <cmath>

#include "tools/report/sections/sections.h"

namespace triptych::report {
namespace {

bool HasRoof(const Machine& m) {
  return m.roofing.peak_flops_per_s > 0 && m.roofing.off_chip_bytes_per_s > 0;
}

Roof RoofOf(const Machine& m, std::string name) {
  return {std::move(name), m.roofing.peak_flops_per_s,
          m.roofing.off_chip_bytes_per_s};
}

std::unique_ptr<RooflineChart> EmptyChart() {
  auto chart = std::make_unique<RooflineChart>();
  chart->x = {"matrix operations a byte from memory", "FLOP/B", true};
  chart->y = {"matrix operations a second", "FLOP/s", true};
  return chart;
}

// What the roof says binds at this intensity, before the machine does.
std::string_view SideOf(const Machine& m, double flops_per_byte) {
  return flops_per_byte * m.roofing.off_chip_bytes_per_s <
                 m.roofing.peak_flops_per_s
             ? "under the slope: memory"
             : "under the ceiling: matrix units";
}

void AddMachine(const Machine& m, std::string name, size_t roof,
                RooflineChart& chart) {
  if (!(m.roofing.flops_per_byte > 0)) return;
  chart.points.push_back(
      {std::move(name), m.roofing.flops_per_byte, m.roofing.flops_per_s, roof,
       fmt::format("{}; bound by {}", SideOf(m, m.roofing.flops_per_byte),
                   m.bound)});
}

std::unique_ptr<Chart> OperatorsOf(const Material& material, const Machine& m) {
  auto chart = EmptyChart();
  const std::string name = NameOf(material, m);
  chart->title = "Operators of " + name;
  chart->description =
      "A point a kind of operator that has matrix products and off-chip "
      "traffic, under the roof of " +
      name;
  chart->roofs.push_back(RoofOf(m, name));
  for (const OpKind& op : m.ops) {
    if (!(op.matrix_flops > 0) || !(op.off_chip_bytes > 0) ||
        !(op.seconds > 0)) {
      continue;
    }
    const double intensity = op.matrix_flops / op.off_chip_bytes;
    chart->points.push_back({op.op, intensity, op.matrix_flops / op.seconds, 0,
                             std::string(SideOf(m, intensity))});
  }
  AddMachine(m, "all", 0, *chart);
  return chart;
}

}  // namespace

Blocks BuildRoofline(const Material& material) {
  Blocks blocks;
  auto all = EmptyChart();
  all->title = "Machines under their roofs";
  all->description = "A roof and a point a machine, both axes logarithmic";
  for (const Machine& m : material.machines) {
    if (!HasRoof(m)) continue;
    const std::string name = NameOf(material, m);
    AddMachine(m, name, all->roofs.size(), *all);
    all->roofs.push_back(RoofOf(m, name));
  }
  if (all->roofs.empty()) return blocks;
  blocks.emplace_back(std::move(all));
  for (const Machine& m : material.machines) {
    if (HasRoof(m) && !m.ops.empty()) {
      blocks.emplace_back(OperatorsOf(material, m));
    }
  }
  return blocks;
}

}  // namespace triptych::report
