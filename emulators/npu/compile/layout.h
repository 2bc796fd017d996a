// Where what one node reads and writes lies, when the node is all there is.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_LAYOUT_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_LAYOUT_H_

#include <array>
#include <cstdint>
#include <vector>

#include "emulators/npu/compile/lower.h"

namespace triptych::npu {

// Bytes of what a node needs beside its activations, by the forms of lower.h.
struct Extent {
  int64_t data = 0, scales = 0;
};
// Input `slot` of `node`, or with slot = inputs.size() its output. A cache is
// as large as the keys that `binding` has, rounded up (CacheCapacity).
Extent ExtentOf(const Params& params, const Graph& graph, const Node& node,
                const Binding& binding, size_t slot);
// Of the node's table (lower.h); 0: it has none.
int64_t TableBytes(const Graph& graph, const Node& node,
                   const Binding& binding);
// Of keys or values that attention quantises because no cache holds them (slot
// 1 or 2), and of the activations of a product (slot 0), which it may.
Extent ScratchExtent(const Graph& graph, const Node& node,
                     const Binding& binding, size_t slot);

// Rows of a sequence of it.
int64_t ScratchCapacity(const Graph& graph, const Node& node,
                        const Binding& binding, size_t slot);

// Keys of a sequence that a cache has room for: those of the binding, rounded
// up so that one layout serves many steps of decoding.
int64_t CacheCapacity(const Value& cache, const Binding& binding);

// Activations up to this size stay on the chip, whoever makes or needs them:
// three inputs and an output then fit together.
int64_t OnChipLimit(const MachineSize& machine);

// Hands out places of regions, 64 bytes aligned.
class Regions {
 public:
  Remote Take(Region region, int64_t bytes);
  const std::array<int64_t, kRegions>& bytes() const { return bytes_; }

 private:
  std::array<int64_t, kRegions> bytes_{};
};

struct NodeLayout {
  Placement place;
  std::array<int64_t, kRegions> region_bytes{};
};
NodeLayout LayoutOf(const Params& params, const MachineSize& machine,
                    const Graph& graph, const Node& node,
                    const Binding& binding);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_LAYOUT_H_
