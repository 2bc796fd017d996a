// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/segment.h"

#include <algorithm>
#include <utility>

#include "kernels/base/check.h"
#include "models/ops/op.h"

namespace triptych::npu {

MachineSize MachineOf(const Params& params) {
  MachineSize size;
  size.cores = static_cast<int>(params.cores);
  size.array_rows = params.array_rows;
  size.array_cols = params.array_cols;
  size.scratchpad_bytes = params.scratchpad_kib * 1024;
  size.accumulator_rows = 1024 * 1024 / (4 * params.array_cols);
  size.l2_bytes = params.l2_kib * 1024;
  return size;
}

Result<std::shared_ptr<const Segment>> CompileNode(const Params& params,
                                                   const Graph& graph,
                                                   const Node& node,
                                                   const Binding& binding) {
  if (!HasCommands(params, graph, node)) {
    return MakeError(ErrorCode::kUnsupported,
                     node.name + ": the operator has no commands");
  }
  MachineSize machine = MachineOf(params);
  NodeLayout layout = LayoutOf(params, machine, graph, node, binding);
  machine.region_bytes = layout.region_bytes;
  machine.region_bytes[0] = machine.l2_bytes;
  Builder builder(machine);
  builder.Mark(node.id);
  TRIPTYCH_TRY(FindLowering(node.op->name)(
      {params, graph, node, binding, layout.place}, builder));
  builder.Barrier();
  std::vector<Command> commands = builder.Take();
  auto stream = Stream::Check(commands, machine, node.name);
  TRIPTYCH_CHECK(stream.has_value(), stream ? "" : stream.error().message);
  // The stream's view of the commands stays where it is when they are moved.
  return std::make_shared<const Segment>(std::move(layout), std::move(commands),
                                         std::move(*stream));
}

}  // namespace triptych::npu
