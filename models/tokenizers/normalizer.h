// What is done to text before it is cut up and looked up.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_NORMALIZER_H_
#define TRIPTYCH_MODELS_TOKENIZERS_NORMALIZER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"

namespace triptych {

struct NormalizeStep {
  enum class Kind : uint8_t {
    kNfc,
    kNfd,
    kNfkc,
    kNfkd,
    kLowercase,
    kStripAccents,      // marks that take no room (Mn) go
    kCleanText,         // controls go, white space becomes a space (BERT)
    kSpaceIdeographs,   // a space on both sides of each CJK one (BERT)
    kReplace,           // every `from` becomes `to`
    kStripLeft,         // white space at the beginning goes
    kStripRight,        // white space at the end goes
    kPrependIfMissing,  // `to` in front, unless the text begins with it
  };
  Kind kind = Kind::kNfc;
  std::string from = {}, to = {};

  friend bool operator==(const NormalizeStep&, const NormalizeStep&) = default;
};

// The steps in order. Bytes that are no UTF-8 stay, except that CleanText
// drops them, as BERT drops U+FFFD. A step of O(n) or O(n log n) each.
std::string Normalize(std::span<const NormalizeStep> steps,
                      std::string_view text);

// What BERT does; an uncased model knows neither case nor accents.
std::vector<NormalizeStep> BertNormalizer(bool uncased);

// Every `from` in `text`, which is not empty, becomes `to`.
std::string ReplaceAll(std::string_view text, std::string_view from,
                       std::string_view to);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_NORMALIZER_H_
