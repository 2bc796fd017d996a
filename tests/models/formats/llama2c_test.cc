// SPDX-License-Identifier: Apache-2.0
#include "models/formats/llama2c.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/weights.h"
#include "tests/models/llama2c_bytes.h"
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
