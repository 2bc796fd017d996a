// Tokenizers from GGUF, tokenizer.json and tiktoken's ranks.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "models/formats/byte_alphabet.h"
#include "models/formats/gguf.h"
#include "models/formats/gguf_tokenizer.h"
#include "models/formats/gguf_writer.h"
#include "models/formats/hf_tokenizer.h"
#include "models/formats/tiktoken.h"
#include "models/formats/tokenizer_file.h"
#include "tests/models/random_text.h"
#include "tests/models/small_vocabularies.h"
#include "tests/models/temp_file.h"
#include "tests/models/tiny_model.h"

namespace triptych {
namespace {

using Ids = std::vector<TokenId>;

TEST_CASE("GPT-2's letters: a letter a byte, and back") {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  CHECK(BytesOfLetters(LettersOfBytes(bytes)) == bytes);
  CHECK(LettersOfBytes(" a\n") == "\u0120a\u010A");
  CHECK(LettersOfBytes("\xC3\xA9") == "\u00C3\u00A9");
  CHECK(BytesOfLetters("a b") == "a b");  // a space is no letter: as it is
  CHECK(BytesOfLetters("\u0144") == "\u0144");
  CHECK(BytesOfLetters("\u0143") == "\xAD");
}

void CheckSame(const Tokenizer& got, const Tokenizer& want) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    CHECK(got.piece(id).text == want.piece(id).text);
    CHECK(got.piece(id).type == want.piece(id).type);
  }
  CHECK(got.special().bos == want.special().bos);
  CHECK(got.special().eos == want.special().eos);
  CHECK(got.special().unknown == want.special().unknown);
  CHECK(got.special().add_bos == want.special().add_bos);
  CHECK(got.special().add_eos == want.special().add_eos);
  CHECK(got.spec().kind == want.spec().kind);
  CHECK(got.spec().split == want.spec().split);
  CHECK(got.spec().normalize == want.spec().normalize);
  CHECK(got.spec().merges == want.spec().merges);
  CHECK(got.spec().chat_template == want.spec().chat_template);
  Rng rng(3);
  for (int trial = 0; trial < 50; ++trial) {
    const std::string text = RandomText(rng, 20);
    CHECK(got.Encode(text) == want.Encode(text));
  }
}

// ---- GGUF ----

Result<Tokenizer> ThroughGguf(const Tokenizer& tokenizer) {
  GgufWriter writer;
  TRIPTYCH_TRY(AddGgufTokenizer(tokenizer, writer));
  const FileBytes bytes = AsFile(writer.Finish());
  const Result<GgufFile> file = GgufFile::Parse(bytes, "f");
  return ReadGgufTokenizer(*file, 100000);
}

TEST_CASE("GGUF: each kind of tokenizer comes back as it was written") {
  for (const char* rules : {"gpt-2", "llama-bpe", "qwen2", "falcon"}) {
    TokenizerSpec spec = LearnByteBpe(*FindRules(rules), 100);
    spec.chat_template = "{{ <|im_start|> }}";
    const Tokenizer want = *Tokenizer::Create(spec);
    const Result<Tokenizer> got = ThroughGguf(want);
    REQUIRE_MESSAGE(got.has_value(), got.error().message);
    CheckSame(*got, want);
    CHECK(got->spec().merge_options.whole_words ==
          want.spec().merge_options.whole_words);
  }
  CheckSame(*ThroughGguf(*Tokenizer::Create(SmallWordPiece())),
            *Tokenizer::Create(SmallWordPiece()));
  CheckSame(*ThroughGguf(*Tokenizer::Create(TinyPieces(), {})),
            *Tokenizer::Create(TinyPieces(), {}));
}

TEST_CASE("GGUF: what it has no keys for is not written") {
  TokenizerSpec spec = LearnByteBpe(*FindRules("gpt-2"), 10);
  const auto refused = [](const TokenizerSpec& s) {
    GgufWriter writer;
    const Status status = AddGgufTokenizer(*Tokenizer::Create(s), writer);
    return status ? std::string() : status.error().message;
  };
  CHECK(refused(spec).empty());
  TokenizerSpec other = spec;
  other.split = {{"x"}};
  CHECK(refused(other).find("without a name") != std::string::npos);
  other = spec;
  other.normalize = {{NormalizeStep::Kind::kNfc}};
  CHECK(refused(other).find("normalised") != std::string::npos);
  other = spec;
  other.prefix_unless_there = true;
  CHECK(refused(other).find("in front") != std::string::npos);
  other = SmallWordPiece();
  other.normalize = BertNormalizer(false);
  CHECK(refused(other).find("uncased") != std::string::npos);
}

