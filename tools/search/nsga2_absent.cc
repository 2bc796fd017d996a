// In the place of nsga2.cc where there is no pagmo2.
// SPDX-License-Identifier: Apache-2.0
#include "tools/search/nsga2.h"

namespace triptych::search {

bool HasNsga2() { return false; }

Result<Found> Nsga2(std::span<const Axis>, std::span<const sweep::Objective>,
                    const Evaluate&, const Options&) {
  return MakeError(ErrorCode::kUnsupported,
                   "guided search: this build has no pagmo2; install "
                   "libpagmo-dev and configure again, or drive the search "
                   "from outside by ask and tell");
}

}  // namespace triptych::search
