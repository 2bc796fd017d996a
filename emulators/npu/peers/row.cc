// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/peers/row.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace triptych::npu {
namespace {

Result<double> ParseNumber(std::string_view key, std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && std::isfinite(value)) {
    return value;
  }
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("npu: {}: \"{}\" is no number", key, text));
}

}  // namespace

Result<std::string_view> TextOf(const OpSpec& spec, std::string_view key) {
  const auto at = spec.find(key);
  if (at != spec.end()) return std::string_view(at->second);
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("npu: {}: is missing", key));
}

std::string_view TextOr(const OpSpec& spec, std::string_view key,
                        std::string_view otherwise) {
  const auto at = spec.find(key);
  return at == spec.end() ? otherwise : std::string_view(at->second);
}

Result<double> NumberOf(const OpSpec& spec, std::string_view key) {
  TRIPTYCH_ASSIGN(const std::string_view text, TextOf(spec, key));
  return ParseNumber(key, text);
}

Result<int64_t> ParseCount(std::string_view key, std::string_view text) {
  TRIPTYCH_ASSIGN(const double value, ParseNumber(key, text));
  if (value >= 1 && value <= 1e9 && value == std::floor(value)) {
    return static_cast<int64_t>(value);
  }
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("npu: {}: {} is not allowed; allowed a whole number from 1 "
                  "to 1e9",
                  key, value));
}

Result<int64_t> CountOf(const OpSpec& spec, std::string_view key) {
  TRIPTYCH_ASSIGN(const std::string_view text, TextOf(spec, key));
  return ParseCount(key, text);
}

std::unexpected<Error> NotPredicted(std::string_view key,
                                    std::string_view value,
                                    std::string_view predicted) {
  return MakeError(ErrorCode::kUnsupported,
                   fmt::format("npu: {}: \"{}\" is not predicted; predicted "
                               "are {}",
                               key, value, predicted));
}

}  // namespace triptych::npu
