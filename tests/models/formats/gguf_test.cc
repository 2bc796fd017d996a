// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "kernels/base/formats.h"
#include "models/build/build.h"
#include "models/formats/gguf_model.h"
#include "models/formats/gguf_writer.h"
#include "models/reference.h"
#include "tests/models/llama2c_bytes.h"
#include "tests/models/temp_file.h"
#include "tests/models/tiny_model.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

void PutText(std::string_view text, FileBytes* out) {
  AppendValue<uint64_t>(text.size(), out);
  for (const char c : text) AppendValue(c, out);
}

// A file put together by hand: header, then what `body` appends.
template <class Body>
FileBytes Raw(uint64_t tensors, uint64_t keys, const Body& body) {
  FileBytes out;
  AppendValue(kGgufMagic, &out);
  AppendValue(kGgufVersion, &out);
  AppendValue(tensors, &out);
  AppendValue(keys, &out);
  body(&out);
  return out;
}

template <class T>
void PutKey(std::string_view key, uint32_t type, T value, FileBytes* out) {
  PutText(key, out);
  AppendValue(type, out);
  AppendValue(value, out);
}

// The error of a file, "" if there is none.
std::string Complaint(const FileBytes& bytes) {
  const auto file = GgufFile::Parse(bytes, "f");
  return file ? std::string() : file.error().message;
}

TEST_CASE("All thirteen types of value are read") {
  const FileBytes bytes = Raw(0, 13, [](FileBytes* out) {
    PutKey<uint8_t>("u8", 0, 200, out);
    PutKey<int8_t>("i8", 1, -100, out);
    PutKey<uint16_t>("u16", 2, 60000, out);
    PutKey<int16_t>("i16", 3, -30000, out);
    PutKey<uint32_t>("u32", 4, 4000000000, out);
    PutKey<int32_t>("i32", 5, -2000000000, out);
    PutKey<float>("f32", 6, 1e-5f, out);
    PutKey<uint8_t>("bool", 7, 1, out);
    PutText("text", out);
    AppendValue<uint32_t>(8, out);
    PutText("hello", out);
    PutText("array", out);
    AppendValue<uint32_t>(9, out);
    AppendValue<uint32_t>(3, out);
    AppendValue<uint64_t>(2, out);
    AppendValue<int16_t>(-5, out);
    AppendValue<int16_t>(6, out);
    PutKey<uint64_t>("u64", 10, uint64_t{1} << 62, out);
    PutKey<int64_t>("i64", 11, -(int64_t{1} << 62), out);
    PutKey<double>("f64", 12, 0.1, out);
  });
  const auto file = GgufFile::Parse(bytes, "f");
  REQUIRE(file);
  const auto number = [&](std::string_view key) {
    return *file->Int(key, INT64_MIN, INT64_MAX);
  };
  CHECK(number("u8") == 200);
  CHECK(number("i8") == -100);
  CHECK(number("u16") == 60000);
  CHECK(number("i16") == -30000);
  CHECK(number("u32") == 4000000000);
  CHECK(number("i32") == -2000000000);
  CHECK(number("u64") == int64_t{1} << 62);
  CHECK(number("i64") == -(int64_t{1} << 62));
  CHECK(*file->Float("f32") == 1e-5);  // the decimal, not the nearest f32
  CHECK(*file->Float("f64") == 0.1);
  CHECK(*file->Bool("bool", {}));
  CHECK(*file->Text("text") == "hello");
  CHECK(*file->Ints("array") == std::vector<int32_t>{-5, 6});

  CHECK(*file->Int("absent", 0, 9, 7) == 7);
  CHECK(file->Int("absent", 0, 9).error().message ==
        "f: offset 0: absent: is missing");
  CHECK(file->Int("u8", 0, 99).error().message ==
        "f: offset 38: u8: 200: must be an integer in 0..99");
  CHECK(!file->Int("f32", 0, 9));
  CHECK(!file->Int("array", 0, 9));
  CHECK(!file->Ints("u8"));
  CHECK(!file->Text("u8"));
  CHECK(!file->Float("u8"));
  CHECK(!file->Bool("u8", {}));
}