// A vocabulary of a few keys, one of them changed.
struct GgufKeys {
  std::string model = "gpt2", pre = "gpt-2";
  std::vector<std::string> tokens = {"a", "b", "ab", "\u0120"};
  std::vector<std::string> merges = {"a b"};
  std::vector<int32_t> types = {1, 1, 1, 1};
  uint32_t eos = 3, bos = UINT32_MAX;  // which is to say: none
};

Result<Tokenizer> Read(const GgufKeys& keys) {
  GgufWriter writer;
  writer.Add("tokenizer.ggml.model", std::string_view(keys.model));
  if (!keys.pre.empty()) {
    writer.Add("tokenizer.ggml.pre", std::string_view(keys.pre));
  }
  writer.Add("tokenizer.ggml.tokens",
             std::span<const std::string>(keys.tokens));
  if (!keys.merges.empty()) {
    writer.Add("tokenizer.ggml.merges",
               std::span<const std::string>(keys.merges));
  }
  if (!keys.types.empty()) {
    writer.Add("tokenizer.ggml.token_type",
               std::span<const int32_t>(keys.types));
  }
  writer.Add("tokenizer.ggml.bos_token_id", keys.bos);
  writer.Add("tokenizer.ggml.eos_token_id", keys.eos);
  const FileBytes bytes = AsFile(writer.Finish());
  return ReadGgufTokenizer(*GgufFile::Parse(bytes, "f"), 100);
}

std::string Complaint(const GgufKeys& keys) {
  const Result<Tokenizer> read = Read(keys);
  return read ? std::string() : read.error().message;
}

TEST_CASE("GGUF: files that say little, and files that say too much") {
  CHECK(Read({})->Encode("ab ab") == Ids{2, 3, 2});
  CHECK(Read({.pre = ""})->spec().split == FindRules("gpt-2")->rules);
  CHECK(Read({.types = {}})->Encode("ab") == Ids{2});
  CHECK(Read({})->special().bos == kNoToken);
  CHECK(Read({})->special().eos == 3);
  CHECK(Read({})->start() == 3);
  CHECK(Complaint({.eos = 4}).find("eos_token_id: 4: must be") !=
        std::string::npos);
  // What only llama-bpe means, without a token to mean it with.
  CHECK_FALSE(Read({.pre = "llama-bpe"})->special().add_bos);

  CHECK(Complaint({.model = "t5"}).find("t5: llama") != std::string::npos);
  CHECK(Complaint({.pre = "x"}).find("x: not known; known are gpt-2") !=
        std::string::npos);
  CHECK(Complaint({.pre = "x"}).starts_with("f: offset "));
  CHECK(Complaint({.merges = {"ab"}}).find("merge 0: ab: must be two") !=
        std::string::npos);
  CHECK(Complaint({.merges = {"a b", "b a"}}).find("merge 1: b a: both") !=
        std::string::npos);
  CHECK(Complaint({.types = {1, 1}}).find("2 types") != std::string::npos);
  CHECK(Complaint({.types = {1, 1, 1, 7}}).find("7 for token 3") !=
        std::string::npos);
  CHECK(Complaint({.merges = {}}).find("merges") != std::string::npos);
}

TEST_CASE("GGUF: BERT's pieces begin words with the mark, or go on") {
  GgufKeys keys;
  keys.model = "bert";
  keys.tokens = {"[UNK]", "[CLS]", "[SEP]", "\u2581un", "able", "\u2581,"};
  keys.types = {3, 3, 3, 1, 1, 1};
  keys.merges = {};
  keys.bos = 1;
  keys.eos = 2;
  const Tokenizer t = *Read(keys);
  CHECK(t.Encode("Unable, x") == Ids{1, 3, 4, 5, 0, 2});
  CHECK(t.Decode(Ids{1, 3, 4, 5}) == "unable ,");
}

// ---- tokenizer.json ----

// Of a byte BPE of a, b, a space and ab, with `rest` in front of its model.
std::string Json(const std::string& rest, const std::string& model = "") {
  return "{" + rest + (rest.empty() ? "" : ",") + R"("model": {"type": "BPE",
    "vocab": {"a": 0, "b": 1, "ab": 2, "\u0120": 3, "\u0120a": 4},
    "merges": ["a b", ["\u0120", "a"]])" +
         model + "}}";
}
const std::string kByteLevel =
    R"("pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false})";

