// A matrix product on the grid: how it is cut up, and how long that takes.
//
// Two layouts, both as the public software of such chips lays them out:
//
//   kBlocks2D: output tiles in a cols x rows grid of equal blocks. A block of
//     A goes along a row of cores and a block of W along a column, each read
//     once and multicast. A step takes `k_block` tiles of K.
//   kColumns: every core owns a run of output columns and streams its own
//     part of W from the bank beside it; A is multicast to all. For few rows,
//     where nothing is gained from sharing W. Weights that stay in L1 lie like
//     this over all cores; where there are more cores than columns, several
//     divide K, and their sums meet in a tree.
//
// Circular buffers are double: while a step computes, the next one's operands
// arrive. A step takes as long as its slowest part (unpack, multiply, pack,
// operand A, operand W, DRAM); the first operands and the last block's
// results are not hidden, nor is the launch.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_MATMUL_PLAN_H_
#define TRIPTYCH_EMULATORS_MESH_MATMUL_PLAN_H_

#include <cstdint>
#include <optional>

#include "emulators/mesh/cost.h"
#include "emulators/mesh/params.h"
#include "kernels/base/dtype.h"

namespace triptych::mesh {

enum class Layout : uint8_t { kBlocks2D, kColumns };

// Where A and C live; W is always in DRAM.
enum class Placement : uint8_t {
  kL1,    // sharded over the cores
  kDram,  // interleaved over the banks
};

// C[m,n] = A[m,k] * W[n,k]^T.
struct MatmulProblem {
  int64_t m = 1, k = 1, n = 1;
  DType activations = DType::kBf16;
  DType weights = DType::kBf16;
  int phases = 1;  // fidelity passes
  Placement placement = Placement::kL1;
  bool resident = false;  // W is in the L1 of the cores that multiply by it
};

// Sizes in tiles.
struct MatmulPlan {
  Layout layout = Layout::kBlocks2D;
  int64_t core_m = 0, core_n = 0;          // of C, on the busiest core
  int64_t block_m = 0, block_n = 0;        // of C, kept in L1 while K passes
  int64_t k_block = 0;                     // of K, in one step
  int64_t subblock_m = 0, subblock_n = 0;  // of C, in Dst
  int64_t l1_bytes = 0;  // circular buffers and shards of a core
  Placement placement = Placement::kL1;
  Cost cost;
};

// The plan of one layout: as few output blocks as L1 allows, then the fastest
// K block. Nothing if it does not fit L1 in that placement.
std::optional<MatmulPlan> PlanLayout(const Params& params,
                                     const MatmulProblem& problem,
                                     Layout layout);

// The faster layout; operands that do not fit L1 are put into DRAM.
MatmulPlan PlanMatmul(const Params& params, MatmulProblem problem);

// Weights of a resident product on the core that has most of them.
int64_t ResidentCoreBytes(const Params& params, const MatmulProblem& problem);

// Cycles that the multiplier of one core takes for one tile product.
double TileProductCycles(const Params& params, int phases);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_MATMUL_PLAN_H_
