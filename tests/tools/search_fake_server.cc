// A server of ask and tell for tests in Python: two axes and a choice, and an
// evaluation that takes no time.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>
#include <iostream>
#include <vector>

#include "tools/search/serve.h"

int main() {
  using triptych::search::Answer;
  using triptych::search::Axis;
  using triptych::search::AxisKind;
  const std::vector<Axis> axes = {
      {"cores", AxisKind::kWhole, 1, 256, true, {}},
      {"clock_hz", AxisKind::kContinuous, 1e8, 2e9, false, {}},
      {"memory", AxisKind::kChoice, 0, 0, false, {"lpddr5", "hbm3"}}};
  const std::vector<triptych::sweep::Objective> objectives = {
      {"seconds", false}, {"watts", false}};
  const auto evaluate =
      [](std::span<const double> x) -> triptych::Result<Answer> {
    const double rate = x[0] * x[1], bandwidth = x[2] == 1 ? 3e12 : 1e11;
    if (rate > 4e11) {
      return triptych::MakeError(triptych::ErrorCode::kInvalid,
                                 "cores: too hot; allowed are 4e11 core Hz");
    }
    return Answer{
        {std::max(1e12 / rate, 1e13 / bandwidth),
         rate * 1e-10 + bandwidth * 1e-11},
        {{"bound", 1e12 / rate > 1e13 / bandwidth ? "cores" : "dram"}}};
  };
  const auto served =
      triptych::search::Serve(std::cin, std::cout, axes, objectives, evaluate);
  if (served) return 0;
  std::fprintf(stderr, "%s\n", served.error().message.c_str());
  return 1;
}
