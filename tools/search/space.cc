// SPDX-License-Identifier: Apache-2.0
#include "tools/search/space.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

namespace triptych::search {
namespace {

std::unexpected<Error> Fail(const Axis& axis, std::string_view what) {
  return MakeError(ErrorCode::kInvalid, fmt::format("{}: {}", axis.name, what));
}

Status CheckAxis(const Axis& axis) {
  if (axis.kind == AxisKind::kChoice) {
    if (axis.choices.empty()) return Fail(axis, "no choices; allowed is one");
    return {};
  }
  if (!std::isfinite(axis.low) || !std::isfinite(axis.high) ||
      axis.low > axis.high) {
    return Fail(axis, fmt::format("from {} to {}: allowed are finite ends, "
                                  "the lower one first",
                                  axis.low, axis.high));
  }
  if (axis.kind == AxisKind::kWhole && (axis.low != std::floor(axis.low) ||
                                        axis.high != std::floor(axis.high))) {
    return Fail(axis, "whole numbers: allowed are ends that are whole");
  }
  if (axis.log && axis.low <= 0) {
    return Fail(axis, "by its logarithm: allowed are ends above 0");
  }
  return {};
}

}  // namespace

std::string_view NameOf(AxisKind kind) {
  constexpr std::string_view kNames[] = {"continuous", "whole", "choice"};
  return kNames[static_cast<size_t>(kind)];
}

std::string AllowedText(const Axis& axis) {
  if (axis.kind == AxisKind::kChoice) {
    return fmt::format("{}", fmt::join(axis.choices, ", "));
  }
  return fmt::format("{}[{}, {}]",
                     axis.kind == AxisKind::kWhole ? "whole numbers in " : "",
                     axis.low, axis.high);
}

Status CheckSpace(std::span<const Axis> axes) {
  if (axes.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     "nothing to search: allowed is one axis or more");
  }
  std::set<std::string_view> names;
  for (const Axis& axis : axes) {
    TRIPTYCH_TRY(CheckAxis(axis));
    if (!names.insert(axis.name).second) {
      return Fail(axis, "twice; allowed is once");
    }
  }
  return {};
}

Status CheckValue(const Axis& axis, double value) {
  const bool choice = axis.kind == AxisKind::kChoice;
  const double low = choice ? 0 : axis.low;
  const double high =
      choice ? static_cast<double>(axis.choices.size()) - 1 : axis.high;
  const bool whole =
      axis.kind == AxisKind::kContinuous || value == std::floor(value);
  if (value >= low && value <= high && whole) return {};
  return Fail(axis, fmt::format("{}: allowed: {}", value, AllowedText(axis)));
}

}  // namespace triptych::search
