// SPDX-License-Identifier: Apache-2.0
#include "models/presets/presets.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "kernels/base/check.h"
#include "models/presets/config_keys.h"
#include "models/presets/config_words.h"

namespace triptych {

extern const std::string_view kPresetsText;  // made from presets.toml

namespace {

// More than any count of a model needs, parameters included.
constexpr int64_t kLargest = int64_t{1} << 40;

// ---- Lines ----

struct Line {
  size_t number;          // from 1
  std::string_view key;   // "" for a table
  std::string_view text;  // the value, or the table's name
};

constexpr std::string_view kBlank = " \t\r";

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// Without the comment: a # outside a string.
std::string_view WithoutComment(std::string_view text) {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '#' && !quoted) return text.substr(0, i);
  }
  return text;
}

std::unexpected<Error> Fail(const std::string& file, const Line& line,
                            const std::string& what) {
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}:{}: {}{}{}", file, line.number, line.key,
                               line.key.empty() ? "" : ": ", what));
}

Result<std::vector<Line>> SplitLines(std::string_view text,
                                     const std::string& file) {
  std::vector<Line> lines;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(WithoutComment(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty()) continue;
    const size_t equals = line.find('=');
    if (line.front() == '[' && line.back() == ']') {
      lines.push_back({number, "", Trim(line.substr(1, line.size() - 2))});
    } else if (equals != std::string_view::npos) {
      lines.push_back({number, Trim(line.substr(0, equals)),
                       Trim(line.substr(equals + 1))});
    } else {
      return Fail(file, {number, "", ""}, "must be [name] or key = value");
    }
  }
  return lines;
}

// ---- Values ----

// Each returns what is allowed if the text is not of the type, else "".

template <class Number>
bool ReadNumber(std::string_view text, Number& number) {
  const auto end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, number);
  return code == std::errc() && rest == end;
}

std::string ReadValue(std::string_view text, int64_t& out) {
  const bool ok = ReadNumber(text, out) && out >= 0 && out <= kLargest;
  return ok ? "" : fmt::format("an integer in 0..{}", kLargest);
}
std::string ReadValue(std::string_view text, double& out) {
  const bool ok = ReadNumber(text, out) && std::isfinite(out) && out > 0;
  return ok ? "" : "a positive number";
}
std::string ReadValue(std::string_view text, bool& out) {
  out = text == "true";
  return out || text == "false" ? "" : "true or false";
}
std::string ReadValue(std::string_view text, std::string& out) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') {
    return "a string in double quotes";
  }
  out = text.substr(1, text.size() - 2);
  return "";
}
std::string ReadValue(std::string_view text, std::array<int64_t, 3>& out) {
  const std::string allowed = "three sizes, [1, 2, 3]";
  if (!text.starts_with('[') || !text.ends_with(']')) return allowed;
  text = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < out.size(); ++i) {
    const bool last = i + 1 == out.size();
    const size_t end = last ? text.size() : text.find(',');
    if (end == std::string_view::npos) return allowed;
    if (!ReadValue(Trim(text.substr(0, end)), out[i]).empty()) return allowed;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return "";
}

template <class Enum>
requires std::is_enum_v<Enum> std::string ReadValue(std::string_view text,
                                                    Enum& out) {
  std::string allowed;
  int value = 0;
  for (const std::string_view word : WordsOf<Enum>()) {
    const std::string quoted = fmt::format("\"{}\"", word);
    if (text == quoted) {
      out = static_cast<Enum>(value);
      return "";
    }
    allowed += (value++ == 0 ? "" : ", ") + quoted;
  }
  return "one of " + allowed;
}

// ---- Presets ----

// Sets what `line` says.
Status Assign(const std::string& file, const Line& line, ModelPreset& preset) {
  std::optional<std::string> allowed;  // nothing: no such key
  const auto visit = [&](std::string_view key, auto& member) {
    if (key == line.key) allowed = ReadValue(line.text, member);
  };
  VisitKeys(preset.config, visit);
  visit("parameters", preset.parameters);
  visit("source", preset.source);
  if (!allowed) {
    return Fail(file, line,
                "no such key; allowed are the members of "
                "ModelConfig, parameters and source");
  }
  if (allowed->empty()) return {};
  return Fail(file, line, fmt::format("{}: must be {}", line.text, *allowed));
}

// What every family needs; the graph builder checks the rest.
Status CheckWhole(const std::string& file, const Line& table,
                  const ModelPreset& preset) {
  const ModelConfig& c = preset.config;
  const std::pair<const char*, int64_t> needed[] = {
      {"layers", c.layers},     {"dim", c.dim},
      {"heads", c.heads},       {"kv_heads", c.kv_heads},
      {"head_dim", c.head_dim}, {"parameters", preset.parameters},
  };
  for (const auto& [key, value] : needed) {
    if (value < 1) {
      return Fail(file, table,
                  fmt::format("{}: {}: must be 1 or more", table.text, key));
    }
  }
  if (c.heads % c.kv_heads != 0) {
    return Fail(file, table,
                fmt::format("{}: kv_heads: must divide heads", table.text));
  }
  if (preset.source.empty()) {
    return Fail(file, table,
                fmt::format("{}: source: must say where the numbers stand",
                            table.text));
  }
  return {};
}

}  // namespace

Result<std::vector<ModelPreset>> ParsePresets(std::string_view text,
                                              const std::string& file) {
  TRIPTYCH_ASSIGN(const std::vector<Line> lines, SplitLines(text, file));
  std::vector<ModelPreset> presets;
  std::set<std::string_view> names, keys;
  for (size_t i = 0; i < lines.size();) {
    const Line& table = lines[i++];
    if (!table.key.empty()) {
      return Fail(file, table, "must stand in a table, below a [name]");
    }
    if (!names.insert(table.text).second) {
      return Fail(file, table, fmt::format("{}: appears twice", table.text));
    }
    ModelPreset& preset = presets.emplace_back();
    preset.config.name = table.text;
    keys.clear();
    for (; i < lines.size() && !lines[i].key.empty(); ++i) {
      if (!keys.insert(lines[i].key).second) {
        return Fail(file, lines[i], "appears twice");
      }
      TRIPTYCH_TRY(Assign(file, lines[i], preset));
    }
    TRIPTYCH_TRY(CheckWhole(file, table, preset));
    preset.config.architecture = NameOf(preset.config.family);
  }
  return presets;
}

const std::vector<ModelPreset>& ModelPresets() {
  static const std::vector<ModelPreset> presets = [] {
    auto parsed = ParsePresets(kPresetsText, "models/presets/presets.toml");
    TRIPTYCH_CHECK(parsed.has_value(), parsed.error().message);
    return std::move(*parsed);
  }();
  return presets;
}

std::vector<std::string> PresetNames() {
  std::vector<std::string> names;
  for (const ModelPreset& preset : ModelPresets()) {
    names.push_back(preset.config.name);
  }
  return names;
}

Result<ModelConfig> PresetByName(std::string_view name) {
  std::string known;
  for (const ModelPreset& preset : ModelPresets()) {
    if (preset.config.name == name) return preset.config;
    known += (known.empty() ? "" : ", ") + preset.config.name;
  }
  return MakeError(
      ErrorCode::kNotFound,
      fmt::format("model preset {}: not known; there are {}", name, known));
}

}  // namespace triptych
