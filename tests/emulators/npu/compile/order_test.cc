// The events of every segment make the queues do what its commands say.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/order.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "emulators/npu/compile/fuse.h"
#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/phase.h"
#include "emulators/npu/compile/segment.h"
#include "emulators/npu/machine/timing.h"
#include "models/build/build.h"
#include "models/ops/op.h"
#include "models/presets/presets.h"
#include "tests/models/tiny_config.h"

namespace triptych::npu {
namespace {

Params Machine(int64_t cores, int64_t rows, int64_t cols, int64_t kib) {
  Params p;
  p.cores = cores;
  p.array_rows = rows;
  p.array_cols = cols;
  p.scratchpad_kib = kib;
  return p;
}

std::vector<Params> Machines() {
  std::vector<Params> machines = {Machine(4, 128, 128, 4096),
                                  Machine(1, 16, 16, 64), Machine(3, 8, 4, 32)};
  machines.push_back(Machine(2, 8, 8, 64));
  machines.back().weight_bits = 4;
  machines.back().weight_group = 16;
  machines.back().l2_kib = 0;
  return machines;
}

// Segments of nodes, and of the groups that they lead.
struct Checked {
  size_t nodes = 0, groups = 0;
};
Checked CheckGraph(const Params& params, const Graph& graph) {
  Checked checked;
  const Fusion fusion(params, graph);
  const auto ordered = [](const auto& segment) {
    const Status order = CheckOrder(segment->stream);
    CHECK_MESSAGE(order.has_value(), (order ? "" : order.error().message));
  };
  for (const Entry& entry : graph.entries()) {
    const bool decode = entry.phase == Phase::kDecode;
    for (const int64_t batch : {1, 3}) {
      const Binding binding{.batch = batch,
                            .tokens = decode ? 1 : 21,
                            .context = decode ? 21 : 0};
      for (const Node& node : graph.NodesOf(entry)) {
        if (!HasCommands(params, graph, node)) continue;
        const auto segment = CompileNode(params, graph, node, binding);
        CAPTURE(node.name);
        // Positions beyond a table.
        if (!segment) continue;
        ordered(*segment);
        ++checked.nodes;
        const FusedGroup* group = fusion.GroupOf(node.id);
        if (group == nullptr || group->nodes.front() != node.id) continue;
        const auto whole = CompileGroup(params, graph, fusion, *group, binding);
        if (!whole) continue;
        ordered(*whole);
        ++checked.groups;
      }
    }
  }
  return checked;
}

TEST_CASE("segments of language models, encoders and others") {
  std::vector<ModelConfig> configs = {TinyLlama()};
  for (const char* name :
       {"gpt-nano-sort", "kwt-1", "minilm-l6", "stories260k"}) {
    auto config = PresetByName(name);
    REQUIRE(config);
    config->layers = 1;
    config->ffn = std::min<int64_t>(config->ffn, 128);
    configs.push_back(*config);
  }
  for (const ModelConfig& config : configs) {
    const auto graph = BuildGraph(config);
    REQUIRE(graph);
    CAPTURE(config.name);
    for (const Params& params : Machines()) {
      const Checked checked = CheckGraph(params, *graph);
      CHECK(checked.nodes > 20);
      CHECK(checked.groups >= 4);
    }
  }
}

TEST_CASE("a looped product of as many columns as an array can have") {
  GraphBuilder b("product");
  const ValueId x = b.Input("x", {kTokenRows, 1024});
  const ValueId w = b.Weight("w", 4096, 1024);
  b.AddEntry(Phase::kPrefill, 0, b.Add("matmul", "product", {x, w}));
  const auto graph = b.Finish();
  REQUIRE(graph);
  Params params = Machine(1, 128, 4096, 4096);
  params.weight_bits = 4;
  params.weight_group = 16;
  const auto segment =
      CompileNode(params, *graph, graph->nodes()[0], {.tokens = 16});
  REQUIRE_MESSAGE(segment.has_value(),
                  (segment ? "" : segment.error().message));
  bool loops = false;
  for (const Command& command : (*segment)->commands) {
    loops = loops || command.opcode == Opcode::kLoop;
    if (command.opcode == Opcode::kVector) {
      CHECK(command.operands.vector.cols > 0);
    }
  }
  CHECK(loops);
  const Status order = CheckOrder((*segment)->stream);
  CHECK_MESSAGE(order.has_value(), (order ? "" : order.error().message));
}

TEST_CASE("whole phases, with their loops of layers") {
  ModelConfig config = TinyLlama();
  config.layers = 4;
  const auto graph = BuildGraph(config);
  REQUIRE(graph);
  for (const Params& params : Machines()) {
    const auto phase = CompilePhase(params, *graph, Phase::kDecode,
                                    {.tokens = 1, .context = 9});
    REQUIRE_MESSAGE(phase.has_value(), (phase ? "" : phase.error().message));
    const auto stream = Stream::Check(
        phase->commands, SizeOf(params, phase->region_bytes), "phase");
    REQUIRE_MESSAGE(stream.has_value(), (stream ? "" : stream.error().message));
    const Status order = CheckOrder(*stream);
    CHECK_MESSAGE(order.has_value(), (order ? "" : order.error().message));
  }
}

}  // namespace
}  // namespace triptych::npu
