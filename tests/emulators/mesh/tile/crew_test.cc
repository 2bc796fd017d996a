// Lists that threads go through together: everything once, before it returns.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/crew.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace triptych::mesh::tile {
namespace {

TEST_CASE("a crew does all of every list, once, and is done when it says so") {
  constexpr size_t kLists = 400, kLongest = 70;
  for (const int threads : {1, 2, 3}) {
    Crew crew;
    // The second time helpers come back.
    for (int time = 0; time < 2; ++time) {
      std::vector<int> done(kLongest, 0);
      bool right = true;
      crew.Lead(threads, [&] {
        for (size_t list = 0; list < kLists; ++list) {
          const size_t count = list % kLongest;
          std::ranges::fill(done, 0);
          crew.ForEach(count, [&](size_t i) { ++done[i]; });
          for (size_t i = 0; i < kLongest; ++i) {
            right &= done[i] == (i < count ? 1 : 0);
          }
        }
      });
      CHECK(right);
    }
  }
}

}  // namespace
}  // namespace triptych::mesh::tile
