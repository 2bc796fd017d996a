// inspect: what is in a model file.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "models/audio/front_end.h"
#include "models/build/build.h"
#include "models/formats/byte_reader.h"
#include "models/presets/config_keys.h"
#include "models/presets/config_words.h"
#include "models/weights.h"
#include "tools/cli/model_container.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

using nlohmann::json;

// ---- Facts, as JSON ----

template <class T>
json JsonOf(const T& member) {
  if constexpr (std::is_enum_v<T>) {
    return WordsOf<T>()[static_cast<size_t>(member)];
  } else {
    return member;
  }
}

json ConfigOf(const ModelConfig& config) {
  json out = json::object();
  VisitKeys(config, [&](std::string_view key, const auto& member) {
    out[std::string(key)] = JsonOf(member);
  });
  return out;
}

std::string_view NameOf(TokenizerKind kind) {
  switch (kind) {
    case TokenizerKind::kSentencePiece:
      return "SentencePiece BPE";
    case TokenizerKind::kMergeBpe:
      return "BPE by merges";
    case TokenizerKind::kWordPiece:
      return "WordPiece";
  }
  return "";
}

json TokenizerOf(const Tokenizer& tokenizer) {
  if (tokenizer.empty()) return nullptr;
  const SpecialTokens& special = tokenizer.special();
  return {{"kind", NameOf(tokenizer.spec().kind)},
          {"pieces", tokenizer.size()},
          {"bos", special.bos},
          {"eos", special.eos},
          {"unknown", special.unknown},
          {"add_bos", special.add_bos}};
}

json TensorsOf(const Container& container) {
  json out = json::array();
  for (const ContainerTensor& tensor : container.tensors) {
    out.push_back({{"name", tensor.name},
                   {"dtype", tensor.type},
                   {"shape", tensor.shape},
                   {"file", container.files[tensor.file]},
                   {"offset", tensor.offset},
                   {"bytes", tensor.bytes}});
  }
  return out;
}

// What makes the graph's input of sound.
json FrontEndFacts(const FrontEnd* front) {
  if (front == nullptr) return nullptr;
  return {{"samples", front->samples()},
          {"rows", front->rows()},
          {"features", front->cols()}};
}

// What the container is of, if it is anything that can be run.
void AddModel(const std::string& path, json& facts) {
  const Result<ModelFile> model = LoadModel(path);
  Result<Graph> graph =
      model ? BuildGraph(*model) : std::unexpected<Error>(model.error());
  if (!graph) {
    facts["not_read"] = graph.error().message;
    return;
  }
  const ModelConfig& c = model->config;
  facts["architecture"] = c.architecture;
  facts["family"] = NameOf(c.family);
  facts["name"] = c.name;
  facts["parameters"] = graph->Parameters();
  facts["config"] = ConfigOf(c);
  facts["tokenizer"] = TokenizerOf(model->tokenizer);
  facts["left_out"] = model->left_out;
  facts["front_end"] = FrontEndFacts(model->front_end.get());
}

json FactsOf(const std::string& path, const Container& container) {
  json facts = {{"file", path},
                {"format", container.format},
                {"files", container.files},
                {"bytes", container.bytes},
                {"tensors", TensorsOf(container)},
                {"metadata", json::object()}};
  for (const auto& [key, text] : container.metadata) {
    facts["metadata"][key] = text;
  }
  AddModel(path, facts);
  return facts;
}

// ---- The same for people ----

constexpr char kLine[] = "{:<15}{}\n";

