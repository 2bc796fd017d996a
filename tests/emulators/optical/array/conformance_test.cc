// What every target has to keep to, held by the array: the suite itself runs
// on default presets alone.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "emulators/target.h"
#include "tests/emulators/conformance/checks.h"

namespace triptych::conformance {
namespace {

TEST_CASE("the array conforms") {
  Subject subject;
  subject.name = "optical:dynamic-array";
  for (const Preset& preset : AllPresets()) {
    if (preset.target == "optical" && preset.name == "dynamic-array") {
      subject.presets.push_back(preset);
    }
  }
  REQUIRE(subject.presets.size() == 1);
  subject.make = [](const Preset& preset,
                    std::span<const std::string> overrides) {
    return MakeTarget("optical:" + std::string(preset.name), overrides);
  };
  for (const Check& check : AllChecks()) {
    const std::string title(check.rule);
    SUBCASE(title.c_str()) {
      CAPTURE(title);
      const Findings findings = check.run(subject);
      for (const std::string& finding : findings) MESSAGE(finding);
      CHECK(findings.empty());
    }
  }
}

}  // namespace
}  // namespace triptych::conformance
