// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/own_text.h"

#include <algorithm>

namespace triptych::cli {

Result<std::vector<Segment>> OwnSegments(const Model& model, int64_t tokens,
                                         uint64_t seed,
                                         const TokensDone& tell) {
  const Tokenizer& tokenizer = model.file.tokenizer;
  const int32_t bos = tokenizer.empty() ? 1 : tokenizer.start();
  const int64_t longest = model.file.config.context - 1;  // and BOS
  std::vector<Segment> segments;
  for (int64_t left = tokens; left > 0; left -= longest) {
    TRIPTYCH_ASSIGN(
        const auto more,
        SelfSegments(model.graph, *model.weights, bos, std::min(left, longest),
                     seed + segments.size(), tell));
    segments.insert(segments.end(), more.begin(), more.end());
  }
  return segments;
}

}  // namespace triptych::cli
