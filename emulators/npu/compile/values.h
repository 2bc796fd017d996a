// A node's values on the functional machine: its operands as bytes of the
// machine's memories, and back.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_VALUES_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_VALUES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "emulators/npu/compile/image.h"
#include "emulators/npu/compile/segment.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/target.h"
#include "kernels/base/aligned.h"

namespace triptych::npu {

// The weights of a node, in the machine's form where that is not f32.
class NodeWeights {
 public:
  // `image` is of input 1 of a matmul, else null. The weights must outlive
  // this.
  NodeWeights(const Graph& graph, const Node& node, const Weights& weights,
              std::shared_ptr<const WeightImage> image);

  const std::shared_ptr<const WeightImage>& image() const { return image_; }
  // Rows [first, first + count) of input `slot`, as bytes; read into `room`
  // unless they lie in memory.
  std::span<const std::byte> Rows(size_t slot, int64_t first, int64_t count,
                                  AlignedVector<float>& room) const;
  const WeightRows& of(size_t slot) const { return rows_[slot]; }

 private:
  std::shared_ptr<const WeightImage> image_;
  std::vector<WeightRows> rows_;  // by input slot
};

// The numbers of a node's table (lower.h), empty if it has none: f64 inside,
// rounded once.
AlignedVector<float> NodeTable(const Graph& graph, const Node& node,
                               const Binding& binding);

// Runs `segment`, compiled for ctx's node and binding, on `memory`: inputs
// from ctx, the result to ctx.output; a cache is read and written as f32 rows
// of the numbers that its codes and scales stand for. The same bits for any
// number of threads.
void RunValues(const Params& params, const Segment& segment,
               const NodeWeights& weights, const StepContext& ctx,
               Memory& memory);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_VALUES_H_
