// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "emulators/target.h"

namespace triptych {
namespace {

TEST_CASE("timing-only runs are the roofline of the parameters") {
  const std::vector<std::string> sets = {"matrix_gflops=100",
                                         "dram_gb_per_s=10"};
  const auto target = MakeTarget("cpu", sets);
  REQUIRE(target);
  // 2e9 flops at 100 GFLOP/s beat 12 MB at 10 GB/s.
  const auto big = (*target)->Predict(
      "matmul", {{"m", "1000"}, {"n", "1000"}, {"k", "1000"}});
  REQUIRE(big);
  CHECK(big->at("seconds") == doctest::Approx(0.02));
  CHECK(big->at("utilisation") <= 1);
  // A vector does not: 4 MB of weights and 8 kB of vectors.
  const auto thin =
      (*target)->Predict("matmul", {{"m", "1"}, {"n", "1000"}, {"k", "1000"}});
  REQUIRE(thin);
  CHECK(thin->at("seconds") == doctest::Approx(4.008e6 / 1e10));
}

}  // namespace
}  // namespace triptych
