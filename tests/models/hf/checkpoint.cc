// SPDX-License-Identifier: Apache-2.0
#include "tests/models/hf/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/rng.h"

namespace triptych::hf {
namespace {

template <class T>
void Append(T value, std::string* out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out->append(bytes, sizeof(T));
}

void AppendAs(const std::string& dtype, float value, std::string* out) {
  if (dtype == "F64") return Append(static_cast<double>(value), out);
  if (dtype == "F32") return Append(value, out);
  if (dtype == "BF16") return Append(Bf16FromF32(value), out);
  TRIPTYCH_CHECK(dtype == "F16", dtype);
  Append(F16FromF32(value), out);
}

}  // namespace

void Add(Tensors& tensors, const std::string& name, std::vector<int64_t> shape,
         double scale, double centre) {
  size_t size = 1;
  for (const int64_t n : shape) size *= static_cast<size_t>(n);
  if (scale < 0) scale = 1 / std::sqrt(static_cast<double>(shape.back()));
  uint64_t seed = 14695981039346656037u;  // FNV-1a of the name
  for (const char c : name) {
    seed = (seed ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  Rng rng(seed);
  Tensor tensor{std::move(shape), std::vector<float>(size)};
  for (float& x : tensor.values) {
    x = static_cast<float>(centre + scale * rng.Normal());
  }
  tensors[name] = std::move(tensor);
}

std::string RawSafetensors(std::string_view header, size_t data) {
  std::string out;
  Append(uint64_t{header.size()}, &out);
  out += header;
  out.append(data, '\0');
  return out;
}

std::string SafetensorsText(const Tensors& tensors,
                            const WriteOptions& options) {
  std::string data;
  std::string header = fmt::format("{{\"__metadata__\":{}", options.metadata);
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    for (const float x : tensor.values) AppendAs(options.dtype, x, &data);
    header += fmt::format(
        ",\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
        name, options.dtype, fmt::join(tensor.shape, ","), begin, data.size());
  }
  header += '}';
  while (header.size() % 8 != 0) header += ' ';
  header.append(options.shift, ' ');
  return RawSafetensors(header, 0) + data;
}

TempDirectory::TempDirectory()
    : path_(std::filesystem::temp_directory_path() / "triptych-XXXXXX") {
  TRIPTYCH_CHECK(::mkdtemp(path_.data()) != nullptr, path_);
}

TempDirectory::~TempDirectory() { std::filesystem::remove_all(path_); }

std::string TempDirectory::Write(const std::string& name,
                                 std::string_view content) const {
  const std::string path = path_ + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

void WriteCheckpoint(const Checkpoint& checkpoint, const TempDirectory& to,
                     const WriteOptions& options) {
  to.Write("config.json", checkpoint.config);
  to.Write("model.safetensors", SafetensorsText(checkpoint.tensors, options));
}

}  // namespace triptych::hf
