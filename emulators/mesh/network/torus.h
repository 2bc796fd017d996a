// The two 2-D tori of a mesh chip and the ways through them.
//
// NoC 0 goes right along the row, then down the column; NoC 1 goes up the
// column, then left along the row: one direction in each dimension, one turn,
// wrapping at the edges. Requests, data and responses of a NoC all keep to its
// rule, so that a round trip passes a whole ring of every dimension it enters
// (tenstorrent/tt-isa-documentation, NoC/README and RoutingPaths).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_NETWORK_TORUS_H_
#define TRIPTYCH_EMULATORS_MESH_NETWORK_TORUS_H_

#include <cstdint>
#include <span>
#include <vector>

namespace triptych::mesh {

inline constexpr int kNocs = 2;

// A router: column from the left, row from the top, both from 0, the same for
// both NoCs.
struct Place {
  int32_t x = 0, y = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

// A link, or a part of a network interface, by number.
using LinkId = uint32_t;

// What a router's links are for.
enum class LinkKind : uint8_t {
  kRespond,  // the interface's server of read requests
  kInject,   // interface to router
  kX,        // router to router along the row
  kY,        // router to router along the column
  kEject,    // router to interface
};
inline constexpr int kLinkKinds = 5;

// One step of a way: a link, how many cycles after the first step a message
// that nothing stops gets there (in units the caller gave), and whether it
// has passed the edge of the torus in this dimension: beyond the edge it is
// on a virtual channel of its own, or rings of waiting packets would close.
struct Hop {
  LinkId link = 0;
  double offset = 0;
  bool wrapped = false;
};

struct HopCycles {
  double interface = 5;  // interface to router, and router to interface
  double router = 9;     // router to router
};

// Immutable; safe to share between threads.
class Torus {
 public:
  // cols, rows >= 1.
  Torus(int32_t cols, int32_t rows, HopCycles cycles);

  int32_t cols() const { return cols_; }
  int32_t rows() const { return rows_; }
  const HopCycles& cycles() const { return cycles_; }
  int64_t links() const;
  bool Holds(Place place) const;
  LinkId Link(int noc, Place at, LinkKind kind) const;

  // Router-to-router steps from one place to another.
  int32_t Distance(int noc, Place from, Place to) const;
  // Cycles for the head of a message between two interfaces.
  double HeadCycles(int noc, Place from, Place to) const;

  // Interface to interface. `respond` puts the server of reads first.
  std::vector<Hop> Route(int noc, Place from, Place to, bool respond) const;
  // The tree of the routes to all of `to`, each link once, in the order in
  // which a message reaches them.
  std::vector<Hop> Tree(int noc, Place from, std::span<const Place> to) const;

 private:
  Place Next(int noc, Place at, LinkKind kind) const;

  int32_t cols_, rows_;
  HopCycles cycles_;
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_NETWORK_TORUS_H_
