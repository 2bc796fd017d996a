// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/validation/row.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <vector>

namespace triptych::optical {

Result<std::string_view> TextOf(const OpSpec& spec, std::string_view key) {
  const auto at = spec.find(key);
  if (at != spec.end()) return std::string_view(at->second);
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("optical: {}: is missing", key));
}

std::string_view TextOr(const OpSpec& spec, std::string_view key,
                        std::string_view otherwise) {
  const auto at = spec.find(key);
  return at == spec.end() ? otherwise : std::string_view(at->second);
}

Result<double> NumberOf(const OpSpec& spec, std::string_view key) {
  TRIPTYCH_ASSIGN(const std::string_view text, TextOf(spec, key));
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && std::isfinite(value)) {
    return value;
  }
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("optical: {}: \"{}\" is no number", key, text));
}

std::unexpected<Error> NotPredicted(std::string_view key,
                                    std::string_view value,
                                    std::string_view why) {
  return MakeError(
      ErrorCode::kUnsupported,
      fmt::format("optical: {}: \"{}\" is not predicted: {}", key, value, why));
}

Result<double> Pick(std::string_view key, std::string_view name,
                    std::span<const Named> all) {
  std::vector<std::string_view> names;
  for (const Named& one : all) {
    if (one.name == name) return one.value;
    names.push_back(one.name);
  }
  return NotPredicted(key, name,
                      fmt::format("known are {}", fmt::join(names, ", ")));
}

}  // namespace triptych::optical
