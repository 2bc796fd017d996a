// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf_writer.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

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
                           std::span<const int64_t> shape, Fill fill) {
  const std::optional<uint32_t> type = GgmlTypeOf(dtype);
  TRIPTYCH_CHECK(type.has_value(), name, InfoOf(dtype).name);
  const size_t row_bytes = RowBytes(dtype, static_cast<size_t>(shape.back()));
  size_t rows = 1;
  for (const int64_t size : shape.first(shape.size() - 1)) {
    rows *= static_cast<size_t>(size);
  }
  PutString(name, infos_);
  PutValue(static_cast<uint32_t>(shape.size()), infos_);
  for (size_t i = shape.size(); i-- > 0;) PutValue(shape[i], infos_);
  PutValue(*type, infos_);
  PutValue(data_size_, infos_);
  tensors_.push_back({data_size_, rows, row_bytes, std::move(fill)});
  data_size_ =
      RoundUp<uint64_t>(data_size_ + rows * row_bytes, kGgufDefaultAlignment);
}

void GgufWriter::AddTensor(std::string_view name, DType dtype,
                           std::span<const int64_t> shape,
                           std::span<const std::byte> data) {
  const size_t row_bytes = RowBytes(dtype, static_cast<size_t>(shape.back()));
  AddTensor(name, dtype, shape,
            [data, row_bytes](size_t first, std::span<std::byte> rows) {
              const auto from = data.subspan(first * row_bytes, rows.size());
              std::copy(from.begin(), from.end(), rows.begin());
            });
  const Pending& added = tensors_.back();
  TRIPTYCH_CHECK(data.size() == added.rows * added.row_bytes, name,
                 data.size());
}

Buffer GgufWriter::Header() const {
  Buffer out;
  PutValue(kGgufMagic, out);
  PutValue(kGgufVersion, out);
  PutValue<uint64_t>(tensors_.size(), out);
  PutValue(key_count_, out);
  Put(keys_, out);
  Put(infos_, out);
  out.resize(RoundUp<size_t>(out.size(), kGgufDefaultAlignment));
  return out;
}

Buffer GgufWriter::Finish() const {
  Buffer out = Header();
  const size_t begin = out.size();
  out.resize(begin + data_size_);  // zeros between the tensors
  for (const Pending& tensor : tensors_) {
    tensor.fill(0, std::span(out).subspan(begin + tensor.offset,
                                          tensor.rows * tensor.row_bytes));
  }
  return out;
}

Status GgufWriter::Write(const std::string& path) const {
  constexpr size_t kRun = size_t{1} << 20;
  const std::string part = path + ".part";
  std::FILE* file = std::fopen(part.c_str(), "wb");
  bool good = file != nullptr;
  const auto put = [&](std::span<const std::byte> bytes) {
    // fwrite may not be given the null pointer that an empty span has.
    good = good && (bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(),
                                                 file) == bytes.size());
  };
  put(Header());
  Buffer run;
  for (size_t i = 0; i < tensors_.size() && good; ++i) {
    const Pending& tensor = tensors_[i];
    const size_t rows = std::max<size_t>(kRun / tensor.row_bytes, 1);
    for (size_t first = 0; first < tensor.rows && good; first += rows) {
      run.resize(std::min(rows, tensor.rows - first) * tensor.row_bytes);
      tensor.fill(first, run);
      put(run);
    }
    const uint64_t end = tensor.offset + tensor.rows * tensor.row_bytes;
    const uint64_t next =
        i + 1 < tensors_.size() ? tensors_[i + 1].offset : data_size_;
    put(Buffer(next - end));
  }
  if (file != nullptr) good = std::fclose(file) == 0 && good;
  good = good && std::rename(part.c_str(), path.c_str()) == 0;
  if (good) return {};
  std::remove(part.c_str());
  return MakeError(ErrorCode::kIo, path + ": cannot be written");
}

}  // namespace triptych
