// Weights that stay in L1, as long as there is room.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/lower.h"
#include "emulators/mesh/matmul_plan.h"
#include "emulators/mesh/sharding.h"
#include "emulators/mesh/tile.h"

namespace triptych::mesh {

int64_t Sharding::Keep(const Params& params) {
  const int64_t room = params.l1_free() - kLeastBufferBytes;
  int64_t left_out = 0;
  for (const Node& node : graph_.nodes()) {
    Share& share = shares_[node.id];
    const auto product = ResidentProduct(params, graph_, node, share);
    if (!product) continue;
    const int64_t bytes = ResidentCoreBytes(params, *product);
    if (resident_bytes_ + bytes > room) {
      ++left_out;
      continue;
    }
    share.resident = bytes;
    resident_bytes_ += bytes;
  }
  return left_out;
}

}  // namespace triptych::mesh