TEST_CASE("Nested arrays are passed over, to a depth") {
  const auto nested = [](int depth) {
    return Raw(0, 1, [&](FileBytes* out) {
      PutText("k", out);
      AppendValue<uint32_t>(9, out);
      for (int i = 0; i < depth; ++i) {
        AppendValue<uint32_t>(9, out);
        AppendValue<uint64_t>(1, out);
      }
      AppendValue<uint32_t>(0, out);
      AppendValue<uint64_t>(3, out);
      AppendValue<uint16_t>(0, out);
      AppendValue<uint8_t>(0, out);
    });
  };
  CHECK(Complaint(nested(1)).empty());
  CHECK(Complaint(nested(3)).empty());
  CHECK(Complaint(nested(4)).find("nested deeper than 4") != std::string::npos);
  CHECK(!GgufFile::Parse(nested(1), "f")->Ints("k"));
}

TEST_CASE("The header says what it must be") {
  const auto none = [](FileBytes*) {};
  CHECK(Complaint(Raw(0, 0, none)).empty());
  FileBytes bytes = Raw(0, 0, none);
  bytes[4] = std::byte{2};
  CHECK(Complaint(bytes) == "f: offset 4: version: 2: must be 3");
  bytes[4] = std::byte{0};
  bytes[7] = std::byte{3};
  CHECK(Complaint(bytes) ==
        "f: offset 4: version: big-endian: must be little-endian");
  bytes[0] = std::byte{'g'};
  CHECK(Complaint(bytes) == "f: offset 0: magic: must be GGUF");
  CHECK(Complaint({}) ==
        "f: offset 0: magic: needs 4 bytes, the file has 0 left");
}

TEST_CASE("Counts and lengths beyond the file cost nothing") {
  const uint64_t huge = ~uint64_t{0};
  const auto none = [](FileBytes*) {};
  CHECK(Complaint(Raw(0, huge, none)).find("keys do not fit") !=
        std::string::npos);
  CHECK(Complaint(Raw(huge, 0, none)).find("tensors do not fit") !=
        std::string::npos);
  for (const uint64_t count : {uint64_t{1} << 40, huge, huge / 4 + 1}) {
    CHECK(!Complaint(Raw(0, 1, [&](FileBytes* out) {
             PutText("k", out);
             AppendValue<uint32_t>(9, out);
             AppendValue<uint32_t>(4, out);
             AppendValue<uint64_t>(count, out);
             AppendValue<uint64_t>(0, out);
           })).empty());
    CHECK(!Complaint(Raw(0, 1, [&](FileBytes* out) {
             PutText("k", out);
             AppendValue<uint32_t>(8, out);
             AppendValue<uint64_t>(count, out);
             AppendValue<uint64_t>(0, out);
           })).empty());
    CHECK(Complaint(Raw(0, 1, [&](FileBytes* out) {
            AppendValue<uint64_t>(count, out);  // the length of a key
            AppendValue<uint64_t>(0, out);
          })).find("at most 65535") != std::string::npos);
  }
  CHECK(Complaint(Raw(0, 2, [](FileBytes* out) {
          PutKey<uint8_t>("k", 0, 1, out);
          PutKey<uint8_t>("k", 0, 1, out);
        })) == "f: offset 38: k: appears twice");
  CHECK(Complaint(Raw(0, 1, [](FileBytes* out) {
          PutKey<uint8_t>("k", 13, 1, out);
        })) == "f: offset 33: k: value type 13: must be 0..12");
}

// One tensor: 32 sizes of f32, then 128 bytes of data.
FileBytes WithTensor(std::vector<uint64_t> sizes, uint32_t type,
                     uint64_t offset) {
  return Raw(1, 0, [&](FileBytes* out) {
    PutText("t", out);
    AppendValue(static_cast<uint32_t>(sizes.size()), out);
    for (const uint64_t size : sizes) AppendValue(size, out);
    AppendValue(type, out);
    AppendValue(offset, out);
    out->resize((out->size() + 31) / 32 * 32 + 128);
  });
}

