// A build of `triptych` with a fault in it, as far as `triptych gate --new`
// asks a build for anything: `gate SUITE --measure FILE --threads N`.
// The fault is in $TRIPTYCH_TEST_FAULT: "none", "lost", "byte" or "slow" (the
// host sleeps), always in ffn.up of layer 1.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "tests/gate/faults.h"
#include "tools/gate/measure.h"
#include "tools/gate/results.h"
#include "tools/gate/suite.h"

namespace triptych::gate {
namespace {

int Run(const std::string& suite_path, const std::string& out,
        std::string_view fault) {
  const auto suite = ReadSuite(suite_path);
  if (!suite) return 2;
  MeasureOptions options;
  options.compile = [&](const Target& target) {
    if (fault == "slow") {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    const Seeded seeded = fault == "lost"   ? Seeded::kLostTile
                          : fault == "byte" ? Seeded::kExtraByte
                                            : Seeded::kNone;
    return WithFault(target, seeded, "ffn.up", 1);
  };
  const auto results = Measure(*suite, options);
  if (!results) return 2;
  std::ofstream(out) << BaselineText(*results, /*with_host_times=*/true);
  return 0;
}

}  // namespace
}  // namespace triptych::gate

int main(int argc, char** argv) {
  const char* fault = std::getenv("TRIPTYCH_TEST_FAULT");
  const bool asked = argc >= 5 && std::string_view(argv[1]) == "gate" &&
                     std::string_view(argv[3]) == "--measure";
  if (!asked || fault == nullptr) {
    std::fputs("faulty_triptych: not asked as expected\n", stderr);
    return 3;
  }
  return triptych::gate::Run(argv[2], argv[4], fault);
}
