// Files cut short and files with flipped bits: whatever the bytes, a reader
// gives a model or an error that says where. Sanitizers watch the rest.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "models/formats/gguf_model.h"
#include "models/formats/llama2c.h"
#include "tests/models/llama2c_bytes.h"
#include "tests/models/seeded_model.h"
#include "tests/models/tiny_gguf_configs.h"
#include "tests/models/tiny_model.h"
#include "tests/models/touch.h"

namespace triptych {
namespace {

template <class T>
bool Survives(const Result<T>& result) {
  if (result) {
    Touch(*result);
    return true;
  }
  CHECK(result.error().message.starts_with("f: "));
  return false;
}

// Every length short of the whole. Up to where the tensors lie, in a buffer
// of exactly that size, so that a sanitizer sees one byte too many.
template <class Parse>
void CheckTruncations(const FileBytes& whole, const Parse& parse) {
  constexpr size_t kHeader = 12000;
  REQUIRE(Survives(parse(whole)));
  for (size_t size = 0; size < whole.size(); ++size) {
    INFO("size ", size);
    if (size < kHeader) {
      CHECK(!Survives(parse(FileBytes(whole.begin(), whole.begin() + size))));
    } else {
      CHECK(!Survives(parse(std::span(whole).first(size))));
    }
  }
}

// A few bits flipped, or a whole 32-bit word replaced by a favourite of
// those who break parsers, within the first `header` bytes.
template <class Parse>
void CheckDamage(const FileBytes& whole, size_t header, int trials,
                 const Parse& parse) {
  constexpr uint32_t kNasty[] = {0,          1,          0x7FFFFFFF,
                                 0x80000000, 0xFFFFFFFF, 0x00010000};
  Rng rng(2024, whole.size());
  const auto somewhere = [&] {
    return rng.Below(static_cast<uint32_t>(std::min(header, whole.size())));
  };
  for (int trial = 0; trial < trials; ++trial) {
    FileBytes bytes = whole;
    if (trial % 2 == 0) {
      const size_t at = std::min<size_t>(somewhere(), whole.size() - 4);
      const uint32_t word = kNasty[rng.Below(std::size(kNasty))];
      std::memcpy(bytes.data() + at, &word, sizeof(word));
    } else {
      for (uint32_t flips = 1 + rng.Below(4); flips > 0; --flips) {
        bytes[somewhere()] ^= std::byte{1} << rng.Below(8);
      }
    }
    INFO("trial ", trial);
    Survives(parse(bytes));
  }
}

const auto kParseGguf = [](std::span<const std::byte> b) {
  return ParseGgufModel(b, "f");
};
const auto kParseBin = [](std::span<const std::byte> b) {
  return ParseLlama2c(b, "f");
};
const auto kParseTokenizer = [](std::span<const std::byte> b) {
  return ParseLlama2cTokenizer(b, "f");
};

TEST_CASE("GGUF: every truncation is an error") {
  const TinyModel tiny(true);
  const FileBytes whole = AsFile(*GgufModelBytes(tiny.model, DType::kQ4_0));
  CheckTruncations(whole, kParseGguf);
}

TEST_CASE("GGUF: damage is survived") {
  const TinyModel tiny(false);
  const FileBytes whole = AsFile(*GgufModelBytes(tiny.model, DType::kQ8_0));
  CheckDamage(whole, 800, 3000, kParseGguf);    // keys
  CheckDamage(whole, 11000, 3000, kParseGguf);  // up to the tensors
}

TEST_CASE("GGUF: cut or damaged files of every architecture") {
  for (const ModelConfig& config : TinyGgufConfigs()) {
    CAPTURE(config.name);
    const FileBytes whole =
        AsFile(*GgufModelBytes(SeededModel(config), DType::kMxfp4));
    // Up to 31 bytes at the end are padding.
    for (size_t size = 0; size + 32 <= whole.size(); size += 61) {
      CHECK(!Survives(kParseGguf(std::span(whole).first(size))));
    }
    CheckDamage(whole, 1200, 200, kParseGguf);  // keys
    CheckDamage(whole, 6000, 200, kParseGguf);  // and tensors
  }
}

TEST_CASE("llama2.c: every truncation is an error") {
  const TinyModel tiny(false);
  const FileBytes whole = Llama2cBytes(tiny.model);
  CheckTruncations(whole, kParseBin);
}

TEST_CASE("llama2.c: damage is survived") {
  const TinyModel tiny(true);
  CheckDamage(Llama2cBytes(tiny.model), 28, 3000, kParseBin);
}

TEST_CASE("llama2.c v1 and v2: cut or damaged") {
  const TinyModel tiny(false);
  for (const size_t group : {0, 16}) {
    const FileBytes whole = Llama2cVersionBytes(tiny.model, group);
    CheckTruncations(whole, kParseBin);
    CheckDamage(whole, 64, 3000, kParseBin);
  }
}

TEST_CASE("tokenizer.bin: cut or damaged") {
  const FileBytes whole = Llama2cTokenizerBytes(TinyPieces());
  // A cut between two pieces is a shorter vocabulary, not an error.
  for (size_t size = 0; size < whole.size(); ++size) {
    Survives(kParseTokenizer(FileBytes(whole.begin(), whole.begin() + size)));
  }
  CheckDamage(whole, whole.size(), 4000, kParseTokenizer);
}

}  // namespace
}  // namespace triptych
