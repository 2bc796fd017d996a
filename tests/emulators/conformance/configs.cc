// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "tests/emulators/conformance/checks.h"

namespace triptych::conformance {
namespace {

// An assignment that cannot be right, whatever the parameter's kind.
std::string BadAssignment(const ParamInfo& param) {
  const bool number = param.allowed.find("..") != std::string::npos;
  return param.key + (number ? "=1e300" : "=no-such-choice");
}

}  // namespace

Findings CheckPresets(const Subject& subject) {
  Findings findings;
  for (const Preset& preset : subject.presets) {
    const auto config = Config::Parse(preset.text, preset.file);
    if (!config) {
      findings.push_back(config.error().message);
      continue;
    }
    for (const auto& [key, entry] : config->entries()) {
      if (entry.provenance->source.empty()) {
        findings.push_back(entry.where + ": " + key + ": no source");
      }
    }
    const auto target = subject.make(preset, {});
    if (!target) findings.push_back(target.error().message);
  }
  return findings;
}

Findings CheckBadConfigs(const Subject& subject) {
  Findings findings;
  const auto expect = [&](const std::string& set, std::string_view key) {
    const auto target =
        subject.make(subject.presets[0], std::vector<std::string>{set});
    if (target) {
      findings.push_back(set + " is taken without a word");
      return;
    }
    const std::string& message = target.error().message;
    if (!message.starts_with(fmt::format("--set: {}: ", key)) ||
        message.find("allowed") == std::string::npos) {
      findings.push_back(set + " gives: " + message);
    }
  };
  const auto target = MakeDefault(subject);
  for (const ParamInfo& param : target->params().params()) {
    expect(BadAssignment(param), param.key);
  }
  expect("no_such_key=1", "no_such_key");
  return findings;
}

}  // namespace triptych::conformance
