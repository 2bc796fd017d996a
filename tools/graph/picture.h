// A graph as a picture: SVG of its own layout, or Graphviz for other tools.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GRAPH_PICTURE_H_
#define TRIPTYCH_TOOLS_GRAPH_PICTURE_H_

#include <string>

#include "models/graph.h"

namespace triptych::picture {

// A whole file. Layers that repeat are drawn once, in a frame that says how
// often; below each operator stands the shape of what it makes.
std::string GraphSvg(const Graph& graph);

// The same in the language of dot(1).
std::string GraphDot(const Graph& graph);

}  // namespace triptych::picture

#endif  // TRIPTYCH_TOOLS_GRAPH_PICTURE_H_
