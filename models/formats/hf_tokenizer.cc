// SPDX-License-Identifier: Apache-2.0
#include "models/formats/hf_tokenizer.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "models/formats/byte_alphabet.h"
#include "models/formats/byte_reader.h"
#include "models/formats/hf_tokenizer_steps.h"
#include "models/formats/json_at.h"

namespace triptych {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581
using Kind = JsonAt::Kind;

class HfReader {
 public:
  // `config`: the root of tokenizer_config.json, if there is one.
  HfReader(const JsonAt& root, const JsonAt* config, HfSteps steps)
      : root_(root), config_(config), steps_(std::move(steps)) {}

  Result<TokenizerSpec> Read() {
    TRIPTYCH_TRY(ReadModelKind());
    TRIPTYCH_TRY(ReadVocabulary());
    TRIPTYCH_TRY(ReadAdded());
    if (spec_.kind == TokenizerKind::kMergeBpe) TRIPTYCH_TRY(ReadMerges());
    TRIPTYCH_TRY(ReadSpecial());
    if (config_ != nullptr) TRIPTYCH_TRY(ReadConfig());
    spec_.normalize = std::move(steps_.normalize);
    spec_.split = std::move(steps_.split);
    spec_.prefix_every_run = steps_.every_run;
    spec_.prefix_unless_there = steps_.unless_there;
    return std::move(spec_);
  }

 private:
  JsonAt Model() const { return root_["model"]; }

  Status ReadModelKind() {
    const JsonAt model = Model();
    TRIPTYCH_TRY(model.Expect(Kind::kObject));
    // Files of before 2020 do not say.
    const bool merges = !model["merges"].Is(Kind::kNull);
    TRIPTYCH_ASSIGN(const std::string_view type,
                    model.Text("type", merges ? "BPE" : "WordPiece"));
    if (type == "BPE") {
      spec_.kind = TokenizerKind::kMergeBpe;
      return ReadBpeOptions();
    }
    if (type == "WordPiece") {
      spec_.kind = TokenizerKind::kWordPiece;
      TRIPTYCH_ASSIGN(continuing_,
                      model.Text("continuing_subword_prefix", "##"));
      TRIPTYCH_ASSIGN(const int64_t longest,
                      model.Int("max_input_chars_per_word", 1, 10000, 100));
      spec_.longest_word = static_cast<size_t>(longest);
      return {};
    }
    return model["type"].Fail(
        fmt::format("{}: is not read; BPE and WordPiece are", Printable(type)));
  }

  Status ReadBpeOptions() {
    const JsonAt model = Model();
    for (const char* key :
         {"continuing_subword_prefix", "end_of_word_suffix"}) {
      TRIPTYCH_ASSIGN(const std::string_view text, model.Text(key, ""));
      if (!text.empty()) return model[key].Fail("must be null or empty");
    }
    const JsonAt dropout = model["dropout"];
    if (!dropout.Is(Kind::kNull) && dropout.value().real != 0) {
      return dropout.Fail("must be null: encoding is not random here");
    }
    MergeBpeOptions& options = spec_.merge_options;
    options.bytes = steps_.byte_level;
    TRIPTYCH_ASSIGN(options.whole_words, model.Bool("ignore_merges", false));
    TRIPTYCH_ASSIGN(options.fuse_unknown, model.Bool("fuse_unk", false));
    TRIPTYCH_ASSIGN(byte_fallback_, model.Bool("byte_fallback", false));
    return {};
  }

  // ---- Pieces ----

  // The bytes that the file writes `text` for.
  std::string TextOfPiece(std::string_view text) const {
    if (spec_.kind == TokenizerKind::kWordPiece) {
      const bool continues = !continuing_.empty() &&
                             text.size() > continuing_.size() &&
                             text.starts_with(continuing_);
      if (continues) return std::string(text.substr(continuing_.size()));
      return ' ' + std::string(text);
    }
    if (steps_.byte_level) return BytesOfLetters(text);
    if (steps_.marks) return ReplaceAll(text, kSpaceMark, " ");
    return std::string(text);
  }

  // The place of `id`, made if need be. Files leave few ids out: an id far
  // beyond the number of tokens is damage, and would cost memory.
  Result<Piece*> PieceAt(const JsonAt& where, int64_t id) {
    const size_t most = 2 * known_ + 1024;
    if (id < 0 || std::cmp_greater_equal(id, most)) {
      return where.Fail(fmt::format("{}: must be in 0..{}, with {} tokens", id,
                                    most - 1, known_),
                        ErrorCode::kCorrupt);
    }
    const auto index = static_cast<size_t>(id);
    while (spec_.pieces.size() <= index) {
      spec_.pieces.push_back({"", 0, PieceType::kUnused});
    }
    return &spec_.pieces[index];
  }

