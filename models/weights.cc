// SPDX-License-Identifier: Apache-2.0
#include "models/weights.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "models/formats/gguf_model.h"
#include "models/formats/hf_checkpoint.h"
#include "models/formats/hf_model.h"
#include "models/formats/llama2c.h"
#include "models/formats/tflite_model.h"
#include "models/formats/tokenizer_file.h"
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
    {LooksLikeTflite, ParseTfliteModel},
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
                       "ONNX, TFLite, llama2.c's .bin and Hugging Face "
                       "safetensors are allowed");
}

Result<ModelFile> LoadFile(const std::string& path) {
  TRIPTYCH_ASSIGN(MappedFile mapped, MappedFile::Open(path));
  if (LooksLikeSafetensors(mapped.bytes())) return LoadHfModel(path);
  auto storage = std::make_shared<ModelStorage>();
  storage->push_back(std::move(mapped));
  TRIPTYCH_ASSIGN(ModelFile model, Parse(storage->front()));
  if (!model.storage) model.storage = std::move(storage);
  return model;
}

// "/a/stories260K.bin" -> "stories260K".
std::string Stem(const std::string& path) {
  const size_t begin = path.find_last_of('/') + 1;  // npos + 1 is 0
  return path.substr(begin, path.find_last_of('.') - begin);
}

// One row of a piece, of any step, as f32.
void ReadPieceRow(DType dtype, const WeightPiece& piece, int64_t row,
                  float* out) {
  const std::byte* from =
      piece.data + static_cast<size_t>(row) * piece.row_step;
  const auto cols = static_cast<size_t>(piece.cols);
  const size_t element = RowBytes(dtype, 1);
  if (piece.col_step == element) return DequantizeRow(dtype, from, out, cols);
  constexpr size_t kRun = 64;
  std::byte run[kRun * sizeof(double)];
  for (size_t c = 0; c < cols; c += kRun) {
    const size_t count = std::min(kRun, cols - c);
    for (size_t i = 0; i < count; ++i) {
      std::memcpy(run + i * element, from + (c + i) * piece.col_step, element);
    }
    DequantizeRow(dtype, run, out + c, count);
  }
}

void ReadPieces(const WeightTensor& tensor, int64_t row, float* out) {
  // The last piece that begins at this row or above it; those that share its
  // rows are next to it.
  auto piece = std::upper_bound(
      tensor.pieces.begin(), tensor.pieces.end(), row,
      [](int64_t r, const WeightPiece& p) { return r < p.row; });
  TRIPTYCH_CHECK(piece != tensor.pieces.begin(), tensor.name, "has no data");
  const int64_t first = std::prev(piece)->row;
  while (piece != tensor.pieces.begin() && (--piece)->row == first) {
    ReadPieceRow(tensor.dtype, *piece, row - first, out + piece->col);
  }
}

}  // namespace

int64_t WeightTensor::rows() const {
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

void ReadRow(const WeightTensor& tensor, int64_t row, float* out) {
  TRIPTYCH_CHECK(row >= 0 && row < tensor.rows(), tensor.name, "row", row);
  if (tensor.data == nullptr) return ReadPieces(tensor, row, out);
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
  TRIPTYCH_ASSIGN(ModelFile model,
                  IsHfCheckpoint(path) ? LoadHfModel(path) : LoadFile(path));
  if (model.config.name.empty()) model.config.name = Stem(path);
  const std::string from =
      tokenizer_path.empty() ? TokenizerBeside(path) : tokenizer_path;
  if (from.empty()) return model;

  TRIPTYCH_ASSIGN(model.tokenizer, LoadTokenizer(from));
  if (std::cmp_greater(model.tokenizer.size(), model.config.vocab)) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: {} tokens: the model {} has {} at most", from,
                    model.tokenizer.size(), path, model.config.vocab));
  }
  return model;
}

}  // namespace triptych
