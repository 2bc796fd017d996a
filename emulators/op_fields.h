// Fields of an OpSpec: one row of a published table, or what `op` was given.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OP_FIELDS_H_
#define TRIPTYCH_EMULATORS_OP_FIELDS_H_

#include <string_view>

#include "emulators/target.h"
#include "kernels/base/result.h"

namespace triptych {

// Errors are kInvalid with the key; the caller knows the file and the line.
Result<std::string_view> TextOf(const OpSpec& spec, std::string_view key);
// Finite.
Result<double> NumberOf(const OpSpec& spec, std::string_view key);
Result<double> ParseNumber(std::string_view key, std::string_view text);
// The field, or `otherwise` where the row does not state it.
std::string_view TextOr(const OpSpec& spec, std::string_view key,
                        std::string_view otherwise);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_OP_FIELDS_H_
