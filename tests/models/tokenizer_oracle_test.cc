// Published vocabularies against what other programs make of texts with them:
// every pair exact. The files are other people's and not part of the project;
// tests/models/vocabularies puts them into a folder, which
// TRIPTYCH_VOCAB_DIR names.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "models/formats/byte_alphabet.h"
#include "models/formats/hf_tokenizer.h"
#include "models/formats/tokenizer_file.h"
#include "models/tokenizer.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<TokenId>;

fs::path Folder() {
  const char* folder = std::getenv("TRIPTYCH_VOCAB_DIR");
  if (folder == nullptr) {
    std::printf(
        "skipped: TRIPTYCH_VOCAB_DIR is not set (see "
        "tests/models/vocabularies)\n");
    return {};
  }
  return folder;
}

std::string Slurp(const fs::path& path) {
  std::ostringstream all;
  all << std::ifstream(path, std::ios::binary).rdbuf();
  return all.str();
}

struct Pair {
  std::string text;
  Ids ids;
};

// FILE.inp: texts with a line between them; FILE.out: a line of ids for each.
std::vector<Pair> ReadPairs(const std::string& stem) {
  const std::string texts = Slurp(stem + ".inp");
  std::ifstream lines(stem + ".out");
  const std::string between = "\n__ggml_vocab_test__\n";
  std::vector<Pair> pairs;
  for (size_t at = 0; at < texts.size();) {
    const size_t end = std::min(texts.find(between, at), texts.size());
    Pair pair{texts.substr(at, end - at), {}};
    at = end + between.size();
    std::string line;
    std::getline(lines, line);
    std::istringstream numbers(line);
    for (TokenId id; numbers >> id;) pair.ids.push_back(id);
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

// How many pairs come out exactly; says which does not.
size_t CheckPairs(const Tokenizer& tokenizer, const std::vector<Pair>& pairs,
                  const std::string& name) {
  size_t exact = 0;
  for (const Pair& pair : pairs) {
    const Ids got = tokenizer.Encode(pair.text, {.special = false});
    CHECK_MESSAGE(got == pair.ids, name << ": " << pair.text);
    exact += got == pair.ids ? 1 : 0;
    if (tokenizer.spec().kind == TokenizerKind::kWordPiece) continue;
    CHECK_MESSAGE(tokenizer.Decode(got) == pair.text, name);
  }
  std::printf("%s: %zu of %zu pairs exact\n", name.c_str(), exact,
              pairs.size());
  return exact;
}

TEST_CASE("Vocabularies: every published pair is exact") {
  const fs::path folder = Folder();
  if (folder.empty()) return;
  size_t pairs = 0, files = 0;
  std::vector<fs::path> paths(fs::directory_iterator(folder), {});
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    const std::string suffix = path.extension().string();
    if (suffix != ".gguf" && suffix != ".tiktoken") continue;
    const Result<Tokenizer> tokenizer = LoadTokenizer(path.string());
    REQUIRE_MESSAGE(tokenizer.has_value(), tokenizer.error().message);
    ++files;
    if (fs::exists(path.string() + ".inp")) {
      const auto want = ReadPairs(path.string());
      CHECK(want.size() > 40);
      pairs += CheckPairs(*tokenizer, want, path.filename().string());
      continue;
    }
    // No ids to compare with: the texts must come back.
    for (const Pair& pair : ReadPairs((folder / "ggml-vocab-gpt-2.gguf"))) {
      CHECK(tokenizer->Decode(tokenizer->Encode(pair.text)) == pair.text);
    }
  }
  std::printf("%zu pairs exact, with %zu vocabularies\n", pairs, files);
  CHECK(files > 0);
  CHECK(pairs > 0);
}

// ---- The same vocabularies as tokenizer.json files ----

constexpr const char* kMark = "\u2581";

nlohmann::json AddedTokens(const Tokenizer& t) {
  nlohmann::json added = nlohmann::json::array();
  for (size_t i = 0; i < t.size(); ++i) {
    const Piece& piece = t.piece(static_cast<TokenId>(i));
    if (piece.type == PieceType::kControl ||
        piece.type == PieceType::kUserDefined) {
      added.push_back({{"id", i},
                       {"content", piece.text},
                       {"special", piece.type == PieceType::kControl}});
    }
  }
  return added;
}

nlohmann::json SplitBy(const std::string& regex) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", regex}}},
          {"behavior", "Isolated"}};
}

