// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/validation/row.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

namespace triptych::optical {

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
