// Who sends how much over which link of an on-chip network, and what its
// tiles compute: for pictures of a run, beside the ledger, which has totals.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_TRAFFIC_H_
#define TRIPTYCH_EMULATORS_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/base/units.h"

namespace triptych {

enum class RouterKind : uint8_t { kRouter, kTile, kDram };
constexpr std::string_view RouterKindName(RouterKind kind) {
  constexpr std::string_view kNames[] = {"router", "tile", "dram"};
  return kNames[static_cast<size_t>(kind)];
}

// A torus of routers. Vectors hold a value a router, row by row. Bytes may be
// broken: transfers that are spread evenly are so exactly.
struct Traffic {
  int64_t columns = 0, rows = 0;
  std::vector<RouterKind> kinds;
  // Over the link to the next router of the row, and of the column; those of
  // the last lead to the first.
  std::vector<double> right, down;
  std::vector<double> received;  // into memory at the router
  std::vector<double> macs;      // multiply-adds there, padding included
  // Of all transfers: bytes times the links they pass. Equals the sum of
  // `right` and `down`, a multicast counted once on a link.
  double byte_hops = 0;
  BytesPerSecond link;  // one link, sustained
};

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_TRAFFIC_H_