std::string HfComplaint(const std::string& text) {
  const Result<Tokenizer> read = ParseHfTokenizer(text, "f");
  return read ? std::string() : read.error().message;
}

TEST_CASE("tokenizer.json: byte BPE, its added tokens, its configuration") {
  const std::string added =
      R"("added_tokens": [{"id": 5, "content": "<|endoftext|>",
        "special": true}, {"id": 7, "content": "<x>", "special": false,
        "lstrip": true}])";
  const Tokenizer t = *ParseHfTokenizer(Json(kByteLevel + "," + added), "f");
  CHECK(t.size() == 8);
  CHECK(t.Encode("ab ab") == Ids{2, 3, 2});
  CHECK(t.Encode("a <x>b<|endoftext|>", {.control_from_text = true}) ==
        Ids{0, 7, 1, 5});
  CHECK(t.piece(6).type == PieceType::kUnused);
  CHECK(t.special().eos == 5);
  CHECK(t.special().bos == 5);
  CHECK_FALSE(t.special().add_bos);
  const Tokenizer configured =
      *ParseHfTokenizer(Json(kByteLevel + "," + added), "f",
                        R"({"eos_token": {"content": "<x>"}, "bos_token": null,
          "chat_template": [{"name": "tool_use", "template": "no"},
                            {"name": "default", "template": "yes"}]})",
                        "c");
  CHECK(configured.special().eos == 7);
  CHECK(configured.spec().chat_template == "yes");
  const auto wrong =
      ParseHfTokenizer(Json(kByteLevel), "f", R"({"eos_token": "</s>"})", "c");
  CHECK(wrong.error().message ==
        "c: offset 20: eos_token: </s>: is no token "
        "of the tokenizer.json");
}

TEST_CASE("tokenizer.json: tokens around a text") {
  const std::string added =
      R"("added_tokens": [{"id": 5, "content": "<s>", "special": true},
                          {"id": 6, "content": "</s>", "special": true}],)";
  const auto encode = [&](const std::string& post) {
    return ParseHfTokenizer(
               Json(added + kByteLevel + R"(, "post_processor": )" + post), "f")
        ->Encode("a");
  };
  CHECK(encode("null") == Ids{0});
  CHECK(encode(R"({"type": "ByteLevel"})") == Ids{0});
  CHECK(encode(R"({"type": "TemplateProcessing", "single": [
      {"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]})") ==
        Ids{5, 0});
  CHECK(encode(R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
      {"type": "RobertaProcessing", "sep": ["</s>", 6],
       "cls": ["<s>", 5]}]})") == Ids{5, 0, 6});
}

TEST_CASE("tokenizer.json: Llama 2's, of characters with byte fallback") {
  const std::string text = R"({"added_tokens": [
    {"id": 0, "content": "<unk>", "special": true, "normalized": true},
    {"id": 1, "content": "<s>", "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "\u2581"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
    "pre_tokenizer": null,
    "post_processor": {"type": "TemplateProcessing", "single": [
      {"SpecialToken": {"id": "<s>", "type_id": 0}},
      {"Sequence": {"id": "A", "type_id": 0}}]},
    "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true,
      "byte_fallback": true, "dropout": null,
      "vocab": {"<unk>": 0, "<s>": 1, "<0xC3>": 2, "<0xA9>": 3, "\u2581": 4,
                "a": 5, "\u2581a": 6, "\u2581\u2581": 7},
      "merges": ["\u2581 a", "\u2581 \u2581"]}})";
  const Tokenizer t = *ParseHfTokenizer(text, "f");
  CHECK(t.Encode("a a") == Ids{1, 6, 6});
  CHECK(t.Encode("a   a") == Ids{1, 6, 7, 6});
  CHECK(t.Encode("\u00E9") == Ids{1, 4, 2, 3});
  CHECK(t.Encode("xyz") == Ids{1, 4, 0});
  CHECK(t.Decode(t.Encode("a \u00E9")) == "a \u00E9");
  // Newer files say the same in a pre-tokenizer.
  std::string newer = text;
  const size_t from = newer.find("\"normalizer\""),
               to = newer.find("\"post_processor\"");
  newer.replace(from, to - from,
                R"("normalizer": null, "pre_tokenizer": {"type": "Metaspace",
                   "replacement": "\u2581", "prepend_scheme": "first",
                   "split": false},)");
  CHECK(ParseHfTokenizer(newer, "f")->Encode("a   a") == Ids{1, 6, 7, 6});
}

