// How a graph is divided among chips, operator by operator.
//
// Two ways of cutting, of which a machine may use both: `tensor` chips divide
// columns (features, heads, outputs of a product), `sequence` chips divide
// rows. One pass over the graph, from how inputs lie to how results do:
//
//   product     of whole rows: each chip has some of the output's columns, if
//               every chip gets a tile of them; of rows whose heads or inner
//               columns are divided: each chip has a part of the sum over K,
//               and a reduce-scatter follows
//   attention   by heads; rows of a long sequence: keys and values of the
//               other chips come by
//   norm        of divided rows: each chip its columns, after they have told
//               each other the sums
//   others      where their first input lies
//
// The residual stream is thus scattered over columns, and gathered before a
// product that needs all of it. A value is gathered once.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_SHARDING_H_
#define TRIPTYCH_EMULATORS_MESH_SHARDING_H_

#include <cstdint>
#include <vector>

#include "emulators/mesh/chips.h"
#include "models/graph.h"

namespace triptych::mesh {

struct Share {
  int64_t columns = 1;  // chips that divide features, heads or outputs
  int64_t inner = 1;    // chips that divide K of a product
  bool rows = false;    // its rows are divided
  bool stage = false;   // the first operator of a pipeline stage
  // What is exchanged before or after. `statistics`: two numbers a row only.
  struct Move {
    Collective kind;
    ValueId value;
    bool over_sequence = false;
    bool statistics = false;
    bool hidden = false;  // while the operator computes
  };
  std::vector<Move> moves;
};

class Sharding {
 public:
  Sharding(const Graph& graph, int64_t tensor, int64_t sequence,
           int64_t stages);

  const Share& Of(NodeId node) const { return shares_[node]; }
  // Rows of `value` are divided over the sequence's chips.
  bool RowsDivided(ValueId value) const { return rows_[value]; }
  int64_t sequence() const { return sequence_; }

 private:
  enum class Where : uint8_t {
    kWhole,      // every chip has all columns
    kSplit,      // each chip has its heads, or its inner columns
    kScattered,  // each chip has its columns of the residual stream
  };
  void PlaceInputs();
  void Place(const Node& node);
  void PlaceMatmul(const Node& node, Share& share);
  void PlaceNorm(const Node& node, Share& share);
  void PlaceAttention(const Node& node, Share& share);
  // Every chip has all of `value` from here on.
  void Gather(ValueId value, Share& share);

  const Graph& graph_;
  int64_t tensor_, sequence_;
  std::vector<Where> where_;  // by value
  std::vector<bool> gathered_, rows_;
  std::vector<Share> shares_;  // by node
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_SHARDING_H_
