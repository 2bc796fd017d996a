// SPDX-License-Identifier: Apache-2.0
#include "tools/report/material.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace triptych::report {

std::vector<PresetError> ErrorsOf(const Material& material,
                                  const std::string& target,
                                  const std::string& preset) {
  std::vector<PresetError> errors;
  for (const Score& score : material.scores) {
    if (score.target != target) continue;
    PresetError error{score.measure};
    for (const ScoredRow& row : score.rows) {
      if (row.preset != preset || !std::isfinite(row.error_pct)) continue;
      error.mape_pct += std::abs(row.error_pct);
      ++error.rows;
    }
    if (error.rows == 0) continue;
    error.mape_pct /= static_cast<double>(error.rows);
    errors.push_back(error);
  }
  return errors;
}

std::optional<PresetError> TimeErrorOf(const Material& material,
                                       const Machine& machine) {
  // Whole models before operators, operators before single transfers.
  static constexpr std::array<std::string_view, 8> kTimes = {
      "tpot_ms",
      "decode_tokens_per_s_per_user",
      "decode_tokens_per_s",
      "output_tokens_per_s",
      "device_cycles",
      "us",
      "total_cycles",
      "cycles"};
  const auto errors = ErrorsOf(material, machine.target, machine.preset);
  for (const std::string_view measure : kTimes) {
    const auto found =
        std::ranges::find(errors, measure, &PresetError::measure);
    if (found != errors.end()) return *found;
  }
  return std::nullopt;
}

}  // namespace triptych::report
