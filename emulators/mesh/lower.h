// From operators of the graph to plans on the grid.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_LOWER_H_
#define TRIPTYCH_EMULATORS_MESH_LOWER_H_

#include "emulators/mesh/attention_plan.h"
#include "emulators/mesh/cost.h"
#include "emulators/mesh/matmul_plan.h"
#include "emulators/mesh/params.h"
#include "emulators/mesh/sharding.h"
#include "emulators/mesh/vector_plan.h"
#include "models/graph.h"

namespace triptych::mesh {

// Is told of each plan that a cost is made of, and how often it runs.
class PlanSink {
 public:
  virtual ~PlanSink() = default;
  virtual void OnMatmul(const MatmulProblem& problem, const MatmulPlan& plan,
                        double times) = 0;
  virtual void OnAttention(const AttentionProblem& problem,
                           const AttentionPlan& plan, double times) = 0;
  virtual void OnVector(const VectorProblem& problem, const Cost& cost,
                        double times) = 0;
};

// The format of a product's weights and the passes over it: networks and
// experts may have their own.
struct Formats {
  DType weights;
  int phases;
};
Formats FormatsOf(const Params& params, const Node& node);

// What `node` costs for one binding, whatever the operator: every operator
// of the op table has a schedule. Of one chip, with what it exchanges with
// others; plans that `sink` is told of are those of one chip.
Cost CostOf(const Params& params, const Graph& graph, const Node& node,
            const Binding& binding, const Sharding& sharding,
            PlanSink* sink = nullptr);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_LOWER_H_
