// Where weights lie, and when planes are loaded.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/plane.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "models/graph.h"

namespace triptych::optical {
namespace {

Params SmallPlanes(int64_t cores) {
  Params p;
  p.plane_rows = 128;
  p.plane_cols = 256;
  p.cores = cores;
  return p;
}

// Each tile's slice-aligned rectangle on its plane, cell by cell of 64 x 64.
void CheckDisjoint(const std::vector<Tile>& tiles, const Params& p) {
  std::set<std::tuple<int64_t, int64_t, int64_t>> taken;
  for (const Tile& tile : tiles) {
    REQUIRE(tile.row % 64 == 0);
    REQUIRE(tile.col % 64 == 0);
    REQUIRE(tile.row + tile.rows() <= p.plane_rows);
    REQUIRE(tile.col + tile.n <= p.plane_cols);
    for (int64_t r = tile.row; r < tile.row + tile.rows(); r += 64) {
      for (int64_t c = tile.col; c < tile.col + tile.n; c += 64) {
        CHECK(taken.insert({tile.plane, r / 64, c / 64}).second);
      }
    }
  }
}

TEST_CASE("Tiles cover a matrix once and never overlap on a plane") {
  for (const int64_t copies : {1, 4}) {
    Params p = SmallPlanes(1);
    p.plane_copies = copies;
    PlanePacker packer(p);
    std::vector<Tile> all;
    for (const auto& [n, k] : std::vector<std::pair<int64_t, int64_t>>{
             {256, 128}, {300, 200}, {10, 20}, {64, 64}, {1, 1}, {700, 30}}) {
      std::vector<Tile> tiles;
      packer.Add(n, k, tiles);
      int64_t area = 0;
      for (const Tile& tile : tiles) {
        CHECK(tile.copies == std::min(copies, p.plane_rows / tile.k));
        area += tile.n * tile.k;
      }
      CHECK(area == n * k);
      all.insert(all.end(), tiles.begin(), tiles.end());
    }
    CheckDisjoint(all, p);
  }
}

TEST_CASE("Small matrices share a plane") {
  const Params p = SmallPlanes(1);
  PlanePacker packer(p);
  std::vector<Tile> tiles;
  for (int i = 0; i < 8; ++i) packer.Add(64, 64, tiles);
  CHECK(packer.planes() == 1);  // 2 x 4 squares of 64
  packer.Add(64, 64, tiles);
  CHECK(packer.planes() == 2);
}

// `layers` products of one whole plane each, as prefill and as decode.
Graph Chain(int layers) {
  GraphBuilder builder("chain");
  const ValueId input = builder.Input("x", {kTokenRows, 128});
  std::vector<ValueId> weights;
  for (int i = 0; i < layers; ++i) {
    weights.push_back(builder.Weight(std::to_string(i), 128, 128));
  }
  for (const Phase phase : {Phase::kPrefill, Phase::kDecode}) {
    const NodeId first = builder.next_node();
    ValueId x = input;
    for (const ValueId w : weights) x = builder.Add("matmul", "m", {x, w});
    builder.AddEntry(phase, first, x);
  }
  Result<Graph> graph = builder.Finish();
  REQUIRE(graph.has_value());
  return std::move(*graph);
}

int64_t Loads(const Graph& graph, Phase phase, const Params& p) {
  int64_t loads = 0;
  const Placement placement = PlaceGraph(graph, p);
  for (const Node& node : graph.NodesOf(*graph.FindEntry(phase))) {
    for (const Tile& tile : placement[node.id]) loads += tile.load;
  }
  return loads;
}

TEST_CASE("Weights that fit stay; those that do not are loaded every pass") {
  const Graph graph = Chain(6);  // two products a plane: three planes
  for (const Phase phase : {Phase::kPrefill, Phase::kDecode}) {
    Params p = SmallPlanes(3);
    CHECK(Loads(graph, phase, p) == 0);
    p.cores = 4;
    CHECK(Loads(graph, phase, p) == 0);
    // Planes 0 and 2 take turns in core 0; plane 1 has core 1 to itself.
    p.cores = 2;
    CHECK(Loads(graph, phase, p) == 2);
    p.cores = 1;
    CHECK(Loads(graph, phase, p) == 3);
    // A second plane in the core makes room for two of three: not enough.
    p.plane_double_buffer = true;
    CHECK(Loads(graph, phase, p) == 3);
    p.cores = 2;
    CHECK(Loads(graph, phase, p) == 0);
  }
}

TEST_CASE("One load serves all products on the plane") {
  const Graph graph = Chain(6);
  const Params p = SmallPlanes(1);
  std::vector<bool> loads;
  const Placement placement = PlaceGraph(graph, p);
  for (const Node& node : graph.NodesOf(*graph.FindEntry(Phase::kPrefill))) {
    for (const Tile& tile : placement[node.id]) loads.push_back(tile.load);
  }
  CHECK(loads == std::vector<bool>{true, false, true, false, true, false});
}

}  // namespace
}  // namespace triptych::optical
