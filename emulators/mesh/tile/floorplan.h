// Where a chip's tiles and DRAM banks are on its torus.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_FLOORPLAN_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_FLOORPLAN_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "emulators/mesh/network/torus.h"
#include "emulators/mesh/params.h"
#include "emulators/mesh/riscv/baby.h"
#include "kernels/base/result.h"

namespace triptych::mesh::tile {

// A tile of the grid, from the top left.
struct Coordinates {
  int32_t col = 0, row = 0;
  friend bool operator==(const Coordinates&, const Coordinates&) = default;
};

// The size of a grid as users write it, "13x10": columns and rows, each 1 to
// 255.
std::optional<Coordinates> GridFromText(std::string_view text);

class Floorplan {
 public:
  // The first cols x rows worker columns and rows; an error if the chip has
  // fewer.
  static Result<Floorplan> Make(const Params& params, int32_t cols,
                                int32_t rows);

  riscv::Machine machine() const { return machine_; }
  int32_t cols() const { return static_cast<int32_t>(xs_.size()); }
  int32_t rows() const { return static_cast<int32_t>(ys_.size()); }
  size_t tiles() const { return xs_.size() * ys_.size(); }
  // Row by row.
  size_t IndexOf(Coordinates at) const {
    return static_cast<size_t>(at.row) * xs_.size() +
           static_cast<size_t>(at.col);
  }
  Coordinates CoordinatesOf(size_t tile) const {
    return {static_cast<int32_t>(tile % xs_.size()),
            static_cast<int32_t>(tile / xs_.size())};
  }
  Place PlaceOf(size_t tile) const {
    const Coordinates at = CoordinatesOf(tile);
    return {xs_[static_cast<size_t>(at.col)], ys_[static_cast<size_t>(at.row)]};
  }
  const std::vector<Place>& banks() const { return banks_; }
  // Of the router at a place, if it has one.
  std::optional<size_t> TileAt(Place place) const;
  std::optional<size_t> BankAt(Place place) const;

 private:
  riscv::Machine machine_ = riscv::Machine::kBlackhole;
  std::vector<int32_t> xs_, ys_;
  std::vector<Place> banks_;
};

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_FLOORPLAN_H_
