// A text that a model writes itself: accuracy without data.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_OWN_TEXT_H_
#define TRIPTYCH_TOOLS_CLI_OWN_TEXT_H_

#include <cstdint>
#include <vector>

#include "emulators/accuracy.h"
#include "tools/cli/model_source.h"

namespace triptych::cli {

// `tokens` tokens drawn by the f64 reference, in segments no longer than the
// model was made for; segment i is drawn with seed + i. The model has weights.
// Errors: those of SelfSegments.
Result<std::vector<Segment>> OwnSegments(const Model& model, int64_t tokens,
                                         uint64_t seed,
                                         const TokensDone& tell = {});

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_OWN_TEXT_H_
