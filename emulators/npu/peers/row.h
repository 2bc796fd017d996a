// Fields of one row of a published table.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PEERS_ROW_H_
#define TRIPTYCH_EMULATORS_NPU_PEERS_ROW_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "emulators/op_fields.h"
#include "kernels/base/result.h"

namespace triptych::npu {

// Whole, 1 to 1e9. Errors are kInvalid with the key and what is allowed; the
// caller knows the file and the line.
Result<int64_t> CountOf(const OpSpec& spec, std::string_view key);
Result<int64_t> ParseCount(std::string_view key, std::string_view text);

// kUnsupported: "npu: op: "conv" is not predicted; predicted are a, b".
std::unexpected<Error> NotPredicted(std::string_view key,
                                    std::string_view value,
                                    std::string_view predicted);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PEERS_ROW_H_
