// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizers/pattern.h"

#include <bit>

#include "models/tokenizers/unicode.h"

namespace triptych {

size_t Pattern::Take(size_t set, std::string_view text, size_t at) const {
  if (at == text.size()) return 0;
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return sets_[set].Has(byte) ? 1 : 0;
  const Character c = FirstCharacter(text.substr(at));
  return sets_[set].Has(c.code) ? c.length : 0;
}

size_t Pattern::RunRepeat(const Step& step, std::string_view text, size_t at,
                          Failures& failures) const {
  Failure* failure = step.risky == kNotRisky ? nullptr : &failures[step.risky];
  const size_t first = at;
  if (failure != nullptr && first >= failure->first && first <= failure->last) {
    return kNone;
  }
  uint32_t taken = 0;
  while (taken < step.most) {
    const size_t length = Take(step.set, text, at);
    if (length == 0) break;
    at += length;
    ++taken;
  }
  const size_t last = at;
  while (taken >= step.least) {
    const size_t end = Run(step.next, text, at, failures);
    if (end != kNone) return end;
    if (step.final || taken == step.least) break;
    at -= LastCharacter(text.substr(0, at)).length;
    --taken;
  }
  if (failure != nullptr) *failure = {first, last};
  return kNone;
}

// As deep as the pattern is long: every call is for a lower step.
size_t Pattern::Run(size_t index, std::string_view text, size_t at,
                    Failures& failures) const {
  while (true) {
    const Step& step = steps_[index];
    switch (step.kind) {
      case Step::Kind::kMatch:
        return at;
      case Step::Kind::kRepeat:
        if (step.most > 1 || step.least != step.most) {
          return RunRepeat(step, text, at, failures);
        }
        if (const size_t length = Take(step.set, text, at); length > 0) {
          at += length;
          break;
        }
        return kNone;
      case Step::Kind::kEither:
        if (const size_t end = Run(step.next, text, at, failures);
            end != kNone) {
          return end;
        }
        index = step.other;
        continue;
      case Step::Kind::kAhead:
        if ((Take(step.set, text, at) > 0) != step.wanted) return kNone;
        break;
      case Step::Kind::kEnd:
        if (at != text.size()) return kNone;
        break;
    }
    index = step.next;
  }
}

size_t PatternScanner::EndOfMatchAt(size_t at) {
  uint32_t left = pattern_.candidates_[static_cast<unsigned char>(text_[at])];
  for (; left != 0; left &= left - 1) {
    const size_t start = pattern_.alternatives_[std::countr_zero(left)];
    const size_t end = pattern_.Run(start, text_, at, failures_);
    if (end != Pattern::kNone && end > at) return end;
  }
  return Pattern::kNone;
}

std::optional<PatternScanner::Match> PatternScanner::Next() {
  while (at_ < text_.size()) {
    const size_t begin = at_;
    const size_t end = EndOfMatchAt(begin);
    if (end != Pattern::kNone) {
      at_ = end;
      return Match{begin, end};
    }
    at_ += FirstCharacter(text_.substr(at_)).length;
  }
  return std::nullopt;
}

}  // namespace triptych
