// SPDX-License-Identifier: Apache-2.0
#include "models/formats/llama2c.h"

#include <fmt/core.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "models/formats/byte_reader.h"

namespace triptych {
namespace {

// Larger than any model, small enough that a product of three fits int64.
constexpr int64_t kLargest = int64_t{1} << 20;

constexpr std::array<std::string_view, 7> kFields = {
    "dim", "ffn", "layers", "heads", "kv_heads", "vocab", "context"};

Result<ModelConfig> ReadHeader(ByteReader& reader) {
  std::array<int64_t, kFields.size()> values{};
  bool tied = true;
  for (size_t i = 0; i < kFields.size(); ++i) {
    const size_t offset = reader.offset();
    TRIPTYCH_ASSIGN(values[i], reader.Read<int32_t>(kFields[i]));
    if (kFields[i] == "vocab" && values[i] < 0) {
      tied = false;
      values[i] = -values[i];
    }
    if (values[i] < 1 || values[i] > kLargest) {
      return reader.FailAt(
          offset, kFields[i],
          fmt::format("{}: must be 1..{}", values[i], kLargest));
    }
  }
  ModelConfig config;
  config.architecture = "llama";
  config.dim = values[0];
  config.ffn = values[1];
  config.layers = values[2];
  config.heads = values[3];
  config.kv_heads = values[4];
  config.vocab = values[5];
  config.context = values[6];
  config.tied_head = tied;
  if (config.dim % (2 * config.heads) != 0) {
    return reader.FailAt(0, "dim",
                         fmt::format("{}: must be heads ({}) times an even "
                                     "head size",
                                     config.dim, config.heads));
  }
  if (config.heads % config.kv_heads != 0) {
    return reader.FailAt(16, "kv_heads",
                         fmt::format("{}: must divide heads ({})",
                                     config.kv_heads, config.heads));
  }
  config.head_dim = config.dim / config.heads;
  config.rope.dim = config.head_dim;
  return config;
}

// Takes tensors off the file in order.
class TensorCutter {
 public:
  TensorCutter(ByteReader& reader, ModelFile& model)
      : reader_(reader), model_(model) {}

  Status Cut(std::string name, std::vector<int64_t> shape) {
    size_t bytes = sizeof(float);
    for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
    TRIPTYCH_TRY(reader_.Need(bytes, name));
    model_.tensors.push_back({std::move(name), DType::kF32, std::move(shape),
                              reader_.here(), bytes});
    return reader_.Skip(bytes, "");
  }

  // layers.0.<suffix>, layers.1.<suffix>, ...
  Status CutLayers(std::string_view suffix, const std::vector<int64_t>& shape) {
    for (int64_t layer = 0; layer < model_.config.layers; ++layer) {
      TRIPTYCH_TRY(Cut(fmt::format("layers.{}.{}", layer, suffix), shape));
    }
    return {};
  }

 private:
  ByteReader& reader_;
  ModelFile& model_;
};

// Byte pieces follow the three special ones; the file itself has no types.
PieceType TypeOf(size_t id, std::string_view text) {
  if (id == 0) return PieceType::kUnknown;
  if (id <= 2) return PieceType::kControl;
  const bool byte = id < 3 + 256 && text.size() == 6 &&
                    text.starts_with("<0x") && text.ends_with('>');
  return byte ? PieceType::kByte : PieceType::kNormal;
}

}  // namespace

bool LooksLikeLlama2c(std::span<const std::byte> bytes) {
  ByteReader reader(bytes, "");
  return ReadHeader(reader).has_value();
}

Result<ModelFile> ParseLlama2c(std::span<const std::byte> bytes,
                               const std::string& file) {
  ByteReader reader(bytes, file);
  ModelFile model;
  TRIPTYCH_ASSIGN(model.config, ReadHeader(reader));
  const ModelConfig& c = model.config;
  TensorCutter cutter(reader, model);
  TRIPTYCH_TRY(cutter.Cut("tok_embed", {c.vocab, c.dim}));
  TRIPTYCH_TRY(cutter.CutLayers("norm.attn", {c.dim}));
  TRIPTYCH_TRY(cutter.CutLayers("attn.q", {c.q_dim(), c.dim}));
  TRIPTYCH_TRY(cutter.CutLayers("attn.k", {c.kv_dim(), c.dim}));
  TRIPTYCH_TRY(cutter.CutLayers("attn.v", {c.kv_dim(), c.dim}));
  TRIPTYCH_TRY(cutter.CutLayers("attn.o", {c.dim, c.q_dim()}));
  TRIPTYCH_TRY(cutter.CutLayers("norm.ffn", {c.dim}));
  TRIPTYCH_TRY(cutter.CutLayers("ffn.gate", {c.ffn, c.dim}));
  TRIPTYCH_TRY(cutter.CutLayers("ffn.down", {c.dim, c.ffn}));
  TRIPTYCH_TRY(cutter.CutLayers("ffn.up", {c.ffn, c.dim}));
  TRIPTYCH_TRY(cutter.Cut("norm.final", {c.dim}));
  const uint64_t tables = sizeof(float) * c.context * c.head_dim;
  TRIPTYCH_TRY(reader.Skip(tables, "RoPE tables"));
  if (!c.tied_head) TRIPTYCH_TRY(cutter.Cut("head", {c.vocab, c.dim}));
  if (reader.remaining() != 0) {
    return reader.Fail("end", fmt::format("{} bytes too many for this header",
                                          reader.remaining()));
  }
  return model;
}

Result<Tokenizer> ParseLlama2cTokenizer(std::span<const std::byte> bytes,
                                        const std::string& file) {
  ByteReader reader(bytes, file);
  TRIPTYCH_ASSIGN(const int32_t longest, reader.Read<int32_t>("longest piece"));
  std::vector<Piece> pieces;
  while (reader.remaining() > 0) {
    Piece piece;
    TRIPTYCH_ASSIGN(piece.score, reader.Read<float>("score"));
    const size_t offset = reader.offset();
    TRIPTYCH_ASSIGN(const int32_t length, reader.Read<int32_t>("length"));
    if (length < 0 || length > longest) {
      return reader.FailAt(offset, fmt::format("piece {}", pieces.size()),
                           fmt::format("length {}: must be 0..{}, the longest",
                                       length, longest));
    }
    TRIPTYCH_ASSIGN(piece.text,
                    reader.ReadText(static_cast<uint64_t>(length), "piece"));
    piece.type = TypeOf(pieces.size(), piece.text);
    pieces.push_back(std::move(piece));
  }
  Result<Tokenizer> tokenizer = Tokenizer::Create(std::move(pieces), {});
  if (!tokenizer) return Locate(std::move(tokenizer).error(), file);
  return tokenizer;
}

}  // namespace triptych
