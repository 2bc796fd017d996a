// SPDX-License-Identifier: Apache-2.0
#include "models/formats/tokenizer_file.h"

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "models/formats/gguf.h"
#include "models/formats/gguf_model.h"
#include "models/formats/gguf_tokenizer.h"
#include "models/formats/hf_tokenizer.h"
#include "models/formats/llama2c.h"
#include "models/formats/tiktoken.h"
#include "models/mapped_file.h"

namespace triptych {
namespace {

namespace fs = std::filesystem;

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<Tokenizer> ParseGguf(std::span<const std::byte> bytes,
                            const std::string& file) {
  TRIPTYCH_ASSIGN(const GgufFile gguf, GgufFile::Parse(bytes, file));
  TRIPTYCH_ASSIGN(Tokenizer made, ReadGgufTokenizer(gguf, INT32_MAX));
  if (!made.empty()) return made;
  return gguf.Fail("tokenizer.ggml.model", "the file has no tokenizer",
                   ErrorCode::kNotFound);
}

}  // namespace

Result<Tokenizer> ParseTokenizer(std::span<const std::byte> bytes,
                                 const std::string& file) {
  const std::string_view text = AsText(bytes);
  if (LooksLikeGguf(bytes)) return ParseGguf(bytes, file);
  if (LooksLikeJson(text)) return ParseHfTokenizer(text, file);
  if (LooksLikeTiktoken(text)) return ParseTiktoken(text, file);
  return ParseLlama2cTokenizer(bytes, file);
}

Result<Tokenizer> LoadTokenizer(const std::string& path) {
  std::error_code none;
  const std::string inside =
      fs::is_directory(path, none) ? TokenizerBeside(path) : "";
  TRIPTYCH_ASSIGN(const MappedFile file,
                  MappedFile::Open(inside.empty() ? path : inside));
  const fs::path beside =
      fs::path(file.path()).replace_filename("tokenizer_config.json");
  if (!LooksLikeJson(AsText(file.bytes())) || !fs::exists(beside, none)) {
    return ParseTokenizer(file.bytes(), file.path());
  }
  TRIPTYCH_ASSIGN(const MappedFile config, MappedFile::Open(beside.string()));
  return ParseHfTokenizer(AsText(file.bytes()), file.path(),
                          AsText(config.bytes()), config.path());
}

std::string TokenizerBeside(const std::string& path) {
  std::error_code none;
  fs::path folder(path);
  if (!fs::is_directory(folder, none)) {
    const std::string suffix = folder.extension().string();
    if (suffix != ".safetensors" && suffix != ".json") return {};
    folder = folder.parent_path();
  }
  const fs::path found = folder / "tokenizer.json";
  return fs::exists(found, none) ? found.string() : std::string();
}

}  // namespace triptych
