// Merge BPE and WordPiece, against twins that are slow and plain; pieces that
// are cut out of a text; what is refused.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "models/tokenizer.h"
#include "models/tokenizers/prefix_index.h"
#include "models/tokenizers/unicode.h"
#include "tests/models/random_text.h"
#include "tests/models/small_vocabularies.h"
#include "tests/models/tiny_model.h"

namespace triptych {
namespace {

using Ids = std::vector<TokenId>;

Tokenizer Made(TokenizerSpec spec) {
  Result<Tokenizer> made = Tokenizer::Create(std::move(spec));
  REQUIRE_MESSAGE(made.has_value(), made.error().message);
  return *made;
}

// Joins the best pair, looks through everything again, and so on.
Ids SlowMerges(const TokenizerSpec& spec, std::string_view word) {
  Ids ids;
  for (const char c : word) ids.push_back(static_cast<unsigned char>(c));
  while (true) {
    const Merge* best = nullptr;
    size_t where = 0;
    for (size_t i = 1; i < ids.size(); ++i) {
      for (const Merge& merge : spec.merges) {
        if (merge.left == ids[i - 1] && merge.right == ids[i] &&
            (best == nullptr || merge.rank < best->rank)) {
          best = &merge;
          where = i;
        }
      }
    }
    if (best == nullptr) return ids;
    ids[where - 1] = best->joined;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(where));
  }
}

TEST_CASE("Byte BPE joins as its slow twin does, and gives every byte back") {
  Rng rng(5);
  for (const char* name : {"gpt-2", "qwen2", "deepseek-llm"}) {
    const TokenizerSpec spec = LearnByteBpe(*FindRules(name), 120);
    REQUIRE(spec.merges.size() > 60);
    const Tokenizer t = Made(spec);
    const PreTokenizer words = *PreTokenizer::Create(spec.split);
    for (int trial = 0; trial < 400; ++trial) {
      std::string text = RandomText(rng, 20);
      const std::string corpus = SmallCorpus();
      text += corpus.substr(rng.Below(static_cast<uint32_t>(corpus.size())),
                            rng.Below(40));
      if (text.find("<think>") != std::string::npos) continue;
      Ids want;
      words.Split(text, [&](std::string_view word) {
        const Ids ids = SlowMerges(spec, word);
        want.insert(want.end(), ids.begin(), ids.end());
      });
      const Ids got = t.Encode(text);
      CHECK(got == want);
      CHECK(t.Decode(got) == text);
    }
  }
}

TEST_CASE("Merges by hand: rank first, then the leftmost") {
  TokenizerSpec spec;
  spec.kind = TokenizerKind::kMergeBpe;
  spec.special = {kNoToken, kNoToken, kNoToken, false, false, false};
  spec.pieces = {{"a"}, {"b"}, {"c"}, {"ab"}, {"bc"}, {"aa"}, {"abc"}};
  spec.merges = {{1, 2, 4, 0}, {0, 1, 3, 1}, {0, 0, 5, 2}};
  const Tokenizer t = Made(spec);
  CHECK(t.Encode("abc") == Ids{0, 4});  // bc before ab
  CHECK(t.Encode("ab") == Ids{3});
  CHECK(t.Encode("aaa") == Ids{5, 0});
  CHECK(t.Encode("aaab") == Ids{5, 3});
  // No piece for x, no unknown token: it is not in the ids.
  CHECK(t.Encode("axb") == Ids{0, 1});
  CHECK(t.Encode("").empty());
  // A word that is a piece, whether or not merges lead to it.
  spec.merge_options.whole_words = true;
  CHECK(Made(spec).Encode("abc") == Ids{6});
  CHECK(Made(spec).Encode("abca") == Ids{0, 4, 0});
}

TEST_CASE("Merges of characters: bytes, or unknown tokens, for the rest") {
  TokenizerSpec spec;
  spec.kind = TokenizerKind::kMergeBpe;
  spec.merge_options.bytes = false;
  spec.pieces = {
      {"<unk>", 0, PieceType::kUnknown}, {"\u00E9"}, {"a"}, {"a\u00E9"}};
  spec.merges = {{2, 1, 3, 0}};
  spec.special = {kNoToken, kNoToken, 0, false, false, false};
  CHECK(Made(spec).Encode("a\u00E9xyza") == Ids{3, 0, 0, 0, 2});
  spec.merge_options.fuse_unknown = true;
  CHECK(Made(spec).Encode("a\u00E9xyzax") == Ids{3, 0, 2, 0});
  spec.pieces.push_back({"<0x78>", 0, PieceType::kByte});
  CHECK(Made(spec).Encode("yxz") == Ids{0, 4, 0});
  CHECK(Made(spec).Decode(Ids{4, 3}) == "xa\u00E9");
}

TEST_CASE("WordPiece takes the longest piece, or the whole word is unknown") {
  const Tokenizer t = Made(SmallWordPiece());
  CHECK(t.Encode("unaffable") == Ids{2, 4, 9, 10, 3});  // un affa ble
  CHECK(t.Encode("UN\u00C4ffable") == Ids{2, 4, 9, 10, 3});
  CHECK(t.Encode("aff, a") == Ids{2, 8, 7, 12, 3});
  CHECK(t.Encode("unxx a") == Ids{2, 1, 12, 3});
  CHECK(t.Encode("a\u4F60a") == Ids{2, 12, 11, 12, 3});
  CHECK(t.Encode("") == Ids{2, 3});
  CHECK(t.Encode("[CLS]") == Ids{2, 1, 1, 1, 3});  // text is only text
  CHECK(t.Encode("a[SEP]a", {.control_from_text = true}) ==
        Ids{2, 12, 3, 12, 3});
  CHECK(t.Encode(std::string(101, 'a')) == Ids{2, 1, 3});
  CHECK(t.Decode(Ids{2, 4, 9, 10, 7, 12, 3}) == "unaffable , a");
}

TEST_CASE("User-defined pieces are cut out first, control pieces never") {
  TokenizerSpec spec;
  spec.kind = TokenizerKind::kMergeBpe;
  spec.special = {kNoToken, kNoToken, kNoToken, false, false, false};
  spec.pieces = {{"a"},
                 {"b"},
                 {" "},
                 {"<x>", 0, PieceType::kUserDefined},
                 {"<x><y>", 0, PieceType::kUserDefined},
                 {"<c>", 0, PieceType::kControl},
                 {"<"},
                 {"c"},
                 {">"},
                 {"<s>", 0, PieceType::kUserDefined, true, true}};
  const Tokenizer t = Made(spec);
  CHECK(t.Encode("a<x>b<x><y>a") == Ids{0, 3, 1, 4, 0});  // the longest
  CHECK(t.Encode("<x><x>") == Ids{3, 3});
  CHECK(t.Encode("a<c>b") == Ids{0, 6, 7, 8, 1});
  CHECK(t.Encode("a<c>b", {.control_from_text = true}) == Ids{0, 5, 1});
  CHECK(t.Encode("a \u00A0<s>\n b") == Ids{0, 9, 1});  // takes its spaces
  const Ids barred = {4};
  CHECK(t.Encode("<x><y>", {.barred = barred}) == Ids{3, 6, 8});
  CHECK(t.Find("<c>") == 5);
  CHECK(t.Find("a") == 0);
  CHECK(t.Find("<z>") == kNoToken);
}

TEST_CASE(
    "The space in front: of the text, of every run, or if none is there") {
  std::vector<Piece> pieces = TinyPieces();
  const auto mark = static_cast<TokenId>(pieces.size());
  pieces.push_back({"<m>", 0, PieceType::kUserDefined});
  TokenizerSpec spec;
  spec.pieces = pieces;
  spec.special.add_bos = false;
  constexpr TokenId kSpace = 259, kA = 260, kSpaceA = 267;
  CHECK(Made(spec).Encode("a<m>a") == Ids{kSpaceA, mark, kA});
  CHECK(Made(spec).Encode("<m>a") == Ids{mark, kA});
  CHECK(Made(spec).Decode(Ids{kSpaceA, mark, kA}) == "a<m>a");
  CHECK(Made(spec).Encode(" a") == Ids{kSpace, kSpaceA});
  spec.prefix_every_run = true;
  CHECK(Made(spec).Encode("a<m>a") == Ids{kSpaceA, mark, kSpaceA});
  spec.prefix_unless_there = true;
  CHECK(Made(spec).Encode(" a<m>a") == Ids{kSpaceA, mark, kSpaceA});
}

TEST_CASE("The longest prefix is found as by looking at every entry") {
  Rng rng(17);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<std::string> texts;
    for (uint32_t i = rng.Below(20) + 1; i > 0; --i) {
      std::string text;
      for (uint32_t k = rng.Below(5) + 1; k > 0; --k) {
        text += static_cast<char>('a' + rng.Below(3));
      }
      texts.push_back(text);
    }
    std::vector<PrefixIndex::Entry> entries;
    for (size_t i = 0; i < texts.size(); ++i) {
      entries.push_back({texts[i], static_cast<TokenId>(i)});
    }
    const PrefixIndex index(entries);
    std::string text;
    for (int k = 0; k < 6; ++k) text += static_cast<char>('a' + rng.Below(3));
    size_t longest = 0;
    for (const std::string& t : texts) {
      if (text.starts_with(t)) longest = std::max(longest, t.size());
    }
    const PrefixIndex::Entry got = index.Longest(text);
    CHECK(got.text.size() == longest);
    CHECK((got.id == kNoToken) == (longest == 0));
    if (longest > 0) {
      const auto first = std::find(texts.begin(), texts.end(), got.text);
      CHECK(got.id == first - texts.begin());
    }
  }
}

