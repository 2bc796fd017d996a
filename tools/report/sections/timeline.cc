// What each unit does when.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tools/report/charts/strips.h"
#include "tools/report/sections/sections.h"

namespace triptych::report {
namespace {

// Operators beyond these share a name: colours that repeat tell nothing.
constexpr size_t kMostOps = 8;

size_t SeriesOf(const std::string& op, std::vector<std::string>& series) {
  const auto found = std::ranges::find(series, op);
  if (found != series.end()) {
    return static_cast<size_t>(found - series.begin());
  }
  if (series.size() < kMostOps) {
    series.push_back(series.size() + 1 == kMostOps ? "other" : op);
  }
  return series.size() - 1;
}

}  // namespace

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
    for (const OpKind& op : m.ops) SeriesOf(op.op, chart->series);
    for (const TimelineUnit& unit : m.timeline) {
      Lane lane{unit.unit, {}};
      for (const TimelineSlice& slice : unit.slices) {
        lane.slices.push_back({slice.begin_s, slice.end_s,
                               SeriesOf(slice.op, chart->series), slice.busy});
      }
      chart->lanes.push_back(std::move(lane));
    }
    blocks.emplace_back(std::move(chart));
  }
  return blocks;
}

}  // namespace triptych::report