  Status ReadVocabulary() {
    const JsonAt vocabulary = Model()["vocab"];
    TRIPTYCH_TRY(vocabulary.Expect(Kind::kObject));
    const std::vector<JsonMember>& members = vocabulary.value().members;
    TRIPTYCH_ASSIGN(const std::string_view unknown,
                    Model().Text("unk_token", ""));
    known_ = members.size() + root_["added_tokens"].size();
    ids_ = TextIndex(members.size());
    for (const JsonMember& member : members) {
      // Not by the path of each: there are 100,000 and more.
      const JsonAt where = vocabulary.Here(member.value);
      if (member.value.kind != Kind::kInteger) {
        return where.Fail(
            fmt::format("{}: must have an id", Printable(member.key)),
            ErrorCode::kCorrupt);
      }
      const int64_t id = member.value.integer;
      TRIPTYCH_ASSIGN(Piece* const piece, PieceAt(where, id));
      if (piece->type != PieceType::kUnused) {
        return where.Fail(fmt::format("{}: is another token's id", id),
                          ErrorCode::kCorrupt);
      }
      piece->text = TextOfPiece(member.key);
      piece->type = PieceType::kNormal;
      if (byte_fallback_ && ByteOfPiece(member.key)) {
        *piece = {member.key, 0, PieceType::kByte};
      } else if (!unknown.empty() && member.key == unknown) {
        *piece = {member.key, 0, PieceType::kUnknown};
      }
      ids_.Insert(member.key, static_cast<TokenId>(id));
    }
    const TokenId found = ids_.Find(unknown);
    if (!unknown.empty() && found != kNoToken) spec_.special.unknown = found;
    return {};
  }

  Status ReadAdded() {
    const JsonAt list = root_["added_tokens"];
    if (list.Is(Kind::kNull)) return {};
    TRIPTYCH_TRY(list.Expect(Kind::kList));
    for (size_t i = 0; i < list.size(); ++i) {
      const JsonAt token = list[i];
      TRIPTYCH_ASSIGN(const std::string_view text, token.Text("content"));
      TRIPTYCH_ASSIGN(const int64_t id, token.Int("id", 0, INT32_MAX));
      TRIPTYCH_ASSIGN(Piece* const piece, PieceAt(token["id"], id));
      TRIPTYCH_ASSIGN(const bool special, token.Bool("special", false));
      TRIPTYCH_ASSIGN(const bool single, token.Bool("single_word", false));
      TRIPTYCH_ASSIGN(const bool normalized,
                      token.Bool("normalized", !special));
      if (single) return token["single_word"].Fail("true: is not read");
      if (normalized && !special && !steps_.normalize.empty()) {
        return token["normalized"].Fail(
            "true: is not read where text is normalised");
      }
      TRIPTYCH_ASSIGN(piece->takes_left, token.Bool("lstrip", false));
      TRIPTYCH_ASSIGN(piece->takes_right, token.Bool("rstrip", false));
      piece->text = text;
      piece->type = special ? PieceType::kControl : PieceType::kUserDefined;
      added_.emplace(text, static_cast<TokenId>(id));
    }
    return {};
  }

  // ---- Merges ----

  Status ReadMerges() {
    const JsonAt list = Model()["merges"];
    TRIPTYCH_TRY(list.Expect(Kind::kList));
    spec_.merges.reserve(list.size());
    for (size_t i = 0; i < list.size(); ++i) {
      const JsonAt line = list.Here(list.value().list[i]);
      TRIPTYCH_ASSIGN(const Merge merge, ReadMerge(line, i));
      spec_.merges.push_back(merge);
    }
    return {};
  }

  // "a b" or ["a", "b"].
  Result<Merge> ReadMerge(const JsonAt& line, size_t rank) const {
    std::string_view left, right;
    if (line.Is(Kind::kText)) {
      const std::string_view text = line.value().text;
      const size_t space = text.find(' ', text.empty() ? 0 : 1);
      if (space != text.npos) {
        left = text.substr(0, space);
        right = text.substr(space + 1);
      }
    } else if (line.size() == 2) {
      left = line.value().list[0].text;
      right = line.value().list[1].text;
    }
    if (left.empty() || right.empty()) {
      return line.Fail(fmt::format("merge {}: must be two tokens", rank),
                       ErrorCode::kCorrupt);
    }
    const TokenId a = ids_.Find(left), b = ids_.Find(right),
                  c = ids_.Find(std::string(left) + std::string(right));
    if (a == kNoToken || b == kNoToken || c == kNoToken) {
      return line.Fail(
          fmt::format("merge {}: {} and {} and what they make must be tokens",
                      rank, Printable(left), Printable(right)),
          ErrorCode::kCorrupt);
    }
    return Merge{a, b, c, static_cast<uint32_t>(rank)};
  }

