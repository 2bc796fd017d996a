// SPDX-License-Identifier: Apache-2.0
#include "models/formats/llama2c.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "models/weights.h"
#include "tests/models/llama2c_bytes.h"
#include "tests/models/seeded_model.h"
#include "tests/models/tiny_config.h"
#include "tests/models/tiny_model.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

TEST_CASE("A .bin gives back every tensor it was written from") {
  for (const bool tied : {true, false}) {
    const TinyModel tiny(tied);
    const FileBytes bytes = Llama2cBytes(tiny.model);
    CHECK(LooksLikeLlama2c(bytes));
    const auto read = ParseLlama2c(bytes, "t.bin");
    REQUIRE(read);
    const ModelConfig& c = read->config;
    CHECK(c.layers == 2);
    CHECK(c.dim == 32);
    CHECK(c.head_dim == 8);
    CHECK(c.kv_dim() == 16);
    CHECK(c.context == 16);
    CHECK(c.tied_head == tied);
    CHECK(c.rope.style == RopeStyle::kInterleaved);
    CHECK(c.rope.dim == 8);
    CHECK(read->tensors.size() == tiny.model.tensors.size());
    for (const WeightTensor& want : tiny.model.tensors) {
      const WeightTensor* got = read->Find(want.name);
      REQUIRE(got != nullptr);
      CHECK(got->shape == want.shape);
      CHECK(std::memcmp(got->data, want.data, want.bytes) == 0);
    }
    CHECK(read->Find("layers.2.attn.q") == nullptr);
  }
}

TEST_CASE("Rows are read as f32") {
  const TinyModel tiny(true);
  const FileBytes bytes = Llama2cBytes(tiny.model);
  const ModelFile read = *ParseLlama2c(bytes, "t.bin");
  const WeightTensor& down = *read.Find("layers.1.ffn.down");
  CHECK(down.rows() == 32);
  CHECK(down.cols() == 64);
  std::vector<float> row(64);
  ReadRow(down, 31, row.data());
  const float* want =
      reinterpret_cast<const float*>(tiny.model.Find(down.name)->data);
  CHECK(std::vector<float>(want + 31 * 64, want + 32 * 64) == row);
  const WeightTensor& norm = *read.Find("norm.final");
  CHECK(norm.rows() == 1);
  CHECK(norm.cols() == 32);
}

TEST_CASE("A header that cannot be is refused where it is wrong") {
  const TinyModel tiny(true);
  const auto message = [&](size_t field, int32_t value) {
    FileBytes bytes = Llama2cBytes(tiny.model);
    std::memcpy(bytes.data() + 4 * field, &value, 4);
    const auto read = ParseLlama2c(bytes, "t.bin");
    return read ? std::string() : read.error().message;
  };
  CHECK(message(0, 0) == "t.bin: offset 0: dim: 0: must be 1..1048576");
  CHECK(message(2, -1) == "t.bin: offset 8: layers: -1: must be 1..1048576");
  CHECK(message(3, 3).starts_with("t.bin: offset 0: dim: 32: must be heads"));
  CHECK(message(4, 3).starts_with("t.bin: offset 16: kv_heads: 3: must div"));
  CHECK(message(5, INT32_MIN).starts_with("t.bin: offset 20: vocab: "));
  // Larger or smaller than the file.
  CHECK(message(6, 17).find(": RoPE tables: needs 544 bytes, the file has 512"
                            " left") != std::string::npos);
  CHECK(message(6, 15).find(": end: 32 bytes too many") != std::string::npos);
  CHECK(message(2, 1000000).find(": needs ") != std::string::npos);
}

TEST_CASE("v1 gives back every tensor") {
  for (const bool tied : {true, false}) {
    const TinyModel tiny(tied);
    const FileBytes bytes = Llama2cVersionBytes(tiny.model);
    CHECK(LooksLikeLlama2c(bytes));
    const auto read = ParseLlama2c(bytes, "t.bin");
    REQUIRE(read);
    CHECK(read->config.tied_head == tied);
    CHECK(read->config.kv_dim() == 16);
    CHECK(read->tensors.size() == tiny.model.tensors.size());
    for (const WeightTensor& want : tiny.model.tensors) {
      const WeightTensor* got = read->Find(want.name);
      REQUIRE(got != nullptr);
      CHECK(got->shape == want.shape);
      CHECK(got->owner == nullptr);
      CHECK(std::memcmp(got->data, want.data, want.bytes) == 0);
    }
  }
}

