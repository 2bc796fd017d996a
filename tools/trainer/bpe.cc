// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/bpe.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <set>
#include <utility>

#include "kernels/base/check.h"

namespace triptych::trainer {
namespace {

using Pair = std::pair<std::string, std::string>;

// A word as the pieces it is made of so far.
struct Word {
  std::vector<std::string> parts;
  uint64_t count;
};

bool IsLetter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

// The most frequent neighbours; std::map makes the first of equals win.
Pair MostFrequentPair(const std::vector<Word>& words) {
  std::map<Pair, uint64_t> counts;
  for (const Word& word : words) {
    for (size_t i = 0; i + 1 < word.parts.size(); ++i) {
      counts[{word.parts[i], word.parts[i + 1]}] += word.count;
    }
  }
  TRIPTYCH_CHECK(!counts.empty(), "too few words for so many pieces");
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) {
                            return a.second < b.second;
                          })
      ->first;
}

void Join(const Pair& pair, Word& word) {
  std::vector<std::string> joined;
  for (size_t i = 0; i < word.parts.size(); ++i) {
    if (i + 1 < word.parts.size() && word.parts[i] == pair.first &&
        word.parts[i + 1] == pair.second) {
      joined.push_back(pair.first + pair.second);
      ++i;
    } else {
      joined.push_back(word.parts[i]);
    }
  }
  word.parts = std::move(joined);
}

std::vector<Piece> FixedPieces() {
  std::vector<Piece> pieces = {{"<unk>", 0, PieceType::kUnknown},
                               {"<s>", 0, PieceType::kControl},
                               {"</s>", 0, PieceType::kControl}};
  for (unsigned byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    pieces.push_back({name, 0, PieceType::kByte});
  }
  return pieces;
}

}  // namespace

void CountWords(std::string_view text, WordCounts& counts) {
  std::string word(1, ' ');
  for (const char c : text) {
    if (c == ' ' || (word != " " && IsLetter(c) != IsLetter(word.back()))) {
      ++counts[word];
      word.clear();
    }
    word += c;
  }
  ++counts[word];
}

std::vector<Piece> LearnPieces(const WordCounts& counts, size_t size) {
  std::vector<Word> words;
  std::set<std::string> characters;
  for (const auto& [text, count] : counts) {
    Word word{{}, count};
    for (const char c : text) {
      TRIPTYCH_CHECK(static_cast<unsigned char>(c) < 128, "word", text);
      word.parts.emplace_back(1, c);
    }
    characters.insert(word.parts.begin(), word.parts.end());
    words.push_back(std::move(word));
  }
  std::vector<Piece> pieces = FixedPieces();
  TRIPTYCH_CHECK(pieces.size() + characters.size() <= size, "size", size);
  const size_t joins = size - pieces.size() - characters.size();
  float score = 0;
  // Two ways to join may give the same text: one piece serves both.
  std::set<std::string> known;
  while (known.size() < joins) {
    const Pair pair = MostFrequentPair(words);
    for (Word& word : words) Join(pair, word);
    if (known.insert(pair.first + pair.second).second) {
      pieces.push_back(
          {pair.first + pair.second, score--, PieceType::kNormal});
    }
  }
  for (const std::string& c : characters) {
    pieces.push_back({c, score--, PieceType::kNormal});
  }
  return pieces;
}

}  // namespace triptych::trainer
