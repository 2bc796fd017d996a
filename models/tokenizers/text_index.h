// The ids of texts: a hash table with open addresses, at most half full. A
// lookup reads one slot and the text that it finds, so that a tokenizer of a
// hundred thousand pieces, and of twice as many merges to look up, is made in
// a fraction of a second.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_TEXT_INDEX_H_
#define TRIPTYCH_MODELS_TOKENIZERS_TEXT_INDEX_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "kernels/base/check.h"

namespace triptych {

using TokenId = int32_t;
inline constexpr TokenId kNoToken = -1;

// Keeps views: the texts outlive it.
class TextIndex {
 public:
  // For at most `capacity` texts.
  explicit TextIndex(size_t capacity = 0)
      : slots_(std::bit_ceil(2 * capacity + 1)), capacity_(capacity) {}

  // False if the text is there already, with the id it had. 0 <= id.
  bool Insert(std::string_view text, TokenId id) {
    const uint32_t hash = HashOf(text);
    Slot& slot = slots_[SlotOf(text, hash)];
    if (slot.id != kNoToken) return false;
    TRIPTYCH_CHECK(size_ < capacity_, "capacity", capacity_);
    slot = {text, hash, id};
    ++size_;
    return true;
  }

  // kNoToken if the text is not there.
  TokenId Find(std::string_view text) const {
    return slots_[SlotOf(text, HashOf(text))].id;
  }

 private:
  struct Slot {
    std::string_view text;
    uint32_t hash = 0;  // a part of it: other texts are seldom compared
    TokenId id = kNoToken;
  };

  static uint32_t HashOf(std::string_view text) {
    const uint64_t hash = std::hash<std::string_view>()(text);
    return static_cast<uint32_t>(hash ^ hash >> 32);
  }

  // Where the text is, or the free slot where it would be.
  size_t SlotOf(std::string_view text, uint32_t hash) const {
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at].id != kNoToken &&
           (slots_[at].hash != hash || slots_[at].text != text)) {
      at = (at + 1) & (slots_.size() - 1);
    }
    return at;
  }

  std::vector<Slot> slots_;
  size_t capacity_, size_ = 0;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_TEXT_INDEX_H_
