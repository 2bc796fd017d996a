// SPDX-License-Identifier: Apache-2.0
#include "models/formats/tokenizer_file.h"

#include <cstdint>
#include <filesystem>
#include <optional>
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

std::string_view TextOf(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()),
          file.bytes().size()};
}

Result<Tokenizer> LoadGguf(const MappedFile& file) {
  TRIPTYCH_ASSIGN(const GgufFile gguf,
                  GgufFile::Parse(file.bytes(), file.path()));
  TRIPTYCH_ASSIGN(Tokenizer made, ReadGgufTokenizer(gguf, INT32_MAX));
  if (!made.empty()) return made;
  return gguf.Fail("tokenizer.ggml.model", "the file has no tokenizer",
                   ErrorCode::kNotFound);
}

Result<Tokenizer> LoadHf(const MappedFile& file) {
  const fs::path beside =
      fs::path(file.path()).replace_filename("tokenizer_config.json");
  std::error_code none;
  if (!fs::exists(beside, none)) {
    return ParseHfTokenizer(TextOf(file), file.path());
  }
  TRIPTYCH_ASSIGN(const MappedFile config, MappedFile::Open(beside.string()));
  return ParseHfTokenizer(TextOf(file), file.path(), TextOf(config),
                          config.path());
}

}  // namespace

Result<Tokenizer> LoadTokenizer(const std::string& path) {
  std::error_code none;
  const std::string inside =
      fs::is_directory(path, none) ? TokenizerBeside(path) : "";
  TRIPTYCH_ASSIGN(const MappedFile file,
                  MappedFile::Open(inside.empty() ? path : inside));
  if (LooksLikeGguf(file.bytes())) return LoadGguf(file);
  if (LooksLikeJson(TextOf(file))) return LoadHf(file);
  if (LooksLikeTiktoken(TextOf(file))) {
    return ParseTiktoken(TextOf(file), file.path());
  }
  return ParseLlama2cTokenizer(file.bytes(), file.path());
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
