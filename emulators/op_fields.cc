// SPDX-License-Identifier: Apache-2.0
#include "emulators/op_fields.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace triptych {

Result<std::string_view> TextOf(const OpSpec& spec, std::string_view key) {
  const auto at = spec.find(key);
  if (at != spec.end()) return std::string_view(at->second);
  return MakeError(ErrorCode::kInvalid, fmt::format("{}: is missing", key));
}

std::string_view TextOr(const OpSpec& spec, std::string_view key,
                        std::string_view otherwise) {
  const auto at = spec.find(key);
  return at == spec.end() ? otherwise : std::string_view(at->second);
}

Result<double> ParseNumber(std::string_view key, std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && std::isfinite(value)) {
    return value;
  }
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}: \"{}\" is no number", key, text));
}

Result<double> NumberOf(const OpSpec& spec, std::string_view key) {
  TRIPTYCH_ASSIGN(const std::string_view text, TextOf(spec, key));
  return ParseNumber(key, text);
}

}  // namespace triptych
