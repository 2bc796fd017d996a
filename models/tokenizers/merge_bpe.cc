// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <array>
#include <bit>
#include <utility>

#include "models/tokenizers/algorithm.h"
#include "models/tokenizers/pair_cuts.h"
#include "models/tokenizers/unicode.h"

namespace triptych {
namespace {

// Merges by their pair: a hash table with open addresses, at most half full.
// Every adjacent pair of every word is looked up here, so it is one load.
class MergeTable {
 public:
  struct Entry {
    TokenId left = kNoToken, right = kNoToken;
    TokenId joined = kNoToken;
    uint32_t rank = 0;
  };

  explicit MergeTable(size_t count)
      : entries_(std::bit_ceil(2 * count + 1)), mask_(entries_.size() - 1) {}

  // False if the pair has a merge already.
  bool Insert(const Merge& merge) {
    Entry& entry = entries_[SlotOf(merge.left, merge.right)];
    if (entry.left != kNoToken) return false;
    entry = {merge.left, merge.right, merge.joined, merge.rank};
    return true;
  }

  // An entry without a joined symbol if there is no merge of the pair.
  const Entry& Find(TokenId left, TokenId right) const {
    return entries_[SlotOf(left, right)];
  }

 private:
  // Where the pair is, or the free slot where it would be.
  size_t SlotOf(TokenId left, TokenId right) const {
    const uint64_t key = uint64_t{static_cast<uint32_t>(left)} << 32 |
                         static_cast<uint32_t>(right);
    // Fibonacci hashing: the high bits of the product depend on all of both.
    size_t slot = static_cast<size_t>(key * 0x9E3779B97F4A7C15u >> 20) & mask_;
    while (entries_[slot].left != kNoToken &&
           (entries_[slot].left != left || entries_[slot].right != right)) {
      slot = (slot + 1) & mask_;
    }
    return slot;
  }

  std::vector<Entry> entries_;
  size_t mask_;
};

class MergeBpe final : public TokenAlgorithm {
 public:
  MergeBpe(const Vocabulary& vocabulary, MergeTable merges,
           const MergeBpeOptions& options)
      : vocabulary_(vocabulary),
        merges_(std::move(merges)),
        options_(options),
        cuts_(vocabulary) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const char text = static_cast<char>(byte);
      bytes_[byte] = vocabulary.Find({&text, 1});
    }
  }

  void Append(std::string_view word, JoinScratch& scratch,
              std::vector<TokenId>& ids) const override {
    if (options_.whole_words) {
      const TokenId whole = vocabulary_.Find(word);
      if (whole != kNoToken) {
        ids.push_back(whole);
        return;
      }
    }
    // Words that rules cut are short; a whole text is not.
    bool after_unknown = false;
    cuts_.ForEachPart(word, [&](std::string_view part) {
      AppendPart(part, scratch, after_unknown, ids);
    });
  }

 private:
  // `after_unknown`: whether the last character was the unknown token.
  void AppendPart(std::string_view word, JoinScratch& scratch,
                  bool& after_unknown, std::vector<TokenId>& ids) const {
    Joiner joiner(scratch);
    if (options_.bytes) {
      AddBytes(word, joiner);
    } else {
      AddCharacters(word, joiner);
    }
    joiner.JoinAll([&](const Symbol& left, const Symbol& right, Joint& joint) {
      if (left.id == kNoToken || right.id == kNoToken) return false;
      const MergeTable::Entry& merge = merges_.Find(left.id, right.id);
      joint.id = merge.joined;
      joint.rank = merge.rank;
      return merge.joined != kNoToken;
    });
    const TokenId unknown = vocabulary_.special().unknown;
    joiner.ForEach([&](const Symbol& symbol) {
      const std::string_view text = word.substr(symbol.begin, symbol.length);
      const bool fused =
          std::exchange(after_unknown, false) && options_.fuse_unknown;
      if (symbol.id != kNoToken) {
        ids.push_back(symbol.id);
      } else if (!options_.bytes && vocabulary_.HasBytes(text)) {
        vocabulary_.AppendBytes(text, ids);
      } else {
        if (unknown != kNoToken && !fused) ids.push_back(unknown);
        after_unknown = true;
      }
    });
  }

  void AddBytes(std::string_view word, Joiner& joiner) const {
    for (size_t at = 0; at < word.size(); ++at) {
      joiner.Add(at, 1, bytes_[static_cast<unsigned char>(word[at])]);
    }
  }
  void AddCharacters(std::string_view word, Joiner& joiner) const {
    for (size_t at = 0; at < word.size();) {
      const size_t length = FirstCharacter(word.substr(at)).length;
      joiner.Add(at, length, vocabulary_.Find(word.substr(at, length)));
      at += length;
    }
  }

  const Vocabulary& vocabulary_;
  MergeTable merges_;
  MergeBpeOptions options_;
  PairCuts cuts_;
  std::array<TokenId, 256> bytes_{};  // the pieces of one byte
};

}  // namespace

Result<std::unique_ptr<const TokenAlgorithm>> MakeMergeBpe(
    const Vocabulary& vocabulary, std::span<const Merge> merges,
    const MergeBpeOptions& options) {
  MergeTable table(merges.size());
  const auto inside = [&](TokenId id) {
    return id >= 0 && std::cmp_less(id, vocabulary.size());
  };
  for (size_t i = 0; i < merges.size(); ++i) {
    const Merge& merge = merges[i];
    if (!inside(merge.left) || !inside(merge.right) || !inside(merge.joined)) {
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("tokenizer: merge {}: of a piece that is "
                                   "not in the vocabulary",
                                   i));
    }
    const std::string_view left = vocabulary[merge.left].text;
    const std::string_view right = vocabulary[merge.right].text;
    const std::string_view joined = vocabulary[merge.joined].text;
    if (joined.size() != left.size() + right.size() ||
        !joined.starts_with(left) || !joined.ends_with(right)) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("tokenizer: merge {}: makes a piece that does not read "
                      "as the two do",
                      i));
    }
    if (!table.Insert(merge)) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("tokenizer: merge {}: of the same two pieces as an "
                      "earlier one",
                      i));
    }
  }
  return std::make_unique<MergeBpe>(vocabulary, std::move(table), options);
}

}  // namespace triptych
