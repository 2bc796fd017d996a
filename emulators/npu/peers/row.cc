// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/peers/row.h"

#include <fmt/format.h>

#include <cmath>

namespace triptych::npu {

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
