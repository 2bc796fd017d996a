// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/plane.h"

#include <algorithm>
#include <map>

#include "kernels/base/check.h"
#include "kernels/base/units.h"
#include "models/ops/op.h"

namespace triptych::optical {
namespace {

// Lanes of a converter slice: RTL and model come in 64s.
constexpr int64_t kSlice = 64;

ValueId WeightOf(const Node& node) { return node.inputs[1]; }

using TilesByWeight = std::map<ValueId, std::vector<Tile>>;

// Every optical weight of the graph, in the order of first use. A weight that
// several entries use is there once.
TilesByWeight PlaceAll(const Graph& graph, PlanePacker& packer) {
  TilesByWeight all;
  for (const Node& node : graph.nodes()) {
    if (!IsOptical(node)) continue;
    const ValueId weight = WeightOf(node);
    const auto [place, is_new] = all.try_emplace(weight);
    if (!is_new) continue;
    const Shape& shape = graph.value(weight).shape;
    packer.Add(shape.rows.coefficient, shape.cols, place->second);
  }
  return all;
}

// The planes in the cores during one pass.
class Residency {
 public:
  Residency(const Params& params, int64_t planes)
      : cores_(params.cores),
        slots_(params.plane_double_buffer ? 2 : 1),
        planes_(planes),
        in_core_(static_cast<size_t>(params.cores), -1) {}

  // Uses `plane`; true if it has to be loaded for that.
  bool Use(int64_t plane) {
    const int64_t core = plane % cores_;
    const int64_t of_core = CeilDiv(planes_ - core, cores_);
    if (of_core <= slots_) return false;
    return std::exchange(in_core_[static_cast<size_t>(core)], plane) != plane;
  }

 private:
  int64_t cores_, slots_, planes_;
  std::vector<int64_t> in_core_;
};

// The tiles of one pass over an entry, with the planes that the pass before
// left behind.
void RunPass(const Graph& graph, const Entry& entry, TilesByWeight& all,
             Residency residency, Placement& placement) {
  const auto for_each = [&](const auto& use) {
    for (const Node& node : graph.NodesOf(entry)) {
      if (IsOptical(node)) use(node, all.at(WeightOf(node)));
    }
  };
  for_each([&](const Node&, const std::vector<Tile>& tiles) {
    for (const Tile& tile : tiles) residency.Use(tile.plane);
  });
  for_each([&](const Node& node, std::vector<Tile>& tiles) {
    for (Tile& tile : tiles) tile.load = residency.Use(tile.plane);
    placement[node.id] = tiles;
  });
}

}  // namespace

void PlanePacker::Add(int64_t n, int64_t k, std::vector<Tile>& tiles) {
  for (int64_t n0 = 0; n0 < n; n0 += params_.plane_cols) {
    for (int64_t k0 = 0; k0 < k; k0 += params_.plane_rows) {
      Tile tile{.n0 = n0,
                .n = std::min(params_.plane_cols, n - n0),
                .k0 = k0,
                .k = std::min(params_.plane_rows, k - k0)};
      tile.copies = std::min(params_.plane_copies, params_.plane_rows / tile.k);
      Place(tile);
      tiles.push_back(tile);
    }
  }
}

void PlanePacker::Place(Tile& tile) {
  const int64_t rows = RoundUp(tile.rows(), kSlice);
  const int64_t cols = RoundUp(tile.n, kSlice);
  const bool on_shelf = plane_ >= 0 && rows <= shelf_rows_ &&
                        shelf_col_ + cols <= params_.plane_cols;
  if (!on_shelf) {
    shelf_row_ += shelf_rows_;
    shelf_rows_ = rows;
    shelf_col_ = 0;
    if (plane_ < 0 || shelf_row_ + rows > params_.plane_rows) {
      ++plane_;
      shelf_row_ = 0;
    }
  }
  tile.plane = plane_;
  tile.row = shelf_row_;
  tile.col = shelf_col_;
  shelf_col_ += cols;
}

bool IsOptical(const Node& node) { return node.op->name == "matmul"; }

Placement PlaceGraph(const Graph& graph, const Params& params) {
  PlanePacker packer(params);
  TilesByWeight all = PlaceAll(graph, packer);
  Placement placement(graph.nodes().size());
  for (const Entry& entry : graph.entries()) {
    RunPass(graph, entry, all, Residency(params, packer.planes()), placement);
  }
  return placement;
}

}  // namespace triptych::optical
