// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizers/prefix_index.h"

#include <algorithm>
#include <utility>

namespace triptych {
namespace {

unsigned char ByteAt(std::string_view text, size_t at) {
  return static_cast<unsigned char>(text[at]);
}

}  // namespace

PrefixIndex::PrefixIndex(std::vector<Entry> entries)
    : entries_(std::move(entries)), first_{} {
  std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return a.text != b.text ? a.text < b.text : a.id < b.id;
  });
  entries_.erase(std::unique(entries_.begin(), entries_.end(),
                             [](const auto& a, const auto& b) {
                               return a.text == b.text;
                             }),
                 entries_.end());
  for (const Entry& entry : entries_) {
    ++first_[size_t{ByteAt(entry.text, 0)} + 1];
  }
  for (size_t b = 0; b < 256; ++b) first_[b + 1] += first_[b];
}

PrefixIndex::Entry PrefixIndex::Longest(std::string_view text,
                                        std::span<const TokenId> barred) const {
  Entry longest;
  if (text.empty()) return longest;
  // [low, high): the entries that agree with text in its first `depth` bytes.
  auto low =
      entries_.begin() + static_cast<std::ptrdiff_t>(first_[ByteAt(text, 0)]);
  auto high = entries_.begin() +
              static_cast<std::ptrdiff_t>(first_[size_t{ByteAt(text, 0)} + 1]);
  for (size_t depth = 1; low != high; ++depth) {
    // The one that ends here comes first, then those that go on.
    if (low->text.size() == depth) {
      const bool allowed =
          std::find(barred.begin(), barred.end(), low->id) == barred.end();
      if (allowed) longest = *low;
      ++low;
    }
    if (depth == text.size()) break;
    const unsigned char byte = ByteAt(text, depth);
    low = std::partition_point(low, high, [&](const Entry& entry) {
      return ByteAt(entry.text, depth) < byte;
    });
    high = std::partition_point(low, high, [&](const Entry& entry) {
      return ByteAt(entry.text, depth) == byte;
    });
  }
  return longest;
}

}  // namespace triptych
