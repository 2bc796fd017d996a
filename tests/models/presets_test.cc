// Every shape preset builds, and has as many parameters as published.
// SPDX-License-Identifier: Apache-2.0
#include "models/presets/presets.h"

#include <doctest/doctest.h>

#include "models/build/build.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

TEST_CASE("every preset builds, with the parameters its source states") {
  CHECK(ModelPresets().size() >= 19);
  for (const ModelPreset& preset : ModelPresets()) {
    CAPTURE(preset.config.name);
    const auto graph = BuildGraph(preset.config);
    REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
    CHECK(graph->Parameters() == preset.parameters);
  }
}

TEST_CASE("a forward pass of Wan2.2-14B at 720p is 6.5 PFLOP") {
  const auto config = PresetByName("wan2.2-t2v-a14b");
  REQUIRE(config);
  const auto graph = BuildGraph(*config);
  REQUIRE(graph);
  const Entry& entry = *graph->FindEntry(Phase::kEncode);
  // 75,600 tokens, 40 layers of 40 heads of 128: 4 S^2 d H L.
  const double self = 4.0 * 75600 * 75600 * 5120 * 40;
  const Work work = WorkOf(*graph, entry, {});
  CHECK(static_cast<double>(work.matrix_flops) ==
        doctest::Approx(6.52e15).epsilon(0.005));
  int64_t attention = 0;
  for (const Node& node : graph->NodesOf(entry)) {
    if (node.name.find("attn.attention") != std::string::npos) {
      attention += WorkOf(*graph, node, {}).matrix_flops;
    }
  }
  CHECK(static_cast<double>(attention) == doctest::Approx(self).epsilon(1e-12));
}

TEST_CASE("DeepSeek-V3 decodes with 37 billion active parameters") {
  const auto config = PresetByName("deepseek-v3");
  REQUIRE(config);
  const auto graph = BuildGraph(*config);
  REQUIRE(graph);
  const Work work =
      WorkOf(*graph, *graph->FindEntry(Phase::kDecode), {1, 1, 0});
  // 37.55 B counts both embedding tables; one token reads one row of one.
  const double active = 37.55e9 - 129280.0 * 7168;
  CHECK(static_cast<double>(work.weight_elements) ==
        doctest::Approx(active).epsilon(0.002));
  // The cache of one token: (512 + 64) numbers a layer.
  CHECK(work.cache_write_elements == 61 * (512 + 64));
}

}  // namespace
}  // namespace triptych
