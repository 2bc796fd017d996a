// Fields of one row of a published table.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_ROW_H_
#define TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_ROW_H_

#include <span>
#include <string_view>

#include "emulators/op_fields.h"
#include "kernels/base/result.h"

namespace triptych::optical {

// kUnsupported: "optical: KEY: "VALUE" is not predicted: WHY".
std::unexpected<Error> NotPredicted(std::string_view key,
                                    std::string_view value,
                                    std::string_view why);

// A number by its name in a table.
struct Named {
  std::string_view name;
  double value = 0;
};
// The one called `name`; NotPredicted with the names that there are.
Result<double> Pick(std::string_view key, std::string_view name,
                    std::span<const Named> all);

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_ROW_H_
