// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizers/char_set.h"

#include <algorithm>

namespace triptych {

void CharSet::AddOtherCases() {
  const size_t count = ranges_.size();
  for (size_t i = 0; i < count; ++i) {
    const Range range = ranges_[i];
    // Long ranges hold both cases already; a-z is the longest that does not.
    if (range.last - range.first > 64) continue;
    for (char32_t code = range.first; code <= range.last; ++code) {
      Add(LowerCase(code), LowerCase(code));
      Add(UpperCase(code), UpperCase(code));
    }
  }
}

void CharSet::Seal() {
  std::sort(ranges_.begin(), ranges_.end(),
            [](Range a, Range b) { return a.first < b.first; });
  std::vector<Range> apart;
  for (const Range& range : ranges_) {
    if (!apart.empty() && range.first <= apart.back().last + 1) {
      apart.back().last = std::max(apart.back().last, range.last);
    } else {
      apart.push_back(range);
    }
  }
  ranges_ = std::move(apart);
  ascii_ = {};
  for (char32_t code = 0; code < 128; ++code) {
    if (HasWide(code)) ascii_[code / 64] |= uint64_t{1} << (code % 64);
  }
}

bool CharSet::HasWide(char32_t code) const {
  bool in = traits_ != 0 && (TraitsOf(code) & traits_) != 0;
  if (!in && !ranges_.empty()) {
    const auto after = std::upper_bound(
        ranges_.begin(), ranges_.end(), code,
        [](char32_t c, const Range& range) { return c < range.first; });
    in = after != ranges_.begin() && code <= std::prev(after)->last;
  }
  return in != negated_;
}

}  // namespace triptych
