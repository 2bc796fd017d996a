// Where a long text falls apart: between two bytes that no piece holds side
// by side, nothing is ever joined, so each side can be encoded alone. A text
// of a megabyte becomes its words, which fit the caches.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_PAIR_CUTS_H_
#define TRIPTYCH_MODELS_TOKENIZERS_PAIR_CUTS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "models/tokenizers/vocabulary.h"

namespace triptych {

class PairCuts {
 public:
  explicit PairCuts(const Vocabulary& vocabulary) : held_(size_t{1} << 16) {
    for (size_t i = 0; i < vocabulary.size(); ++i) {
      const std::string& text = vocabulary[static_cast<TokenId>(i)].text;
      for (size_t at = 1; at < text.size(); ++at) held_[Pair(text, at)] = true;
    }
  }

  // Calls `visit` with the parts of `text`, in order, none empty. The bytes
  // of one character stay together.
  template <class Visit>
  void ForEachPart(std::string_view text, const Visit& visit) const {
    size_t begin = 0;
    for (size_t at = 1; at < text.size(); ++at) {
      const bool inside = (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
      if (inside || held_[Pair(text, at)]) continue;
      visit(text.substr(begin, at - begin));
      begin = at;
    }
    if (begin < text.size()) visit(text.substr(begin));
  }

 private:
  static size_t Pair(std::string_view text, size_t at) {
    return size_t{static_cast<unsigned char>(text[at - 1])} << 8 |
           static_cast<unsigned char>(text[at]);
  }

  std::vector<bool> held_;  // by the pair: a byte and the one after it
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_PAIR_CUTS_H_
