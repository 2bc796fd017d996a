// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizers/vocabulary.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace triptych {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Status CheckSpecial(const char* name, TokenId id, size_t size) {
  if (id == kNoToken || (id >= 0 && std::cmp_less(id, size))) return {};
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("tokenizer: {} token id {}: must be in 0..{}",
                               name, id, size - 1));
}

}  // namespace

std::optional<uint8_t> ByteOfPiece(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') {
    return std::nullopt;
  }
  const int high = HexDigit(text[3]), low = HexDigit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<uint8_t>(high * 16 + low);
}

Status Vocabulary::Enter(TokenId id) {
  const Piece& piece = (*this)[id];
  if (!std::isfinite(piece.score)) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("tokenizer: score of token {}: must be finite", id));
  }
  if (piece.type == PieceType::kByte) {
    const std::optional<uint8_t> byte = ByteOfPiece(piece.text);
    if (!byte || byte_ids_[*byte] != kNoToken) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("tokenizer: token {}: a byte token must read "
                      "<0x00>..<0xFF>, each at most once",
                      id));
    }
    byte_ids_[*byte] = id;
  } else if (piece.type == PieceType::kNormal) {
    by_text_.Insert(piece.text, id);  // keeps the first
  }
  return {};
}

Status Vocabulary::Fill(std::vector<Piece> pieces,
                        const SpecialTokens& special) {
  if (pieces.empty() || pieces.size() > INT32_MAX) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("tokenizer: {} pieces: must be 1..2^31-1", pieces.size()));
  }
  TRIPTYCH_TRY(CheckSpecial("bos", special.bos, pieces.size()));
  TRIPTYCH_TRY(CheckSpecial("eos", special.eos, pieces.size()));
  TRIPTYCH_TRY(CheckSpecial("unknown", special.unknown, pieces.size()));
  if (special.add_bos && special.bos == kNoToken) {
    return MakeError(ErrorCode::kInvalid,
                     "tokenizer: add_bos: there is no bos token to add");
  }
  if (special.add_eos && special.eos == kNoToken) {
    return MakeError(ErrorCode::kInvalid,
                     "tokenizer: add_eos: there is no eos token to add");
  }
  pieces_ = std::move(pieces);
  special_ = special;
  byte_ids_.fill(kNoToken);
  by_text_ = TextIndex(pieces_.size());
  for (size_t i = 0; i < pieces_.size(); ++i) {
    TRIPTYCH_TRY(Enter(static_cast<TokenId>(i)));
  }
  return {};
}

bool Vocabulary::HasBytes(std::string_view text) const {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return ByteId(static_cast<unsigned char>(c)) != kNoToken;
  });
}

void Vocabulary::AppendBytes(std::string_view text,
                             std::vector<TokenId>& ids) const {
  for (const char c : text) {
    const TokenId id = ByteId(static_cast<unsigned char>(c));
    if (id != kNoToken) {
      ids.push_back(id);
    } else if (special_.unknown != kNoToken) {
      ids.push_back(special_.unknown);
    }
  }
}

std::string_view Vocabulary::TextOf(TokenId id) const {
  // The 256 one-byte strings, in order: what byte tokens point at.
  static const std::array<char, 256> kBytes = [] {
    std::array<char, 256> bytes{};
    for (int i = 0; i < 256; ++i) bytes[i] = static_cast<char>(i);
    return bytes;
  }();
  const Piece& piece = (*this)[id];
  switch (piece.type) {
    case PieceType::kControl:
      return {};
    case PieceType::kByte:
      return {&kBytes[*ByteOfPiece(piece.text)], 1};
    default:
      return piece.text;
  }
}

}  // namespace triptych
