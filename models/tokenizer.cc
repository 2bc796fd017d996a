// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizer.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <queue>
#include <utility>

#include "kernels/base/check.h"

namespace triptych {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// "<0x0A>" -> 10.
std::optional<uint8_t> ByteOf(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') {
    return std::nullopt;
  }
  const int high = HexDigit(text[3]), low = HexDigit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<uint8_t>(high * 16 + low);
}

// Bytes of the character that starts with `lead`; 0 if none does.
size_t Utf8Length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// Bytes of the first character of `text`; a byte that starts none, or whose
// continuation is missing, is a character of its own. `text` is not empty.
size_t FirstCharacter(std::string_view text) {
  const size_t length = Utf8Length(static_cast<unsigned char>(text[0]));
  if (length == 0 || length > text.size()) return 1;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) return 1;
  }
  return length;
}

// Bytes at the end of `text` that begin a character and may still complete.
size_t UnfinishedTail(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const char c = text[text.size() - back];
    if (IsContinuation(c)) continue;
    return Utf8Length(static_cast<unsigned char>(c)) > back ? back : 0;
  }
  return 0;
}

Status CheckSpecial(const char* name, TokenId id, size_t size) {
  if (id >= 0 && static_cast<size_t>(id) < size) return {};
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("tokenizer: {} token id {}: must be in 0..{}",
                               name, id, size - 1));
}

}  // namespace

Status Tokenizer::Enter(TokenId id, const Piece& piece) {
  if (!std::isfinite(piece.score)) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("tokenizer: score of token {}: must be finite", id));
  }
  if (piece.type == PieceType::kByte) {
    const std::optional<uint8_t> byte = ByteOf(piece.text);
    if (!byte || byte_ids_[*byte] >= 0) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("tokenizer: token {}: a byte token must read "
                      "<0x00>..<0xFF>, each at most once",
                      id));
    }
    byte_ids_[*byte] = id;
  } else if (piece.type == PieceType::kNormal ||
             piece.type == PieceType::kUserDefined) {
    by_text_.push_back(id);
  }
  return {};
}

Result<Tokenizer> Tokenizer::Create(std::vector<Piece> pieces,
                                    const SpecialTokens& special) {
  if (pieces.empty() || pieces.size() > INT32_MAX) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("tokenizer: {} pieces: must be 1..2^31-1", pieces.size()));
  }
  TRIPTYCH_TRY(CheckSpecial("bos", special.bos, pieces.size()));
  TRIPTYCH_TRY(CheckSpecial("eos", special.eos, pieces.size()));
  TRIPTYCH_TRY(CheckSpecial("unknown", special.unknown, pieces.size()));

  Tokenizer made;
  made.special_ = special;
  made.byte_ids_.fill(-1);
  for (size_t i = 0; i < pieces.size(); ++i) {
    TRIPTYCH_TRY(made.Enter(static_cast<TokenId>(i), pieces[i]));
  }
  // Equal texts: the lowest id comes first and is the one that is found.
  std::sort(made.by_text_.begin(), made.by_text_.end(),
            [&](TokenId a, TokenId b) {
              const int order = pieces[a].text.compare(pieces[b].text);
              return order != 0 ? order < 0 : a < b;
            });
  made.pieces_ = std::move(pieces);
  return made;
}

size_t Tokenizer::CheckedIndex(TokenId id) const {
  TRIPTYCH_CHECK(id >= 0 && static_cast<size_t>(id) < pieces_.size(), "id", id,
                 "size", pieces_.size());
  return static_cast<size_t>(id);
}

TokenId Tokenizer::Lookup(std::string_view text) const {
  const auto found = std::lower_bound(
      by_text_.begin(), by_text_.end(), text,
      [this](TokenId id, std::string_view t) { return pieces_[id].text < t; });
  if (found == by_text_.end() || pieces_[*found].text != text) return -1;
  return *found;
}