TEST_CASE("A tensor lies where it says, whole, in a type that is read") {
  const FileBytes good = WithTensor({8, 4}, 0, 0);
  const auto file = GgufFile::Parse(good, "f");
  REQUIRE(file);
  const GgufTensor* tensor = file->FindTensor("t");
  REQUIRE(tensor != nullptr);
  CHECK(tensor->shape == std::vector<int64_t>{4, 8});
  CHECK(tensor->data.size() == 128);
  CHECK(tensor->data.data() + 128 == good.data() + good.size());
  CHECK(file->FindTensor("u") == nullptr);

  const auto says = [](const FileBytes& bytes, std::string_view what) {
    const std::string complaint = Complaint(bytes);
    CAPTURE(complaint);
    CHECK(complaint.find(what) != std::string::npos);
  };
  says(WithTensor({}, 0, 0), "0 dimensions: must be 1..4");
  says(WithTensor({1, 1, 1, 1, 1}, 0, 0), "5 dimensions: must be 1..4");
  says(WithTensor({8, 0}, 0, 0), "size 0: must be positive");
  says(WithTensor({8, ~uint64_t{0}}, 0, 0), "size -1: must be positive");
  says(WithTensor({8, 5}, 0, 0), "reaches past the 128 bytes");
  says(WithTensor({8, 4}, 0, 32), "reaches past the 128 bytes");
  says(WithTensor({8, 4}, 0, ~uint64_t{31}), "reaches past");
  says(WithTensor({8, 2}, 0, 4), "must be a multiple of 32");
  const uint64_t big = uint64_t{1} << 62;
  says(WithTensor({big}, 0, 0), "reaches past");
  says(WithTensor({big, big, big, big}, 0, 0), "reaches past");
  says(WithTensor({8}, 10, 0),
       "t: ggml type Q2_K: F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, "
       "Q6_K, BF16, MXFP4 are read");
  says(WithTensor({8}, 40, 0), "t: ggml type NVFP4: F32,");
  says(WithTensor({8}, 23, 0), "t: ggml type IQ4_XS: F32,");
  says(WithTensor({8}, 34, 0), "t: ggml type TQ1_0: F32,");
  says(WithTensor({8}, 31, 0), "t: ggml type Q4_0_4_4 (withdrawn): F32,");
  says(WithTensor({8}, 99, 0), "ggml type 99 is unknown");
  says(WithTensor({128}, 12, 0), "rows of 128: must be whole blocks of 256");
  says(WithTensor({8}, 8, 0), "rows of 8: must be whole blocks of 32");
}

TEST_CASE("Data shared by two tensors is refused") {
  GgufWriter writer;
  const std::vector<std::byte> data(64);
  const std::vector<int64_t> shape = {16};
  writer.AddTensor("a", DType::kF32, shape, data);
  writer.AddTensor("b", DType::kF32, shape, data);
  FileBytes bytes = AsFile(writer.Finish());
  CHECK(Complaint(bytes).empty());
  // The offset of b: the last 8 bytes before the padding.
  bytes[24 + 2 * (8 + 1 + 4 + 8 + 4 + 8) - 8] = std::byte{32};
  CHECK(Complaint(bytes).find("b: shares data with a") != std::string::npos);
}

TEST_CASE("general.alignment moves the data, and must be a power of two") {
  const auto aligned = [](uint32_t alignment) {
    return Raw(1, 1, [&](FileBytes* out) {
      PutKey("general.alignment", 4, alignment, out);
      PutText("t", out);
      AppendValue<uint32_t>(1, out);
      AppendValue<uint64_t>(2, out);
      AppendValue<uint32_t>(0, out);
      AppendValue<uint64_t>(0, out);
      out->resize(256 + 8);
    });
  };
  const FileBytes good = aligned(256);
  const auto file = GgufFile::Parse(good, "f");
  REQUIRE(file);
  CHECK(file->tensors()[0].data.data() == good.data() + 256);
  CHECK(Complaint(aligned(48)).find("must be a power of two") !=
        std::string::npos);
  CHECK(Complaint(aligned(0)).find("must be an integer in 8..") !=
        std::string::npos);
}

// Whether `got` is `want` stored as `dtype`.
void CheckStored(const WeightTensor& got, const WeightTensor& want,
                 DType dtype) {
  CAPTURE(got.name);
  CHECK(got.dtype == dtype);
  CHECK(got.shape == want.shape);
  const size_t cols = static_cast<size_t>(want.cols());
  std::vector<float> expected(cols), actual(cols);
  std::vector<std::byte> coded(RowBytes(dtype, cols));
  for (int64_t r = 0; r < want.rows(); ++r) {
    ReadRow(want, r, expected.data());
    QuantizeRow(dtype, expected.data(), coded.data(), cols);
    DequantizeRow(dtype, coded.data(), expected.data(), cols);
    ReadRow(got, r, actual.data());
    REQUIRE(actual == expected);
  }
}

