// SPDX-License-Identifier: Apache-2.0
#include "models/formats/llama2c.h"

#include <fmt/core.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/aligned.h"
#include "models/formats/byte_reader.h"

namespace triptych {
namespace {

// Larger than any model, small enough that a product of three fits int64.
constexpr int64_t kLargest = int64_t{1} << 20;

constexpr uint32_t kMagic = 0x616b3432;  // "ak42"
constexpr size_t kHeaderBytes = 256;     // of v1 and v2

constexpr std::array<std::string_view, 7> kFields = {
    "dim", "ffn", "layers", "heads", "kv_heads", "vocab", "context"};

struct Header {
  int version = 0;  // 0: the legacy layout
  ModelConfig config;
  int64_t group = 0;  // v2: codes that share a scale
};

bool HasMagic(ByteReader reader) {
  const Result<uint32_t> magic = reader.Read<uint32_t>("magic");
  return magic && *magic == kMagic;
}

// The seven numbers. Only the legacy layout has a negative vocabulary.
Result<ModelConfig> ReadSizes(ByteReader& reader, bool legacy) {
  const size_t begin = reader.offset();
  std::array<int64_t, kFields.size()> values{};
  ModelConfig config;
  config.tied_head = true;
  for (size_t i = 0; i < kFields.size(); ++i) {
    const size_t offset = reader.offset();
    TRIPTYCH_ASSIGN(values[i], reader.Read<int32_t>(kFields[i]));
    if (legacy && kFields[i] == "vocab" && values[i] < 0) {
      config.tied_head = false;
      values[i] = -values[i];
    }
    if (values[i] < 1 || values[i] > kLargest) {
      return reader.FailAt(
          offset, kFields[i],
          fmt::format("{}: must be 1..{}", values[i], kLargest));
    }
  }
  config.architecture = "llama";
  config.dim = values[0];
  config.ffn = values[1];
  config.layers = values[2];
  config.heads = values[3];
  config.kv_heads = values[4];
  config.vocab = values[5];
  config.context = values[6];
  if (config.dim % (2 * config.heads) != 0) {
    return reader.FailAt(begin, "dim",
                         fmt::format("{}: must be heads ({}) times an even "
                                     "head size",
                                     config.dim, config.heads));
  }
  if (config.heads % config.kv_heads != 0) {
    return reader.FailAt(begin + 16, "kv_heads",
                         fmt::format("{}: must divide heads ({})",
                                     config.kv_heads, config.heads));
  }
  config.head_dim = config.dim / config.heads;
  config.rope.dim = config.head_dim;
  return config;
}

// After the sizes of v1 and v2: flags, and zeros to the end of the header.
Status ReadFlags(ByteReader& reader, Header& header) {
  const size_t offset = reader.offset();
  TRIPTYCH_ASSIGN(const uint8_t shared, reader.Read<uint8_t>("shared head"));
  if (shared > 1) {
    return reader.FailAt(offset, "shared head",
                         fmt::format("{}: must be 0 or 1", shared));
  }
  header.config.tied_head = shared == 1;
  if (header.version == 2) {
    const size_t at = reader.offset();
    TRIPTYCH_ASSIGN(header.group, reader.Read<int32_t>("group size"));
    if (header.group < 1 || header.group > kLargest) {
      return reader.FailAt(
          at, "group size",
          fmt::format("{}: must be 1..{}", header.group, kLargest));
    }
  }
  while (reader.offset() < kHeaderBytes) {
    const size_t at = reader.offset();
    TRIPTYCH_ASSIGN(const uint8_t zero, reader.Read<uint8_t>("padding"));
    if (zero != 0) {
      return reader.FailAt(
          at, "padding",
          fmt::format("{}: must be 0 up to offset {}", zero, kHeaderBytes));
    }
  }
  return {};
}

Result<Header> ReadHeader(ByteReader& reader) {
  Header header;
  if (HasMagic(reader)) {
    TRIPTYCH_TRY(reader.Skip(sizeof(kMagic), "magic"));
    const size_t offset = reader.offset();
    TRIPTYCH_ASSIGN(header.version, reader.Read<int32_t>("version"));
    if (header.version != 1 && header.version != 2) {
      return reader.FailAt(offset, "version",
                           fmt::format("{}: 1, 2 and files without a version "
                                       "(legacy) are read",
                                       header.version),
                           ErrorCode::kUnsupported);
    }
  }
  TRIPTYCH_ASSIGN(header.config, ReadSizes(reader, header.version == 0));
  if (header.version > 0) TRIPTYCH_TRY(ReadFlags(reader, header));
  return header;
}

// Takes tensors off the file in order.
class TensorCutter {
 public:
  using Shape = std::vector<int64_t>;

  TensorCutter(ByteReader& reader, ModelFile& model)
      : reader_(reader), model_(model) {}

