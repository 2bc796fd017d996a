// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/critical_path.h"

#include <algorithm>

namespace triptych::mesh::tile {

std::string_view NameOfAgent(Agent agent) {
  constexpr std::array<std::string_view, kAgents> kNames = {
      "core B",  "core T0", "core T1", "core T2",
      "core NC", "unpack",  "math",    "pack"};
  return kNames[agent];
}

std::string_view NameOf(Way way) {
  constexpr std::array<std::string_view, 6> kNames = {
      "local",       "noc read",    "noc write",
      "noc message", "noc command", "noc send"};
  return kNames[static_cast<size_t>(way)];
}

uint64_t LeftOut(const History& history) {
  uint64_t sum = 0;
  for (const auto& log : history) sum += log.left_out();
  return sum;
}

CriticalPath FindCriticalPath(const std::vector<const History*>& tiles,
                              uint32_t tile, Agent agent, double end) {
  CriticalPath path;
  const auto add = [&](uint32_t where, std::string_view what, double from,
                       double to) {
    if (to <= from) return;
    path.segments.push_back({where, std::string(what), from, to});
    path.cycles[std::string(what)] += to - from;
  };
  double now = end;
  while (now > 0) {
    // The last thing it waited for before.
    const std::vector<Dependency>& waits = (*tiles[tile])[agent].entries();
    const auto after =
        std::ranges::lower_bound(waits, now, {}, &Dependency::end);
    if (after == waits.begin()) {
      add(tile, NameOfAgent(agent), 0, now);
      break;
    }
    const Dependency& wait = *(after - 1);
    add(tile, NameOfAgent(agent), wait.end, now);
    // What was done before somebody waited for it kept nobody.
    const double since = std::clamp(wait.since, 0.0, wait.end);
    add(tile, NameOf(wait.way), since, wait.end);
    tile = wait.tile;
    agent = wait.agent;
    now = since;
  }
  return path;
}

}  // namespace triptych::mesh::tile
