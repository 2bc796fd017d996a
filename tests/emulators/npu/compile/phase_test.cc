// Whole phases as one stream: loops of layers do what the layers did.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/phase.h"

#include <doctest/doctest.h>

#include <vector>

#include "emulators/npu/compile/roll.h"
#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/walk.h"
#include "emulators/npu/machine/timing.h"
#include "emulators/target.h"
#include "models/build/build.h"
#include "models/presets/presets.h"
#include "tests/models/tiny_config.h"

namespace triptych::npu {
namespace {

// A command as a queue gets it, all addresses worked out.
struct Resolved {
  Command command;
  int64_t remote = 0;
  DmaConfig dma{};
  VectorConfig vector{};
};

std::vector<Resolved> Resolve(std::span<const Command> commands,
                              const MachineSize& machine, int core) {
  const auto stream = Stream::Check(commands, machine, "test");
  REQUIRE_MESSAGE(stream.has_value(), (stream ? "" : stream.error().message));
  FrontEnd front(*stream, core);
  std::vector<Resolved> out;
  for (Issue issue; front.Next(issue);) {
    Resolved r{*issue.command};
    if (r.command.opcode == Opcode::kMark) continue;
    if (r.command.opcode == Opcode::kLoad ||
        r.command.opcode == Opcode::kGather ||
        r.command.opcode == Opcode::kStore) {
      r.remote = issue.remote;
      r.command.operands.dma.offset = 0;
      r.command.operands.dma.base = r.command.operands.dma.reg = 0;
    }
    r.dma = *issue.dma;
    r.vector = *issue.vector;
    out.push_back(r);
  }
  return out;
}

bool Same(const Resolved& a, const Resolved& b) {
  return a.command.opcode == b.command.opcode &&
         a.command.flags == b.command.flags &&
         a.command.wait == b.command.wait &&
         a.command.signal == b.command.signal &&
         a.command.operands.words == b.command.operands.words &&
         a.remote == b.remote && a.dma.remote_stride1 == b.dma.remote_stride1 &&
         a.dma.local_stride1 == b.dma.local_stride1 &&
         a.vector.src0_stride == b.vector.src0_stride &&
         a.vector.dst_stride == b.vector.dst_stride;
}

Command Load(uint32_t offset) {
  Command c;
  c.opcode = Opcode::kLoad;
  c.operands.dma = {.region = static_cast<uint8_t>(Region::kWeights),
                    .reg = 0,
                    .size1 = 1,
                    .size2 = 1,
                    .base = 0,
                    .zero = 0,
                    .size0 = 4,
                    .offset = offset,
                    .local = 0,
                    .index = 0};
  return c;
}

TEST_CASE("segments at even distances are one loop, others are not") {
  Command barrier;
  barrier.opcode = Opcode::kBarrier;
  const auto segment = [&](uint32_t a, uint32_t b) {
    return std::vector<Command>{Load(a), Load(b), barrier};
  };
  MachineSize machine;
  machine.scratchpad_bytes = 1024;
  machine.accumulator_rows = 8;
  machine.region_bytes = {0, 1 << 20, 0, 0, 0};
  // 0..3 move by 64 and 8, the fourth does not.
  const std::vector<std::vector<Command>> segments = {
      segment(0, 512), segment(64, 520), segment(128, 528), segment(192, 536),
      segment(4096, 544)};
  std::vector<Command> flat;
  for (const auto& s : segments) flat.insert(flat.end(), s.begin(), s.end());
  const auto rolled = RollSegments(segments);
  // Two registers set and added to, a loop around three commands, the rest.
  CHECK(rolled.size() == 2 + 1 + 3 + 2 + 1 + 3);
  const auto a = Resolve(flat, machine, 0), b = Resolve(rolled, machine, 0);
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(Same(a[i], b[i]));
}

TEST_CASE("a rolled phase is the same commands at the same addresses") {
  ModelConfig config = TinyLlama();
  config.layers = 5;
  const auto graph = BuildGraph(config);
  REQUIRE(graph);
  Params params;
  params.cores = 2;
  params.array_rows = params.array_cols = 8;
  for (const auto& [phase, binding] :
       {std::pair(Phase::kPrefill, Binding{.tokens = 6}),
        std::pair(Phase::kDecode, Binding{.tokens = 1, .context = 6})}) {
    const auto rolled = CompilePhase(params, *graph, phase, binding);
    REQUIRE_MESSAGE(rolled.has_value(), (rolled ? "" : rolled.error().message));
    // Five layers in hardly more commands than one.
    CHECK(rolled->commands.size() < rolled->unrolled / 3);
    const MachineSize machine = SizeOf(params, rolled->region_bytes);
    const auto flat =
        CompilePhase(params, *graph, phase, binding, {.roll = false});
    REQUIRE(flat);
    for (int core = 0; core < 2; ++core) {
      const auto a = Resolve(flat->commands, machine, core);
      const auto b = Resolve(rolled->commands, machine, core);
      REQUIRE(a.size() == b.size());
      size_t different = 0;
      for (size_t i = 0; i < a.size(); ++i) different += !Same(a[i], b[i]);
      CHECK(different == 0);
    }
  }
}

TEST_CASE("a decode step of a 1B model is less than 64 KiB of commands") {
  const auto config = PresetByName("llama-3.2-1b");
  REQUIRE(config);
  const auto graph = BuildGraph(*config);
  REQUIRE(graph);
  for (const int64_t group : {0, 32, 64}) {
    for (const int64_t context : {1024, 8192}) {
      Params params;
      params.weight_bits = group == 0 ? 8 : 4;
      params.weight_group = group;
      const auto stream = CompilePhase(params, *graph, Phase::kDecode,
                                       {.tokens = 1, .context = context});
      REQUIRE_MESSAGE(stream.has_value(),
                      (stream ? "" : stream.error().message));
      const size_t bytes = stream->commands.size() * sizeof(Command);
      CAPTURE(group);
      CAPTURE(context);
      CAPTURE(bytes);
      CHECK(bytes < 64 * 1024);
    }
  }
}

TEST_CASE("so is one of machines with small arrays") {
  const auto config = PresetByName("llama-3.2-1b");
  REQUIRE(config);
  const auto graph = BuildGraph(*config);
  REQUIRE(graph);
  for (const char* name : {"npu:hailo-10h", "npu:xdna", "npu:xdna2"}) {
    const auto source = ReadTarget(name);
    REQUIRE(source.has_value());
    Params params;
    REQUIRE(LoadParams(source->config, params).has_value());
    const auto stream = CompilePhase(params, *graph, Phase::kDecode,
                                     {.tokens = 1, .context = 1024});
    REQUIRE_MESSAGE(stream.has_value(), (stream ? "" : stream.error().message));
    CAPTURE(name);
    CHECK(stream->commands.size() * sizeof(Command) < 64 * 1024);
  }
}

}  // namespace
}  // namespace triptych::npu
