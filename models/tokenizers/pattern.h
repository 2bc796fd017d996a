// The regular expressions that tokenizers are published with.
//
// Understood, with the meaning that Oniguruma and Rust's regex give it:
// literals and \n \r \t \\ and the like, ".", "[...]" with ranges and "^",
// \s \S \d \p{L} \P{Lu} and all general categories, "(...)", "(?:...)",
// "(?i:...)", "|", the greedy "? * + {m} {m,} {m,n}" of one character or set
// and the possessive "?+ *+ ++", "?" and "{m,n}" of a group, "(?=x)" and
// "(?!x)" of one character or set, and "$" as the end of the text. Case is
// that of the simple mappings. The rest (lazy and nested repeats, back
// references, look-behind, intersections) is refused by name.
//
// Alternatives are tried in order and the first that matches wins. Finding
// all matches is linear in the text: patterns with more than one unbounded
// repeat on a path that may have to give back what it took, or more than 64
// ways to go otherwise, are refused, and where such a repeat has failed it is
// not tried again.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_PATTERN_H_
#define TRIPTYCH_MODELS_TOKENIZERS_PATTERN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/tokenizers/char_set.h"

namespace triptych {

// Immutable; matching may run on any number of threads.
class Pattern {
 public:
  // Errors: "offset N: what": a byte of `regex` and what is wrong there.
  static Result<Pattern> Compile(std::string_view regex);

 private:
  friend class PatternCompiler;
  friend class PatternScanner;
  static constexpr size_t kNone = static_cast<size_t>(-1);
  static constexpr size_t kMaxAlternatives = 32;
  // Unbounded repeats that may have to give back.
  static constexpr size_t kMaxRisky = 32;
  static constexpr uint8_t kNotRisky = kMaxRisky;

  // One step of the program; steps only ever go on to lower indices.
  struct Step {
    enum class Kind : uint8_t { kMatch, kRepeat, kEither, kAhead, kEnd };
    Kind kind = Kind::kMatch;
    bool final = false;   // kRepeat: what it took is not given back
    bool wanted = false;  // kAhead: the character must (must not) be in set
    uint8_t risky = kNotRisky;  // kRepeat: its number among those
    uint16_t set = 0;
    uint32_t least = 0, most = 0;
    uint16_t next = 0, other = 0;
  };
  // Where a risky repeat has failed last: from `first` it went up to `last`
  // and back. From within it would meet the same places, less some.
  struct Failure {
    size_t first = 1, last = 0;
  };
  using Failures = std::array<Failure, kMaxRisky>;

  // The end of the match from `at` on, or kNone.
  size_t Run(size_t step, std::string_view text, size_t at,
             Failures& failures) const;
  size_t RunRepeat(const Step& step, std::string_view text, size_t at,
                   Failures& failures) const;
  // Bytes of the character at `at` if it is in `set`, else 0.
  size_t Take(size_t set, std::string_view text, size_t at) const;

  std::vector<CharSet> sets_;
  std::vector<Step> steps_;
  std::vector<uint16_t> alternatives_;  // the step where each begins
  // Bit i: alternative i may match at a character with this first byte.
  std::array<uint32_t, 256> candidates_{};
};

// The matches in one text, from left to right, none empty, none overlapping.
class PatternScanner {
 public:
  // Keeps the pattern and a view of the text.
  PatternScanner(const Pattern& pattern, std::string_view text)
      : pattern_(pattern), text_(text) {}

  struct Match {
    size_t begin = 0, end = 0;
  };
  std::optional<Match> Next();

 private:
  size_t EndOfMatchAt(size_t at);

  const Pattern& pattern_;
  std::string_view text_;
  size_t at_ = 0;
  Pattern::Failures failures_{};
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_PATTERN_H_