void CheckSameTokenizer(const Tokenizer& got, const Tokenizer& want) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    const TokenId id = static_cast<TokenId>(i);
    CHECK(got.piece(id).text == want.piece(id).text);
    CHECK(got.piece(id).score == want.piece(id).score);
    CHECK(got.piece(id).type == want.piece(id).type);
  }
  CHECK(got.special().bos == want.special().bos);
  CHECK(got.special().eos == want.special().eos);
  CHECK(got.special().unknown == want.special().unknown);
  CHECK(got.special().add_bos == want.special().add_bos);
  CHECK(got.special().add_space_prefix == want.special().add_space_prefix);
}

TEST_CASE("A model comes back from GGUF as it was written") {
  for (const bool tied : {true, false}) {
    const TinyModel tiny(tied);
    for (const DType dtype :
         {DType::kF32, DType::kBf16, DType::kF16, DType::kQ8_0, DType::kQ4_0,
          DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kMxfp4}) {
      const auto bytes = GgufModelBytes(tiny.model, dtype);
      REQUIRE(bytes);
      CHECK(*bytes == *GgufModelBytes(tiny.model, dtype));
      const FileBytes file = AsFile(*bytes);
      const auto read = ParseGgufModel(file, "t.gguf");
      REQUIRE(read);
      const ModelConfig &got = read->config, &want = tiny.model.config;
      CHECK(got.architecture == "llama");
      CHECK(got.name == want.name);
      CHECK(got.layers == want.layers);
      CHECK(got.dim == want.dim);
      CHECK(got.ffn == want.ffn);
      CHECK(got.heads == want.heads);
      CHECK(got.kv_heads == want.kv_heads);
      CHECK(got.head_dim == want.head_dim);
      CHECK(got.vocab == want.vocab);
      CHECK(got.context == want.context);
      CHECK(got.norm_eps == want.norm_eps);
      CHECK(got.rope.theta == want.rope.theta);
      CHECK(got.rope.dim == want.rope.dim);
      CHECK(got.rope.style == RopeStyle::kInterleaved);
      CHECK(got.tied_head == tied);
      REQUIRE(read->tensors.size() == tiny.model.tensors.size());
      for (const WeightTensor& tensor : tiny.model.tensors) {
        CheckStored(*read->Find(tensor.name), tensor,
                    tensor.shape.size() == 1 ? DType::kF32 : dtype);
      }
      CheckSameTokenizer(read->tokenizer, tiny.model.tokenizer);
      // What was read writes the same file again, bit for bit.
      CHECK(*GgufModelBytes(*read, dtype) == *bytes);
    }
  }
}

TEST_CASE("What cannot be written is refused") {
  TinyModel tiny(true);
  const auto complaint = [&](DType dtype) {
    const auto bytes = GgufModelBytes(tiny.model, dtype);
    return bytes ? std::string() : bytes.error().message;
  };
  CHECK(complaint(DType::kBfp8).starts_with("matrices: bfp8: "));
  tiny.model.tensors.pop_back();
  CHECK(complaint(DType::kF32) == "tiny: norm.final: must be a tensor of 32");
  tiny.model.config.rope.dim = 4;
  CHECK(complaint(DType::kF32) ==
        "tiny: rope.dim: 4: a GGUF file of architecture llama says 8");
  tiny.model.config.family = Family::kVit;
  CHECK(complaint(DType::kF32)
            .starts_with("tiny: family vit: GGUF is written "
                         "for architectures llama, qwen2,"));
  CHECK(WriteGgufModel(TinyModel(true).model, DType::kF32, "no/such/place")
            .error()
            .code == ErrorCode::kIo);
}

TEST_CASE("A written file is loaded by its content") {
  const TinyModel tiny(true);
  const TempFile temp("");
  REQUIRE(WriteGgufModel(tiny.model, DType::kQ8_0, temp.path()));
  const auto read = LoadModel(temp.path());
  REQUIRE(read);
  CHECK(read->storage != nullptr);
  CHECK(read->Find("tok_embed")->dtype == DType::kQ8_0);
  const TempFile text("this is no model, whatever its name");
  CHECK(LoadModel(text.path()).error().message ==
        text.path() +
            ": offset 0: header: not a model file; GGUF, ONNX, TFLite, "
            "llama2.c's .bin and Hugging Face safetensors are allowed");
}

