// Nodes that the machine does as one piece of work: a norm with the products
// of what it gives, products with what follows them element by element, and a
// feed-forward block as a whole. What lies between stays on the chip, or goes
// through it as codes.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_FUSE_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_FUSE_H_

#include <optional>
#include <vector>

#include "emulators/npu/params.h"
#include "models/graph.h"

namespace triptych::npu {

// out = a * w, or act(a * w), or act(a * w0) * (a * w1); then + residual.
struct FusedProduct {
  std::vector<NodeId> products;  // matmuls, 1 or 2
  std::optional<NodeId> act, mul, add;
  ValueId out = 0;
  ValueId residual = 0;  // with `add`
};

struct FusedGroup {
  std::vector<NodeId> nodes;  // ascending: the first leads, the rest are
                              // computed with it
  std::optional<NodeId> norm;
  ValueId input = 0;  // of the norm, or else of the products
  std::vector<FusedProduct> products;
  std::optional<FusedProduct> down;  // of what the only product gives
};

// The groups of a graph. Keeps nothing of the graph but numbers.
class Fusion {
 public:
  Fusion(const Params& params, const Graph& graph);

  // Null: the node is by itself.
  const FusedGroup* GroupOf(NodeId node) const;
  // Whether the sum of `product` may lie where its residual lies: nothing
  // reads that afterwards, nor while cores write.
  bool InPlace(const FusedGroup& group, const FusedProduct& product) const;

 private:
  std::vector<FusedGroup> groups_;
  std::vector<int> group_of_;               // by node; -1: none
  std::vector<std::vector<NodeId>> users_;  // by value
  std::vector<bool> leaves_;                // by value: a phase's output
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_FUSE_H_
