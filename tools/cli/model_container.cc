// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/model_container.h"

#include <fmt/format.h>

#include <cstring>
#include <map>

#include "kernels/base/text.h"
#include "models/formats/gguf.h"
#include "models/formats/gguf_model.h"
#include "models/formats/hf_checkpoint.h"
#include "models/formats/llama2c.h"
#include "models/formats/safetensors.h"
#include "models/formats/tflite.h"
#include "models/formats/tflite_model.h"
#include "models/mapped_file.h"

namespace triptych::cli {
namespace {

// ---- GGUF ----

template <class T>
std::string Number(const GgufValue& value) {
  T number;
  std::memcpy(&number, value.bytes.data(), sizeof(T));
  return fmt::format("{}", number);
}

std::string_view TypeName(GgufType type) {
  constexpr std::string_view kNames[] = {
      "u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
      "bool", "string", "array", "u64", "i64", "f64"};
  return kNames[static_cast<size_t>(type)];
}

// A number or text; of a list, how many of what.
std::string Text(const GgufFile& file, std::string_view key,
                 const GgufValue& value) {
  if (value.array) {
    return fmt::format("{} x {}", value.count, TypeName(value.type));
  }
  switch (value.type) {
    case GgufType::kU8:
      return fmt::format("{}", static_cast<unsigned>(value.bytes[0]));
    case GgufType::kI8:
      return fmt::format(
          "{}", static_cast<int>(static_cast<signed char>(value.bytes[0])));
    case GgufType::kU16:
      return Number<uint16_t>(value);
    case GgufType::kI16:
      return Number<int16_t>(value);
    case GgufType::kU32:
      return Number<uint32_t>(value);
    case GgufType::kI32:
      return Number<int32_t>(value);
    case GgufType::kF32:
      return Number<float>(value);
    case GgufType::kU64:
      return Number<uint64_t>(value);
    case GgufType::kI64:
      return Number<int64_t>(value);
    case GgufType::kF64:
      return Number<double>(value);
    case GgufType::kBool:
      return value.bytes[0] == std::byte{0} ? "false" : "true";
    case GgufType::kString: {
      const auto text = file.Text(key);
      return text ? std::string(*text) : "";
    }
    case GgufType::kArray:
      break;
  }
  return "";
}

Result<Container> OpenGguf(const MappedFile& mapped) {
  TRIPTYCH_ASSIGN(const GgufFile file,
                  GgufFile::Parse(mapped.bytes(), mapped.path()));
  Container out;
  out.format = "GGUF";
  for (const GgufTensor& tensor : file.tensors()) {
    out.tensors.push_back(
        {std::string(tensor.name), std::string(InfoOf(tensor.dtype).name),
         tensor.shape, 0,
         static_cast<uint64_t>(tensor.data.data() - mapped.bytes().data()),
         tensor.data.size()});
  }
  for (const auto& [key, value] : file.values()) {
    out.metadata.emplace_back(key, Text(file, key, value));
  }
  return out;
}

// ---- llama2.c ----

// The file names nothing: names here are those of models/weights.h.
Result<Container> OpenLlama2c(const MappedFile& mapped) {
  TRIPTYCH_ASSIGN(const ModelFile model,
                  ParseLlama2c(mapped.bytes(), mapped.path()));
  Container out;
  out.format = "llama2.c";
  for (const WeightTensor& tensor : model.tensors) {
    out.tensors.push_back(
        {tensor.name, std::string(InfoOf(tensor.dtype).name), tensor.shape, 0,
         static_cast<uint64_t>(tensor.data - mapped.bytes().data()),
         tensor.bytes});
  }
  return out;
}

// ---- TFLite ----

std::string PortText(const tflite::Model& model, const std::vector<int>& list) {
  std::string text;
  for (const int index : list) {
    const tflite::Tensor& t = model.tensors[static_cast<size_t>(index)];
    text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", t.name,
                        tflite::InfoOfType(t.type)->name, onnx::TextOf(t.dims));
  }
  return text;
}

// What has scales: weights by row or as a whole, and activations.
std::string QuantizationText(const tflite::Model& model) {
  size_t by_row = 0, whole = 0, activations = 0;
  for (const tflite::Tensor& t : model.tensors) {
    if (!t.quantization.any()) continue;
    if (!t.constant) {
      ++activations;
    } else {
      ++(t.quantization.scales.size() > 1 ? by_row : whole);
    }
  }
  if (by_row + whole + activations == 0) return "none";
  return fmt::format(
      "{} constants by channel, {} by tensor, {} activations (whose ranges "
      "are not used)",
      by_row, whole, activations);
}

// The elements that are in the file.
Result<Container> OpenTflite(const MappedFile& mapped) {
  TRIPTYCH_ASSIGN(const tflite::Model model,
                  tflite::ReadModel(mapped.bytes(), mapped.path()));
  Container out;
  out.format = "TFLite";
  for (const tflite::Tensor& t : model.tensors) {
    if (!t.constant) continue;
    out.tensors.push_back(
        {t.name, std::string(tflite::InfoOfType(t.type)->name), t.dims, 0,
         static_cast<uint64_t>(t.data.data() - mapped.bytes().data()),
         t.data.size()});
  }
  out.metadata = {{"description", model.description},
                  {"inputs", PortText(model, model.inputs)},
                  {"outputs", PortText(model, model.outputs)},
                  {"quantization", QuantizationText(model)},
                  {"subgraphs", std::to_string(model.subgraphs)}};
  std::map<std::string, size_t> operators;
  for (const tflite::Operator& op : model.operators) ++operators[op.name()];
  for (const auto& [name, count] : operators) {
    out.metadata.emplace_back("operator." + name, std::to_string(count));
  }
  for (const auto& [name, bytes] : model.metadata) {
    out.metadata.emplace_back("metadata." + name,
                              fmt::format("{} bytes", bytes));
  }
  return out;
}

// ---- Hugging Face ----

Result<Container> OpenCheckpoint(const std::string& path) {
  TRIPTYCH_ASSIGN(const HfCheckpoint checkpoint, FindHfCheckpoint(path));
  TRIPTYCH_ASSIGN(const HfShards shards, OpenHfShards(checkpoint));
  Container out;
  out.format = "safetensors";
  for (size_t shard = 0; shard < shards.files.size(); ++shard) {
    const SafetensorsFile& file = shards.files[shard];
    out.files.push_back(file.file());
    out.bytes += (*shards.storage)[shard].bytes().size();
    for (const SafeTensor& tensor : file.tensors()) {
      out.tensors.push_back({tensor.name, std::string(tensor.type),
                             tensor.shape, shard, tensor.offset,
                             tensor.data.size()});
    }
    // Every shard says the same.
    if (shard == 0) {
      out.metadata.assign(file.metadata().begin(), file.metadata().end());
    }
  }
  return out;
}

struct FileFormat {
  bool (*recognise)(std::span<const std::byte>);
  Result<Container> (*open)(const MappedFile&);
};
constexpr FileFormat kFormats[] = {
    {LooksLikeGguf, OpenGguf},
    {LooksLikeTflite, OpenTflite},
    {LooksLikeLlama2c, OpenLlama2c},
};

}  // namespace

Result<Container> OpenContainer(const std::string& path) {
  if (IsHfCheckpoint(path)) return OpenCheckpoint(path);
  TRIPTYCH_ASSIGN(const MappedFile mapped, MappedFile::Open(path));
  if (LooksLikeSafetensors(mapped.bytes())) return OpenCheckpoint(path);
  for (const FileFormat& format : kFormats) {
    if (!format.recognise(mapped.bytes())) continue;
    TRIPTYCH_ASSIGN(Container out, format.open(mapped));
    out.files = {path};
    out.bytes = mapped.bytes().size();
    return out;
  }
  // The reader of models says what it would take.
  TRIPTYCH_ASSIGN(const ModelFile model, LoadModel(path));
  return MakeError(ErrorCode::kUnsupported,
                   path + ": a model, but no container to look into");
}

}  // namespace triptych::cli