// "1,235,814,400".
std::string Grouped(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

// Long texts (a chat template) by their beginning.
std::string Short(std::string_view text) {
  return Printable(text.substr(0, text.find('\n')));
}

// "moe." of "moe.top_k".
std::string GroupOf(const std::string& key) {
  return key.substr(0, key.find_last_of('.') + 1);
}

// Members that say something: not those an architecture has none of, nor
// groups in which nothing was said.
std::string ConfigText(const json& config) {
  const json unsaid = ConfigOf(ModelConfig());
  std::set<std::string> said = {""};
  for (const auto& [key, value] : config.items()) {
    if (value != unsaid[key]) said.insert(GroupOf(key));
  }
  std::string text;
  for (const auto& [key, value] : config.items()) {
    const bool none = value == 0 || value == false || value == "none" ||
                      value == json::array({0, 0, 0});
    if (none || !said.contains(GroupOf(key))) continue;
    const std::string shown =
        value.is_string() ? value.get<std::string>() : value.dump();
    text += fmt::format("  {:<29}{}\n", key, shown);
  }
  return text;
}

std::string TensorSummary(const Container& container) {
  std::map<std::string_view, std::pair<size_t, uint64_t>> by_type;
  for (const ContainerTensor& tensor : container.tensors) {
    auto& [count, bytes] = by_type[tensor.type];
    ++count;
    bytes += tensor.bytes;
  }
  std::vector<std::string> parts;
  for (const auto& [type, sums] : by_type) {
    parts.push_back(fmt::format("{} {} ({})", sums.first, type,
                                Si(static_cast<double>(sums.second), "B")));
  }
  return fmt::format("{}: {}", container.tensors.size(),
                     fmt::join(parts, ", "));
}

std::string TensorTable(const Container& container) {
  std::vector<std::string> header = {"tensor", "type", "shape", "offset",
                                     "bytes"};
  const bool shards = container.files.size() > 1;
  if (shards) header.push_back("file");
  Table table(header);
  for (const ContainerTensor& tensor : container.tensors) {
    std::vector<std::string> row = {
        Printable(tensor.name), tensor.type,
        fmt::format("{}", fmt::join(tensor.shape, " x ")),
        std::to_string(tensor.offset), std::to_string(tensor.bytes)};
    if (shards) {
      const std::string& file = container.files[tensor.file];
      row.push_back(file.substr(file.find_last_of('/') + 1));
    }
    table.Add(row);
  }
  return table.Text();
}

std::string ModelText(const json& facts) {
  std::string text;
  const std::string architecture = facts["architecture"],
                    family = facts["family"];
  text +=
      fmt::format(kLine, "architecture",
                  architecture == family
                      ? family
                      : fmt::format("{} (family {})", architecture, family));
  text += fmt::format(kLine, "name", facts["name"].get<std::string>());
  text += fmt::format(kLine, "parameters",
                      Grouped(facts["parameters"].get<int64_t>()));
  const json& tokenizer = facts["tokenizer"];
  text += fmt::format(
      kLine, "tokenizer",
      tokenizer.is_null()
          ? "none inside"
          : fmt::format("{}, {} pieces; begins with {}, ends with {}",
                        tokenizer["kind"].get<std::string>(),
                        tokenizer["pieces"].get<size_t>(),
                        tokenizer["bos"].get<TokenId>(),
                        tokenizer["eos"].get<TokenId>()));
  if (const json& front = facts["front_end"]; !front.is_null()) {
    text += fmt::format(kLine, "front end",
                        fmt::format("{} samples to {} rows of {} features",
                                    front["samples"].get<int64_t>(),
                                    front["rows"].get<int64_t>(),
                                    front["features"].get<int64_t>()));
  }
  for (const json& name : facts["left_out"]) {
    text += fmt::format(kLine, "left out", Printable(name.get<std::string>()));
  }
  return text + fmt::format("configuration\n{}", ConfigText(facts["config"]));
}

std::string TextOf(const Container& container, const json& facts,
                   bool tensors) {
  std::string text = fmt::format(
      kLine, "format",
      fmt::format("{}, {}{}", container.format,
                  Si(static_cast<double>(container.bytes), "B"),
                  container.files.size() == 1
                      ? ""
                      : fmt::format(" in {} files", container.files.size())));
  text += fmt::format(kLine, "tensors", TensorSummary(container));
  if (facts.contains("not_read")) {
    text +=
        fmt::format(kLine, "not read", facts["not_read"].get<std::string>());
  } else {
    text += ModelText(facts);
  }
  if (!container.metadata.empty()) text += "metadata\n";
  for (const auto& [key, value] : container.metadata) {
    text += fmt::format("  {:<43}{}\n", Printable(key), Short(value));
  }
  if (tensors) text += fmt::format("\n{}", TensorTable(container));
  return text;
}

}  // namespace

Result<int> InspectCommand(const InspectOptions& options) {
  TRIPTYCH_ASSIGN(const Container container, OpenContainer(options.file));
  const json facts = FactsOf(options.file, container);
  Print(options.json, TextOf(container, facts, options.tensors));
  TRIPTYCH_TRY(WriteJson(options.json, "inspect", json::array({facts})));
  return kOk;
}

}  // namespace triptych::cli
