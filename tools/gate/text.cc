// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/text.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "tools/cli/own_text.h"

namespace triptych::gate {
namespace {

Result<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be read");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

Result<std::vector<Segment>> SegmentsOf(const cli::Model& model,
                                        const TextSource& source,
                                        const TokensDone& tell) {
  TRIPTYCH_TRY(cli::CheckWeights(model));
  if (source.file.empty()) {
    return cli::OwnSegments(model, source.self_tokens, source.self_seed, tell);
  }
  TRIPTYCH_TRY(cli::CheckTokenizer(model));
  TRIPTYCH_ASSIGN(const std::string text, ReadText(source.file));
  const Tokenizer& tokenizer = model.file.tokenizer;
  auto segments = source.protocol == "story"
                      ? StorySegments(text, tokenizer)
                      : ChunkSegments(text, tokenizer, source.context);
  if (!segments) return Locate(std::move(segments).error(), source.file);
  size_t longest = 0;
  for (const Segment& segment : *segments) {
    longest = std::max(longest, segment.tokens.size());
  }
  TRIPTYCH_TRY(cli::CheckContext(model.file.config,
                                 static_cast<int64_t>(longest), source.file));
  return segments;
}

uint64_t DigestOf(const std::vector<Segment>& segments) {
  uint64_t digest = 0xcbf29ce484222325;  // FNV-1a over words
  const auto mix = [&](uint64_t word) {
    digest = (digest ^ word) * 0x100000001b3;
  };
  for (const Segment& segment : segments) {
    mix(segment.tokens.size());
    mix(segment.first_scored);
    for (const int32_t token : segment.tokens) {
      mix(static_cast<uint64_t>(token));
    }
  }
  return digest;
}

}  // namespace triptych::gate
