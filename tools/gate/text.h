// What a model is scored on: a text of the user's, or one that the reference
// writes itself.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GATE_TEXT_H_
#define TRIPTYCH_TOOLS_GATE_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "emulators/accuracy.h"
#include "kernels/base/result.h"
#include "tools/cli/model_source.h"

namespace triptych::gate {

struct TextSource {
  std::string file;           // "": the reference writes self_tokens tokens
  int64_t self_tokens = 256;  // 1 and up
  uint64_t self_seed = 0;
  std::string protocol = "story";  // or "llama.cpp"; of a file
  int64_t context = 256;           // tokens of a chunk of llama.cpp's
};

// Errors: a file that cannot be read or has nothing to score, a model without
// weights or, for a file, without a tokenizer; located.
Result<std::vector<Segment>> SegmentsOf(const cli::Model& model,
                                        const TextSource& source,
                                        const TokensDone& tell = {});

// Of the tokens and of what is scored: equal for equal texts.
uint64_t DigestOf(const std::vector<Segment>& segments);

}  // namespace triptych::gate

#endif  // TRIPTYCH_TOOLS_GATE_TEXT_H_