TEST_CASE("tokenizer.json: BERT's") {
  const std::string text = R"({"added_tokens": [
    {"id": 0, "content": "[UNK]", "special": true},
    {"id": 1, "content": "[CLS]", "special": true},
    {"id": 2, "content": "[SEP]", "special": true}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true,
      "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2],
                       "cls": ["[CLS]", 1]},
    "model": {"type": "WordPiece", "unk_token": "[UNK]",
      "continuing_subword_prefix": "##", "max_input_chars_per_word": 5,
      "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##able": 4,
                ",": 5, "##": 6}}})";
  const Tokenizer t = *ParseHfTokenizer(text, "f");
  CHECK(t.Encode("\u00DCn, un") == Ids{1, 3, 5, 3, 2});
  CHECK(t.Encode("unable") == Ids{1, 0, 2});  // six characters
  CHECK(t.special().unknown == 0);
  CHECK(t.spec().normalize == BertNormalizer(true));
}

TEST_CASE("tokenizer.json: steps that cut and normalise") {
  const auto encode = [](const std::string& pre, const std::string& text) {
    const auto read = ParseHfTokenizer(
        Json(R"("pre_tokenizer": {"type": "Sequence", "pretokenizers": [)" +
             pre + R"(, {"type": "ByteLevel", "add_prefix_space": false,
                         "use_regex": false}]})"),
        "f");
    REQUIRE_MESSAGE(read.has_value(), read.error().message);
    return read->Encode(text);
  };
  CHECK(encode(R"({"type": "Split", "pattern": {"Regex": "b"},
                   "behavior": "Isolated", "invert": false})",
               "ab") == Ids{0, 1});
  CHECK(encode(R"({"type": "Split", "pattern": {"String": " "},
                   "behavior": "MergedWithPrevious"})",
               "ab a") == Ids{2, 3, 0});
  CHECK(encode(R"({"type": "WhitespaceSplit"})", "ab \n a") == Ids{2, 0});
  CHECK(encode(R"({"type": "Digits", "individual_digits": true})", "ab") ==
        Ids{2});
  CHECK(encode(R"({"type": "Punctuation"})", "ab a") == Ids{2, 4});
  CHECK(ParseHfTokenizer(Json(R"("pre_tokenizer": {"type": "ByteLevel"})"), "f")
            ->Encode("a") == Ids{4});  // a space in front, by default
  CHECK(ParseHfTokenizer(
            Json(kByteLevel + R"(, "normalizer": {"type": "Lowercase"})"), "f")
            ->Encode("AB") == Ids{2});
}

TEST_CASE("tokenizer.json: what is not read is refused with its path") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]", "f: offset 1: []: must be an object"},
      {"{", "JSON"},
      {"{}", "model: null: must be an object"},
      {Json(R"("normalizer": {"type": "Nmt"})"),
       "normalizer.type: Nmt: is not read; NFC"},
      {Json(R"("normalizer": {"type": "Sequence", "normalizers":
             [{"type": "NFC"}, {"type": "Precompiled"}]})"),
       "normalizer.normalizers[1].type: Precompiled: is not read"},
      {Json(R"("normalizer": {"type": "Replace", "pattern": {"Regex": "a"},
             "content": "b"})"),
       "normalizer.pattern.Regex: only a String"},
      {Json(R"("normalizer": {"type": "Prepend", "prepend": "x"})"),
       "normalizer.prepend: must be U+2581"},
      {Json(R"("pre_tokenizer": {"type": "Whitespace"})"),
       "pre_tokenizer.type: Whitespace: is not read"},
      {Json(R"("pre_tokenizer": {"type": "Sequence", "pretokenizers":
             [{"type": "Split", "pattern": {"Regex": "a+?"},
               "behavior": "Isolated"}]})"),
       "pre_tokenizer.pretokenizers[0].pattern.Regex: offset 2: lazy"},
      {Json(R"("pre_tokenizer": {"type": "Split", "pattern": {"String": "a"},
             "behavior": "Odd"})"),
       "pre_tokenizer.behavior: must be Isolated"},
      {Json(R"("normalizer": {"type": "Replace", "pattern": {"String": " "},
             "content": "\u2581"}, "pre_tokenizer": {"type": "Digits"})"),
       "pre_tokenizer.type: Digits: after spaces"},
      {Json(R"("post_processor": {"type": "Odd"})"),
       "post_processor.type: Odd: is not read"},
      {Json(kByteLevel + R"(, "post_processor": {"type": "BertProcessing",
             "sep": ["[S]", 1], "cls": ["[C]", 2]})"),
       "post_processor: [C]: is no token"},
      {Json("", R"(, "dropout": 0.1)"), "model.dropout: must be null"},
      {Json("", R"(, "end_of_word_suffix": "</w>")"),
       "model.end_of_word_suffix: must be null or empty"},
      {Json(R"("added_tokens": [{"id": 5, "content": "x",
             "single_word": true}])"),
       "added_tokens[0].single_word: true: is not read"},
      {Json(R"("added_tokens": [{"id": 99999999, "content": "x"}])"),
       "added_tokens[0].id: 99999999: must be in 0..1035, with 6 tokens"},
      {Json(R"("added_tokens": [{"id": -1, "content": "x"}])"),
       "added_tokens[0].id: -1: must be in"},
      {R"({"model": {"type": "Unigram"}})",
       "model.type: Unigram: is not read; BPE and WordPiece are"},
      {R"({"model": {"vocab": {"a": 0, "b": 0}, "merges": []}})",
       "model.vocab: 0: is another token's id"},
      {R"({"model": {"vocab": {"a": "x"}, "merges": []}})",
       "model.vocab: a: must have an id"},
      {R"({"model": {"vocab": {"a": 0}, "merges": ["a b"]}})",
       "model.merges: merge 0: a and b and what they make"},
      {R"({"model": {"vocab": {"a": 0}, "merges": [5]}})",
       "model.merges: merge 0: must be two tokens"},
      {R"({"model": {"vocab": {}, "merges": []}})", "0 pieces"},
  };
  for (const auto& [text, what] : cases) {
    const std::string got = HfComplaint(text);
    CHECK_MESSAGE(got.find(what) != std::string::npos,
                  what << "\n got: " << got);
    CHECK(got.starts_with("f: "));
  }
}

