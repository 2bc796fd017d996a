// The rules that published models cut text by, as their files state them.
//
// Sources: the tokenizer.json of each model and openai/tiktoken's
// openai_public.py, for what the rules are; ggerganov/llama.cpp's
// src/llama-vocab.cpp, for the names that GGUF gives them.
// SPDX-License-Identifier: Apache-2.0
#include "models/tokenizers/pre_tokenizer.h"

namespace triptych {
namespace {

constexpr char kGpt2[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+)"
    R"(|\s+(?!\S)|\s+)";
constexpr char kLlama3[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kQwen2[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kTekken[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kGpt4o[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr char kLine[] = R"([\r\n])";
constexpr char kDigit[] = R"(\p{N})";
// CJK ideographs, kana and what else lies below them, Hangul.
constexpr char kAsian[] = "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+";
// The cased letters of the Unicode of its day, less the mathematical ones.
constexpr char kDeepSeekLetters[] =
    "\\s?[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF"
    "\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F"
    "\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481"
    "\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD"
    "\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A"
    "\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59"
    "\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4"
    "\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4"
    "\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126"
    "\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E"
    "\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3"
    "\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E"
    "\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A"
    "\U00010400-\U0001044F\U000104B0-\U000104D3\U000104D8-\U000104FB"
    "\U00010C80-\U00010CB2\U00010CC0-\U00010CF2\U000118A0-\U000118DF"
    "\U0001E900-\U0001E943]+";
constexpr char kDeepSeekMarks[] =
    "\\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+";
constexpr char kDeepSeek3[] =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+)"
    R"(|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Up to a space or a mark of punctuation, ASCII's, CJK's or an Indic or
// Arabic one.
constexpr char kBloom[] =
    " ?[^(\\s|.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C)]+";

using Rules = std::vector<SplitRule>;

std::vector<NamedRules> MakeTable() {
  const Rules gpt2 = {{kGpt2}};
  const Rules llama3 = {{kLlama3}};
  const Rules qwen2 = {{kQwen2}};
  const Rules gpt4o = {{kGpt4o}};
  const Rules bloom = {{kBloom}};
  const Rules digits_apart = {{kDigit}, {kGpt2}};
  const Rules falcon = {
      {R"([\p{P}$+<=>\^~|`]+)"}, {kGpt2}, {R"([0-9][0-9][0-9])"}};
  // What llama.cpp falls back to; no published model's own rules.
  const Rules fallback = {
      {R"([\p{P}$+<=>\^~|]+)"}, {kGpt2}, {R"(\p{N}+)"}, {R"([0-9][0-9][0-9])"}};
  const Rules deepseek_llm = {{kLine},     {kDeepSeekLetters}, {kDeepSeekMarks},
                              {R"(\s+$)"}, {kAsian},           {R"(\p{N}+)"}};
  const Rules deepseek_coder = {
      {kLine}, {R"(\s?\p{L}+)"}, {R"(\s?\p{P}+)"}, {kAsian}, {kDigit}};
  const Rules deepseek3 = {{R"(\p{N}{1,3})"},
                           {"[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+"},
                           {kDeepSeek3}};
  const Rules bert = {{R"(\s+)", SplitBehavior::kRemoved},
                      {R"([\p{P}!-/:-@\[-`{-~])"}};
  return {
      {"gpt-2", gpt2},
      {"llama-bpe", llama3, true, true},
      {"qwen2", qwen2},
      {"gpt-4o", gpt4o},
      {"deepseek-llm", deepseek_llm},
      {"deepseek-coder", deepseek_coder},
      {"deepseek-v3", deepseek3},
      {"falcon", falcon},
      {"starcoder", digits_apart},
      {"tekken", {{kTekken}}, true, true},
      {"bloom", bloom},
      {"viking", {{kBloom}, {kDigit}}},
      {"default", fallback},
      {"bert-bge", bert},
      // Other names for the same.
      {"llama3", llama3, true, true},
      {"llama-v3", llama3, true, true},
      {"falcon3", llama3, true, true},
      {"llama4", gpt4o},
      {"dbrx", llama3},
      {"smaug-bpe", llama3},
      {"chatglm-bpe", llama3},
      {"deepseek-r1-qwen", qwen2},
      {"stablelm2", qwen2},
      {"megrez", qwen2},
      {"refact", digits_apart},
      {"command-r", digits_apart},
      {"smollm", digits_apart},
      {"codeshell", digits_apart},
      {"exaone", digits_apart},
      {"minerva-7b", digits_apart},
      {"poro-chat", bloom},
      {"gpt3-finnish", bloom},
      {"gpt2", gpt2},
      {"gpt-neox", gpt2},
      {"mpt", gpt2},
      {"olmo", gpt2},
      {"jais", gpt2},
      {"phi-2", gpt2},
      {"gigachat", gpt2},
      {"roberta-bpe", gpt2},
      {"jina-es", gpt2},
      {"jina-de", gpt2},
      {"jina-v1-en", gpt2},
      {"jina-v2-es", gpt2},
      {"jina-v2-de", gpt2},
      {"jina-v2-code", gpt2},
  };
}

}  // namespace

const std::vector<NamedRules>& AllNamedRules() {
  static const std::vector<NamedRules> kTable = MakeTable();
  return kTable;
}

const NamedRules* FindRules(std::string_view name) {
  for (const NamedRules& named : AllNamedRules()) {
    if (named.name == name) return &named;
  }
  return nullptr;
}

}  // namespace triptych
