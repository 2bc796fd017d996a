// Fused groups (fuse.h) as commands, and where what they need lies.
//
//   norm     rows of f32 -> codes and scales, in remote memory
//   products from codes to f32, or to the hidden rows of a feed-forward block
//   hidden   rows of f32 -> codes, where they lie if that is on the chip
//   down     from those codes to f32
//
// with a barrier between any two: every core needs what the others made. The
// hidden rows are the largest thing a prompt makes: as many as there is room
// for lie on the chip, the others in DRAM.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_GROUP_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_GROUP_H_

#include <array>
#include <cstdint>
#include <vector>

#include "emulators/npu/compile/fuse.h"
#include "emulators/npu/compile/layout.h"
#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/product/product.h"

namespace triptych::npu {

struct GroupPlacement {
  // By place in FusedGroup::nodes; what stays inside has none.
  std::vector<Placement> nodes;
  Location codes;  // of the products' input
  // f32, and codes: of rows on the chip in the same place.
  SplitRows hidden, hidden_codes;
  Remote hidden_scales;
};

// Sizes of what a group needs beside its nodes' operands.
struct GroupNeeds {
  Extent codes;
  int64_t hidden_rows = 0, hidden_stride = 0;  // bytes; 0: there is no `down`
  // Columns of the panels that hidden rows off the chip lie in; 0: they may not
  // lie in two places.
  int64_t panel = 0;
};
GroupNeeds NeedsOf(const Params& params, const Graph& graph,
                   const FusedGroup& group, const Binding& binding);

// How a group's scratch shares `room` bytes on the chip. Codes of hidden rows
// that lie in DRAM take the place of the products' input, which nobody needs
// by then, and as much more as that takes: all cores read them all.
struct ChipShare {
  int64_t near = 0;   // hidden rows
  int64_t codes = 0;  // bytes for codes of either
};
ChipShare ShareChip(const GroupNeeds& needs, int64_t room);
// Hidden rows of which `near` are at `at`, with room for the rest elsewhere;
// place.codes is there already.
void PlaceHidden(const GroupNeeds& needs, int64_t near, const Remote& at,
                 Regions& regions, GroupPlacement& place);

struct GroupRequest {
  const Params& params;
  const Graph& graph;
  const FusedGroup& group;
  const Binding& binding;
  const GroupPlacement& place;
};

// Appends the group's segments, without the barrier at the end. Errors
// (kUnsupported): something does not fit; its nodes may, one by one.
Status LowerGroup(const GroupRequest& request, Builder& builder);

// The group when it is all there is.
struct GroupLayout {
  GroupPlacement place;
  std::array<int64_t, kRegions> region_bytes{};
};
GroupLayout LayoutOfGroup(const Params& params, const MachineSize& machine,
                          const Graph& graph, const Fusion& fusion,
                          const FusedGroup& group, const Binding& binding);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_GROUP_H_