// Rewrites the model with one key changed by `add`, tensors as they are.
template <class Add>
std::string ModelComplaint(std::string_view without, const Add& add) {
  const TinyModel tiny(true);
  GgufWriter writer;
  const auto key = [&](std::string_view name, auto value) {
    if (name != without) writer.Add(name, value);
  };
  key("general.architecture", "llama");
  key("llama.block_count", uint32_t{2});
  key("llama.context_length", uint32_t{16});
  key("llama.embedding_length", uint32_t{32});
  key("llama.feed_forward_length", uint32_t{64});
  key("llama.attention.head_count", uint32_t{4});
  key("llama.attention.head_count_kv", uint32_t{2});
  key("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  add(writer);
  const FileBytes whole = AsFile(*GgufModelBytes(tiny.model, DType::kF32));
  const auto source = GgufFile::Parse(whole, "f");
  for (const GgufTensor& t : source->tensors()) {
    writer.AddTensor(t.name, t.dtype, t.shape, t.data);
  }
  const FileBytes file = AsFile(writer.Finish());
  const auto read = ParseGgufModel(file, "f");
  return read ? std::string() : read.error().message;
}

TEST_CASE("A model that does not add up is refused by key") {
  const auto nothing = [](GgufWriter&) {};
  CHECK(ModelComplaint("", nothing).empty());
  const auto says = [](const std::string& complaint, std::string_view what) {
    CAPTURE(complaint);
    CHECK(complaint.find(what) != std::string::npos);
  };
  for (const char* key :
       {"general.architecture", "llama.block_count", "llama.context_length",
        "llama.embedding_length", "llama.feed_forward_length",
        "llama.attention.head_count",
        "llama.attention.layer_norm_rms_epsilon"}) {
    says(ModelComplaint(key, nothing), std::string(key) + ": is missing");
  }
  const auto with = [](std::string_view key, auto value) {
    return ModelComplaint(key,
                          [&](GgufWriter& writer) { writer.Add(key, value); });
  };
  says(with("general.architecture", "mamba"), "mamba: architectures that are");
  says(with("llama.block_count", 3u), "blk.2.attn_norm.weight: tensor is");
  says(with("llama.block_count", 1u), "blk.1.attn_norm.weight: is no tensor");
  says(with("llama.embedding_length", 64u), "must be 271 x 64");
  says(with("llama.attention.head_count", 3u), "head_count");
  says(with("llama.attention.head_count_kv", 3u), "must divide 4 heads");
  says(with("llama.attention.layer_norm_rms_epsilon", 0.0f), "between 0 and 1");
  says(with("llama.rope.scaling.type", "longrope"),
       "longrope: none, linear and yarn are read");
  says(with("llama.rope.freq_base", NAN), "must be greater than 1");
  says(with("llama.rope.dimension_count", 16u), "in 8..8");
  says(with("llama.expert_count", 8u), "without experts");
  says(with("llama.attention.sliding_window", 64u), "64: only 0 is read");
  says(with("llama.final_logit_softcapping", 30.f), "30: only 0 is read");
  says(with("llama.attention.causal", false), "0: only 1 is read");
  says(with("llama.rope.scaling.attn_factor", 2.f), "2: only 1 is read");
  says(with("split.count", 3u), "3: only 1 is read");
  says(with("general.type", "adapter"), "adapter: only model is read");
  says(with("tokenizer.ggml.model", "t5"), "t5: llama (Sent");
  says(with("tokenizer.ggml.model", "llama"), "tokens: is missing");
}

TEST_CASE("stories260K: GGUF and .bin hold the same model") {
  const std::string gguf = SharedData("stories260K-F32.gguf");
  const std::string bin = SharedData("stories260K.bin");
  const std::string tok = SharedData("tok512.bin");
  if (gguf.empty() || bin.empty() || tok.empty()) return;
  const auto a = LoadModel(gguf), b = LoadModel(bin, tok);
  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->config.norm_eps == b->config.norm_eps);
  CHECK(a->config.rope.theta == b->config.rope.theta);
  CHECK(a->config.rope.style == b->config.rope.style);
  for (const WeightTensor& want : b->tensors) {
    const WeightTensor* got = a->Find(want.name);
    REQUIRE(got != nullptr);
    CHECK(got->shape == want.shape);
    CHECK(std::memcmp(got->data, want.data, want.bytes) == 0);
  }
  // The converter wrote the head out although it is the embedding table.
  CHECK(!a->config.tied_head);
  CHECK(std::memcmp(a->Find("head")->data, b->Find("tok_embed")->data,
                    a->Find("head")->bytes) == 0);
  const std::string text = "Once upon a time, there was a caf\xC3\xA9.\n";
  CHECK(a->tokenizer.Encode(text) == b->tokenizer.Encode(text));
}

