// SPDX-License-Identifier: Apache-2.0
#include "models/formats/scalesim_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

namespace triptych {
namespace {

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

struct Number {
  std::string_view key;  // lower case
  int64_t ScaleSimConfig::*member;
  int64_t most;
};
constexpr Number kNumbers[] = {
    {"arrayheight", &ScaleSimConfig::array_height, 1 << 16},
    {"arraywidth", &ScaleSimConfig::array_width, 1 << 16},
    {"ifmapsramszkb", &ScaleSimConfig::ifmap_sram_kb, 1 << 30},
    {"filtersramszkb", &ScaleSimConfig::filter_sram_kb, 1 << 30},
    {"ofmapsramszkb", &ScaleSimConfig::ofmap_sram_kb, 1 << 30},
    {"bandwidth", &ScaleSimConfig::words_per_cycle, 1 << 30},
};

// What is wrong, or nothing.
std::string Set(std::string_view name, std::string_view value,
                ScaleSimConfig& config) {
  const std::string key = Lower(name);
  const std::string word = Lower(value);
  const auto number = std::ranges::find(kNumbers, key, &Number::key);
  if (number != std::end(kNumbers)) {
    int64_t n = 0;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, n);
    if (error != std::errc() || stop != end || n < 1 || n > number->most) {
      return fmt::format(
          "\"{}\" is not allowed; allowed whole numbers from 1 "
          "to {}",
          value, number->most);
    }
    config.*number->member = n;
  } else if (key == "dataflow") {
    if (word != "ws" && word != "os" && word != "is") {
      return fmt::format("\"{}\" is not allowed; allowed ws, os, is", value);
    }
    config.dataflow = word;
  } else if (key == "interfacebandwidth") {
    if (word != "user" && word != "calc") {
      return fmt::format("\"{}\" is not allowed; allowed USER, CALC", value);
    }
    config.fixed_bandwidth = word == "user";
  } else if (key == "run_name") {
    config.run_name = value;
  }
  return {};
}

}  // namespace

Result<ScaleSimConfig> ParseScaleSimConfig(std::string_view text,
                                           std::string_view path) {
  ScaleSimConfig config;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[' && line.back() == ']') continue;
    const size_t split = line.find_first_of(":=");
    if (split == std::string_view::npos || split == 0) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("{}:{}: \"{}\" is not allowed; allowed [section], key: "
                      "value or key = value",
                      path, number, line));
    }
    const std::string_view key = Trim(line.substr(0, split));
    const std::string wrong = Set(key, Trim(line.substr(split + 1)), config);
    if (!wrong.empty()) {
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("{}:{}: {}: {}", path, number, key, wrong));
    }
  }
  return config;
}

Result<ScaleSimConfig> LoadScaleSimConfig(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return MakeError(ErrorCode::kNotFound,
                     fmt::format("{}: cannot be opened", path));
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return ParseScaleSimConfig(text, path);
}

}  // namespace triptych
