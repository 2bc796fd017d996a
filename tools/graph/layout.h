// Where to draw the nodes of a directed graph without cycles: in ranks from
// top to bottom, edges going down and as straight as can be.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GRAPH_LAYOUT_H_
#define TRIPTYCH_TOOLS_GRAPH_LAYOUT_H_

#include <cstddef>
#include <vector>

namespace triptych::picture {

struct LayoutNode {
  double width = 0, height = 0;  // pixels
  size_t group = 0;              // groups come below each other, in order
  std::vector<size_t> inputs;    // nodes before this one
};

struct Place {
  double x = 0, y = 0;  // of the centre
};

// What an edge goes through: the middle of the bottom of its source, both
// ends of a gap in each rank that it passes, the middle of the target's top.
struct Route {
  size_t from = 0, to = 0;
  std::vector<Place> points;
};

struct Layout {
  double width = 0, height = 0;
  std::vector<Place> places;  // of the nodes
  std::vector<Route> routes;  // of every edge
};

struct LayoutOptions {
  double row_gap = 44;     // between ranks
  double group_gap = 34;   // more, between groups
  double column_gap = 26;  // between neighbours
};

// After Sugiyama, Tagawa, Toda (1981): ranks by the longest path, unseen
// nodes where an edge passes a rank, order by barycentres, then columns by
// least squares. The same input gives the same layout.
Layout Arrange(const std::vector<LayoutNode>& nodes,
               const LayoutOptions& options = {});

}  // namespace triptych::picture

#endif  // TRIPTYCH_TOOLS_GRAPH_LAYOUT_H_
