// The box that a search looks in: axes that are continuous, whole or a choice.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SEARCH_SPACE_H_
#define TRIPTYCH_TOOLS_SEARCH_SPACE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"

namespace triptych::search {

enum class AxisKind : uint8_t { kContinuous, kWhole, kChoice };
// "continuous", "whole", "choice".
std::string_view NameOf(AxisKind kind);

struct Axis {
  std::string name;
  AxisKind kind = AxisKind::kContinuous;
  // Both allowed; whole numbers where the kind is.
  double low = 0, high = 1;
  // Searched by its logarithm: for what spans decades. 0 < low.
  bool log = false;
  // Of kChoice, whose values are indices into them; low and high are unused.
  std::vector<std::string> choices;
};

// A value for each axis.
using Point = std::vector<double>;

// "[1, 64]", "4, 6 or 8": for messages.
std::string AllowedText(const Axis& axis);

// Errors: no axes, a name twice, an empty range or choice, ends that are not
// whole, not finite or not positive where they must be.
Status CheckSpace(std::span<const Axis> axes);

// Whether `value` is one of the axis.
Status CheckValue(const Axis& axis, double value);

}  // namespace triptych::search

#endif  // TRIPTYCH_TOOLS_SEARCH_SPACE_H_