  // f32, in place.
  Status Cut(std::string name, Shape shape) {
    const size_t bytes = sizeof(float) * Elements(shape);
    TRIPTYCH_TRY(reader_.Need(bytes, name));
    model_.tensors.push_back({std::move(name), DType::kF32, std::move(shape),
                              reader_.here(), bytes});
    return reader_.Skip(bytes, "");
  }

  // int8 with a scale a group, decoded.
  Status CutGroups(std::string name, Shape shape, int64_t group) {
    const size_t elements = Elements(shape);
    const auto run = static_cast<size_t>(group);
    if (elements % run != 0) {
      return reader_.Fail(
          name, fmt::format("{} elements: must be whole groups of {}", elements,
                            group));
    }
    TRIPTYCH_TRY(reader_.Need(elements + elements / run * sizeof(float), name));
    auto values = std::make_shared<AlignedVector<float>>(elements);
    const std::byte* codes = reader_.here();
    const std::byte* scales = codes + elements;
    for (size_t g = 0; g < elements / run; ++g) {
      float scale;  // at any offset: not aligned
      std::memcpy(&scale, scales + g * sizeof(scale), sizeof(scale));
      for (size_t i = g * run; i < (g + 1) * run; ++i) {
        const auto code = std::to_integer<int8_t>(codes[i]);
        (*values)[i] = static_cast<float>(code) * scale;
      }
    }
    const auto bytes = std::as_bytes(std::span<const float>(*values));
    model_.tensors.push_back({std::move(name), DType::kF32, std::move(shape),
                              bytes.data(), bytes.size(), {},
                              std::move(values)});
    return reader_.Skip(elements + elements / run * sizeof(float), "");
  }

  // layers.0.<suffix>, layers.1.<suffix>, ...; in groups unless `group` is 0.
  Status CutLayers(std::string_view suffix, const Shape& shape,
                   int64_t group = 0) {
    for (int64_t layer = 0; layer < model_.config.layers; ++layer) {
      TRIPTYCH_TRY(
          CutOne(fmt::format("layers.{}.{}", layer, suffix), shape, group));
    }
    return {};
  }
  Status CutOne(std::string name, const Shape& shape, int64_t group) {
    if (group == 0) return Cut(std::move(name), shape);
    return CutGroups(std::move(name), shape, group);
  }

 private:
  // Sizes are at most 2^20 each, and no tensor has more than two.
  static size_t Elements(const Shape& shape) {
    size_t elements = 1;
    for (const int64_t size : shape) elements *= static_cast<size_t>(size);
    return elements;
  }

  ByteReader& reader_;
  ModelFile& model_;
};

Status CutLegacy(const ModelConfig& c, TensorCutter& cutter,
                 ByteReader& reader) {
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
  if (c.tied_head) return {};
  return cutter.Cut("head", {c.vocab, c.dim});
}

// v1 (group 0) and v2.
Status CutVersioned(const ModelConfig& c, TensorCutter& cutter, int64_t group) {
  TRIPTYCH_TRY(cutter.CutLayers("norm.attn", {c.dim}));
  TRIPTYCH_TRY(cutter.CutLayers("norm.ffn", {c.dim}));
  TRIPTYCH_TRY(cutter.Cut("norm.final", {c.dim}));
  TRIPTYCH_TRY(cutter.CutOne("tok_embed", {c.vocab, c.dim}, group));
  TRIPTYCH_TRY(cutter.CutLayers("attn.q", {c.q_dim(), c.dim}, group));
  TRIPTYCH_TRY(cutter.CutLayers("attn.k", {c.kv_dim(), c.dim}, group));
  TRIPTYCH_TRY(cutter.CutLayers("attn.v", {c.kv_dim(), c.dim}, group));
  TRIPTYCH_TRY(cutter.CutLayers("attn.o", {c.dim, c.q_dim()}, group));
  TRIPTYCH_TRY(cutter.CutLayers("ffn.gate", {c.ffn, c.dim}, group));
  TRIPTYCH_TRY(cutter.CutLayers("ffn.down", {c.dim, c.ffn}, group));
  TRIPTYCH_TRY(cutter.CutLayers("ffn.up", {c.ffn, c.dim}, group));
  if (c.tied_head) return {};
  return cutter.CutOne("head", {c.vocab, c.dim}, group);
}

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
  return HasMagic(reader) || ReadHeader(reader).has_value();
}

Result<ModelFile> ParseLlama2c(std::span<const std::byte> bytes,
                               const std::string& file) {
  ByteReader reader(bytes, file);
  TRIPTYCH_ASSIGN(Header header, ReadHeader(reader));
  ModelFile model;
  model.config = std::move(header.config);
  TensorCutter cutter(reader, model);
  TRIPTYCH_TRY(header.version == 0
                   ? CutLegacy(model.config, cutter, reader)
                   : CutVersioned(model.config, cutter, header.group));
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