// Perplexity as llama-perplexity -c 256 -b 256 measures it: whole chunks of
// 256 tokens, each with BOS in place of its first, of which the predictions
// at positions 128 to 254 count.
double ChunkPerplexity(const ModelFile& model, const std::string& text) {
  constexpr size_t kChunk = 256;
  const std::vector<TokenId> ids = model.tokenizer.Encode(text);
  const Graph graph = *BuildGraph(model.config, {.all_logits = true});
  const Weights weights = *Weights::Bind(graph, model);
  double nll = 0;
  size_t count = 0;
  for (size_t at = 0; at + kChunk <= ids.size(); at += kChunk) {
    std::vector<TokenId> chunk(ids.begin() + static_cast<long>(at),
                               ids.begin() + static_cast<long>(at + kChunk));
    chunk[0] = model.tokenizer.special().bos;
    Reference reference(graph, weights, 1, kChunk);
    const auto logits = *reference.Feed(chunk);
    for (size_t t = kChunk / 2; t + 1 < kChunk; ++t, ++count) {
      const double* row = logits.row(t);
      const double top = *std::max_element(row, row + logits.cols());
      double sum = 0;
      for (size_t v = 0; v < logits.cols(); ++v) sum += std::exp(row[v] - top);
      nll += std::log(sum) + top - row[chunk[t + 1]];
    }
  }
  CHECK(count == 889);
  return std::exp(nll / static_cast<double>(count));
}

// What llama.cpp (c392e5094) prints for these files, with K and V in f32; its
// Q4_K_M was measured with K and V in f16, which moves F32's by 0.0002.
TEST_CASE("stories260K: llama.cpp's perplexity of F32, BF16 and Q4_K_M") {
  const std::string gguf = SharedData("stories260K-F32.gguf");
  const std::string q4 = SharedData("stories260K-Q4_K_M.gguf");
  const std::string bin = SharedData("stories260K.bin");
  const std::string tok = SharedData("tok512.bin");
  const std::string sample = SharedData("tinystories_sample_plain.txt");
  if (gguf.empty() || q4.empty() || bin.empty() || tok.empty()) return;
  if (sample.empty()) return;
  std::ifstream stream(sample, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(stream)), {});
  const auto f32 = LoadModel(gguf), checkpoint = LoadModel(bin, tok);
  const auto mixed = LoadModel(q4);
  REQUIRE(f32);
  REQUIRE(checkpoint);
  REQUIRE_MESSAGE(mixed, (mixed ? "" : mixed.error().message));

  const double exact = ChunkPerplexity(*f32, text);
  MESSAGE("F32 ", exact);
  CHECK(std::abs(exact - 3.9016) <= 0.0005);
  CHECK(ChunkPerplexity(*checkpoint, text) == exact);

  const TempFile file("");
  REQUIRE(WriteGgufModel(*f32, DType::kBf16, file.path()));
  const double bf16 = ChunkPerplexity(*LoadModel(file.path()), text);
  MESSAGE("BF16 ", bf16);
  CHECK(std::abs(bf16 - 3.8995) <= 0.0010);

  // Rows of 64 and 172 are no super-blocks: every Q4_K and Q6_K fell back.
  std::map<DType, int> types;
  for (const WeightTensor& t : mixed->tensors) ++types[t.dtype];
  CHECK(types[DType::kF32] == 11);
  CHECK(types[DType::kF16] == 5);
  CHECK(types[DType::kQ5_0] + types[DType::kQ8_0] == 32);
  const double quantised = ChunkPerplexity(*mixed, text);
  MESSAGE("Q4_K_M ", quantised);
  CHECK(std::abs(quantised - 3.9729) <= 0.002);
}

}  // namespace
}  // namespace triptych
