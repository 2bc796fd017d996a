// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/segment.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "emulators/npu/compile/group.h"
#include "emulators/npu/machine/timing.h"
#include "kernels/base/check.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

// Of one node and core, loops unrolled: some seconds to time, minutes of the
// machine. Attention over tens of thousands of keys and queries has more.
constexpr uint64_t kMostDecoded = uint64_t{1} << 21;
// Of a node's weights, caches and activations together, for the same reason.
constexpr int64_t kMostBytes = int64_t{1} << 32;

// `append` gives the commands for a machine; the rest is the same for all.
template <class Append>
Result<std::shared_ptr<const Segment>> Finish(const Params& params,
                                              NodeLayout layout,
                                              const std::string& name,
                                              const Append& append) {
  const MachineSize machine = SizeOf(params, layout.region_bytes);
  int64_t bytes = 0;
  for (const Region region :
       {Region::kWeights, Region::kCache, Region::kActivations}) {
    bytes += machine.region_bytes[static_cast<size_t>(region)];
  }
  if (bytes > kMostBytes) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("{}: operands of {} bytes; allowed up to {}",
                                 name, bytes, kMostBytes));
  }
  Builder builder(machine);
  TRIPTYCH_TRY(append(builder));
  builder.Barrier();
  std::vector<Command> commands = builder.Take();
  auto stream = Stream::Check(commands, machine, name);
  TRIPTYCH_CHECK(stream.has_value(), stream ? "" : stream.error().message);
  if (stream->decoded() > kMostDecoded) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("{}: {} commands for a core; allowed up to {}",
                                 name, stream->decoded(), kMostDecoded));
  }
  // The stream's view of the commands stays where it is when they are moved.
  return std::make_shared<const Segment>(std::move(layout), std::move(commands),
                                         std::move(*stream));
}

}  // namespace

Result<std::shared_ptr<const Segment>> CompileNode(const Params& params,
                                                   const Graph& graph,
                                                   const Node& node,
                                                   const Binding& binding) {
  if (!HasCommands(params, graph, node)) {
    return MakeError(ErrorCode::kUnsupported,
                     node.name + ": the operator has no commands");
  }
  const NodeLayout layout =
      LayoutOf(params, SizeOf(params, {}), graph, node, binding);
  return Finish(params, layout, node.name, [&](Builder& builder) {
    builder.Mark(node.id);
    return FindLowering(node.op->name)(
        {params, graph, node, binding, layout.place}, builder);
  });
}

Result<std::shared_ptr<const Segment>> CompileGroup(const Params& params,
                                                    const Graph& graph,
                                                    const Fusion& fusion,
                                                    const FusedGroup& group,
                                                    const Binding& binding) {
  const GroupLayout layout =
      LayoutOfGroup(params, SizeOf(params, {}), graph, fusion, group, binding);
  return Finish(params, {.place = {}, .region_bytes = layout.region_bytes},
                graph.node(group.nodes.front()).name, [&](Builder& builder) {
                  return LowerGroup(
                      {params, graph, group, binding, layout.place}, builder);
                });
}

}  // namespace triptych::npu
