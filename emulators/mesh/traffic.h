// Bytes over every link of the NoC and work of every tile, from the plans
// that are timed (matmul_plan.h, attention_plan.h, vector_plan.h).
//
// A plan counts bytes into receivers' memory and says which cores share
// what; here every transfer gets a source, receivers and a way:
//
//   - Routes go right along the row, then down the column, around the torus
//     (one NoC of one direction, as noc.h has it). A multicast is the tree of
//     these routes and passes each of its links once.
//   - Worker tiles are a block of the torus, from its second column and row
//     where the torus is larger than the grid. DRAM banks are spread evenly
//     over the first and the last column. Where tiles and banks are is no
//     parameter of the machine: this layout is assumed.
//   - Pages are interleaved: a core reads from (writes to) all banks alike,
//     but for kColumns, whose cores read from the bank nearest to them.
//   - Weights that stay in L1 do not travel; those that are read ahead come
//     to the cores that multiply by them. Of cores that divide K, each gets
//     its part of A.
//   - A holder of several equal parts of an operand is one of the cores in
//     turn: their flows are the mean over all turns.
//
// What is injected are the bytes that the plans charge as `noc.byte`, no more
// and no less: partial results that decode attention merges are timed but not
// charged by its plan, and are not here either.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TRAFFIC_H_
#define TRIPTYCH_EMULATORS_MESH_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "emulators/estimate.h"
#include "emulators/mesh/lower.h"
#include "emulators/mesh/params.h"
#include "emulators/traffic.h"
#include "models/graph.h"

namespace triptych::mesh {

// A router, by its number in a Traffic's vectors.
using Router = size_t;

// The torus and what stands at its routers; adds transfers to a Traffic.
class Flows : public PlanSink {
 public:
  explicit Flows(const Params& params);

  const Traffic& traffic() const { return traffic_; }
  // What follows happens so many times.
  void set_repeat(double repeat) { repeat_ = repeat; }
  Router core(int64_t index) const {
    return cores_[static_cast<size_t>(index)];
  }
  Router bank(int64_t index) const {
    return banks_[static_cast<size_t>(index)];
  }

  // `bytes` from one router into the memory of another, or into that of each
  // of several; a receiver may be the source.
  void Unicast(Router from, Router to, double bytes);
  void Multicast(Router from, std::span<const Router> to, double bytes);

  // Every transfer of a plan that runs `times` times.
  void OnMatmul(const MatmulProblem& problem, const MatmulPlan& plan,
                double times) override;
  void OnAttention(const AttentionProblem& problem, const AttentionPlan& plan,
                   double times) override;
  void OnVector(const VectorProblem& problem, const Cost& cost,
                double times) override;

 private:
  struct Operands;
  struct CoreBytes;
  void PlaceBanks(int64_t count);
  // Links of the route, in the vectors of traffic_.
  template <class OnLink>
  void Route(Router from, Router to, OnLink&& on_link) const;
  int64_t Hops(Router from, Router to) const;
  void ReadInterleaved(Router to, double bytes);
  void WriteInterleaved(Router from, double bytes);
  // The multicast from each of `from` in turn, of equal parts of `bytes`.
  void MulticastFromEach(std::span<const Router> from,
                         std::span<const Router> to, double bytes);
  // The same, each reading its part from DRAM first.
  void ReadAndMulticast(std::span<const Router> readers,
                        std::span<const Router> to, double bytes);
  void Blocks2D(const MatmulPlan& plan, const Operands& operands, double times);
  void Columns(const MatmulPlan& plan, const Operands& operands, double times);
  // The cores that columns go to, and the bank beside each.
  std::vector<std::pair<Router, Router>> CoresBesideBanks(int64_t count) const;
  void Prefill(const AttentionProblem& problem, const AttentionPlan& plan,
               double times);
  void Decode(const AttentionProblem& problem, const AttentionPlan& plan,
              double times);
  void Send(const CoreBytes& bytes);
  // Of `bytes` of keys that pass `count` cores from `first` on, these read
  // `read_share` from DRAM, each a part, and pass on what the others have not.
  void ShareKeys(int64_t first, int64_t count, double bytes, double read_share);

  const Params& params_;
  double repeat_ = 1;
  Traffic traffic_;
  std::vector<Router> cores_;  // row by row of the grid
  std::vector<Router> banks_;
};

// Of one chip in one run of the fold's entry, its nodes as often as they
// occur.
Traffic TrafficOf(const Params& params, const Fold& fold,
                  const Binding& binding);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_TRAFFIC_H_
