// Learns a byte-pair vocabulary in SentencePiece's shape.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_TRAINER_BPE_H_
#define TRIPTYCH_TOOLS_TRAINER_BPE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/tokenizer.h"

namespace triptych::trainer {

// Occurrences of each word, its leading space included. Letters and
// punctuation are apart, so that a name is the same piece before a comma and
// before a full stop.
using WordCounts = std::map<std::string, uint64_t>;

// Adds the words of a text, which is read as if a space stood before it.
void CountWords(std::string_view text, WordCounts& counts);

// `size` pieces: <unk>, <s>, </s>, the 256 bytes, then joined pieces in the
// order they were learned, then the characters. Scores fall with that order,
// so that joining the best-scoring pair first, as models/tokenizer does,
// repeats the learning. Each step joins the pair that occurs most often; of
// equals the one that sorts first. The words must be ASCII and there must be
// enough of them (checks).
std::vector<Piece> LearnPieces(const WordCounts& counts, size_t size);

}  // namespace triptych::trainer

#endif  // TRIPTYCH_TOOLS_TRAINER_BPE_H_
