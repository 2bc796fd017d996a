// The graph: one transformer, as explicit operators over named values.
//
// Every value is a matrix, [rows, cols]. Activations are [tokens, features],
// weights are [out features, in features] as in C[m,n] = A[m,k] * W[n,k]^T,
// caches are [batch * capacity, features]. Row counts are symbolic: they are
// evaluated when a graph is bound to a batch, a number of new tokens and a
// context length, so that one graph serves prefill and decode at any size.
//
// A Graph is built once (GraphBuilder), checked while it is built, and never
// changes afterwards; it can be read from many threads.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_GRAPH_H_
#define TRIPTYCH_MODELS_GRAPH_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/result.h"

namespace triptych {

using NodeId = uint32_t;
using ValueId = uint32_t;

// What a graph is run for.
//   kPrefill: `tokens` new tokens a sequence, causal, into the caches;
//   kDecode:  one new token a sequence on top of `context` cached ones;
//   kEncode:  everything at once, no caches (BERT, ViT, a diffusion step).
enum class Phase : uint8_t { kPrefill, kDecode, kEncode };
std::string_view PhaseName(Phase phase);

// What the symbols stand for in one run.
struct Binding {
  int64_t batch = 1;    // sequences
  int64_t tokens = 1;   // new tokens of each sequence
  int64_t context = 0;  // tokens of each sequence already in the caches
  int64_t total() const { return context + tokens; }
};

// coefficient * [batch] * [tokens] * [context + tokens].
struct Dim {
  int64_t coefficient = 1;
  bool batch = false, tokens = false, total = false;
  int64_t Bind(const Binding& b) const {
    return coefficient * (batch ? b.batch : 1) * (tokens ? b.tokens : 1) *
           (total ? b.total() : 1);
  }
  friend bool operator==(const Dim&, const Dim&) = default;
};
// One row a new token; one row a sequence; a fixed number of rows.
inline constexpr Dim kTokenRows{1, true, true, false};
inline constexpr Dim kBatchRows{1, true, false, false};
inline constexpr Dim kCacheRows{1, true, false, true};
constexpr Dim FixedRows(int64_t n) { return {n, false, false, false}; }
constexpr Dim RowsPerSequence(int64_t n) { return {n, true, false, false}; }

struct Shape {
  Dim rows;
  int64_t cols = 0;
  friend bool operator==(const Shape&, const Shape&) = default;
};

enum class ValueKind : uint8_t {
  kInput,       // given by the caller: token ids, frames, latents
  kActivation,  // computed by a node
  kWeight,      // constant, read from a model file
  kCache,       // lives from run to run: keys and values
};

struct Value {
  ValueId id = 0;
  std::string name;  // "layers.3.attn.q" for a weight: its name in any file
  ValueKind kind = ValueKind::kActivation;
  Shape shape;
};

// Numbers that configure an operator, by name. Names are string literals.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string_view, double>> entries)
      : entries_(entries) {}
  double Get(std::string_view name) const;  // aborts if it is not there
  double Get(std::string_view name, double otherwise) const;
  int64_t Int(std::string_view name) const;
  int64_t Int(std::string_view name, int64_t otherwise) const;
  std::span<const std::pair<std::string_view, double>> entries() const {
    return entries_;
  }

 private:
  std::vector<std::pair<std::string_view, double>> entries_;
};

struct OpDef;  // models/ops/op.h

struct Node {
  NodeId id = 0;
  const OpDef* op = nullptr;
  std::string name;  // "layers.3.attn.q"
  int layer = -1;    // -1: before or after the layers
  std::vector<ValueId> inputs;
  ValueId output = 0;
  Attributes attributes;
};

// A contiguous run of nodes that serves one phase.
struct Entry {
  Phase phase;
  NodeId first = 0, last = 0;  // [first, last)
  ValueId output = 0;          // logits, embeddings, predicted noise
};

class Graph {
 public:
  const std::string& name() const { return name_; }
  // No two graphs that were built in this process share one; copies do.
  uint64_t id() const { return id_; }
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const Value> values() const { return values_; }
  std::span<const Entry> entries() const { return entries_; }
  const Node& node(NodeId id) const { return nodes_[id]; }
  const Value& value(ValueId id) const { return values_[id]; }
  // nullptr if this graph has no such phase.
  const Entry* FindEntry(Phase phase) const;
  std::span<const Node> NodesOf(const Entry& entry) const {
    return std::span(nodes_).subspan(entry.first, entry.last - entry.first);
  }
  const Value* FindValue(std::string_view name) const;
  // Elements of all weights: the parameter count.
  int64_t Parameters() const;

 private:
  friend class GraphBuilder;
  std::string name_;
  uint64_t id_ = 0;
  std::vector<Node> nodes_;
  std::vector<Value> values_;
  std::vector<Entry> entries_;
};

// Builds a Graph node by node. The first mistake is kept and returned by
// Finish(), with the node's name; what follows it is ignored.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name);

  // Sizes are 1 or more.
  ValueId Input(std::string name, Shape shape);
  ValueId Weight(std::string name, int64_t rows, int64_t cols);
  ValueId Cache(std::string name, Shape shape);
  // Layer number of the nodes that follow; -1 for none.
  void SetLayer(int layer) { layer_ = layer; }
  // `op` is a row of the op table (models/ops/ops.cc). The shape of the
  // result is the op's to infer. After a mistake the value that is returned
  // has no shape, but is one to build on.
  ValueId Add(std::string_view op, std::string name,
              std::vector<ValueId> inputs, Attributes attributes = {});
  // The nodes from `first` to the last one added serve `phase`; `output` is
  // what they are run for.
  void AddEntry(Phase phase, NodeId first, ValueId output);
  NodeId next_node() const { return static_cast<NodeId>(graph_.nodes_.size()); }
  const Shape& ShapeOf(ValueId value) const {
    return graph_.values_[value].shape;
  }

  // Errors: the first mistake, or no entry.
  Result<Graph> Finish();

 private:
  ValueId NewValue(std::string name, ValueKind kind, Shape shape);
  void KeepFirst(std::string_view what, std::string_view name, Error error);
  Graph graph_;
  Status status_;
  int layer_ = -1;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_GRAPH_H_
