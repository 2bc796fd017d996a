// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/network/torus.h"

#include <algorithm>
#include <array>
#include <set>

#include "kernels/base/check.h"

namespace triptych::mesh {

Torus::Torus(int32_t cols, int32_t rows, HopCycles cycles)
    : cols_(cols), rows_(rows), cycles_(cycles) {
  TRIPTYCH_CHECK(cols >= 1 && rows >= 1, "cols", cols, "rows", rows);
}

int64_t Torus::links() const {
  return int64_t{kNocs} * cols_ * rows_ * kLinkKinds;
}

bool Torus::Holds(Place place) const {
  return place.x >= 0 && place.x < cols_ && place.y >= 0 && place.y < rows_;
}

LinkId Torus::Link(int noc, Place at, LinkKind kind) const {
  TRIPTYCH_DCHECK(Holds(at) && noc >= 0 && noc < kNocs, "x", at.x, "y", at.y);
  const int32_t router = (noc * rows_ + at.y) * cols_ + at.x;
  return static_cast<LinkId>(router * kLinkKinds + static_cast<int>(kind));
}

Place Torus::Next(int noc, Place at, LinkKind kind) const {
  const int32_t step = noc == 0 ? 1 : -1;
  if (kind == LinkKind::kX) return {(at.x + step + cols_) % cols_, at.y};
  return {at.x, (at.y + step + rows_) % rows_};
}

int32_t Torus::Distance(int noc, Place from, Place to) const {
  const int32_t step = noc == 0 ? 1 : -1;
  const int32_t dx = (step * (to.x - from.x) % cols_ + cols_) % cols_;
  const int32_t dy = (step * (to.y - from.y) % rows_ + rows_) % rows_;
  return dx + dy;
}

double Torus::HeadCycles(int noc, Place from, Place to) const {
  return 2 * cycles_.interface + cycles_.router * Distance(noc, from, to);
}

std::vector<Hop> Torus::Route(int noc, Place from, Place to,
                              bool respond) const {
  TRIPTYCH_CHECK(Holds(from) && Holds(to), "x", to.x, "y", to.y);
  std::vector<Hop> way;
  if (respond) way.push_back({Link(noc, from, LinkKind::kRespond), 0, false});
  way.push_back({Link(noc, from, LinkKind::kInject), 0, false});
  double offset = cycles_.interface;
  Place at = from;
  std::array order = {LinkKind::kX, LinkKind::kY};
  if (noc != 0) std::swap(order[0], order[1]);
  for (const LinkKind kind : order) {
    bool wrapped = false;
    while (kind == LinkKind::kX ? at.x != to.x : at.y != to.y) {
      way.push_back({Link(noc, at, kind), offset, wrapped});
      const Place next = Next(noc, at, kind);
      const int32_t moved = next.x - at.x + next.y - at.y;
      wrapped |= noc == 0 ? moved < 0 : moved > 0;
      at = next;
      offset += cycles_.router;
    }
  }
  way.push_back({Link(noc, to, LinkKind::kEject), offset, false});
  return way;
}

std::vector<Hop> Torus::Tree(int noc, Place from,
                             std::span<const Place> to) const {
  std::vector<Hop> tree;
  std::set<LinkId> seen;
  for (const Place& end : to) {
    for (const Hop& hop : Route(noc, from, end, false)) {
      if (seen.insert(hop.link).second) tree.push_back(hop);
    }
  }
  std::stable_sort(tree.begin(), tree.end(), [](const Hop& a, const Hop& b) {
    return a.offset < b.offset;
  });
  return tree;
}

}  // namespace triptych::mesh