// ---- tiktoken ----

TEST_CASE("Ranks: the merges they come to, and what is no file of them") {
  const std::vector<Piece> pieces = {{"a"}, {"b"}, {"c"}, {"bc"}, {"abc"}};
  CHECK(MergesByRank(pieces) == std::vector<Merge>{{1, 2, 3, 3}, {0, 3, 4, 4}});
  CHECK(LooksLikeTiktoken("YQ== 0\nYg== 1\n"));
  CHECK_FALSE(LooksLikeTiktoken("YQ=\n"));
  CHECK_FALSE(LooksLikeTiktoken("YQ== 0"));
  CHECK_FALSE(LooksLikeTiktoken(""));
  const auto complaint = [](std::string_view text) {
    return ParseTiktoken(text, "f").error().message;
  };
  CHECK(complaint("YQ== 0\nYg== 1\n") ==
        "f: 2 ranks: the rules that cut text are known for 50256, 128000, "
        "151643");
  CHECK(complaint("YQ== 0\nYg== 2\n") == "f:2: rank 2: must be 1, in order");
  for (const char* bad : {"YQ== 0\nYg= 1\n", "YQ== 0\nY?== 1\n",
                          "YQ== 0\nYg== 1x\n", "YQ== 0\nYg==\n"}) {
    CHECK_MESSAGE(complaint(bad).starts_with("f:2: must be"), bad);
  }
}

// ---- Files ----

TEST_CASE("A tokenizer's file is known by its first bytes") {
  const TempFile beside("");  // whose name nobody else has
  const std::filesystem::path folder = beside.path() + ".d";
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, std::string_view text) {
    std::ofstream(folder / name, std::ios::binary) << text;
    return (folder / name).string();
  };
  write("tokenizer.json", Json(kByteLevel + R"(, "added_tokens": [
      {"id": 5, "content": "<e>", "special": true}])"));
  write("tokenizer_config.json", R"({"eos_token": "<e>"})");
  CHECK(LoadTokenizer(folder.string())->special().eos == 5);
  CHECK(TokenizerBeside((folder / "x.safetensors").string()) ==
        (folder / "tokenizer.json").string());
  CHECK(TokenizerBeside((folder / "x.gguf").string()).empty());

  GgufWriter writer;
  REQUIRE(AddGgufTokenizer(*Tokenizer::Create(SmallWordPiece()), writer));
  const std::vector<std::byte> gguf = writer.Finish();
  const std::string path = write(
      "v.gguf", {reinterpret_cast<const char*>(gguf.data()), gguf.size()});
  CHECK(LoadTokenizer(path)->spec().kind == TokenizerKind::kWordPiece);
  const std::string ranks = write("r.tiktoken", "YQ== 0\nYg== 1\n");
  CHECK(LoadTokenizer(ranks).error().message.find("2 ranks") !=
        std::string::npos);
  CHECK_FALSE(LoadTokenizer((folder / "none").string()));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace triptych
