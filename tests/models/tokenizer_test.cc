// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer.h"

#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "models/formats/llama2c.h"
#include "models/mapped_file.h"
#include "tests/models/tiny_model.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

using Ids = std::vector<TokenId>;

constexpr TokenId kByte0 = 3, kSpace = 259, kA = 260, kB = 261, kC = 262,
                  kD = 263, kE = 264, kAb = 265, kBc = 266, kSpaceA = 267,
                  kCd = 268, kAbc = 269, kEAcute = 270;

Tokenizer Tiny(SpecialTokens special = {}) {
  return *Tokenizer::Create(TinyPieces(), special);
}

Tokenizer Bare() {  // ids of the text alone
  SpecialTokens special;
  special.add_bos = false;
  special.add_space_prefix = false;
  return Tiny(special);
}

TEST_CASE("The best-scoring pair joins first, of equal ones the leftmost") {
  const Tokenizer t = Bare();
  CHECK(t.Encode("ab") == Ids{kAb});
  CHECK(t.Encode("abc") == Ids{kAbc});     // bc, then a + bc
  CHECK(t.Encode("bcd") == Ids{kBc, kD});  // bc and cd score alike
  CHECK(t.Encode("abab") == Ids{kAb, kAb});
  CHECK(t.Encode("cc") == Ids{kC, kC});
  CHECK(t.Encode("abcd") == Ids{kAbc, kD});
  CHECK(t.Encode("acde") == Ids{kA, kCd, kE});
  CHECK(t.Encode("aabc") == Ids{kA, kAbc});
  CHECK(t.Encode("bcbcbc") == Ids{kBc, kBc, kBc});
  CHECK(t.Encode("").empty());
}

TEST_CASE("BOS and the space in front are what the special tokens say") {
  CHECK(Tiny().Encode("a") == Ids{1, kSpaceA});
  CHECK(Tiny().Encode("") == Ids{1});
  CHECK(Tiny().Encode(" a") == Ids{1, kSpace, kSpaceA});
  SpecialTokens special;
  special.add_bos = false;
  CHECK(Tiny(special).Encode("b") == Ids{kSpace, kB});
}

TEST_CASE("What has no piece is spelled in bytes, and comes back") {
  const Tokenizer t = Bare();
  CHECK(t.Encode("\xC3\xA9") == Ids{kEAcute});
  CHECK(t.Encode("\xC3\xA8") == Ids{kByte0 + 0xC3, kByte0 + 0xA8});
  CHECK(t.Encode("a\n") == Ids{kA, kByte0 + 10});
  // Not UTF-8: a lone continuation, a lead without its continuation.
  CHECK(t.Encode("\xA9") == Ids{kByte0 + 0xA9});
  CHECK(t.Encode("\xC3") == Ids{kByte0 + 0xC3});
  CHECK(t.Encode("\xC3"
                 "a") == Ids{kByte0 + 0xC3, kA});
  // Control pieces are not text.
  CHECK(t.Encode("<s>").size() == 3);
}

TEST_CASE("Any bytes survive the round trip") {
  const Tokenizer t = Tiny();
  Rng rng(3);
  for (int trial = 0; trial < 300; ++trial) {
    std::string text;
    const uint32_t length = rng.Below(40);
    for (uint32_t i = 0; i < length; ++i) {
      const bool known = rng.Below(2) == 0;
      text += known ? static_cast<char>(" abcde"[rng.Below(6)])
                    : static_cast<char>(rng.Below(256));
    }
    CHECK(t.Decode(t.Encode(text)) == text);
  }
}

TEST_CASE("Without byte pieces the unknown token stands in") {
  std::vector<Piece> pieces = {{"?", 0, PieceType::kUnknown}, {"a", 0}, {"b"}};
  SpecialTokens special{1, 2, 0, false, false};
  const Tokenizer t = *Tokenizer::Create(pieces, special);
  CHECK(t.Encode("axb") == Ids{1, 0, 2});
}

TEST_CASE("A stream never gives out half a character") {
  const Tokenizer t = Tiny();
  TokenStream stream(t);
  CHECK(stream.Push(1).empty());        // BOS has no text
  CHECK(stream.Push(kSpaceA) == "a");   // the space was put in front
  CHECK(stream.Push(kSpaceA) == " a");  // this one was not
  CHECK(stream.Push(kByte0 + 0xE2).empty());
  CHECK(stream.Push(kByte0 + 0x82).empty());
  CHECK(stream.Push(kByte0 + 0xAC) == "\xE2\x82\xAC");  // the euro sign
  CHECK(stream.Push(kByte0 + 0xC3).empty());
  CHECK(stream.Push(kB) ==
        "\xC3"
        "b");  // it never became one
  CHECK(stream.Push(kByte0 + 0xF0).empty());
  CHECK(stream.Finish() == "\xF0");
  CHECK(stream.Finish().empty());
}

TEST_CASE("A vocabulary that contradicts itself is refused") {
  const auto message = [](std::vector<Piece> pieces, SpecialTokens special) {
    const auto made = Tokenizer::Create(std::move(pieces), special);
    return made ? std::string() : made.error().message;
  };
  CHECK(message({}, {}).find("0 pieces") != std::string::npos);
  CHECK(message({{"a"}}, {}).find("bos token id 1") != std::string::npos);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(message({{"a"}, {"b"}, {"c", nan}}, {}).find("score of token 2") !=
        std::string::npos);
  for (const char* text : {"x", "<0x0>", "<0xGG>", "<1x00>"}) {
    CHECK(message({{"a"}, {"b"}, {text, 0, PieceType::kByte}}, {})
              .find("token 2") != std::string::npos);
  }
  CHECK(message({{"a"},
                 {"<0x00>", 0, PieceType::kByte},
                 {"<0x00>", 0, PieceType::kByte}},
                {})
            .find("token 2") != std::string::npos);
}

Tokenizer Tok512(const std::string& path) {
  const MappedFile file = *MappedFile::Open(path);
  return *ParseLlama2cTokenizer(file.bytes(), path);
}

TEST_CASE("stories260K: the prompt has the published ids") {
  const std::string tok = SharedData("tok512.bin");
  const std::string golden = SharedData("golden.json");
  if (tok.empty() || golden.empty()) return;
  const auto story =
      nlohmann::json::parse(std::ifstream(golden))["stories260K"];
  const Tokenizer t = Tok512(tok);
  CHECK(t.Encode(story["prompt"].get<std::string>()) ==
        story["prompt_ids"].get<Ids>());
  const Ids greedy = story["greedy_from_bos"].get<Ids>();
  CHECK(t.Decode(std::span(greedy).first(19)) ==
        "Once upon a time, there was a little girl named Lily. She loved");
}

TEST_CASE("stories260K: five stories have the published token counts") {
  const std::string tok = SharedData("tok512.bin");
  const std::string sample = SharedData("tinystories_sample.txt");
  if (tok.empty() || sample.empty()) return;
  const Tokenizer t = Tok512(tok);
  std::ostringstream all;
  all << std::ifstream(sample).rdbuf();
  std::string text = all.str();
  const std::string mark = "<|endoftext|>";
  std::vector<size_t> counts;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(mark, at), text.size());
    std::string story = text.substr(at, end - at);
    at = end + mark.size();
    story.erase(0, story.find_first_not_of(" \n"));
    story.erase(story.find_last_not_of(" \n") + 1);
    if (story.empty()) continue;
    counts.push_back(t.Encode(story).size());
    CHECK(t.Decode(t.Encode(story)) == story);
  }
  CHECK(counts == std::vector<size_t>{374, 330, 223, 425, 457});
}

}  // namespace
}  // namespace triptych