TEST_CASE("v2 decodes groups of any size, also such that pass a row's end") {
  ModelConfig config = TinyLlama();
  config.dim = 8;
  config.ffn = 12;
  config.heads = 2;
  config.head_dim = config.rope.dim = 4;
  config.kv_heads = 1;
  config.vocab = 32;
  const ModelFile model = SeededModel(config);
  for (const size_t group : {1, 2, 4, 8, 16, 32}) {
    CAPTURE(group);
    ModelFile kept;
    {
      // What is decoded outlives the file; what lies in it does not.
      const FileBytes bytes = Llama2cVersionBytes(model, group);
      const auto read = ParseLlama2c(bytes, "t.bin");
      REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
      CHECK(read->Find("norm.final")->owner == nullptr);
      kept = *read;
    }
    for (const WeightTensor& want : model.tensors) {
      if (want.shape.size() == 1) continue;
      CAPTURE(want.name);
      const WeightTensor* got = kept.Find(want.name);
      REQUIRE(got != nullptr);
      CHECK(got->dtype == DType::kF32);
      CHECK(got->shape == want.shape);
      const auto* a = reinterpret_cast<const float*>(got->data);
      const auto* b = reinterpret_cast<const float*>(want.data);
      int wrong = 0;
      for (size_t i = 0; i < want.bytes / sizeof(float); ++i) {
        double most = 0;
        for (size_t j = i / group * group; j < (i / group + 1) * group; ++j) {
          most = std::max(most, std::abs(double{b[j]}));
        }
        // Half a code (none in a group of one, which is its extreme), and
        // the roundings of scale, quotient and product.
        const double codes = group == 1 ? 0 : 0.5;
        const double bound = most * (codes / 127 + 3 * 0x1p-24);
        wrong += std::abs(double{a[i]} - double{b[i]}) > bound;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("Headers of v1 and v2 that cannot be are refused where") {
  const TinyModel tiny(true);
  const auto message = [&](size_t offset, int32_t value, size_t size,
                           size_t group = 16) {
    FileBytes bytes = Llama2cVersionBytes(tiny.model, group);
    std::memcpy(bytes.data() + offset, &value, size);
    CHECK(LooksLikeLlama2c(bytes));
    const auto read = ParseLlama2c(bytes, "t.bin");
    return read ? std::string() : read.error().message;
  };
  CHECK(message(4, 3, 4) ==
        "t.bin: offset 4: version: 3: 1, 2 and files without a version "
        "(legacy) are read");
  CHECK(message(8, 0, 4) == "t.bin: offset 8: dim: 0: must be 1..1048576");
  CHECK(message(24, 3, 4).starts_with("t.bin: offset 24: kv_heads: 3: must"));
  CHECK(message(28, -271, 4).starts_with("t.bin: offset 28: vocab: -271: "));
  CHECK(message(36, 2, 1) ==
        "t.bin: offset 36: shared head: 2: must be 0 or 1");
  CHECK(message(37, 0, 4).starts_with("t.bin: offset 37: group size: 0: must"));
  CHECK(message(37, 64, 4) ==
        "t.bin: offset 896: tok_embed: 8672 elements: must be whole groups of "
        "64");
  CHECK(message(41, 1, 1) ==
        "t.bin: offset 41: padding: 1: must be 0 up to offset 256");
  CHECK(message(37, 1, 1, 0).starts_with("t.bin: offset 37: padding: 1: "));
  CHECK(message(36, 0, 1).find(": head: needs 10840 bytes") !=
        std::string::npos);
  CHECK(message(28, 270, 4).find(": end: 40 bytes too many") !=
        std::string::npos);
}

TEST_CASE("A tokenizer.bin gives back its pieces") {
  const FileBytes bytes = Llama2cTokenizerBytes(TinyPieces());
  const auto read = ParseLlama2cTokenizer(bytes, "t.tok");
  REQUIRE(read);
  CHECK(read->size() == TinyPieces().size());
  for (size_t i = 0; i < read->size(); ++i) {
    const Piece& piece = read->piece(static_cast<TokenId>(i));
    CHECK(piece.text == TinyPieces()[i].text);
    CHECK(piece.score == TinyPieces()[i].score);
    CHECK(piece.type == TinyPieces()[i].type);
  }
  FileBytes broken = bytes;
  broken[8] = std::byte{200};
  CHECK(ParseLlama2cTokenizer(broken, "t.tok").error().message ==
        "t.tok: offset 8: piece 0: length 200: must be 0..6, the longest");
}

TEST_CASE("stories260K.bin is read to the last byte") {
  const std::string path = SharedData("stories260K.bin");
  const std::string tok = SharedData("tok512.bin");
  if (path.empty() || tok.empty()) return;
  const auto read = LoadModel(path, tok);
  REQUIRE(read);
  CHECK(read->config.name == "stories260K");
  CHECK(read->config.dim == 64);
  CHECK(read->config.ffn == 172);
  CHECK(read->config.layers == 5);
  CHECK(read->config.heads == 8);
  CHECK(read->config.kv_heads == 4);
  CHECK(read->config.vocab == 512);
  CHECK(read->config.context == 512);
  CHECK(read->config.tied_head);
  CHECK(read->tokenizer.size() == 512);
  int64_t parameters = 0;
  for (const WeightTensor& t : read->tensors) parameters += t.rows() * t.cols();
  CHECK(parameters == 260032);
}

}  // namespace
}  // namespace triptych
