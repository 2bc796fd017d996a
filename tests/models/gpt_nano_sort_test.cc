// The wiring of GPT-2 against weights and activations that others published:
// gpt-nano-sort, which sorts six digits of {0, 1, 2} (../shared/data, where
// present).
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/build/build.h"
#include "models/presets/presets.h"
#include "models/reference.h"
#include "models/weights.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

using nlohmann::json;

std::vector<float> FromBase64(const std::string& text) {
  static const std::string kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<unsigned char> bytes;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<uint32_t>(kDigits.find(c));
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<unsigned char>(bits >> held));
  }
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// Owns the numbers that its tensors point to.
struct NanoSort {
  ModelFile file;
  std::deque<std::vector<float>> values;

  explicit NanoSort(const json& source) {
    file.config = *PresetByName("gpt-nano-sort");
    Add("tok_embed", source, "transformer.wte.weight");
    Add("pos_embed", source, "transformer.wpe.weight");
    AddPair("norm.final", source, "transformer.ln_f");
    Add("head", source, "lm_head.weight");
    for (int i = 0; i < 3; ++i) {
      const std::string ours = "layers." + std::to_string(i) + ".";
      const std::string theirs = "transformer.h." + std::to_string(i) + ".";
      AddPair(ours + "norm.attn", source, theirs + "ln_1");
      AddPair(ours + "attn.o", source, theirs + "attn.c_proj");
      AddPair(ours + "norm.ffn", source, theirs + "ln_2");
      AddPair(ours + "ffn.up", source, theirs + "mlp.c_fc");
      AddPair(ours + "ffn.down", source, theirs + "mlp.c_proj");
      // Q, K and V lie below each other.
      for (size_t part = 0; part < 3; ++part) {
        const std::string name = ours + "attn." + "qkv"[part];
        Add(name, source, theirs + "attn.c_attn.weight", part, 3);
        Add(name + ".bias", source, theirs + "attn.c_attn.bias", part, 3);
      }
    }
  }
  NanoSort(const NanoSort&) = delete;

 private:
  // Part `part` of `parts` of a tensor's rows.
  void Add(const std::string& name, const json& source, const std::string& key,
           size_t part = 0, size_t parts = 1) {
    const auto all = FromBase64(source.at(key).at("data"));
    std::vector<int64_t> shape = source.at(key).at("shape");
    shape[0] /= static_cast<int64_t>(parts);
    const size_t size = all.size() / parts;
    const auto begin = all.begin() + static_cast<long>(part * size);
    const std::vector<float>& kept =
        values.emplace_back(begin, begin + static_cast<long>(size));
    const auto bytes = std::as_bytes(std::span(kept));
    file.tensors.push_back(
        {name, DType::kF32, std::move(shape), bytes.data(), bytes.size()});
  }
  void AddPair(const std::string& name, const json& source,
               const std::string& key) {
    Add(name, source, key + ".weight");
    Add(name + ".bias", source, key + ".bias");
  }
};

json ReadJson(const std::string& path) {
  std::ifstream file(path);
  return json::parse(file);
}

ValueId OutputOf(const Graph& graph, std::string_view node) {
  const auto found = std::ranges::find(graph.nodes(), node, &Node::name);
  REQUIRE_MESSAGE(found != graph.nodes().end(), node);
  return found->output;
}

TEST_CASE("gpt-nano-sort: every published activation of a batch of three") {
  const auto model_path = SharedData("gpt-nano-sort-model.json");
  const auto partials_path = SharedData("gpt-nano-sort-t0-partials.json");
  if (model_path.empty() || partials_path.empty()) return;
  const NanoSort model(ReadJson(model_path));
  const auto graph = BuildGraph(model.file.config, {.all_logits = true});
  REQUIRE(graph);
  const auto weights = Weights::Bind(*graph, model.file);
  REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
  const json partials = ReadJson(partials_path);
  Reference reference(*graph, *weights, 3, 11);
  const auto idx = FromBase64(partials.at("idx").at("data"));
  std::ranges::copy(
      idx,
      reference.store().Make(graph->FindValue("tokens")->id, 33, 1).data());
  REQUIRE(reference.Run(Phase::kPrefill, {3, 11, 0}));
  // Published in f32: sums of up to 192 terms of magnitude about one, that is
  // (192 + 16) 2^-24.
  constexpr double kRounding = 1.3e-5;
  for (const auto& [node, key] : {std::pair{"pos", "x"},
                                  {"layers.0.norm.attn", "ln1"},
                                  {"layers.0.attn.attention", "y"},
                                  {"layers.0.attn.o", "yProj"},
                                  {"layers.0.attn.residual", "attnResid"},
                                  {"layers.0.norm.ffn", "ln2"},
                                  {"layers.0.ffn.up", "fc"},
                                  {"layers.0.ffn.gelu", "gelu"},
                                  {"layers.0.ffn.down", "mlp"},
                                  {"layers.0.ffn.residual", "block0"},
                                  {"layers.1.ffn.residual", "block1"},
                                  {"layers.2.ffn.residual", "block2"},
                                  {"norm.final", "ln_f"},
                                  {"head", "lm_head"}}) {
    CAPTURE(node);
    const auto want = FromBase64(partials.at(key).at("data"));
    const auto got = reference.store().At(OutputOf(*graph, node));
    REQUIRE(got.size() == want.size());
    double worst = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      const double scale = std::max(1.0, std::abs(double{want[i]}));
      worst = std::max(worst, std::abs(got.data()[i] - want[i]) / scale);
    }
    CHECK(worst < kRounding);
  }
}

TEST_CASE("gpt-nano-sort: all 729 inputs are sorted") {
  const auto path = SharedData("gpt-nano-sort-model.json");
  if (path.empty()) return;
  const NanoSort model(ReadJson(path));
  const auto graph = BuildGraph(model.file.config);
  REQUIRE(graph);
  const auto weights = Weights::Bind(*graph, model.file);
  REQUIRE(weights);
  int sorted = 0;
  for (int number = 0; number < 729; ++number) {
    std::vector<int32_t> digits(6), answer;
    for (int i = 0, rest = number; i < 6; ++i, rest /= 3) digits[i] = rest % 3;
    Reference reference(*graph, *weights, 1, 11);
    auto logits = reference.Feed(digits);
    for (int i = 0; i < 6; ++i) {
      REQUIRE(logits);
      const auto row = logits->row_span(0);
      answer.push_back(
          static_cast<int32_t>(std::ranges::max_element(row) - row.begin()));
      if (i < 5) logits = reference.Feed(std::span(answer).last(1));
    }
    std::ranges::sort(digits);
    sorted += answer == digits;
  }
  CHECK(sorted == 729);
}

}  // namespace
}  // namespace triptych
