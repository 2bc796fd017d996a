// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "models/ops/op.h"
#include "tests/emulators/conformance/checks.h"
#include "tests/emulators/conformance/rig.h"

namespace triptych::conformance {
namespace {

std::string Where(const Graph& graph, const PhaseRun& run) {
  return fmt::format("{} {}", graph.name(), PhaseName(run.request.phase));
}

// Calls look(graph, run) for a timing-only run of every small graph, and a
// run with values of the first.
template <class Look>
void ForRuns(const Target& target, const Look& look) {
  const Graph graphs[] = {TinyLlama(), TinyDeepseek(), TinyVit()};
  for (const Graph& graph : graphs) {
    for (const PhaseRun& run : RunAll(target, graph, nullptr)) {
      look(graph, run);
    }
  }
  const Weights weights = Weights::Random(graphs[0], 3);
  for (const PhaseRun& run : RunAll(target, graphs[0], &weights)) {
    look(graphs[0], run);
  }
}

const Action& ActionOf(const Target& target, ActionId id) {
  return target.actions()[static_cast<size_t>(id)];
}

// Work of the nodes that are native, and of the host's.
struct SplitWork {
  Work native, host;
};
SplitWork WorkBySide(const Target& target, const Graph& graph,
                     const RunRequest& request) {
  SplitWork split;
  for (const Node& node : graph.NodesOf(*graph.FindEntry(request.phase))) {
    const bool native = target.Supports(graph, node) == Support::kNative;
    (native ? split.native : split.host) +=
        WorkOf(graph, node, request.binding);
  }
  return split;
}

// Bytes that have to come from or go to the memory of the native part.
double CompulsoryBytes(const Roofline& roof, const Work& work) {
  const double weights =
      roof.weights_resident
          ? 0
          : static_cast<double>(work.weight_elements) * roof.weight_bits;
  const double caches = static_cast<double>(work.cache_read_elements +
                                            work.cache_write_elements) *
                        roof.cache_bits;
  return (weights + caches) / 8;
}

// "a: 3, 4" where two ledgers disagree; "" if they do not.
std::string Difference(const PhaseRun& a, const PhaseRun& b, bool counts) {
  if (a.ledger.rows().size() != b.ledger.rows().size()) {
    return "not the same actions";
  }
  for (const auto& [key, row] : a.ledger.rows()) {
    const auto other = b.ledger.rows().find(key);
    if (other == b.ledger.rows().end()) return "not the same actions";
    if (row.count != other->second.count) {
      return fmt::format("node {}: counts {} and {}", std::get<0>(key),
                         row.count, other->second.count);
    }
  }
  if (counts) return "";
  if (!std::ranges::equal(a.ledger.charges(), b.ledger.charges())) {
    return "charges at other times";
  }
  return "";
}

}  // namespace

Findings CheckFlops(const Subject& subject) {
  Findings findings;
  const auto target = MakeDefault(subject);
  ForRuns(*target, [&](const Graph& graph, const PhaseRun& run) {
    uint64_t matrix = 0, vector = 0;
    for (const auto& [key, row] : run.ledger.rows()) {
      const Action& action = ActionOf(*target, std::get<2>(key));
      if (action.kind == ActionClass::kMatrix) {
        matrix += action.flops * row.count;
      } else if (action.kind == ActionClass::kVector) {
        vector += action.flops * row.count;
      }
    }
    const Work work =
        WorkOf(graph, *graph.FindEntry(run.request.phase), run.request.binding);
    if (matrix != static_cast<uint64_t>(work.matrix_flops) ||
        vector != static_cast<uint64_t>(work.vector_flops)) {
      findings.push_back(fmt::format(
          "{}: {} matrix and {} vector flops charged, {} and {} are needed",
          Where(graph, run), matrix, vector, work.matrix_flops,
          work.vector_flops));
    }
  });
  return findings;
}

Findings CheckBytes(const Subject& subject) {
  Findings findings;
  const auto target = MakeDefault(subject);
  ForRuns(*target, [&](const Graph& graph, const PhaseRun& run) {
    uint64_t bytes = 0;
    for (const auto& [key, row] : run.ledger.rows()) {
      const Action& action = ActionOf(*target, std::get<2>(key));
      if (action.kind == ActionClass::kOffChip) {
        bytes += action.bytes.value * row.count;
      }
    }
    const SplitWork work = WorkBySide(*target, graph, run.request);
    const Roofline on_host{.weight_bits = 32, .cache_bits = 32};
    const double needed = CompulsoryBytes(target->roofline(), work.native) +
                          CompulsoryBytes(on_host, work.host);
    if (static_cast<double>(bytes) < std::floor(needed)) {
      findings.push_back(fmt::format("{}: {} bytes moved, {} are compulsory",
                                     Where(graph, run), bytes, needed));
    }
  });
  return findings;
}

Findings CheckRoofline(const Subject& subject) {
  Findings findings;
  const auto target = MakeDefault(subject);
  const Roofline roof = target->roofline();
  ForRuns(*target, [&](const Graph& graph, const PhaseRun& run) {
    const Work work = WorkBySide(*target, graph, run.request).native;
    const double needed =
        std::max(static_cast<double>(work.matrix_flops) / roof.matrix.value,
                 CompulsoryBytes(roof, work) / roof.off_chip.value);
    const double taken = Seconds(run.ledger.makespan());
    if (taken < needed) {
      findings.push_back(fmt::format("{}: {} s, the roofline allows {} s",
                                     Where(graph, run), taken, needed));
    }
  });
  return findings;
}

Findings CheckUnits(const Subject& subject) {
  Findings findings;
  const auto target = MakeDefault(subject);
  ForRuns(*target, [&](const Graph& graph, const PhaseRun& run) {
    std::map<UnitId, std::vector<Charge>> by_unit;
    for (const Charge& charge : run.ledger.charges()) {
      if (!charge.concurrent) by_unit[charge.unit].push_back(charge);
    }
    for (auto& [unit, charges] : by_unit) {
      const std::string& name = target->units()[static_cast<size_t>(unit)].name;
      std::ranges::sort(charges, {}, [](const Charge& c) {
        return std::pair(c.begin, c.end);
      });
      Picos busy, free;
      bool overlaps = false;
      for (const Charge& charge : charges) {
        overlaps |= charge.begin < free;
        free = std::max(free, charge.end);
        busy += charge.end - charge.begin;
      }
      if (overlaps) {
        findings.push_back(fmt::format("{}: {} does two things at a time",
                                       Where(graph, run), name));
      }
      if (busy > run.ledger.makespan()) {
        findings.push_back(fmt::format("{}: {} is busy {} ps of {}",
                                       Where(graph, run), name, busy.value,
                                       run.ledger.makespan().value));
      }
    }
  });
  return findings;
}

Findings CheckTimingOnly(const Subject& subject) {
  Findings findings;
  const auto target = MakeDefault(subject);
  for (const Graph& graph : {TinyLlama(), TinyDeepseek(), TinyVit()}) {
    const Weights weights = Weights::Random(graph, 3);
    const auto with = RunAll(*target, graph, &weights);
    const auto without = RunAll(*target, graph, nullptr);
    for (size_t i = 0; i < with.size(); ++i) {
      const std::string difference =
          Difference(with[i], without[i], target->measured());
      if (!difference.empty()) {
        findings.push_back(
            fmt::format("{}: {}", Where(graph, with[i]), difference));
      }
    }
  }
  return findings;
}

// A longer run is allowed one picosecond a step: times are rounded up.
Findings CheckResources(const Subject& subject) {
  Findings findings;
  const auto target = MakeDefault(subject);
  if (target->measured()) return findings;
  if (target->resources().empty()) return {"no resource is named"};
  for (const MoreOf& more : target->resources()) {
    const auto params = target->params().params();
    const auto param = std::ranges::find(params, more.key, &ParamInfo::key);
    if (param == params.end()) {
      findings.push_back(fmt::format("{}: no such parameter", more.key));
      continue;
    }
    const std::vector<std::string> sets = {
        fmt::format("{}={}", more.key, std::stod(param->value) * more.factor)};
    const auto richer = subject.make(subject.presets[0], sets);
    if (!richer) {
      findings.push_back(richer.error().message);
      continue;
    }
    for (const Graph& graph : {TinyLlama(), WideLlama()}) {
      const auto before = RunAll(*target, graph, nullptr);
      const auto after = RunAll(**richer, graph, nullptr);
      for (size_t i = 0; i < before.size(); ++i) {
        const auto slack = Picos(static_cast<int64_t>(graph.nodes().size()));
        if (after[i].ledger.makespan() > before[i].ledger.makespan() + slack) {
          findings.push_back(fmt::format("{}: {}: {} ps, before {}",
                                         Where(graph, before[i]), sets[0],
                                         after[i].ledger.makespan().value,
                                         before[i].ledger.makespan().value));
        }
      }
    }
  }
  return findings;
}

Findings CheckSources(const Subject& subject) {
  std::map<std::string, std::string> found;  // each action once
  const auto target = MakeDefault(subject);
  ForRuns(*target, [&](const Graph&, const PhaseRun& run) {
    for (const auto& [key, row] : run.ledger.rows()) {
      const Action& action = ActionOf(*target, std::get<2>(key));
      if (row.count == 0) continue;
      if (action.source.empty() || action.source == "default") {
        found[action.name] = "nobody stands for its energy";
      } else if (!(action.energy.value >= 0) ||
                 !std::isfinite(action.energy.value)) {
        found[action.name] = "its energy is no energy";
      }
    }
  });
  Findings findings;
  for (const auto& [name, what] : found) {
    findings.push_back(name + ": " + what);
  }
  return findings;
}

}  // namespace triptych::conformance
