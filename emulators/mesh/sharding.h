// How a graph is divided among chips, operator by operator.
//
// Two ways of cutting, of which a machine may use both: `tensor` chips divide
// columns (features, heads, outputs of a product), `sequence` chips divide
// rows. One pass over the graph, from how inputs lie to how results do.
//
// Scattered stream (`stream` 0): the residual stream's columns are divided
// over all tensor chips, and gathered before a product that needs all of it.
//
//   product     of whole rows: each chip has some of the output's columns, if
//               every chip gets a tile of them; of rows whose heads or inner
//               columns are divided: each chip has a part of the sum over K
//   attention   by heads; rows of a long sequence: keys and values of the
//               other chips come by
//   norm        of divided rows: each chip its columns, after they have told
//               each other the sums
//   others      where their first input lies
//
// Stream over `stream` chips: the tensor chips are a grid of stream x others.
// The stream's columns are divided along the first side and alike along the
// other, so nothing is gathered before a product: its K lies along the first
// side, its outputs along the other, and sums meet across the first. Products
// of divided rows have their K along the other side. With one chip every chip
// has the whole stream; what a norm or a router would gather at once is then
// computed whole by each.
//
// Sums over K are linear: parts that are only added to each other are summed
// across chips once, where something else first needs them. A value is
// gathered once. Results of products of one input are exchanged together.
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
  // Weights that stay in L1, bytes of the busiest core; 0: they are read.
  int64_t resident = 0;
  // Which chips exchange: all that divide columns; those that divide the
  // stream's, or those that hold the same ones; those that divide rows.
  enum class Among : uint8_t { kTensor, kStream, kOthers, kSequence };
  // What is exchanged before or after. `statistics`: two numbers a row only.
  struct Move {
    Collective kind;
    ValueId value;
    Among among = Among::kTensor;
    int64_t parts = 1;  // groups that exchange different columns of it
    bool statistics = false;
    bool hidden = false;  // while the operator computes
    bool joined = false;  // in one go with the exchange before it
  };
  std::vector<Move> moves;
};

class Sharding {
 public:
  Sharding(const Graph& graph, const Ways& ways);

  const Share& Of(NodeId node) const { return shares_[node]; }
  // Rows of `value` are divided over the sequence's chips.
  bool RowsDivided(ValueId value) const { return rows_[value]; }
  const Ways& ways() const { return ways_; }

  // Keeps weights of products, all but experts', in the L1 of the cores that
  // multiply by them: in the order of the graph, as long as L1 has room for
  // all of a chip's beside the least of buffers. Returns the products that
  // were left out: they are read from DRAM.
  int64_t Keep(const Params& params);
  // Of all products together, on one core.
  int64_t resident_bytes() const { return resident_bytes_; }

 private:
  enum class Where : uint8_t {
    kWhole,      // every chip has all columns
    kSplit,      // each chip has its heads, or its inner columns
    kScattered,  // each chip has its columns of the residual stream
    kPartial,    // each chip has a part of the sum that it is
  };
  using Among = Share::Among;

  void PlaceInputs();
  void Place(const Node& node);
  void PlaceMatmul(const Node& node, Share& share);
  void PlaceStreamed(const Node& node, Share& share);
  void PlaceNorm(const Node& node, Share& share);
  void PlaceAttention(const Node& node, Share& share);
  void PlaceExperts(const Node& node, Share& share);
  void PlaceVector(const Node& node, Share& share);
  // Every chip has all of `value` from here on.
  void Gather(ValueId value, Share& share);
  // The parts of `value` are summed, if it is in parts.
  void Sum(ValueId value, Share& share);
  Where stream() const;  // how the residual stream lies
  int64_t StreamColumns() const;
  // Whoever uses `value` would gather it at once: a norm of whole rows, a
  // router.
  bool NeededWhole(const Value& value) const;

  const Graph& graph_;
  const Ways ways_;
  std::vector<Where> where_;  // by value
  std::vector<bool> gathered_, rows_;
  std::vector<bool> exchanged_;  // results of products of this value
  std::vector<Share> shares_;    // by node
  int64_t resident_bytes_ = 0;
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_SHARDING_H_
