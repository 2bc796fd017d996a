// The suite itself: an honest fake passes every check, and each check catches
// a fake that lies about what it looks for.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/emulators/conformance/checks.h"
#include "tests/emulators/fake_target.h"

namespace triptych::conformance {
namespace {

Subject FakeSubject(Fault fault, std::string_view text) {
  Subject subject;
  subject.name = "fake";
  subject.presets = {{"fake", "test", "fake.toml", text}};
  subject.make = [fault](const Preset& preset,
                         std::span<const std::string> overrides)
      -> Result<std::unique_ptr<Target>> {
    TRIPTYCH_ASSIGN(Config config, Config::Parse(preset.text, preset.file));
    for (const std::string& set : overrides) TRIPTYCH_TRY(config.Set(set));
    return MakeFake(config, fault);
  };
  return subject;
}

const Check& Find(std::string_view name) {
  return *std::ranges::find(AllChecks(), name, &Check::name);
}

struct Lie {
  Fault fault;
  std::string_view caught_by;
};
constexpr Lie kLies[] = {
    {Fault::kWrongOutput, "operators"},
    {Fault::kWrongOutput, "network"},
    {Fault::kThreadsMatter, "repeats"},
    {Fault::kForgetsSeed, "repeats"},
    {Fault::kLostFlops, "flops"},
    {Fault::kLostBytes, "bytes"},
    {Fault::kTooFast, "roofline"},
    {Fault::kOverlap, "units"},
    {Fault::kBusyTwice, "units"},
    {Fault::kTimingDiffers, "timing-only"},
    {Fault::kMoreIsSlower, "resources"},
    {Fault::kNoSource, "sources"},
    {Fault::kTakesAnything, "bad-configs"},
};

TEST_CASE("an honest target passes") {
  const std::string preset = FakePreset();
  const Subject subject = FakeSubject(Fault::kNone, preset);
  for (const Check& check : AllChecks()) {
    CAPTURE(check.name);
    for (const std::string& finding : check.run(subject)) FAIL_CHECK(finding);
  }
}

TEST_CASE("every lie is caught") {
  const std::string preset = FakePreset();
  for (const Lie& lie : kLies) {
    CAPTURE(lie.caught_by);
    CAPTURE(static_cast<int>(lie.fault));
    const Subject subject = FakeSubject(lie.fault, preset);
    CHECK_FALSE(Find(lie.caught_by).run(subject).empty());
  }
}

TEST_CASE("presets that do not load or say no source are caught") {
  const std::string preset = FakePreset();
  for (const char* line :
       {"[array]\ngflops = 100\n",                           // no source
        "[array]\nflops = { value = 1, source = \"x\" }\n",  // no such key
        "[array]\ngflops = \n"}) {                           // not TOML
    Subject subject = FakeSubject(Fault::kNone, preset);
    subject.presets.push_back({"fake", "other", "other.toml", line});
    CHECK(Find("presets").run(subject).size() == 1);
  }
}

TEST_CASE("every check has a lie that it catches") {
  std::set<std::string_view> checks = {"presets"};
  for (const Lie& lie : kLies) checks.insert(lie.caught_by);
  for (const Check& check : AllChecks()) {
    CAPTURE(check.name);
    CHECK(checks.contains(check.name));
  }
}

}  // namespace
}  // namespace triptych::conformance
