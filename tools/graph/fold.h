// A graph made small enough to look at: layers that repeat are kept once.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GRAPH_FOLD_H_
#define TRIPTYCH_TOOLS_GRAPH_FOLD_H_

#include <cstddef>
#include <string>
#include <vector>

#include "models/graph.h"

namespace triptych::picture {

struct FoldedNode {
  std::string op;              // "matmul"; "" for an input of the graph
  std::string name;            // without the layer: "attn.q"
  const OpDef* def = nullptr;  // null for an input of the graph
  // What it has of its own, a line each: weights and caches with shapes.
  std::vector<std::string> details;
  std::string shape;  // of its result: "B T x 2048"
  size_t block = 0;
  std::vector<size_t> inputs;  // nodes; no order, none twice
};

// Nodes that stand together: those before the layers, one layer, and so on.
struct FoldedBlock {
  std::string caption;  // "layers 3 to 60: 58 times"; "" outside layers
  int64_t times = 1;
  size_t first = 0, last = 0;  // nodes [first, last)
};

struct FoldedGraph {
  std::vector<FoldedNode> nodes;  // inputs before their users
  std::vector<FoldedBlock> blocks;
};

// Layers that follow each other are the same if their operators, attributes,
// weights' shapes and edges are, whatever the numbers in them.
FoldedGraph Fold(const Graph& graph);

// "B T x 64": rows by their symbols, B sequences of T new tokens, S of them
// in a cache.
std::string ShapeText(const Shape& shape);

}  // namespace triptych::picture

#endif  // TRIPTYCH_TOOLS_GRAPH_FOLD_H_
