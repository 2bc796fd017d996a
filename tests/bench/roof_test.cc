// Which measured bandwidth a roof is made of.
// SPDX-License-Identifier: Apache-2.0
#include "bench/roof.h"

#include <doctest/doctest.h>

#include "bench/machine.h"

namespace triptych::bench {
namespace {

constexpr DType kDtype = DType::kF32;

TEST_CASE(
    "a roof is that of the level, and of L1 for what goes through again") {
  const Bytes set(CacheSize(2).value / 2);
  Roof roof;
  const Ceiling once = roof.Over({.flops = Flops(0), .bytes = set}, kDtype, 1);
  CHECK(once.level == "L2");
  CHECK(once.bound == "L2");
  CHECK(once.seconds == set.value / once.bandwidth.value);
  // As often as that, L1 takes longer.
  const ProblemWork often = {
      .flops = Flops(0), .bytes = set, .again = Bytes(100 * set.value)};
  const Ceiling again = roof.Over(often, kDtype, 1);
  CHECK(again.level == "L2");
  CHECK(again.bound == "L1");
  CHECK(again.seconds > 10 * once.seconds);
}

TEST_CASE("a roof is that of the mix of reads and writes") {
  const size_t set = CacheSize(1).value / 2;
  const auto bandwidth = [set](Roof& roof, double written) {
    return roof
        .Over({.flops = Flops(0),
               .bytes = Bytes(set),
               .written = Bytes(
                   static_cast<uint64_t>(written * static_cast<double>(set)))},
              kDtype, 1)
        .bandwidth.value;
  };
  // Kept once measured, so equal is the same mix.
  Roof roof;
  CHECK(bandwidth(roof, 0.02) == bandwidth(roof, 0));
  CHECK(bandwidth(roof, 0.52) == bandwidth(roof, 0.5));
  CHECK(bandwidth(roof, 0.9) == bandwidth(roof, 0.8));
  CHECK(bandwidth(roof, 0.5) != bandwidth(roof, 0));
  CHECK(bandwidth(roof, 0.3) != bandwidth(roof, 0.5));
}

}  // namespace
}  // namespace triptych::bench
