// Attention on the grid: how it is cut up, and how long that takes.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_ATTENTION_PLAN_H_
#define TRIPTYCH_EMULATORS_MESH_ATTENTION_PLAN_H_

#include <cstdint>

#include "emulators/mesh/cost.h"
#include "emulators/mesh/params.h"
#include "kernels/base/dtype.h"

namespace triptych::mesh {

// softmax(Q K^T) V with streaming softmax: scores never leave L1.
struct AttentionProblem {
  int64_t batch = 1, heads = 1, kv_heads = 1;
  int64_t queries = 1, keys = 1;  // of one sequence
  int64_t head_dim = 1, v_dim = 1;
  bool causal = true;  // queries are the last of the keys
  bool values_in_keys = false;  // V is the first v_dim columns of K
  DType activations = DType::kBf16;
  DType cache = DType::kBfp8;  // format of K and V
  int phases = 1;
  double vector_flops = 0;  // of the whole, as the operator counts them
};

struct AttentionPlan {
  bool split_keys = false;   // several cores share one head's keys (decode)
  int64_t q_chunk = 0;       // tiles of queries kept in L1
  int64_t k_chunk = 0;       // tiles of keys in one step
  int64_t cores_a_head = 1;  // that split or share its keys
  int64_t l1_bytes = 0;
  Cost cost;
};

// Two schedules, each with several chunk sizes; the fastest counts:
//   prefill: a core takes a chunk of queries of one head at a time and streams
//     K and V past it, from DRAM or from a multicast to all cores that have
//     this head; chunks above the diagonal are skipped, the chunk on it is
//     computed whole.
//   decode: the queries that share a KV head are the rows of one matrix; the
//     head's keys are split over cores, whose partial results are merged in
//     a tree. No key is skipped.
AttentionPlan PlanAttention(const Params& params,
                            const AttentionProblem& problem);

// Tiles of keys that pass by the `rows` tiles of one head's queries from tile
// `q` on, in steps of `k_chunk`: under a causal mask not all of them.
int64_t KeyTilesSeen(const AttentionProblem& problem, int64_t q, int64_t rows,
                     int64_t k_chunk);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_ATTENTION_PLAN_H_
