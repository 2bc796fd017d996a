// Vocabularies of the three kinds, small enough to write down or learnt here
// the slow way.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_SMALL_VOCABULARIES_H_
#define TRIPTYCH_TESTS_MODELS_SMALL_VOCABULARIES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/tokenizer.h"

namespace triptych {

// What merges are learnt from.
inline std::string SmallCorpus() {
  return "the cat sat on the mat and the rat ate the cheese that the cat "
         "had seen; 'twas the 1st of 12 days\n\nthe end\u00E9 of \u4F60\u597D "
         "and \u4F60\u597D again, they'll say: don't let's 'RE\n  the  end";
}

// Byte BPE by `rules`: 256 bytes, up to `count` merges of the most frequent
// pair of SmallCorpus (of equal ones the first in order), then <|end|>, which
// is control, and "<think>", which is user-defined.
inline TokenizerSpec LearnByteBpe(const NamedRules& rules, size_t count) {
  TokenizerSpec spec;
  spec.kind = TokenizerKind::kMergeBpe;
  spec.split = rules.rules;
  spec.merge_options.whole_words = rules.whole_words;
  for (int byte = 0; byte < 256; ++byte) {
    spec.pieces.push_back({std::string(1, static_cast<char>(byte))});
  }
  std::vector<std::vector<TokenId>> words;
  PreTokenizer::Create(rules.rules)
      ->Split(SmallCorpus(), [&](std::string_view word) {
        std::vector<TokenId> ids;
        for (const char c : word) ids.push_back(static_cast<unsigned char>(c));
        words.push_back(ids);
      });
  std::map<std::string, bool> known;
  while (spec.merges.size() < count) {
    std::map<std::pair<TokenId, TokenId>, int> pairs;
    for (const auto& word : words) {
      for (size_t i = 1; i < word.size(); ++i) {
        ++pairs[{word[i - 1], word[i]}];
      }
    }
    std::pair<TokenId, TokenId> best;
    int most = 0;
    for (const auto& [pair, times] : pairs) {
      const std::string joined =
          spec.pieces[static_cast<size_t>(pair.first)].text +
          spec.pieces[static_cast<size_t>(pair.second)].text;
      if (times > most && !known[joined]) {
        most = times;
        best = pair;
      }
    }
    if (most == 0) break;
    const auto id = static_cast<TokenId>(spec.pieces.size());
    const auto rank = static_cast<uint32_t>(spec.merges.size());
    spec.pieces.push_back({spec.pieces[static_cast<size_t>(best.first)].text +
                           spec.pieces[static_cast<size_t>(best.second)].text});
    known[spec.pieces.back().text] = true;
    spec.merges.push_back({best.first, best.second, id, rank});
    for (auto& word : words) {
      for (size_t i = 1; i < word.size(); ++i) {
        if (word[i - 1] != best.first || word[i] != best.second) continue;
        word[i - 1] = id;
        word.erase(word.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }
  const auto end = static_cast<TokenId>(spec.pieces.size());
  spec.pieces.push_back({"<|end|>", 0, PieceType::kControl});
  spec.pieces.push_back({"<think>", 0, PieceType::kUserDefined});
  spec.special = {end, end, kNoToken, false, false, false};
  return spec;
}

// Uncased WordPiece as BERT's.
inline TokenizerSpec SmallWordPiece() {
  TokenizerSpec spec;
  spec.kind = TokenizerKind::kWordPiece;
  spec.normalize = BertNormalizer(true);
  spec.split = FindRules("bert-bge")->rules;
  spec.pieces = {{"[PAD]", 0, PieceType::kControl},
                 {"[UNK]", 0, PieceType::kControl},
                 {"[CLS]", 0, PieceType::kControl},
                 {"[SEP]", 0, PieceType::kControl},
                 {" un"},
                 {"aff"},
                 {"able"},
                 {" ,"},
                 {" aff"},
                 {"affa"},
                 {"ble"},
                 {" \u4F60"},
                 {" a"}};
  spec.special = {2, 3, 1, true, false, true};
  return spec;
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_SMALL_VOCABULARIES_H_