  // ---- Special tokens ----

  TokenId IdOf(const std::string& text) const {
    const auto added = added_.find(text);
    if (added != added_.end()) return added->second;
    return ids_.Find(text);
  }

  // The first of some usual names that is an added token.
  TokenId Usual(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      const auto found = added_.find(name);
      if (found != added_.end()) return found->second;
    }
    return kNoToken;
  }

  Status Around(const std::optional<std::string>& text, bool& add,
                TokenId& id) const {
    add = text.has_value();
    if (!text) return {};
    id = IdOf(*text);
    if (id != kNoToken) return {};
    return root_["post_processor"].Fail(
        fmt::format("{}: is no token", Printable(*text)), ErrorCode::kCorrupt);
  }

  Status ReadSpecial() {
    SpecialTokens& special = spec_.special;
    special.add_space_prefix = steps_.space_prefix;
    special.bos =
        Usual({"<s>", "<|begin_of_text|>", "<bos>", "[CLS]", "<|endoftext|>"});
    special.eos = Usual({"</s>", "<|end_of_text|>", "<eos>", "[SEP]",
                         "<|im_end|>", "<|endoftext|>"});
    TRIPTYCH_TRY(Around(steps_.begin, special.add_bos, special.bos));
    return Around(steps_.end, special.add_eos, special.eos);
  }

  // ---- tokenizer_config.json ----

  // "</s>" or {"content": "</s>"}.
  Status NamedToken(const JsonAt& at, TokenId& id) const {
    if (at.Is(Kind::kNull)) return {};
    std::string text = at.value().text;
    if (at.Is(Kind::kObject)) {
      TRIPTYCH_ASSIGN(text, at.Text("content"));
    }
    id = IdOf(text);
    if (id != kNoToken) return {};
    return at.Fail(
        fmt::format("{}: is no token of the tokenizer.json", Printable(text)),
        ErrorCode::kCorrupt);
  }

  // A template, or the one named "default" of several.
  static Result<std::string_view> ChatTemplate(const JsonAt& at) {
    if (at.Is(Kind::kNull)) return std::string_view();
    if (at.Is(Kind::kText)) return std::string_view(at.value().text);
    for (size_t i = 0; i < at.size(); ++i) {
      TRIPTYCH_ASSIGN(const std::string_view name, at[i].Text("name"));
      if (name == "default") return at[i].Text("template");
    }
    return at.Fail("must be a string or a list with one named default");
  }

  // A token that the post-processor adds is not this file's to change.
  Status ReadConfig() {
    TRIPTYCH_TRY(config_->Expect(Kind::kObject));
    SpecialTokens& special = spec_.special;
    const JsonAt bos = (*config_)["bos_token"], eos = (*config_)["eos_token"];
    if (!special.add_bos) TRIPTYCH_TRY(NamedToken(bos, special.bos));
    if (!special.add_eos) TRIPTYCH_TRY(NamedToken(eos, special.eos));
    TRIPTYCH_ASSIGN(spec_.chat_template,
                    ChatTemplate((*config_)["chat_template"]));
    return {};
  }

  JsonAt root_;
  const JsonAt* config_;
  HfSteps steps_;
  TokenizerSpec spec_{
      .special = {kNoToken, kNoToken, kNoToken, false, false, false}};
  std::string continuing_;  // WordPiece: "##"
  bool byte_fallback_ = false;
  size_t known_ = 0;  // tokens that the file names
  // By their text in the file: the model's, views into the tree; added ones.
  TextIndex ids_;
  std::unordered_map<std::string, TokenId> added_;
};

}  // namespace

bool LooksLikeJson(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != text.npos && text[first] == '{';
}

Result<Tokenizer> ParseHfTokenizer(std::string_view text,
                                   const std::string& file,
                                   std::string_view config,
                                   const std::string& config_file) {
  TRIPTYCH_ASSIGN(const JsonValue tree, ParseJson(text, file));
  const JsonAt root(tree, file);
  TRIPTYCH_TRY(root.Expect(Kind::kObject));
  TRIPTYCH_ASSIGN(HfSteps steps, ReadHfSteps(root));
  JsonValue config_tree;
  if (!config.empty()) {
    TRIPTYCH_ASSIGN(config_tree, ParseJson(config, config_file));
  }
  const JsonAt config_root(config_tree, config_file);
  HfReader reader(root, config.empty() ? nullptr : &config_root,
                  std::move(steps));
  TRIPTYCH_ASSIGN(TokenizerSpec spec, reader.Read());
  Result<Tokenizer> made = Tokenizer::Create(std::move(spec));
  if (!made) return Locate(std::move(made).error(), file);
  return made;
}

}  // namespace triptych
