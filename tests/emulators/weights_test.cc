// Weights from file to machine: whatever they are read from, and read once.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/kv_cache.h"
#include "emulators/packed_once.h"
#include "emulators/session.h"
#include "emulators/target.h"
#include "kernels/base/formats.h"
#include "models/build/build.h"
#include "models/formats/gguf_model.h"
#include "tests/models/seeded_file.h"
#include "tests/models/temp_file.h"
#include "tests/models/tiny_model.h"

namespace triptych {
namespace {

const ModelConfig& TinyConfig() {
  static const ModelConfig config = TinyModel(true).model.config;
  return config;
}

const std::vector<int32_t>& Prompt() {
  static const std::vector<int32_t> ids = {1, 200, 77, 3, 9};
  return ids;
}

// Logits of a prompt and of two tokens after it.
std::vector<float> LogitsOf(const Target& target, const Graph& graph,
                            const Weights& weights) {
  const auto program = target.Compile(graph, &weights);
  REQUIRE(program);
  Session session(graph, **program, {.capacity = 16, .seed = 1, .threads = 2});
  std::vector<float> all;
  const auto keep = [&](const Result<ConstMatView<float>>& logits) {
    REQUIRE(logits);
    all.insert(all.end(), logits->data(), logits->data() + logits->size());
  };
  keep(session.Prefill(Prompt()));
  keep(session.Decode(11));
  keep(session.Decode(12));
  return all;
}

TEST_CASE("every target computes the same from drawn, bf16 and f32 weights") {
  const TinyModel tiny(true);
  const auto graph = BuildGraph(tiny.model.config);
  REQUIRE(graph);
  SeededFile seeded(tiny.model.config, *graph, 3);
  seeded.model.tokenizer = tiny.model.tokenizer;
  const TempFile as_bf16(""), as_f32("");
  REQUIRE(WriteGgufModel(seeded.model, DType::kBf16, as_bf16.path()));
  REQUIRE(WriteGgufModel(seeded.model, DType::kF32, as_f32.path()));
  const auto bf16 = LoadModel(as_bf16.path()), f32 = LoadModel(as_f32.path());
  REQUIRE((bf16 && f32));
  const auto bound_bf16 = Weights::Bind(*graph, *bf16);
  const auto bound_f32 = Weights::Bind(*graph, *f32);
  REQUIRE((bound_bf16 && bound_f32));
  const Weights drawn = Weights::Random(*graph, 3, DType::kBf16);
  const std::vector<std::vector<std::string>> settings = {
      {"cpu"},
      {"cpu", "dtype=bf16"},
      {"cpu", "dtype=fp8_e4m3"},
      {"cpu", "dtype=int8"},
      {"cpu", "dtype=int4_g32"},
      {"mesh"},
      {"mesh:wormhole-n150"},
      {"optical"},
      {"optical", "rx.gain=row_scale"},
      {"npu"},
      {"npu:tri-npu-100-w4"},
      {"npu", "weight_bits=0"},
      {"gpu"},
      {"gpu", "dtype=fp8"}};
  for (const auto& setting : settings) {
    INFO(setting.front(), " ", setting.back());
    const auto target =
        MakeTarget(setting.front(), std::span(setting).subspan(1));
    REQUIRE_MESSAGE(target, (target ? "" : target.error().message));
    const auto expected = LogitsOf(**target, *graph, *bound_f32);
    CHECK(LogitsOf(**target, *graph, *bound_bf16) == expected);
    CHECK(LogitsOf(**target, *graph, drawn) == expected);
  }
}

TEST_CASE("a form of a weight is made once while somebody holds it") {
  const auto graph = BuildGraph(TinyConfig());
  REQUIRE(graph);
  const Weights weights = Weights::Random(*graph, 1);
  const Weights others = Weights::Random(*graph, 1);
  PackedOnce<int> forms;
  int made = 0;
  const auto get = [&](const Weights& of, ValueId value) {
    return forms.Get(of, value, [&] { return ++made; });
  };
  auto first = get(weights, 7);
  CHECK(*first == 1);
  CHECK(get(weights, 7) == first);
  CHECK(*get(weights, 8) == 2);
  CHECK(*get(others, 7) == 3);
  CHECK(get(weights, 7) == first);
  first.reset();
  CHECK(*get(weights, 7) == 4);
}

// ---- Caches ----

// The first cache of a graph: keys of its first layer, which no attention has
// touched before they are appended.
const Value& FirstCache(const Graph& graph) {
  for (const Value& value : graph.values()) {
    if (value.kind == ValueKind::kCache) return value;
  }
  FAIL("no cache");
  return graph.value(0);
}

// What is in it after the prompt, [tokens, kv_dim].
std::vector<float> CachedKeys(const std::string& target_name,
                              const std::string& setting) {
  const auto graph = BuildGraph(TinyConfig());
  REQUIRE(graph);
  const Weights weights = Weights::Random(*graph, 2);
  const auto target = MakeTarget(target_name, std::vector{setting});
  REQUIRE(target);
  const auto program = (*target)->Compile(*graph, &weights);
  REQUIRE(program);
  TensorStore tensors(*graph, 1, 16);
  const auto count = static_cast<int64_t>(Prompt().size());
  const auto ids = tensors.Make(graph->FindValue("tokens")->id, count, 1);
  for (size_t i = 0; i < Prompt().size(); ++i) {
    ids(i, 0) = static_cast<float>(Prompt()[i]);
  }
  Ledger ledger(Ledger::Mode::kFold);
  REQUIRE((*program)->Run({.phase = Phase::kPrefill, .binding = {1, count, 0}},
                          &tensors, ledger));
  const MatView<float> cache = tensors.At(FirstCache(*graph).id);
  return {cache.data(), cache.row(Prompt().size())};
}

TEST_CASE("caches hold the values of their format and no others") {
  const auto head_dim = static_cast<size_t>(TinyConfig().head_dim);
  const auto rounded = [&](std::vector<float> keys, std::string_view format) {
    for (size_t i = 0; i < keys.size(); i += head_dim) {
      KvFormatOf(format).round(std::span(keys).subspan(i, head_dim));
    }
    return keys;
  };
  const auto exact = CachedKeys("cpu", "kv_dtype=f32");
  const auto bf16 = CachedKeys("cpu", "kv_dtype=bf16");
  CHECK(bf16 == rounded(exact, "bf16"));
  CHECK(bf16 != exact);
  const auto int8 = CachedKeys("cpu", "kv_dtype=int8");
  CHECK(int8 == rounded(exact, "int8"));
  // 255 values a head at most, within half a step of what was appended.
  for (size_t i = 0; i < exact.size(); i += head_dim) {
    float largest = 0;
    for (size_t c = 0; c < head_dim; ++c) {
      largest = std::max(largest, std::abs(exact[i + c]));
    }
    for (size_t c = 0; c < head_dim; ++c) {
      CHECK(std::abs(int8[i + c] - exact[i + c]) <= largest * 0.501f / 127);
    }
  }
  const auto on_gpu = CachedKeys("gpu", "kv_dtype=bf16");
  CHECK(on_gpu == rounded(on_gpu, "bf16"));
  CHECK(CachedKeys("gpu", "kv_dtype=int8") == rounded(on_gpu, "int8"));
}

// Bytes to and from memory of one run by shape alone.
uint64_t BytesMoved(const std::string& target_name, const std::string& action,
                    const std::string& setting, const RunRequest& request) {
  const auto graph = BuildGraph(TinyConfig());
  const auto target = MakeTarget(target_name, std::vector{setting});
  REQUIRE((graph && target));
  const auto program = (*target)->Compile(*graph, nullptr);
  REQUIRE(program);
  Ledger ledger(Ledger::Mode::kFold);
  REQUIRE((*program)->Run(request, nullptr, ledger));
  uint64_t bytes = 0;
  for (const auto& [key, row] : ledger.rows()) {
    const auto& [node, unit, id] = key;
    const Action& known = (*target)->actions()[static_cast<size_t>(id)];
    if (known.name == action) bytes += row.count;
  }
  return bytes;
}

TEST_CASE("caches are charged in their format") {
  // Two layers. A run appends a key and a value of 16 for each token and
  // reads those of the context and its own. A head of eight shares a 32-bit
  // scale: an element of int8 has 12 bits.
  const RunRequest prefill{.phase = Phase::kPrefill, .binding = {1, 6, 0}};
  const RunRequest decode{.phase = Phase::kDecode, .binding = {1, 1, 9}};
  const uint64_t in_prefill = 2 * 2 * 16 * (6 + 6);
  const uint64_t in_decode = 2 * 2 * 16 * (1 + 10);
  for (const auto& [request, elements] :
       {std::pair(prefill, in_prefill), {decode, in_decode}}) {
    const uint64_t f32 =
        BytesMoved("cpu", "dram.byte", "kv_dtype=f32", request);
    CHECK(f32 - BytesMoved("cpu", "dram.byte", "kv_dtype=bf16", request) ==
          elements * 2);
    CHECK(f32 - BytesMoved("cpu", "dram.byte", "kv_dtype=int8", request) ==
          elements * 5 / 2);
    CHECK(BytesMoved("gpu", "hbm.byte", "kv_dtype=bf16", request) -
              BytesMoved("gpu", "hbm.byte", "kv_dtype=int8", request) ==
          elements / 2);
  }
}

}  // namespace
}  // namespace triptych
