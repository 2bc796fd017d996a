// What `bench` measured, as tables, as JSON and as a picture.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_BENCH_REPORT_H_
#define TRIPTYCH_TOOLS_CLI_BENCH_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/comparison.h"
#include "bench/machine.h"
#include "bench/peers/peer.h"
#include "bench/roof.h"
#include "kernels/variants.h"

namespace triptych::cli {

// One variant and what came of it.
struct BenchJob {
  Variant variant;
  std::vector<bench::OpenPeer> peers;
  std::vector<bench::Outcome> outcomes;
};

// A whole run. The machine's state before and after says whether it held
// still meanwhile.
struct BenchRun {
  bench::Machine machine;
  bench::Conditions conditions;
  bench::Calibration before, after;
  std::vector<bench::Recheck> rechecks;  // of the bandwidths at the end
  std::vector<BenchJob> jobs;

  bool Steady() const;
  // Of all values that were checked.
  bool Right() const;
};

std::string TextOf(const BenchRun& run);

// An array with a row for each shape and peer, or each shape without peers.
nlohmann::json ToJson(const BenchRun& run);

// An SVG file: every shape under the roof that bounds it, so that its distance
// is what `of roof` says.
std::string RooflineSvg(const BenchRun& run);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_BENCH_REPORT_H_
