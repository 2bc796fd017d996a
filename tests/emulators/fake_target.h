// A machine made for tests: small enough to predict by hand, and able to
// break every rule that the conformance suite checks, one at a time.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_FAKE_TARGET_H_
#define TRIPTYCH_TESTS_EMULATORS_FAKE_TARGET_H_

#include <cstdint>
#include <memory>
#include <string>

#include "emulators/target.h"

namespace triptych {

enum class Fault : uint8_t {
  kNone,
  kWrongOutput,    // one output of each product is off by 5 %
  kLostFlops,      // charges one flop too few
  kLostBytes,      // charges half of the weights' bytes
  kTooFast,        // ends ten times too early
  kOverlap,        // two charges of one unit at the same time
  kBusyTwice,      // a unit that is busy twice as long as the run takes
  kThreadsMatter,  // charges depend on the thread count
  kForgetsSeed,    // noise that differs from run to run
  kTimingDiffers,  // a timing-only run charges something else
  kMoreIsSlower,   // twice the bandwidth takes longer
  kNoSource,       // an action whose energy nobody stands for
  kTakesAnything,  // a configuration that should be an error is none
};

// Products of weights run natively, in f32 with A's elements off by up to
// `rounding` of themselves; everything else is the host's.
// Units: kFakeArray, kFakeDram.
inline constexpr UnitId kFakeArray{kHostUnits}, kFakeDram{kHostUnits + 1};

struct FakeParams {
  double gflops = 100;
  double dram_gb_per_s = 10;
  double energy_flop_pj = 1;
  HostParams host;
  template <class Self, class V>
  static void Visit(Self& p, V&& v) {
    v("array.gflops", p.gflops, 1, 1e6, "rate of products, GFLOP/s");
    v("dram.gb_per_s", p.dram_gb_per_s, 0.1, 1e5, "memory, GB/s");
    v("array.energy_flop_pj", p.energy_flop_pj, 0, 1e6, "energy a flop, pJ");
    VisitHost(p.host, v);
  }
};

// The preset's text: every number with a source.
std::string FakePreset();

Result<std::unique_ptr<Target>> MakeFake(const Config& config,
                                         Fault fault = Fault::kNone);

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_EMULATORS_FAKE_TARGET_H_