TEST_CASE("SentencePiece: a text that falls apart gives what it would whole") {
  std::vector<Piece> pieces = TinyPieces();
  TokenizerSpec spec;
  spec.pieces = pieces;
  const Tokenizer cut = Made(spec);
  // Unused pieces are never produced, but with one for every pair of letters
  // there is no place left where the text could be cut.
  for (const char a : std::string(" abcde")) {
    for (const char b : std::string(" abcde")) {
      pieces.push_back({std::string{a, b}, -1000, PieceType::kUnused});
    }
  }
  spec.pieces = pieces;
  const Tokenizer whole = Made(spec);
  Rng rng(23);
  for (int trial = 0; trial < 500; ++trial) {
    std::string text;
    for (uint32_t i = rng.Below(60); i > 0; --i) text += " abcde"[rng.Below(6)];
    CHECK(cut.Encode(text) == whole.Encode(text));
  }
}

TEST_CASE("Encoding on several threads at once is encoding on one") {
  const Tokenizer t = Made(LearnByteBpe(*FindRules("llama-bpe"), 100));
  const std::string text = SmallCorpus();
  const Ids want = t.Encode(text);
  std::vector<std::thread> threads;
  std::vector<int> same(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 50; ++k) same[i] += t.Encode(text) == want ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(same == std::vector<int>{50, 50, 50, 50});
}

