// Fields of one row of a published table.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_ROW_H_
#define TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_ROW_H_

#include <span>
#include <string_view>

#include "emulators/target.h"
#include "kernels/base/result.h"

namespace triptych::optical {

// Errors are kInvalid with the key; the caller knows the file and the line.
Result<std::string_view> TextOf(const OpSpec& spec, std::string_view key);
Result<double> NumberOf(const OpSpec& spec, std::string_view key);
// The field, or `otherwise` where the row does not state it.
std::string_view TextOr(const OpSpec& spec, std::string_view key,
                        std::string_view otherwise);

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
