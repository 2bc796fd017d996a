// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/timeline.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "models/ops/op.h"

namespace triptych::cli {
namespace {

using Charges = std::vector<const Charge*>;

std::string_view OpOf(const Graph& graph, const Charge& charge) {
  return graph.node(charge.node).op->name;
}

// Busy picoseconds of each part of time, by operator.
class Parts {
 public:
  Parts(Picos makespan, size_t count)
      : width_(std::max(1.0, static_cast<double>(makespan.value) /
                                 static_cast<double>(count))),
        busy_(count) {}

  void Add(const Charge& charge, std::string_view op) {
    const auto begin = static_cast<double>(charge.begin.value);
    const auto end = static_cast<double>(charge.end.value);
    const auto last = static_cast<double>(busy_.size() - 1);
    auto part = static_cast<size_t>(std::min(begin / width_, last));
    for (; part < busy_.size() && Start(part) < end; ++part) {
      busy_[part][op] +=
          std::min(end, Start(part + 1)) - std::max(begin, Start(part));
    }
  }

  std::vector<TimeSlice> Slices() const {
    std::vector<TimeSlice> slices;
    for (size_t part = 0; part < busy_.size(); ++part) {
      if (busy_[part].empty()) continue;
      const auto most = std::ranges::max_element(
          busy_[part], {}, [](const auto& entry) { return entry.second; });
      double sum = 0;
      for (const auto& [op, time] : busy_[part]) sum += time;
      const TimeSlice slice{At(part), At(part + 1), most->first,
                            std::min(1.0, sum / width_)};
      // Tenths are as fine as a picture shows.
      if (!slices.empty() && slices.back().end == slice.begin &&
          slices.back().op == slice.op &&
          std::abs(slices.back().busy - slice.busy) < 0.1) {
        slices.back().end = slice.end;
      } else {
        slices.push_back(slice);
      }
    }
    return slices;
  }

 private:
  double Start(size_t part) const { return width_ * static_cast<double>(part); }
  Picos At(size_t part) const { return Picos(std::llround(Start(part))); }

  double width_;
  std::vector<std::map<std::string_view, double>> busy_;
};

std::vector<TimeSlice> SlicesOf(const Graph& graph, const Charges& charges,
                                Picos makespan, size_t most) {
  std::vector<TimeSlice> slices;
  if (charges.size() <= most) {
    for (const Charge* charge : charges) {
      slices.push_back({charge->begin, charge->end, OpOf(graph, *charge)});
    }
    return slices;
  }
  Parts parts(makespan, most);
  for (const Charge* charge : charges) parts.Add(*charge, OpOf(graph, *charge));
  return parts.Slices();
}

}  // namespace

std::vector<UnitTimeline> TimelineOf(const Graph& graph, const Target& target,
                                     const Ledger& ledger, size_t most) {
  std::map<UnitId, Charges> by_unit;
  for (const Charge& charge : ledger.charges()) {
    if (charge.concurrent || charge.unit == kSchedule ||
        charge.begin == charge.end) {
      continue;
    }
    by_unit[charge.unit].push_back(&charge);
  }
  std::vector<UnitTimeline> timeline;
  for (auto& [unit, charges] : by_unit) {
    // In one array: those that begin together stay in its order.
    std::ranges::sort(charges, {}, [](const Charge* charge) {
      return std::pair(charge->begin, charge);
    });
    timeline.push_back({target.units()[static_cast<size_t>(unit)].name,
                        SlicesOf(graph, charges, ledger.makespan(), most)});
  }
  return timeline;
}

nlohmann::json ToJson(const std::vector<UnitTimeline>& timeline) {
  nlohmann::json json = nlohmann::json::array();
  for (const UnitTimeline& unit : timeline) {
    nlohmann::json begin, end, busy, ops;
    for (const TimeSlice& slice : unit.slices) {
      begin.push_back(Seconds(slice.begin));
      end.push_back(Seconds(slice.end));
      busy.push_back(slice.busy);
      ops.push_back(slice.op);
    }
    json.push_back({{"unit", unit.unit},
                    {"begin_s", begin},
                    {"end_s", end},
                    {"busy", busy},
                    {"ops", ops}});
  }
  return json;
}

}  // namespace triptych::cli
