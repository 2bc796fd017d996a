// The table of checks.
// SPDX-License-Identifier: Apache-2.0
#include "tests/emulators/conformance/checks.h"

#include "kernels/base/check.h"

namespace triptych::conformance {
namespace {

constexpr Check kChecks[] = {
    {"operators", "every native operator is within its derived error bound",
     CheckOperators},
    {"network", "logits are as far from the reference as the formats explain",
     CheckNetwork},
    {"repeats", "a seed gives the same outputs and ledger, on any threads",
     CheckRepeats},
    {"flops", "arithmetic actions are the graph's FLOPs", CheckFlops},
    {"bytes", "off-chip bytes are at least the compulsory ones", CheckBytes},
    {"roofline", "no run beats the target's own roofline", CheckRoofline},
    {"units", "a unit does one thing at a time, within the makespan",
     CheckUnits},
    {"timing-only", "runs without values charge what runs with them charge",
     CheckTimingOnly},
    {"resources", "more of a resource never takes longer", CheckResources},
    {"sources", "every action has an energy somebody stands for", CheckSources},
    {"presets", "every preset loads, every number in it has a source",
     CheckPresets},
    {"bad-configs", "what a user gets wrong is an error with a place",
     CheckBadConfigs},
};

}  // namespace

std::unique_ptr<Target> MakeDefault(const Subject& subject) {
  TRIPTYCH_CHECK(!subject.presets.empty(), subject.name);
  auto target = subject.make(subject.presets[0], {});
  TRIPTYCH_CHECK(target.has_value(), subject.name,
                 target ? "" : target.error().message);
  return std::move(*target);
}

std::span<const Check> AllChecks() { return kChecks; }

}  // namespace triptych::conformance
