// What each unit does when.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tools/report/charts/strips.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {

Blocks BuildTimeline(const Material& material) {
  Blocks blocks;
  for (const Machine& m : material.machines) {
    if (m.timeline.empty()) continue;
    auto chart = std::make_unique<StripChart>();
    chart->title = "Timeline of " + NameOf(material, m);
    chart->description =
        "A strip a unit; where several pieces of work were merged, the height "
        "is how busy the unit was";
    chart->time = {"time", "s"};
    // Colours in the order of the operators' time.
    for (const OpKind& op : m.ops) chart->series.push_back(op.op);
    for (const TimelineUnit& unit : m.timeline) {
      Lane lane{unit.unit, {}};
      for (const TimelineSlice& slice : unit.slices) {
        auto found = std::ranges::find(chart->series, slice.op);
        if (found == chart->series.end()) {
          found = chart->series.insert(chart->series.end(), slice.op);
        }
        lane.slices.push_back(
            {slice.begin_s, slice.end_s,
             static_cast<size_t>(found - chart->series.begin()), slice.busy});
      }
      chart->lanes.push_back(std::move(lane));
    }
    blocks.emplace_back(std::move(chart));
  }
  return blocks;
}

}  // namespace triptych::report
