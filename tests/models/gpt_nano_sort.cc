// SPDX-License-Identifier: Apache-2.0
#include "tests/models/gpt_nano_sort.h"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "models/presets/presets.h"
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

json ReadJson(const std::string& path) {
  std::ifstream file(path);
  return json::parse(file);
}

// Node of our graph, key of what they published.
constexpr std::pair<const char*, const char*> kPublished[] = {
    {"pos", "x"},
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
    {"head", "lm_head"}};

}  // namespace

std::unique_ptr<NanoSort> NanoSort::Open() {
  const auto path = SharedData("gpt-nano-sort-model.json");
  if (path.empty()) return nullptr;
  return std::unique_ptr<NanoSort>(new NanoSort(ReadJson(path)));
}

NanoSort::NanoSort(const json& source) {
  file_.config = *PresetByName("gpt-nano-sort");
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

void NanoSort::Add(const std::string& name, const json& source,
                   const std::string& key, size_t part, size_t parts) {
  const auto all = FromBase64(source.at(key).at("data"));
  std::vector<int64_t> shape = source.at(key).at("shape");
  shape[0] /= static_cast<int64_t>(parts);
  const size_t size = all.size() / parts;
  const auto begin = all.begin() + static_cast<long>(part * size);
  const std::vector<float>& kept =
      values_.emplace_back(begin, begin + static_cast<long>(size));
  const auto bytes = std::as_bytes(std::span(kept));
  file_.tensors.push_back(
      {name, DType::kF32, std::move(shape), bytes.data(), bytes.size()});
}

void NanoSort::AddPair(const std::string& name, const json& source,
                       const std::string& key) {
  Add(name, source, key + ".weight");
  Add(name + ".bias", source, key + ".bias");
}

int NanoSort::CountSorted(
    const std::function<int32_t(std::span<const int32_t>)>& next,
    const std::function<void()>& restart) {
  int sorted = 0;
  for (int number = 0; number < kInputs; ++number) {
    std::vector<int32_t> digits(6), answer;
    for (int i = 0, rest = number; i < 6; ++i, rest /= 3) digits[i] = rest % 3;
    restart();
    answer.push_back(next(digits));
    while (answer.size() < digits.size() && answer.back() >= 0) {
      answer.push_back(next(std::span(answer).last(1)));
    }
    std::ranges::sort(digits);
    sorted += answer == digits;
  }
  return sorted;
}

std::unique_ptr<NanoSortPartials> NanoSortPartials::Open() {
  const auto path = SharedData("gpt-nano-sort-t0-partials.json");
  if (path.empty()) return nullptr;
  const json source = ReadJson(path);
  auto partials = std::make_unique<NanoSortPartials>();
  partials->tokens = FromBase64(source.at("idx").at("data"));
  for (const auto& [node, key] : kPublished) {
    partials->outputs[node] = FromBase64(source.at(key).at("data"));
  }
  return partials;
}

}  // namespace triptych
