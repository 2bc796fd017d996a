// A set of characters: what "[...]", "\p{L}" or a letter of a pattern means.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_CHAR_SET_H_
#define TRIPTYCH_MODELS_TOKENIZERS_CHAR_SET_H_

#include <array>
#include <cstdint>
#include <vector>

#include "models/tokenizers/unicode.h"

namespace triptych {

// Filled with Add..., then Seal()ed, then asked.
class CharSet {
 public:
  void Add(char32_t first, char32_t last) { ranges_.push_back({first, last}); }
  void AddTraits(TraitSet traits) { traits_ |= traits; }
  // Both cases of what is in it, for characters added one by one.
  void AddOtherCases();
  void Negate() { negated_ = !negated_; }
  void Seal();

  bool Has(char32_t code) const {
    if (code < 128) return (ascii_[code / 64] >> (code % 64) & 1) != 0;
    return HasWide(code);
  }

 private:
  struct Range {
    char32_t first, last;
  };
  bool HasWide(char32_t code) const;

  std::array<uint64_t, 2> ascii_{};
  TraitSet traits_ = 0;
  std::vector<Range> ranges_;  // once sealed: in order, apart
  bool negated_ = false;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_CHAR_SET_H_
