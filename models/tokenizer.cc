// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer.h"

#include <algorithm>
#include <utility>

#include "kernels/base/check.h"
#include "models/tokenizers/prefix_index.h"
#include "models/tokenizers/unicode.h"

namespace triptych {
namespace {

bool IsSpace(char32_t code) { return (TraitsOf(code) & kWhiteSpace) != 0; }

// `text` less the white space at its end (at its beginning).
std::string_view WithoutTail(std::string_view text) {
  while (!text.empty() && IsSpace(LastCharacter(text).code)) {
    text.remove_suffix(LastCharacter(text).length);
  }
  return text;
}
std::string_view WithoutHead(std::string_view text) {
  while (!text.empty() && IsSpace(FirstCharacter(text).code)) {
    text.remove_prefix(FirstCharacter(text).length);
  }
  return text;
}

// A hostile file could double a text over and over.
Status CheckGrowth(std::span<const NormalizeStep> steps) {
  constexpr double kMost = 64;
  double growth = 1;
  for (const NormalizeStep& step : steps) {
    if (step.kind == NormalizeStep::Kind::kReplace) {
      if (step.from.empty()) {
        return MakeError(ErrorCode::kInvalid,
                         "tokenizer: normalizer: nothing to replace");
      }
      growth *= std::max(1.0, static_cast<double>(step.to.size()) /
                                  static_cast<double>(step.from.size()));
    }
  }
  if (growth <= kMost) return {};
  return MakeError(ErrorCode::kInvalid,
                   "tokenizer: normalizer: could make a text more than 64 "
                   "times as long");
}

}  // namespace

struct Tokenizer::Model {
  Vocabulary vocabulary;
  TokenizerSpec spec;  // without its pieces
  PreTokenizer pre_tokenizer;
  std::unique_ptr<const TokenAlgorithm> algorithm;
  PrefixIndex user_defined;  // cut out of every text
  PrefixIndex added;         // these and the control pieces

  Status Fill(TokenizerSpec from);
  Status MakeAlgorithm();
  void IndexAdded();

