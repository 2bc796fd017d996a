// Every check on every target.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "emulators/target.h"
#include "tests/emulators/conformance/checks.h"

namespace triptych::conformance {
namespace {

Subject SubjectFor(const TargetEntry& entry) {
  Subject subject;
  subject.name = entry.name;
  for (const Preset& preset : AllPresets()) {
    if (preset.target != entry.name) continue;
    const bool first = preset.name == entry.default_preset;
    subject.presets.insert(
        first ? subject.presets.begin() : subject.presets.end(), preset);
  }
  subject.make = [](const Preset& preset,
                    std::span<const std::string> overrides) {
    return MakeTarget(
        std::string(preset.target) + ":" + std::string(preset.name), overrides);
  };
  return subject;
}

TEST_CASE("conformance") {
  for (const TargetEntry& entry : AllTargets()) {
    const Subject subject = SubjectFor(entry);
    for (const Check& check : AllChecks()) {
      const std::string title =
          std::string(entry.name) + ": " + std::string(check.rule);
      SUBCASE(title.c_str()) {
        CAPTURE(title);
        const Findings findings = check.run(subject);
        for (const std::string& finding : findings) MESSAGE(finding);
        CHECK(findings.empty());
      }
    }
  }
}

}  // namespace
}  // namespace triptych::conformance