// Byte BPE: its rules as a sequence of splits, as most such files have them.
nlohmann::json ByteLevelJson(const Tokenizer& t) {
  nlohmann::json vocabulary, merges = nlohmann::json::array(),
                             steps = nlohmann::json::array();
  std::vector<std::string> letters;
  for (size_t i = 0; i < t.size(); ++i) {
    const Piece& piece = t.piece(static_cast<TokenId>(i));
    letters.push_back(LettersOfBytes(piece.text));
    if (piece.type == PieceType::kNormal) vocabulary[letters.back()] = i;
  }
  for (const Merge& merge : t.spec().merges) {
    merges.push_back(letters[static_cast<size_t>(merge.left)] + " " +
                     letters[static_cast<size_t>(merge.right)]);
  }
  for (const SplitRule& rule : t.spec().split) {
    steps.push_back(SplitBy(rule.pattern));
  }
  steps.push_back({{"type", "ByteLevel"},
                   {"add_prefix_space", false},
                   {"use_regex", false}});
  return {
      {"added_tokens", AddedTokens(t)},
      {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", steps}}},
      {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}}}};
}

std::string Marked(const std::string& text) {
  return ReplaceAll(text, " ", kMark);
}

// Llama 2's: the merges that SentencePiece's scores come to. Of a piece, all
// cuts in two pieces; the best piece first.
nlohmann::json SentencePieceJson(const Tokenizer& t) {
  nlohmann::json vocabulary, merges = nlohmann::json::array();
  std::vector<TokenId> order;
  for (size_t i = 0; i < t.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const Piece& piece = t.piece(id);
    vocabulary[piece.type == PieceType::kNormal ? Marked(piece.text)
                                                : piece.text] = i;
    if (piece.type == PieceType::kNormal) order.push_back(id);
  }
  std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) {
    return t.piece(a).score > t.piece(b).score;
  });
  for (const TokenId id : order) {
    const std::string& text = t.piece(id).text;
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const std::string left = text.substr(0, cut), right = text.substr(cut);
      const auto normal = [&](const std::string& part) {
        const TokenId found = t.Find(part);
        return found != kNoToken && t.piece(found).type == PieceType::kNormal;
      };
      if (normal(left) && normal(right)) {
        merges.push_back({Marked(left), Marked(right)});
      }
    }
  }
  nlohmann::json normalizers = {{{"type", "Prepend"}, {"prepend", kMark}},
                                {{"type", "Replace"},
                                 {"pattern", {{"String", " "}}},
                                 {"content", kMark}}};
  return {{"added_tokens", AddedTokens(t)},
          {"normalizer", {{"type", "Sequence"}, {"normalizers", normalizers}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"vocab", vocabulary},
            {"merges", merges}}}};
}

nlohmann::json WordPieceJson(const Tokenizer& t) {
  nlohmann::json vocabulary;
  for (size_t i = 0; i < t.size(); ++i) {
    const Piece& piece = t.piece(static_cast<TokenId>(i));
    const bool starts = piece.text.starts_with(' ');
    vocabulary[piece.type == PieceType::kControl ? piece.text
               : starts                          ? piece.text.substr(1)
                                                 : "##" + piece.text] = i;
  }
  return {
      {"added_tokens", AddedTokens(t)},
      {"normalizer", {{"type", "BertNormalizer"}}},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
      {"model",
       {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", vocabulary}}}};
}

TEST_CASE("The same vocabularies as tokenizer.json: every pair is exact") {
  const fs::path folder = Folder();
  if (folder.empty()) return;
  size_t pairs = 0;
  for (const char* name : {"gpt-2", "falcon", "starcoder", "deepseek-coder",
                           "llama-spm", "bert-bge"}) {
    const fs::path path =
        folder / (std::string("ggml-vocab-") + name + ".gguf");
    if (!fs::exists(path)) {
      std::printf("skipped: %s is not here\n", path.c_str());
      continue;
    }
    const Tokenizer from = *LoadTokenizer(path.string());
    const nlohmann::json json = from.spec().kind == TokenizerKind::kMergeBpe
                                    ? ByteLevelJson(from)
                                : from.spec().kind == TokenizerKind::kWordPiece
                                    ? WordPieceJson(from)
                                    : SentencePieceJson(from);
    const Result<Tokenizer> read = ParseHfTokenizer(json.dump(), "f");
    REQUIRE_MESSAGE(read.has_value(), read.error().message);
    pairs += CheckPairs(*read, ReadPairs(path.string()),
                        std::string(name) + " as tokenizer.json");
    // And a long text, as the vocabulary it was made from encodes it.
    const std::string long_text = SharedData("tinyshakespeare.txt");
    if (long_text.empty()) continue;
    const std::string text = Slurp(long_text).substr(0, 200000);
    CHECK(read->Encode(text, {.special = false}) ==
          from.Encode(text, {.special = false}));
  }
  std::printf("%zu pairs exact through tokenizer.json\n", pairs);
}

}  // namespace
}  // namespace triptych