  void AppendRun(std::string_view run, bool first, JoinScratch& scratch,
                 std::vector<TokenId>& ids) const;
  void AppendText(std::string_view text, const EncodeOptions& options,
                  std::vector<TokenId>& ids) const;
};

Status Tokenizer::Model::MakeAlgorithm() {
  if (spec.kind == TokenizerKind::kSentencePiece) {
    algorithm = MakeSentencePieceBpe(vocabulary);
  } else if (spec.kind == TokenizerKind::kWordPiece) {
    algorithm = MakeWordPiece(vocabulary, spec.longest_word);
  } else {
    TRIPTYCH_ASSIGN(algorithm,
                    MakeMergeBpe(vocabulary, spec.merges, spec.merge_options));
  }
  return {};
}

void Tokenizer::Model::IndexAdded() {
  std::vector<PrefixIndex::Entry> user, all;
  for (size_t i = 0; i < vocabulary.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const Piece& piece = vocabulary[id];
    if (piece.text.empty()) continue;
    const bool defined = piece.type == PieceType::kUserDefined;
    if (defined) user.push_back({piece.text, id});
    if (defined || piece.type == PieceType::kControl) {
      all.push_back({piece.text, id});
    }
  }
  user_defined = PrefixIndex(std::move(user));
  added = PrefixIndex(std::move(all));
}

Status Tokenizer::Model::Fill(TokenizerSpec from) {
  TRIPTYCH_TRY(CheckGrowth(from.normalize));
  TRIPTYCH_TRY(vocabulary.Fill(std::move(from.pieces), from.special));
  from.pieces.clear();
  spec = std::move(from);
  Result<PreTokenizer> made = PreTokenizer::Create(spec.split);
  if (!made) return Locate(std::move(made).error(), "tokenizer");
  pre_tokenizer = std::move(*made);
  TRIPTYCH_TRY(MakeAlgorithm());
  IndexAdded();
  return {};
}

// Text between two pieces that were cut out.
void Tokenizer::Model::AppendRun(std::string_view run, bool first,
                                 JoinScratch& scratch,
                                 std::vector<TokenId>& ids) const {
  if (run.empty()) return;
  std::string changed;
  if (!spec.normalize.empty()) {
    changed = Normalize(spec.normalize, run);
    run = changed;
  }
  std::string prefixed;
  if (spec.special.add_space_prefix && (first || spec.prefix_every_run) &&
      !(spec.prefix_unless_there && run.starts_with(' '))) {
    prefixed.reserve(run.size() + 1);
    prefixed = ' ';
    prefixed += run;
    run = prefixed;
  }
  pre_tokenizer.Split(run, [&](std::string_view word) {
    algorithm->Append(word, scratch, ids);
  });
}

void Tokenizer::Model::AppendText(std::string_view text,
                                  const EncodeOptions& options,
                                  std::vector<TokenId>& ids) const {
  const PrefixIndex& index = options.control_from_text ? added : user_defined;
  JoinScratch scratch;
  size_t done = 0;
  for (size_t at = 0; at < text.size() && !index.empty();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const PrefixIndex::Entry found =
        index.Starts(byte) ? index.Longest(text.substr(at), options.barred)
                           : PrefixIndex::Entry{};
    if (found.id == kNoToken) {
      ++at;
      continue;
    }
    const Piece& piece = vocabulary[found.id];
    std::string_view run = text.substr(done, at - done);
    if (piece.takes_left) run = WithoutTail(run);
    AppendRun(run, done == 0, scratch, ids);
    ids.push_back(found.id);
    at += found.text.size();
    if (piece.takes_right) {
      at = text.size() - WithoutHead(text.substr(at)).size();
    }
    done = at;
  }
  AppendRun(text.substr(done), done == 0, scratch, ids);
}

Result<Tokenizer> Tokenizer::Create(TokenizerSpec spec) {
  const auto model = std::make_shared<Model>();
  TRIPTYCH_TRY(model->Fill(std::move(spec)));
  Tokenizer made;
  made.model_ = model;
  return made;
}

Result<Tokenizer> Tokenizer::Create(std::vector<Piece> pieces,
                                    const SpecialTokens& special) {
  TokenizerSpec spec;
  spec.pieces = std::move(pieces);
  spec.special = special;
  return Create(std::move(spec));
}

size_t Tokenizer::size() const {
  return empty() ? 0 : model_->vocabulary.size();
}

const Piece& Tokenizer::piece(TokenId id) const {
  TRIPTYCH_CHECK(id >= 0 && std::cmp_less(id, size()), "id", id, "size",
                 size());
  return model_->vocabulary[id];
}

const SpecialTokens& Tokenizer::special() const { return spec().special; }

const TokenizerSpec& Tokenizer::spec() const {
  static const TokenizerSpec kNothing;
  return empty() ? kNothing : model_->spec;
}

TokenId Tokenizer::Find(std::string_view text) const {
  if (empty()) return kNoToken;
  const PrefixIndex::Entry found = model_->added.Longest(text);
  if (found.id != kNoToken && found.text == text) return found.id;
  return model_->vocabulary.Find(text);
}

std::vector<TokenId> Tokenizer::Encode(std::string_view text,
                                       const EncodeOptions& options) const {
  TRIPTYCH_CHECK(!empty(), "no vocabulary");
  std::vector<TokenId> ids;
  if (options.special && special().add_bos) ids.push_back(special().bos);
  model_->AppendText(text, options, ids);
  if (options.special && special().add_eos) ids.push_back(special().eos);
  return ids;
}

std::string_view Tokenizer::TextOf(TokenId id) const {
  piece(id);  // checks the range
  return model_->vocabulary.TextOf(id);
}

TokenId Tokenizer::start() const {
  if (special().bos != kNoToken) return special().bos;
  return std::max(special().eos, TokenId{0});
}

bool Tokenizer::starts_with_space() const {
  return special().add_space_prefix || spec().kind == TokenizerKind::kWordPiece;
}

std::string Tokenizer::Decode(std::span<const TokenId> ids) const {
  TokenStream stream(*this);
  std::string text;
  for (const TokenId id : ids) text += stream.Push(id);
  return text + stream.Finish();
}

std::string TokenStream::Push(TokenId id) {
  std::string_view text = tokenizer_->TextOf(id);
  if (text.empty()) return {};
  if (std::exchange(at_start_, false) && tokenizer_->starts_with_space() &&
      text.front() == ' ') {
    text.remove_prefix(1);
  }
  held_ += text;
  const size_t ready = held_.size() - UnfinishedTail(held_);
  std::string out = held_.substr(0, ready);
  held_.erase(0, ready);
  return out;
}

std::string TokenStream::Finish() { return std::exchange(held_, {}); }

}  // namespace triptych
