// Every shape preset builds, and has as many parameters as published.
// SPDX-License-Identifier: Apache-2.0
#include "models/presets/presets.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "models/build/build.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

// models/presets' counts come from the architectures' own documents: a
// builder that forgets a bias fails here.
const std::map<std::string, int64_t> kParameters = {
    {"llama-3.2-1b", 1235814400},
    {"llama-3.1-8b", 8030261248},
    {"llama-3.1-70b", 70553706496},
    {"qwen3-0.6b", 596049920},
    {"qwen3-8b", 8190735360},
    {"qwen3-32b", 32762123264},
    {"qwen3-30b-a3b", 30532122624},
    {"gpt2", 124439808},
    {"bert-base", 109482240},
    {"minilm-l6", 22713216},
    {"vit-b16", 86567656},
    {"whisper-base", 71825920},
    {"wan2.2-t2v-a14b", 14288491584},
    {"wan2.2-ti2v-5b", 4999787712},
    {"deepseek-v3", 671026419200},
    {"stories260k", 260032},
    {"stories15m", 15191712},
    {"gpt-nano-sort", 85728},
    {"kwt-1", 606540},
};

TEST_CASE("parameter counts of the presets") {
  for (const auto& [name, parameters] : kParameters) {
    CAPTURE(name);
    const auto config = PresetByName(name);
    REQUIRE_MESSAGE(config, (config ? "" : config.error().message));
    const auto graph = BuildGraph(*config);
    REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
    CHECK(graph->Parameters() == parameters);
  }
  CHECK(PresetNames().size() == kParameters.size());
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
  CHECK(static_cast<double>(work.matrix_flops) == doctest::Approx(6.52e15).epsilon(0.005));
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
