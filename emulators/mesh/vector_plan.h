// Operators that touch every element a few times: norms, activations, sums,
// rotations, copies. Tiles are spread evenly over the cores.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_VECTOR_PLAN_H_
#define TRIPTYCH_EMULATORS_MESH_VECTOR_PLAN_H_

#include <cstdint>

#include "emulators/mesh/cost.h"
#include "emulators/mesh/matmul_plan.h"
#include "emulators/mesh/params.h"
#include "emulators/mesh/vector_program.h"
#include "kernels/base/dtype.h"

namespace triptych::mesh {

struct VectorProblem {
  int64_t rows = 1, cols = 1;  // of the largest operand
  int64_t in_elements = 0;     // activations read
  int64_t out_elements = 0;    // activations written
  int64_t vector_flops = 0;
  DType format = DType::kBf16;
  bool reduces_rows = false;     // a row's elements meet: norms, softmax
  // What the engine does; nullptr: `vector_flops` operations of the vector
  // unit an element are all that is known.
  const VectorProgram* program = nullptr;
  Placement placement = Placement::kL1;  // of activations
  int64_t dram_read_bytes = 0;   // weights, tables
  int64_t dram_write_bytes = 0;  // caches
  int64_t dram_page_bytes = 0;   // of one request; 0: a tile
};

// Tiles of activations, and the cores they are spread over.
struct VectorSpread {
  int64_t in = 0, out = 0;
  int64_t most = 1;  // of either, at least one
  int64_t cores = 1;
};
VectorSpread SpreadOf(const Params& params, const VectorProblem& problem);

// Activations that do not fit into L1 stream through DRAM.
Cost PlanVector(const Params& params, const VectorProblem& problem);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_VECTOR_PLAN_H_
