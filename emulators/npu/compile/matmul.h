// How a product C[m,n] = A[m,k] * W[n,k]^T is cut over cores and local memory.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_MATMUL_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_MATMUL_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "emulators/npu/compile/image.h"
#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/share.h"

namespace triptych::npu {

// The product, its formats, and what else a tile of it takes room for.
struct MatmulSize {
  int64_t m = 0, n = 0, k = 0;
  int64_t group = 0;    // of k, under one scale; k: one scale a row
  int weight_bits = 8;  // up to 4: two codes a byte in remote memory
  int activation_bits = 8;
  bool bias = false;
  // Of a fused one (product/product.h): matrices of weights, whether something
  // is added to the outputs, and whether A is codes already.
  int64_t factors = 1;
  bool residual = false, coded = false;

  bool packed() const { return weight_bits <= 4; }
  int64_t groups() const { return k / group; }
  // Inputs that one kMatmul sums: an array's rows, within a group.
  int64_t piece(const MachineSize& machine) const {
    return std::min(group, machine.array_rows);
  }
  // Bytes of `n` codes of a row of weights in the scratchpad.
  int64_t local_row(int64_t n) const {
    return packed() ? RoundUp(n, int64_t{2}) : n;
  }
  WeightLayout layout(const MachineSize& machine) const {
    return WeightLayoutOf(n, k, group, weight_bits, machine);
  }
};
MatmulSize MatmulSizeOf(const Params& params, const Graph& graph,
                        const Node& node, const Binding& binding);

// Inputs whose weights are loaded together, none across a chunk of the layout.
struct KPart {
  int64_t first = 0, k = 0;
};
std::vector<KPart> PartsOf(const WeightLayout& layout, int64_t k_chunk);

struct MatmulPlan {
  // Cores take rows of A, and receive the same weights: the last core stores
  // its whole share, the others what is before the next one's. Or they take
  // columns (rows of W), a tile each in turn, and receive the same activations.
  bool split_rows = false;
  Share rows;                // of m, split_rows
  int64_t output_cores = 1;  // that columns are shared among
  // A comes as codes: somebody else's, or what cores quantised a part each of
  // to Placement::scratch before the product. Else each quantises what it
  // needs.
  bool prepared = false;
  Share blocks;            // of a core's rows of A; each passes all weights
  int64_t n_tile = 0;      // outputs that are summed at a time
  int64_t k_chunk = 0;     // inputs of them whose weights are loaded at a
                           // time: a chunk of the layout, or a part of it
  int64_t buffers = 2;     // for chunks of weights
  int64_t bodies = 2;      // tiles of one round of the loop over them
  int64_t stage_rows = 0;  // of f32 activations that are quantised at a time
  int64_t slots = 2;       // sums of `blocks.count` rows under way
  // Parts of k are a loop: few commands, and A comes part by part. For groups
  // of k, each of which would be three commands else, and for k of many pieces.
  bool looped = false;
  // A core's tiles are summed side by side, a part of k after the other, so
  // that both A and W pass once although A does not fit.
  bool together = false;
  double cycles = 0;  // estimated

  int64_t cores() const { return split_rows ? rows.parts : output_cores; }
  bool streamed() const { return looped || together; }
  // Whether the scales of a part's groups come with it.
  bool scales_by_part(const MatmulSize& s) const {
    return looped && s.groups() > 1;
  }
};

// Plans that fit, best first by the estimate: the busiest of DRAM, array and
// vector unit sets the pace. Empty if nothing fits.
std::vector<MatmulPlan> MatmulPlans(const MatmulSize& size,
                                    const Params& params,
                                    const MachineSize& machine);

// Operands: A, W, bias. The request's node and binding are those of `size`.
Status EmitMatmul(const LowerRequest& request, const MatmulSize& size,
                  const MatmulPlan& plan, Builder& builder);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_MATMUL_H_