// The state of one Encode: the text as a doubly linked list of symbols, and
// the pairs that could be joined, best first. A pair is stale, and skipped,
// when one of its symbols has grown or gone since.
class EncodeState {
 public:
  EncodeState(const Tokenizer& tokenizer, std::string_view text)
      : tokenizer_(tokenizer), text_(text) {
    for (size_t at = 0; at < text.size();) {
      const size_t length = FirstCharacter(text.substr(at));
      const size_t index = symbols_.size();
      symbols_.push_back({at, length, index - 1, index + 1});
      at += length;
    }
    if (!symbols_.empty()) symbols_.back().next = kNone;
    for (size_t i = 1; i < symbols_.size(); ++i) Propose(i - 1, i);
  }

  void JoinAll() {
    while (!pairs_.empty()) {
      const Pair best = pairs_.top();
      pairs_.pop();
      Symbol& left = symbols_[best.left];
      Symbol& right = symbols_[best.right];
      if (left.length + right.length != best.length || left.length == 0 ||
          right.length == 0) {
        continue;
      }
      left.length = best.length;
      left.next = right.next;
      right.length = 0;
      if (left.next != kNone) symbols_[left.next].previous = best.left;
      if (left.previous != kNone) Propose(left.previous, best.left);
      if (left.next != kNone) Propose(best.left, left.next);
    }
  }

  // The symbols that remain, in order.
  template <class Visit>
  void ForEach(const Visit& visit) const {
    for (size_t i = symbols_.empty() ? kNone : 0; i != kNone;
         i = symbols_[i].next) {
      visit(text_.substr(symbols_[i].begin, symbols_[i].length));
    }
  }

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);
  struct Symbol {
    size_t begin, length, previous, next;  // length 0: joined into another
  };
  struct Pair {
    float score;
    size_t left, right, length;
    // Top of the queue: the highest score, then the leftmost.
    friend bool operator<(const Pair& a, const Pair& b) {
      return a.score != b.score ? a.score < b.score : a.left > b.left;
    }
  };

  void Propose(size_t left, size_t right) {
    const size_t length = symbols_[left].length + symbols_[right].length;
    const TokenId id =
        tokenizer_.Lookup(text_.substr(symbols_[left].begin, length));
    if (id < 0) return;
    pairs_.push({tokenizer_.piece(id).score, left, right, length});
  }

  const Tokenizer& tokenizer_;
  std::string_view text_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Pair> pairs_;
};

void Tokenizer::AppendBytes(std::string_view text,
                            std::vector<TokenId>* ids) const {
  for (const char c : text) {
    const TokenId id = byte_ids_[static_cast<unsigned char>(c)];
    ids->push_back(id >= 0 ? id : special_.unknown);
  }
}

std::vector<TokenId> Tokenizer::Encode(std::string_view text) const {
  TRIPTYCH_CHECK(!empty(), "no vocabulary");
  std::vector<TokenId> ids;
  if (special_.add_bos) ids.push_back(special_.bos);
  if (text.empty()) return ids;
  std::string prefixed;
  if (special_.add_space_prefix) {
    prefixed = " ";
    prefixed += text;
    text = prefixed;
  }
  EncodeState state(*this, text);
  state.JoinAll();
  state.ForEach([&](std::string_view symbol) {
    const TokenId id = Lookup(symbol);
    if (id >= 0) {
      ids.push_back(id);
    } else {
      AppendBytes(symbol, &ids);
    }
  });
  return ids;
}

std::string_view Tokenizer::TextOf(TokenId id) const {
  // The 256 one-byte strings, in order: what byte tokens point at.
  static const std::array<char, 256> kBytes = [] {
    std::array<char, 256> bytes{};
    for (int i = 0; i < 256; ++i) bytes[i] = static_cast<char>(i);
    return bytes;
  }();
  const Piece& token = piece(id);
  switch (token.type) {
    case PieceType::kControl:
      return {};
    case PieceType::kByte:
      return {&kBytes[*ByteOf(token.text)], 1};
    default:
      return token.text;
  }
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
  if (std::exchange(at_start_, false) &&
      tokenizer_->special().add_space_prefix && text.front() == ' ') {
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
