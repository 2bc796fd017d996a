// The search takes the fastest plan, whatever the estimate says.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/search.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "emulators/npu/machine/timing.h"
#include "models/build/build.h"
#include "models/ops/op.h"
#include "models/presets/presets.h"

namespace triptych::npu {
namespace {

struct Case {
  const char* model;
  int64_t tokens;
  int64_t bits, group;
};

// Each product of `c` once: the estimate's plan against the search's, which no
// other plan that was in reach beats.
void CheckProducts(const Case& c, std::string& table) {
  const auto config = PresetByName(c.model);
  REQUIRE(config);
  const auto graph = BuildGraph(*config);
  REQUIRE(graph);
  Params params;
  params.weight_bits = c.bits;
  params.weight_group = c.group;
  params.short_loads = c.bits == 4;
  const Binding binding{.tokens = c.tokens};
  const Placement nowhere;
  std::set<std::tuple<int64_t, int64_t, int64_t>> seen;
  for (const Node& node : graph->NodesOf(graph->entries()[0])) {
    if (node.op->name != "matmul") continue;
    const MatmulSize size = MatmulSizeOf(params, *graph, node, binding);
    if (!seen.insert({size.m, size.n, size.k}).second) continue;
    const LowerRequest request{params, *graph, node, binding, nowhere};
    const auto listed = MatmulPlans(size, params, SizeOf(params, {}));
    const auto sorted = SearchPlans(request, size);
    CAPTURE(node.name);
    REQUIRE(listed.size() == sorted.size());
    // Too many commands to time: then nothing has been.
    if (!CyclesAlone(request, size, listed[0])) continue;
    // Or too long to be searched.
    if (listed[0].cycles > 0x1p23) continue;
    const auto timed = [&](const MatmulPlan& plan) {
      const auto cycles = CyclesAlone(request, size, plan);
      REQUIRE(cycles);
      return *cycles;
    };
    const int64_t before = timed(listed[0]), after = timed(sorted[0]);
    CHECK(after <= before);
    for (const MatmulPlan& plan : listed) {
      if (plan.looped || plan.cycles > 2 * listed[0].cycles) continue;
      if (!sorted[0].looped) CHECK(after <= timed(plan));
    }
    table += fmt::format("| {} W{} | {} x {} x {} | {} | {} |\n", c.model,
                         c.bits, size.m, size.n, size.k, before, after);
  }
}

TEST_CASE("the search finds the fastest plan of those in reach") {
  std::string table;
  for (const Case& c :
       {Case{"llama-3.2-1b", 512, 8, 0}, Case{"llama-3.2-1b", 512, 4, 32},
        Case{"llama-3.2-1b", 1, 8, 0}, Case{"kwt-1", 1, 8, 0}}) {
    CheckProducts(c, table);
  }
  MESSAGE("product, estimate's plan, search's plan, cycles\n", table);
}

}  // namespace
}  // namespace triptych::npu
