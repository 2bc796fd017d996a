// A node's commands for one binding, and the machine they are for.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_SEGMENT_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_SEGMENT_H_

#include <memory>
#include <vector>

#include "emulators/npu/compile/fuse.h"
#include "emulators/npu/compile/layout.h"
#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/isa.h"
#include "emulators/npu/params.h"
#include "kernels/base/result.h"
#include "models/graph.h"

namespace triptych::npu {

// Immutable; the stream points into the commands.
struct Segment {
  NodeLayout layout;
  std::vector<Command> commands;
  Stream stream;
};

// The node alone, placed by LayoutOf, with a barrier at its end. Errors: it
// has no commands, does not fit the machine, takes more than two million, or
// has operands beyond 4 GiB (kUnsupported). What the
// front end says of the commands is not an error but a bug: it aborts.
Result<std::shared_ptr<const Segment>> CompileNode(const Params& params,
                                                   const Graph& graph,
                                                   const Node& node,
                                                   const Binding& binding);

// The same for a fused group; the layout has no places, only regions.
Result<std::shared_ptr<const Segment>> CompileGroup(const Params& params,
                                                    const Graph& graph,
                                                    const Fusion& fusion,
                                                    const FusedGroup& group,
                                                    const Binding& binding);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_SEGMENT_H_
