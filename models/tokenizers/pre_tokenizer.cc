// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizers/pre_tokenizer.h"

#include <fmt/core.h>

#include <utility>

namespace triptych {
namespace {

constexpr size_t kMaxRules = 16;

// Calls `visit(part, matches)` for the parts of `text` that match the
// pattern and those between, in order, none empty.
template <class Visit>
void ForEachPart(const Pattern& pattern, bool invert, std::string_view text,
                 const Visit& visit) {
  PatternScanner scanner(pattern, text);
  size_t done = 0;
  while (const auto match = scanner.Next()) {
    if (match->begin > done) {
      visit(text.substr(done, match->begin - done), invert);
    }
    visit(text.substr(match->begin, match->end - match->begin), !invert);
    done = match->end;
  }
  if (done < text.size()) visit(text.substr(done), invert);
}

// Puts parts together to words: both point into the same text.
class Gatherer {
 public:
  Gatherer(SplitBehavior behavior, const PreTokenizer::Visit& visit)
      : behavior_(behavior), visit_(visit) {}

  void operator()(std::string_view part, bool matches) {
    const bool joins =
        behavior_ == SplitBehavior::kMergedWithPrevious ? matches && !matched_
        : behavior_ == SplitBehavior::kMergedWithNext   ? !matches && matched_
                                                        : matches && matched_;
    if (!word_.empty() && joins) {
      word_ = {word_.data(), word_.size() + part.size()};
    } else {
      Finish();
      word_ = part;
    }
    matched_ = matches;
  }
  void Finish() {
    if (!word_.empty()) visit_(word_);
    word_ = {};
  }

 private:
  SplitBehavior behavior_;
  const PreTokenizer::Visit& visit_;
  std::string_view word_;
  bool matched_ = false;
};

}  // namespace

Result<PreTokenizer> PreTokenizer::Create(const std::vector<SplitRule>& rules) {
  if (rules.size() > kMaxRules) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("{} rules to split by: {} are allowed",
                                 rules.size(), kMaxRules));
  }
  PreTokenizer made;
  for (const SplitRule& rule : rules) {
    Result<Pattern> pattern = Pattern::Compile(rule.pattern);
    if (!pattern) {
      return Locate(std::move(pattern).error(),
                    fmt::format("rule {}", made.stages_.size() + 1));
    }
    made.stages_.push_back({std::move(*pattern), rule.behavior, rule.invert});
  }
  return made;
}

void PreTokenizer::SplitFrom(size_t index, std::string_view text,
                             const Visit& visit) const {
  if (text.empty()) return;
  if (index == stages_.size()) {
    visit(text);
    return;
  }
  const Stage& stage = stages_[index];
  const auto deeper = [&](std::string_view word) {
    SplitFrom(index + 1, word, visit);
  };
  if (stage.behavior == SplitBehavior::kIsolated ||
      stage.behavior == SplitBehavior::kRemoved) {
    const bool keep = stage.behavior == SplitBehavior::kIsolated;
    ForEachPart(stage.pattern, stage.invert, text,
                [&](std::string_view part, bool matches) {
                  if (keep || !matches) deeper(part);
                });
    return;
  }
  const Visit next = deeper;
  Gatherer gather(stage.behavior, next);
  ForEachPart(
      stage.pattern, stage.invert, text,
      [&](std::string_view part, bool matches) { gather(part, matches); });
  gather.Finish();
}

}  // namespace triptych
