// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf_writer.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych {
namespace {

using Buffer = std::vector<std::byte>;

void Put(std::span<const std::byte> bytes, Buffer& out) {
  // Not insert(): gcc 12 warns of an overflow inside it that is none.
  const size_t begin = out.size();
  out.resize(begin + bytes.size());
  std::copy(bytes.begin(), bytes.end(), out.begin() + begin);
}
template <class T>
void PutValue(T value, Buffer& out) {
  Put(std::as_bytes(std::span(&value, 1)), out);
}
void PutString(std::string_view text, Buffer& out) {
  PutValue<uint64_t>(text.size(), out);
  Put(std::as_bytes(std::span(text)), out);
}
void PutKey(std::string_view key, GgufType type, Buffer& out) {
  PutString(key, out);
  PutValue(static_cast<uint32_t>(type), out);
}
void PutArrayKey(std::string_view key, GgufType element, size_t count,
                 Buffer& out) {
  PutKey(key, GgufType::kArray, out);
  PutValue(static_cast<uint32_t>(element), out);
  PutValue<uint64_t>(count, out);
}

}  // namespace

void GgufWriter::Add(std::string_view key, uint32_t value) {
  PutKey(key, GgufType::kU32, keys_);
  PutValue(value, keys_);
  ++key_count_;
}
void GgufWriter::Add(std::string_view key, float value) {
  PutKey(key, GgufType::kF32, keys_);
  PutValue(value, keys_);
  ++key_count_;
}
void GgufWriter::Add(std::string_view key, bool value) {
  PutKey(key, GgufType::kBool, keys_);
  PutValue<uint8_t>(value ? 1 : 0, keys_);
  ++key_count_;
}
void GgufWriter::Add(std::string_view key, std::string_view value) {
  PutKey(key, GgufType::kString, keys_);
  PutString(value, keys_);
  ++key_count_;
}
void GgufWriter::Add(std::string_view key, std::span<const float> values) {
  PutArrayKey(key, GgufType::kF32, values.size(), keys_);
  Put(std::as_bytes(values), keys_);
  ++key_count_;
}
void GgufWriter::Add(std::string_view key, std::span<const int32_t> values) {
  PutArrayKey(key, GgufType::kI32, values.size(), keys_);
  Put(std::as_bytes(values), keys_);
  ++key_count_;
}
void GgufWriter::Add(std::string_view key,
                     std::span<const std::string> values) {
  PutArrayKey(key, GgufType::kString, values.size(), keys_);
  for (const std::string& value : values) PutString(value, keys_);
  ++key_count_;
}

void GgufWriter::AddTensor(std::string_view name, DType dtype,
                           std::span<const int64_t> shape,
                           std::span<const std::byte> data) {
  const std::optional<uint32_t> type = GgmlTypeOf(dtype);
  TRIPTYCH_CHECK(type.has_value(), name, InfoOf(dtype).name);
  size_t bytes = RowBytes(dtype, static_cast<size_t>(shape.back()));
  for (const int64_t size : shape.first(shape.size() - 1)) {
    bytes *= static_cast<size_t>(size);
  }
  TRIPTYCH_CHECK(data.size() == bytes, name, data.size(), "not", bytes);

  PutString(name, infos_);
  PutValue(static_cast<uint32_t>(shape.size()), infos_);
  for (size_t i = shape.size(); i-- > 0;) PutValue(shape[i], infos_);
  PutValue(*type, infos_);
  PutValue(data_size_, infos_);
  tensors_.push_back({data_size_, data});
  data_size_ =
      RoundUp<uint64_t>(data_size_ + data.size(), kGgufDefaultAlignment);
}

std::vector<std::byte> GgufWriter::Finish() const {
  Buffer out;
  PutValue(kGgufMagic, out);
  PutValue(kGgufVersion, out);
  PutValue<uint64_t>(tensors_.size(), out);
  PutValue(key_count_, out);
  Put(keys_, out);
  Put(infos_, out);
  const size_t begin = RoundUp<size_t>(out.size(), kGgufDefaultAlignment);
  out.resize(begin + data_size_);  // zeros between the tensors
  for (const Pending& tensor : tensors_) {
    std::memcpy(out.data() + begin + tensor.offset, tensor.data.data(),
                tensor.data.size());
  }
  return out;
}

}  // namespace triptych
