// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf_model.h"

#include <fmt/core.h>

#include <cmath>
#include <cstdio>
#include <deque>
#include <set>
#include <string_view>
#include <utility>

#include "kernels/base/formats.h"
#include "models/formats/gguf.h"
#include "models/formats/gguf_writer.h"

namespace triptych {
namespace {

// Larger than any model, small enough that a product of three fits int64.
constexpr int64_t kLargest = int64_t{1} << 20;

constexpr char kArchitectures[] = "architectures that are read: llama";

// ---- Tensors ----

using SizeOf = int64_t (*)(const ModelConfig&);

int64_t Vocab(const ModelConfig& c) { return c.vocab; }
int64_t Model(const ModelConfig& c) { return c.dim; }
int64_t Query(const ModelConfig& c) { return c.q_dim(); }
int64_t KeyValue(const ModelConfig& c) { return c.kv_dim(); }
int64_t Inner(const ModelConfig& c) { return c.ffn; }

// GGUF's name, ours, and the shape; without `rows` it is a vector.
struct TensorRow {
  std::string_view gguf, name;
  SizeOf rows, cols;
};

constexpr TensorRow kBefore = {"token_embd", "tok_embed", Vocab, Model};
constexpr TensorRow kOfLayer[] = {
    // blk.N.<gguf>, layers.N.<name>
    {"attn_norm", "norm.attn", nullptr, Model},
    {"attn_q", "attn.q", Query, Model},
    {"attn_k", "attn.k", KeyValue, Model},
    {"attn_v", "attn.v", KeyValue, Model},
    {"attn_output", "attn.o", Model, Query},
    {"ffn_norm", "norm.ffn", nullptr, Model},
    {"ffn_gate", "ffn.gate", Inner, Model},
    {"ffn_up", "ffn.up", Inner, Model},
    {"ffn_down", "ffn.down", Model, Inner},
};
constexpr TensorRow kAfter = {"output_norm", "norm.final", nullptr, Model};
constexpr TensorRow kHead = {"output", "head", Vocab, Model};

// Calls visit(GGUF name, our name, shape) for every tensor of the model, in
// file order, until one says it failed.
template <class Visit>
Status ForEachTensor(const ModelConfig& c, const Visit& visit) {
  const auto one = [&](const TensorRow& row, std::string_view gguf_prefix,
                       std::string_view prefix) -> Status {
    std::vector<int64_t> shape;
    if (row.rows != nullptr) shape.push_back(row.rows(c));
    shape.push_back(row.cols(c));
    return visit(fmt::format("{}{}.weight", gguf_prefix, row.gguf),
                 fmt::format("{}{}", prefix, row.name), std::move(shape));
  };
  TRIPTYCH_TRY(one(kBefore, "", ""));
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    for (const TensorRow& row : kOfLayer) {
      TRIPTYCH_TRY(one(row, fmt::format("blk.{}.", layer),
                       fmt::format("layers.{}.", layer)));
    }
  }
  TRIPTYCH_TRY(one(kAfter, "", ""));
  if (!c.tied_head) TRIPTYCH_TRY(one(kHead, "", ""));
  return {};
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text;
  for (const int64_t size : shape) {
    text += fmt::format("{}{}", text.empty() ? "" : " x ", size);
  }
  return text;
}

Status TakeTensors(const GgufFile& file, ModelFile& model) {
  std::set<std::string_view> taken;
  TRIPTYCH_TRY(ForEachTensor(
      model.config,
      [&](std::string gguf, std::string name,
          std::vector<int64_t> shape) -> Status {
        const GgufTensor* tensor = file.FindTensor(gguf);
        if (tensor == nullptr) return file.Fail(gguf, "tensor is missing");
        if (tensor->shape != shape) {
          return file.Fail(
              *tensor, fmt::format("{}: must be {}", ShapeText(tensor->shape),
                                   ShapeText(shape)));
        }
        taken.insert(tensor->name);
        model.tensors.push_back({std::move(name), tensor->dtype,
                                 std::move(shape), tensor->data.data(),
                                 tensor->data.size()});
        return {};
      }));
  for (const GgufTensor& tensor : file.tensors()) {
    if (!taken.contains(tensor.name)) {
      return file.Fail(tensor,
                       "is no tensor of a llama model without biases or "
                       "experts; nothing is left out silently",
                       ErrorCode::kUnsupported);
    }
  }
  return {};
}

// ---- Configuration ----

Result<RopeConfig> ReadRope(const GgufFile& file, int64_t head_dim) {
  RopeConfig rope;
  rope.style = RopeStyle::kInterleaved;
  TRIPTYCH_ASSIGN(rope.theta, file.Float("llama.rope.freq_base", 10000.0));
  if (!(rope.theta > 1) || !std::isfinite(rope.theta)) {
    return file.Fail("llama.rope.freq_base", "must be greater than 1");
  }
  // No llama rotates a part of a head; what does is another architecture.
  TRIPTYCH_ASSIGN(rope.dim, file.Int("llama.rope.dimension_count", head_dim,
                                     head_dim, head_dim));
  constexpr std::string_view kType = "llama.rope.scaling.type";
  TRIPTYCH_ASSIGN(const std::string_view scaling, file.Text(kType, "none"));
  if (scaling != "none") {
    return file.Fail(kType,
                     fmt::format("{}: only none is read", Printable(scaling)),
                     ErrorCode::kUnsupported);
  }
  return rope;
}

Status ReadHeads(const GgufFile& file, ModelConfig& c) {
  constexpr std::string_view kHeads = "llama.attention.head_count";
  constexpr std::string_view kKvHeads = "llama.attention.head_count_kv";
  constexpr std::string_view kHeadDim = "llama.attention.key_length";
  TRIPTYCH_ASSIGN(c.heads, file.Int(kHeads, 1, kLargest));
  TRIPTYCH_ASSIGN(c.kv_heads, file.Int(kKvHeads, 1, kLargest, c.heads));
  if (c.heads % c.kv_heads != 0) {
    return file.Fail(
        kKvHeads, fmt::format("{}: must divide {} heads", c.kv_heads, c.heads));
  }
  if (!file.Has(kHeadDim) && c.dim % c.heads != 0) {
    return file.Fail(kHeads,
                     fmt::format("{}: must divide the {} features of a token",
                                 c.heads, c.dim));
  }
  TRIPTYCH_ASSIGN(c.head_dim, file.Int(kHeadDim, 2, kLargest, c.dim / c.heads));
  TRIPTYCH_ASSIGN(
      const int64_t value_dim,
      file.Int("llama.attention.value_length", 1, kLargest, c.head_dim));
  if (value_dim != c.head_dim || c.head_dim % 2 != 0) {
    return file.Fail(kHeadDim,
                     "heads of keys and values must have the same, "
                     "even size");
  }
  return {};
}

Result<ModelConfig> ReadConfig(const GgufFile& file) {
  constexpr std::string_view kArchitecture = "general.architecture";
  ModelConfig c;
  TRIPTYCH_ASSIGN(c.architecture, file.Text(kArchitecture));
  if (c.architecture != "llama") {
    return file.Fail(
        kArchitecture,
        fmt::format("{}: {}", Printable(c.architecture), kArchitectures),
        ErrorCode::kUnsupported);
  }
  TRIPTYCH_ASSIGN(c.name, file.Text("general.name", ""));
  TRIPTYCH_ASSIGN(c.layers, file.Int("llama.block_count", 1, kLargest));
  TRIPTYCH_ASSIGN(c.dim, file.Int("llama.embedding_length", 1, kLargest));
  TRIPTYCH_ASSIGN(c.ffn, file.Int("llama.feed_forward_length", 1, kLargest));
  TRIPTYCH_ASSIGN(c.context,
                  file.Int("llama.context_length", 1, int64_t{1} << 40));
  TRIPTYCH_TRY(ReadHeads(file, c));
  constexpr std::string_view kEps = "llama.attention.layer_norm_rms_epsilon";
  TRIPTYCH_ASSIGN(c.norm_eps, file.Float(kEps));
  if (!(c.norm_eps > 0 && c.norm_eps < 1)) {
    return file.Fail(kEps, "must be between 0 and 1");
  }
  TRIPTYCH_ASSIGN(const int64_t experts,
                  file.Int("llama.expert_count", 0, kLargest, 0));
  if (experts != 0) {
    return file.Fail("llama.expert_count", "models without experts are read",
                     ErrorCode::kUnsupported);
  }
  TRIPTYCH_ASSIGN(c.rope, ReadRope(file, c.head_dim));
  // The embedding table knows the size of the vocabulary; the key may lack.
  const GgufTensor* table = file.FindTensor("token_embd.weight");
  if (table == nullptr || table->shape.size() != 2) {
    return file.Fail("token_embd.weight", "must be a tensor of 2 dimensions");
  }
  c.vocab = table->shape[0];
  c.tied_head = file.FindTensor("output.weight") == nullptr;
  return c;
}

// ---- Tokenizer ----

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

std::string Replace(std::string_view text, std::string_view from,
                    std::string_view to) {
  std::string out;
  for (size_t at = 0;;) {
    const size_t found = text.find(from, at);
    out += text.substr(at, found - at);
    if (found == std::string_view::npos) return out;
    out += to;
    at = found + from.size();
  }
}

Result<std::vector<Piece>> ReadPieces(const GgufFile& file, int64_t vocab) {
  constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
  constexpr std::string_view kScores = "tokenizer.ggml.scores";
  constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
  TRIPTYCH_ASSIGN(const auto texts, file.Texts(kTokens));
  TRIPTYCH_ASSIGN(const auto scores, file.Floats(kScores));
  TRIPTYCH_ASSIGN(const auto types, file.Ints(kTypes));
  if (std::cmp_greater(texts.size(), vocab)) {
    return file.Fail(kTokens, fmt::format("{} tokens: the embedding table has "
                                          "{} rows",
                                          texts.size(), vocab));
  }
  if (scores.size() != texts.size() || types.size() != texts.size()) {
    return file.Fail(kScores,
                     fmt::format("{} scores and {} types: must be {} "
                                 "of each, one a token",
                                 scores.size(), types.size(), texts.size()));
  }
  std::vector<Piece> pieces(texts.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (types[i] < 1 || types[i] > 6) {
      return file.Fail(
          kTypes, fmt::format("{} for token {}: must be 1..6", types[i], i));
    }
    pieces[i] = {Replace(texts[i], kSpaceMark, " "), scores[i],
                 static_cast<PieceType>(types[i])};
  }
  return pieces;
}

Result<Tokenizer> ReadTokenizer(const GgufFile& file, int64_t vocab) {
  constexpr std::string_view kModel = "tokenizer.ggml.model";
  if (!file.Has(kModel)) return Tokenizer();
  TRIPTYCH_ASSIGN(const std::string_view kind, file.Text(kModel));
  if (kind != "llama") {
    return file.Fail(kModel,
                     fmt::format("{}: only llama (SentencePiece BPE) is read",
                                 Printable(kind)),
                     ErrorCode::kUnsupported);
  }
  TRIPTYCH_ASSIGN(std::vector<Piece> pieces, ReadPieces(file, vocab));
  SpecialTokens special;
  const auto token = [&](std::string_view key, TokenId& id) -> Status {
    TRIPTYCH_ASSIGN(
        const int64_t value,
        file.Int(key, 0, static_cast<int64_t>(pieces.size()) - 1, id));
    id = static_cast<TokenId>(value);
    return {};
  };
  TRIPTYCH_TRY(token("tokenizer.ggml.bos_token_id", special.bos));
  TRIPTYCH_TRY(token("tokenizer.ggml.eos_token_id", special.eos));
  TRIPTYCH_TRY(token("tokenizer.ggml.unknown_token_id", special.unknown));
  TRIPTYCH_ASSIGN(special.add_bos,
                  file.Bool("tokenizer.ggml.add_bos_token", true));
  TRIPTYCH_ASSIGN(special.add_space_prefix,
                  file.Bool("tokenizer.ggml.add_space_prefix", true));
  Result<Tokenizer> made = Tokenizer::Create(std::move(pieces), special);
  if (!made) return file.Fail("tokenizer.ggml.tokens", made.error().message);
  return made;
}

// ---- Writing ----

void AddConfig(const ModelConfig& c, GgufWriter& writer) {
  const auto size = [](int64_t value) { return static_cast<uint32_t>(value); };
  writer.Add("general.architecture", "llama");
  writer.Add("general.name", c.name);
  writer.Add("llama.block_count", size(c.layers));
  writer.Add("llama.context_length", size(c.context));
  writer.Add("llama.embedding_length", size(c.dim));
  writer.Add("llama.feed_forward_length", size(c.ffn));
  writer.Add("llama.attention.head_count", size(c.heads));
  writer.Add("llama.attention.head_count_kv", size(c.kv_heads));
  writer.Add("llama.attention.key_length", size(c.head_dim));
  writer.Add("llama.attention.value_length", size(c.head_dim));
  writer.Add("llama.attention.layer_norm_rms_epsilon",
             static_cast<float>(c.norm_eps));
  writer.Add("llama.rope.dimension_count", size(c.rope.dim));
  writer.Add("llama.rope.freq_base", static_cast<float>(c.rope.theta));
  writer.Add("llama.vocab_size", size(c.vocab));
}

void AddTokenizer(const Tokenizer& tokenizer, GgufWriter& writer) {
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<int32_t> types;
  for (size_t i = 0; i < tokenizer.size(); ++i) {
    const Piece& piece = tokenizer.piece(static_cast<TokenId>(i));
    texts.push_back(Replace(piece.text, " ", kSpaceMark));
    scores.push_back(piece.score);
    types.push_back(static_cast<int32_t>(piece.type));
  }
  const SpecialTokens& special = tokenizer.special();
  const auto id = [](TokenId token) { return static_cast<uint32_t>(token); };
  writer.Add("tokenizer.ggml.model", "llama");
  writer.Add("tokenizer.ggml.tokens", std::span<const std::string>(texts));
  writer.Add("tokenizer.ggml.scores", std::span<const float>(scores));
  writer.Add("tokenizer.ggml.token_type", std::span<const int32_t>(types));
  writer.Add("tokenizer.ggml.bos_token_id", id(special.bos));
  writer.Add("tokenizer.ggml.eos_token_id", id(special.eos));
  writer.Add("tokenizer.ggml.unknown_token_id", id(special.unknown));
  writer.Add("tokenizer.ggml.add_bos_token", special.add_bos);
  writer.Add("tokenizer.ggml.add_space_prefix", special.add_space_prefix);
}

// The tensor in `dtype`: its own bytes, or converted ones kept in `owned`.
std::span<const std::byte> InType(const WeightTensor& tensor, DType dtype,
                                  std::deque<std::vector<std::byte>>& owned) {
  if (tensor.dtype == dtype && tensor.data != nullptr) {
    return {tensor.data, tensor.bytes};
  }
  const size_t cols = static_cast<size_t>(tensor.cols());
  const size_t rows = static_cast<size_t>(tensor.rows());
  const size_t stride = RowBytes(dtype, cols);
  std::vector<std::byte>& bytes = owned.emplace_back(rows * stride);
  std::vector<float> row(cols);
  for (size_t r = 0; r < rows; ++r) {
    ReadRow(tensor, static_cast<int64_t>(r), row.data());
    QuantizeRow(dtype, row.data(), bytes.data() + r * stride, cols);
  }
  return bytes;
}

// What a tensor of this shape is stored as, when matrices are `matrices`.
DType StoredType(std::span<const int64_t> shape, DType matrices) {
  if (shape.size() == 1) return DType::kF32;
  const bool whole = shape.back() % InfoOf(matrices).block_elements == 0;
  return whole ? matrices : DType::kBf16;
}

Status CheckWritable(const ModelConfig& c, DType matrices) {
  if (!GgmlTypeOf(matrices)) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("matrices: {}: f32, bf16, f16, q8_0 and q4_0 "
                                 "can be written",
                                 InfoOf(matrices).name));
  }
  if (c.family != Family::kLlama || c.rope.style != RopeStyle::kInterleaved ||
      c.rope.scaling.kind != RopeScalingKind::kNone) {
    return MakeError(ErrorCode::kUnsupported,
                     fmt::format("{}: only llama models with interleaved, "
                                 "unscaled RoPE can be written",
                                 c.name));
  }
  return {};
}

}  // namespace

