// Texts, and which of them is the longest that a text begins with.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_PREFIX_INDEX_H_
#define TRIPTYCH_MODELS_TOKENIZERS_PREFIX_INDEX_H_

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "models/tokenizers/vocabulary.h"

namespace triptych {

class PrefixIndex {
 public:
  struct Entry {
    std::string_view text;  // not empty; outlives the index
    TokenId id = kNoToken;
  };

  PrefixIndex() : first_{} {}
  // Of entries with the same text the one of the lowest id counts.
  explicit PrefixIndex(std::vector<Entry> entries);

  bool empty() const { return entries_.empty(); }

  // Whether an entry begins with this byte.
  bool Starts(unsigned char byte) const {
    return first_[byte] != first_[size_t{byte} + 1];
  }

  // The longest entry that `text` begins with, or one without an id. Ids in
  // `barred` are passed over. O(length log size).
  Entry Longest(std::string_view text,
                std::span<const TokenId> barred = {}) const;

 private:
  std::vector<Entry> entries_;  // by text, then id
  // Where the entries that begin with byte b begin; [256] is size().
  std::array<size_t, 257> first_;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_PREFIX_INDEX_H_
