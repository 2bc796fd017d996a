// Where weights lie on planes, and when a plane has to be loaded.
//
// A weight matrix is cut into tiles that fit a plane. Tiles smaller than a
// plane share one: a matrix in use has only its own sources lit and only its
// own receivers read. Plane p belongs to core p mod cores and is written
// there for good if the core has room for all of its planes. Otherwise the
// core changes planes as the schedule goes on, and starts a pass with the
// plane that the pass before it ended with.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_PLANE_H_
#define TRIPTYCH_EMULATORS_OPTICAL_PLANE_H_

#include <cstdint>
#include <vector>

#include "emulators/optical/params.h"
#include "models/graph.h"

namespace triptych::optical {

// Weights [n0, n0 + n) x [k0, k0 + k) of a matrix, `copies` times under each
// other from source `row`, from receiver `col`, on one plane.
struct Tile {
  int64_t n0 = 0, n = 0, k0 = 0, k = 0;
  int64_t copies = 1;
  int64_t plane = 0, row = 0, col = 0;
  bool load = false;  // the plane has to be written before this tile is used
  int64_t rows() const { return copies * k; }
};

// Cuts and places matrices in the order they are given: tiles side by side
// on shelves, shelves above each other, and then the next plane. Sources and
// receivers are given out in whole slices of 64.
class PlanePacker {
 public:
  explicit PlanePacker(const Params& params) : params_(params) {}
  // Appends the tiles of W[n,k], inputs first.
  void Add(int64_t n, int64_t k, std::vector<Tile>& tiles);
  // Planes begun so far.
  int64_t planes() const { return plane_ + 1; }

 private:
  void Place(Tile& tile);
  const Params& params_;
  int64_t plane_ = -1;
  int64_t shelf_row_ = 0, shelf_rows_ = 0, shelf_col_ = 0;
};

// True for what this machine does with light.
bool IsOptical(const Node& node);

// By node: the tiles of an optical one in the order in which they are used,
// with the loads of one pass over the node's entry. Empty for other nodes.
using Placement = std::vector<std::vector<Tile>>;
Placement PlaceGraph(const Graph& graph, const Params& params);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_PLANE_H_
