// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/validation/machines.h"

#include <vector>

#include "emulators/optical/array/array.h"
#include "emulators/optical/validation/row.h"

namespace triptych::optical {

Result<array::Params> ArrayPreset(
    std::string_view preset,
    std::initializer_list<std::string_view> overrides) {
  const std::vector<std::string> sets(overrides.begin(), overrides.end());
  const auto source = ReadTarget("optical:" + std::string(preset), sets);
  if (!source) {
    return MakeError(ErrorCode::kUnsupported, source.error().message);
  }
  if (!array::IsArray(source->config)) {
    return NotPredicted("preset", preset, "it is no array");
  }
  array::Params params;
  TRIPTYCH_TRY(LoadParams(source->config, params));
  return params;
}

}  // namespace triptych::optical