TEST_CASE("Long texts of one kind take no longer than n log n") {
  const Tokenizer bytes = Made(LearnByteBpe(*FindRules("gpt-2"), 120));
  TokenizerSpec every;  // no rules: the text is one word
  every = LearnByteBpe(*FindRules("gpt-2"), 120);
  every.split.clear();
  const Tokenizer whole = Made(every);
  const Tokenizer sentence = Made({.pieces = TinyPieces()});
  const Tokenizer words = Made(SmallWordPiece());
  for (const char* unit : {"a", "ab", " ", "the ", "<", "<think", "\u4F60"}) {
    std::string text;
    while (text.size() < 200000) text += unit;
    CHECK(bytes.Decode(bytes.Encode(text)) == text);
    CHECK(whole.Decode(whole.Encode(text)) == text);
    CHECK(sentence.Decode(sentence.Encode(text)) == text);
    CHECK(words.Encode(text).size() >= 2);
  }
}

TEST_CASE("What does not hold together is refused") {
  const auto message = [](TokenizerSpec spec) {
    const Result<Tokenizer> made = Tokenizer::Create(std::move(spec));
    return made ? std::string() : made.error().message;
  };
  TokenizerSpec spec;
  spec.kind = TokenizerKind::kMergeBpe;
  spec.special = {kNoToken, kNoToken, kNoToken, false, false, false};
  spec.pieces = {{"a"}, {"b"}, {"ab"}};
  const auto with = [&](auto change) {
    TokenizerSpec changed = spec;
    change(changed);
    return message(changed);
  };
  CHECK(message(spec).empty());
  CHECK(with([](auto& s) {
          s.merges = {{0, 1, 3, 0}};
        }).find("merge 0: of") != std::string::npos);
  CHECK(with([](auto& s) {
          s.merges = {{0, -1, 2, 0}};
        }).find("merge 0") != std::string::npos);
  CHECK(with([](auto& s) {
          s.merges = {{1, 0, 2, 0}};
        }).find("read") != std::string::npos);
  CHECK(with([](auto& s) {
          s.merges = {{0, 1, 2, 0}, {0, 1, 2, 1}};
        }).find("merge 1: of the same") != std::string::npos);
  CHECK(with([](auto& s) { s.special.add_bos = true; }).find("add_bos") !=
        std::string::npos);
  CHECK(with([](auto& s) { s.special.add_eos = true; }).find("add_eos") !=
        std::string::npos);
  CHECK(with([](auto& s) { s.special.bos = -2; }).find("bos token id -2") !=
        std::string::npos);
  CHECK(with([](auto& s) { s.split = {{"(a"}}; }).find("rule 1") !=
        std::string::npos);
  using Kind = NormalizeStep::Kind;
  CHECK(with([](auto& s) {
          s.normalize = {{Kind::kReplace, "a", std::string(65, 'a')}};
        }).find("64 times") != std::string::npos);
  CHECK(with([](auto& s) {
          s.normalize = {{Kind::kReplace, "", "a"}};
        }).find("nothing to replace") != std::string::npos);
  CHECK(Tokenizer().empty());
  CHECK(Tokenizer().size() == 0);
}

}  // namespace
}  // namespace triptych
