// SPDX-License-Identifier: Apache-2.0
#include "models/weights.h"

#include <fmt/core.h>

#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "models/formats/gguf_model.h"
#include "models/formats/llama2c.h"
#include "models/onnx/import.h"

namespace triptych {
namespace {

struct Format {
  bool (*recognise)(std::span<const std::byte>);
  Result<ModelFile> (*parse)(std::span<const std::byte>, const std::string&);
};

// In order; the first that recognises a file has it.
constexpr Format kFormats[] = {
    {LooksLikeGguf, ParseGgufModel},
    {LooksLikeOnnx, ParseOnnxModel},
    {LooksLikeLlama2c, ParseLlama2c},
};

Result<ModelFile> Parse(const MappedFile& file) {
  for (const Format& format : kFormats) {
    if (format.recognise(file.bytes())) {
      return format.parse(file.bytes(), file.path());
    }
  }
  return MakeError(ErrorCode::kUnsupported,
                   file.path() +
                       ": offset 0: header: not a model file; GGUF, "
                       "ONNX and llama2.c's legacy .bin are allowed");
}

// "/a/stories260K.bin" -> "stories260K".
std::string Stem(const std::string& path) {
  const size_t begin = path.find_last_of('/') + 1;  // npos + 1 is 0
  return path.substr(begin, path.find_last_of('.') - begin);
}

}  // namespace

int64_t WeightTensor::rows() const {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

void ReadRow(const WeightTensor& tensor, int64_t row, float* out) {
  TRIPTYCH_CHECK(row >= 0 && row < tensor.rows(), tensor.name, "row", row);
  const size_t cols = static_cast<size_t>(tensor.cols());
  const size_t stride = RowBytes(tensor.dtype, cols);
  DequantizeRow(tensor.dtype, tensor.data + static_cast<size_t>(row) * stride,
                out, cols);
}

const WeightTensor* ModelFile::Find(std::string_view name) const {
  for (const WeightTensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

Result<ModelFile> LoadModel(const std::string& path,
                            const std::string& tokenizer_path) {
  TRIPTYCH_ASSIGN(MappedFile mapped, MappedFile::Open(path));
  const auto storage = std::make_shared<const MappedFile>(std::move(mapped));
  TRIPTYCH_ASSIGN(ModelFile model, Parse(*storage));
  if (!model.storage) model.storage = storage;
  if (model.config.name.empty()) model.config.name = Stem(path);
  if (tokenizer_path.empty()) return model;

  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(tokenizer_path));
  TRIPTYCH_ASSIGN(model.tokenizer,
                  ParseLlama2cTokenizer(file.bytes(), tokenizer_path));
  if (std::cmp_greater(model.tokenizer.size(), model.config.vocab)) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: {} tokens: the model {} has {} at most",
                                 tokenizer_path, model.tokenizer.size(), path,
                                 model.config.vocab));
  }
  return model;
}

}  // namespace triptych
