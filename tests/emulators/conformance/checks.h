// What every target has to keep to. Each check looks for one kind of lie and
// returns what it found: nothing means that the target conforms. Any target
// can be checked, so that the suite itself is tested with a fake that lies
// (self_test.cc).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_CONFORMANCE_CHECKS_H_
#define TRIPTYCH_TESTS_EMULATORS_CONFORMANCE_CHECKS_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/target.h"
#include "kernels/base/result.h"

namespace triptych::conformance {

// A target under test: its presets, the default one first, and how to make
// it from one of them with overrides.
struct Subject {
  std::string name;
  std::vector<Preset> presets;
  std::function<Result<std::unique_ptr<Target>>(const Preset&,
                                                std::span<const std::string>)>
      make;
};
// From the default preset; aborts if that does not load.
std::unique_ptr<Target> MakeDefault(const Subject& subject);

using Findings = std::vector<std::string>;

struct Check {
  std::string_view name, rule;
  Findings (*run)(const Subject&);
};
std::span<const Check> AllChecks();

// values.cc
Findings CheckOperators(const Subject&);
Findings CheckNetwork(const Subject&);
Findings CheckRepeats(const Subject&);

// costs.cc
Findings CheckFlops(const Subject&);
Findings CheckBytes(const Subject&);
Findings CheckRoofline(const Subject&);
Findings CheckUnits(const Subject&);
Findings CheckTimingOnly(const Subject&);
Findings CheckResources(const Subject&);
Findings CheckSources(const Subject&);

// configs.cc
Findings CheckPresets(const Subject&);
Findings CheckBadConfigs(const Subject&);

}  // namespace triptych::conformance

#endif  // TRIPTYCH_TESTS_EMULATORS_CONFORMANCE_CHECKS_H_
