// Load of a mesh's links and tiles.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>

#include "tools/report/charts/grid_map.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {

Blocks BuildMesh(const Material& material) {
  Blocks blocks;
  for (const Machine& m : material.machines) {
    const MeshTraffic& t = m.traffic;
    if (t.columns == 0 || t.rows == 0) continue;
    auto chart = std::make_unique<GridMap>();
    chart->title = "Mesh of " + NameOf(material, m);
    chart->description = fmt::format(
        "{} x {} routers. Squares: what tiles compute; outlined ones are DRAM "
        "or routers without a tile. Arrows: how much of the time a link is "
        "full",
        t.columns, t.rows);
    chart->columns = t.columns;
    chart->rows = t.rows;
    // A multiply-add is two operations.
    chart->place = {"operations of a tile, padding included", "FLOP"};
    chart->road = {"link load, of the time", "%"};
    for (size_t i = 0; i < t.macs.size(); ++i) {
      chart->places.push_back(2 * t.macs[i]);
      chart->names.push_back(
          fmt::format("{} {},{}", t.kinds[i], i % t.columns, i / t.columns));
      const double full = t.link_bytes_per_s * t.seconds / 100;
      chart->right.push_back(t.right[i] / full);
      chart->down.push_back(t.down[i] / full);
    }
    blocks.emplace_back(std::move(chart));
  }
  return blocks;
}

}  // namespace triptych::report