bool LooksLikeGguf(std::span<const std::byte> bytes) {
  ByteReader reader(bytes, "");
  const Result<uint32_t> magic = reader.Read<uint32_t>("magic");
  return magic && *magic == kGgufMagic;
}

Result<ModelFile> ParseGgufModel(std::span<const std::byte> bytes,
                                 const std::string& file) {
  TRIPTYCH_ASSIGN(const GgufFile gguf, GgufFile::Parse(bytes, file));
  ModelFile model;
  TRIPTYCH_ASSIGN(model.config, ReadConfig(gguf));
  TRIPTYCH_TRY(TakeTensors(gguf, model));
  TRIPTYCH_ASSIGN(model.tokenizer, ReadTokenizer(gguf, model.config.vocab));
  return model;
}

Result<std::vector<std::byte>> GgufModelBytes(const ModelFile& model,
                                              DType matrices) {
  TRIPTYCH_TRY(CheckWritable(model.config, matrices));
  GgufWriter writer;
  AddConfig(model.config, writer);
  if (!model.tokenizer.empty()) AddTokenizer(model.tokenizer, writer);
  std::deque<std::vector<std::byte>> owned;  // must not move: views into it
  TRIPTYCH_TRY(ForEachTensor(
      model.config,
      [&](const std::string& gguf, const std::string& name,
          const std::vector<int64_t>& shape) -> Status {
        const WeightTensor* tensor = model.Find(name);
        if (tensor == nullptr || tensor->shape != shape) {
          return MakeError(
              ErrorCode::kInvalid,
              fmt::format("{}: {}: must be a tensor of {}", model.config.name,
                          name, ShapeText(shape)));
        }
        const DType dtype = StoredType(shape, matrices);
        writer.AddTensor(gguf, dtype, shape, InType(*tensor, dtype, owned));
        return {};
      }));
  return writer.Finish();
}

Status WriteGgufModel(const ModelFile& model, DType matrices,
                      const std::string& path) {
  TRIPTYCH_ASSIGN(const auto bytes, GgufModelBytes(model, matrices));
  std::FILE* file = std::fopen(path.c_str(), "wb");
  const bool opened = file != nullptr;
  const bool written = opened && std::fwrite(bytes.data(), 1, bytes.size(),
                                             file) == bytes.size();
  const bool closed = opened && std::fclose(file) == 0;
  if (written && closed) return {};
  return MakeError(ErrorCode::kIo, path + ": cannot be written");
}

}  // namespace triptych
