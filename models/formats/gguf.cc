// SPDX-License-Identifier: Apache-2.0
#include "models/formats/gguf.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

#include "kernels/base/check.h"

namespace triptych {
namespace {

// Limits of the specification.
constexpr size_t kLongestKey = 65535;
constexpr size_t kLongestTensorName = 64;
constexpr uint32_t kMostDims = 4;
// Ours: what any model needs, with room.
constexpr int kDeepestArray = 4;
constexpr int64_t kLargestAlignment = 1 << 20;
// The least a key (empty name, type, one byte) and a tensor (empty name, one
// dimension) take: what a count is held against before anything is reserved.
constexpr size_t kLeastKeyBytes = 8 + 4 + 1;
constexpr size_t kLeastTensorBytes = 8 + 4 + 8 + 4 + 8;

struct GgmlType {
  uint32_t id;
  std::string_view name;
  std::optional<DType> dtype;
};

// Withdrawn ones are named, so that whoever meets an old file knows why.
constexpr GgmlType kGgmlTypes[] = {
    {0, "F32", DType::kF32},
    {1, "F16", DType::kF16},
    {2, "Q4_0", DType::kQ4_0},
    {3, "Q4_1", DType::kQ4_1},
    {4, "Q4_2 (withdrawn)", {}},
    {5, "Q4_3 (withdrawn)", {}},
    {6, "Q5_0", DType::kQ5_0},
    {7, "Q5_1", DType::kQ5_1},
    {8, "Q8_0", DType::kQ8_0},
    {9, "Q8_1", {}},
    {10, "Q2_K", {}},
    {11, "Q3_K", {}},
    {12, "Q4_K", DType::kQ4_K},
    {13, "Q5_K", DType::kQ5_K},
    {14, "Q6_K", DType::kQ6_K},
    {15, "Q8_K", {}},
    {16, "IQ2_XXS", {}},
    {17, "IQ2_XS", {}},
    {18, "IQ3_XXS", {}},
    {19, "IQ1_S", {}},
    {20, "IQ4_NL", {}},
    {21, "IQ3_S", {}},
    {22, "IQ2_S", {}},
    {23, "IQ4_XS", {}},
    {24, "I8", {}},
    {25, "I16", {}},
    {26, "I32", {}},
    {27, "I64", {}},
    {28, "F64", {}},
    {29, "IQ1_M", {}},
    {30, "BF16", DType::kBf16},
    {31, "Q4_0_4_4 (withdrawn)", {}},
    {32, "Q4_0_4_8 (withdrawn)", {}},
    {33, "Q4_0_8_8 (withdrawn)", {}},
    {34, "TQ1_0", {}},
    {35, "TQ2_0", {}},
    {36, "IQ4_NL_4_4 (withdrawn)", {}},
    {37, "IQ4_NL_4_8 (withdrawn)", {}},
    {38, "IQ4_NL_8_8 (withdrawn)", {}},
    {39, "MXFP4", DType::kMxfp4},
    {40, "NVFP4", {}},
    {41, "Q1_0", {}},
};

// Bytes of a value of a type of fixed size; 0 for strings and arrays.
size_t FixedSize(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;
  }
  return 0;
}

Result<std::string_view> ReadString(ByteReader& reader, size_t longest,
                                    std::string_view key) {
  const size_t offset = reader.offset();
  TRIPTYCH_ASSIGN(const uint64_t size, reader.Read<uint64_t>(key));
  if (size > longest) {
    return reader.FailAt(
        offset, key,
        fmt::format("a string of {} bytes: at most {}", size, longest));
  }
  return reader.ReadText(size, key);
}

Result<GgufType> ReadType(ByteReader& reader, std::string_view key) {
  const size_t offset = reader.offset();
  TRIPTYCH_ASSIGN(const uint32_t type, reader.Read<uint32_t>(key));
  if (type > static_cast<uint32_t>(GgufType::kF64)) {
    return reader.FailAt(offset, key,
                         fmt::format("value type {}: must be 0..12", type));
  }
  return static_cast<GgufType>(type);
}

Status SkipElements(ByteReader& reader, GgufType type, uint64_t count,
                    int depth, std::string_view key);

// An array after its own type: walks over it. Leaves in `value` what is in
// it, unless that is arrays again, which no key that anybody reads has.
Status SkipArray(ByteReader& reader, int depth, std::string_view key,
                 GgufValue* value) {
  if (depth > kDeepestArray) {
    return reader.Fail(
        key, fmt::format("arrays nested deeper than {}", kDeepestArray));
  }
  TRIPTYCH_ASSIGN(const GgufType element, ReadType(reader, key));
  const size_t offset = reader.offset();
  TRIPTYCH_ASSIGN(const uint64_t count, reader.Read<uint64_t>(key));
  // An empty string takes 8 bytes, an empty array 12.
  const size_t least = std::max<size_t>(FixedSize(element), 1);
  if (count > reader.remaining() / least) {
    return reader.FailAt(
        offset, key,
        fmt::format("an array of {} elements: the file has {} bytes left",
                    count, reader.remaining()));
  }
  value->type = element;
  value->array = true;
  value->count = count;
  value->offset = reader.offset();
  const std::byte* begin = reader.here();
  TRIPTYCH_TRY(SkipElements(reader, element, count, depth, key));
  value->bytes = {begin, reader.here()};
  return {};
}

Status SkipElements(ByteReader& reader, GgufType type, uint64_t count,
                    int depth, std::string_view key) {
  if (const size_t size = FixedSize(type); size != 0) {
    return reader.Skip(size * count, key);  // count was held against the file
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (type == GgufType::kString) {
      TRIPTYCH_ASSIGN(const uint64_t size, reader.Read<uint64_t>(key));
      TRIPTYCH_TRY(reader.Skip(size, key));
    } else {
      GgufValue inner;
      TRIPTYCH_TRY(SkipArray(reader, depth + 1, key, &inner));
    }
  }
  return {};
}

Result<GgufValue> ReadValue(ByteReader& reader, std::string_view key) {
  GgufValue value;
  TRIPTYCH_ASSIGN(value.type, ReadType(reader, key));
  if (value.type == GgufType::kArray) {
    TRIPTYCH_TRY(SkipArray(reader, 1, key, &value));
    return value;
  }
  value.offset = reader.offset();
  const std::byte* begin = reader.here();
  TRIPTYCH_TRY(SkipElements(reader, value.type, 1, 0, key));
  value.bytes = {begin, reader.here()};
  return value;
}

// Sizes in the file's order, fastest first.
Result<std::vector<int64_t>> ReadShape(ByteReader& reader,
                                       std::string_view name) {
  const size_t offset = reader.offset();
  TRIPTYCH_ASSIGN(const uint32_t dims, reader.Read<uint32_t>(name));
  if (dims < 1 || dims > kMostDims) {
    return reader.FailAt(
        offset, name,
        fmt::format("{} dimensions: must be 1..{}", dims, kMostDims));
  }
  std::vector<int64_t> shape(dims);
  for (int64_t& size : shape) {
    const size_t at = reader.offset();
    TRIPTYCH_ASSIGN(size, reader.Read<int64_t>(name));
    if (size < 1) {
      return reader.FailAt(at, name,
                           fmt::format("size {}: must be positive", size));
    }
  }
  return shape;
}

Result<DType> ReadDType(ByteReader& reader, std::string_view name) {
  const size_t offset = reader.offset();
  TRIPTYCH_ASSIGN(const uint32_t id, reader.Read<uint32_t>(name));
  for (const GgmlType& type : kGgmlTypes) {
    if (type.id != id) continue;
    if (type.dtype) return *type.dtype;
    return reader.FailAt(
        offset, name,
        fmt::format("ggml type {}: {} are read", type.name, GgmlTypesRead()),
        ErrorCode::kUnsupported);
  }
  return reader.FailAt(
      offset, name,
      fmt::format("ggml type {} is unknown: {} are read", id, GgmlTypesRead()));
}

// Bytes of a tensor of whole blocks; nothing if they do not fit 64 bits.
std::optional<uint64_t> TensorBytes(const GgufTensor& tensor) {
  const DTypeInfo& info = InfoOf(tensor.dtype);
  uint64_t bytes =
      static_cast<uint64_t>(tensor.shape.back()) / info.block_elements;
  if (__builtin_mul_overflow(bytes, uint64_t{info.block_bytes}, &bytes)) {
    return std::nullopt;
  }
  for (size_t i = 0; i + 1 < tensor.shape.size(); ++i) {
    const uint64_t size = static_cast<uint64_t>(tensor.shape[i]);
    if (__builtin_mul_overflow(bytes, size, &bytes)) return std::nullopt;
  }
  return bytes;
}

template <class T>
T Load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

// An integer of any of the eight types; nothing if it is another type, or a
// u64 beyond int64.
std::optional<int64_t> IntegerAt(GgufType type, const std::byte* at) {
  switch (type) {
    case GgufType::kU8:
      return Load<uint8_t>(at);
    case GgufType::kI8:
      return Load<int8_t>(at);
    case GgufType::kU16:
      return Load<uint16_t>(at);
    case GgufType::kI16:
      return Load<int16_t>(at);
    case GgufType::kU32:
      return Load<uint32_t>(at);
    case GgufType::kI32:
      return Load<int32_t>(at);
    case GgufType::kI64:
      return Load<int64_t>(at);
    case GgufType::kU64: {
      const uint64_t value = Load<uint64_t>(at);
      if (value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

// The double whose shortest decimal is that of `value`.
double AsWritten(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value);
  double result = value;
  std::from_chars(text, end.ptr, result);
  return result;
}

}  // namespace

std::optional<uint32_t> GgmlTypeOf(DType dtype) {
  for (const GgmlType& type : kGgmlTypes) {
    if (type.dtype == dtype) return type.id;
  }
  return std::nullopt;
}

std::string GgmlTypesRead() {
  std::string names;
  for (const GgmlType& type : kGgmlTypes) {
    if (!type.dtype) continue;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", type.name);
  }
  return names;
}

Result<GgufFile> GgufFile::Parse(std::span<const std::byte> bytes,
                                 std::string file) {
  TRIPTYCH_CHECK(reinterpret_cast<uintptr_t>(bytes.data()) % 64 == 0);
  GgufFile parsed;
  parsed.file_ = std::move(file);
  parsed.bytes_ = bytes;
  ByteReader reader(bytes, parsed.file_);
  TRIPTYCH_ASSIGN(const uint32_t magic, reader.Read<uint32_t>("magic"));
  if (magic != kGgufMagic) {
    return reader.FailAt(0, "magic", "must be GGUF");
  }
  TRIPTYCH_ASSIGN(const uint32_t version, reader.Read<uint32_t>("version"));
  if (version != kGgufVersion) {
    const bool swapped = __builtin_bswap32(version) <= kGgufVersion;
    return reader.FailAt(
        4, "version",
        swapped ? std::string("big-endian: must be little-endian")
                : fmt::format("{}: must be {}", version, kGgufVersion),
        ErrorCode::kUnsupported);
  }
  TRIPTYCH_ASSIGN(const uint64_t tensors, reader.Read<uint64_t>("tensors"));
  TRIPTYCH_ASSIGN(const uint64_t keys, reader.Read<uint64_t>("keys"));
  TRIPTYCH_TRY(parsed.ParseKeys(reader, keys));
  TRIPTYCH_TRY(parsed.ParseTensors(reader, tensors));
  return parsed;
}

Status GgufFile::ParseKeys(ByteReader& reader, uint64_t count) {
  if (count > reader.remaining() / kLeastKeyBytes) {
    return reader.Fail("keys",
                       fmt::format("{} keys do not fit the file", count));
  }
  for (uint64_t i = 0; i < count; ++i) {
    const size_t offset = reader.offset();
    TRIPTYCH_ASSIGN(const std::string_view key,
                    ReadString(reader, kLongestKey, "key"));
    TRIPTYCH_ASSIGN(const GgufValue value, ReadValue(reader, key));
    if (!values_.emplace(key, value).second) {
      return reader.FailAt(offset, key, "appears twice");
    }
  }
  return {};
}

Status GgufFile::ParseTensors(ByteReader& reader, uint64_t count) {
  if (count > reader.remaining() / kLeastTensorBytes) {
    return reader.Fail("tensors",
                       fmt::format("{} tensors do not fit the file", count));
  }
  std::vector<uint64_t> offsets;  // into the data, which is not known yet
  for (uint64_t i = 0; i < count; ++i) {
    GgufTensor tensor;
    tensor.info_offset = reader.offset();
    TRIPTYCH_ASSIGN(tensor.name,
                    ReadString(reader, kLongestTensorName, "tensor name"));
    TRIPTYCH_ASSIGN(tensor.shape, ReadShape(reader, tensor.name));
    TRIPTYCH_ASSIGN(tensor.dtype, ReadDType(reader, tensor.name));
    TRIPTYCH_ASSIGN(const uint64_t offset, reader.Read<uint64_t>(tensor.name));
    const uint32_t block = InfoOf(tensor.dtype).block_elements;
    if (tensor.shape.front() % block != 0) {
      return Fail(tensor, fmt::format("rows of {}: must be whole blocks of {}",
                                      tensor.shape.front(), block));
    }
    std::reverse(tensor.shape.begin(), tensor.shape.end());
    if (!by_name_.emplace(tensor.name, tensors_.size()).second) {
      return Fail(tensor, "appears twice");
    }
    tensors_.push_back(std::move(tensor));
    offsets.push_back(offset);
  }
  return PlaceTensors(reader, offsets);
}

Status GgufFile::PlaceTensors(const ByteReader& reader,
                              std::span<const uint64_t> offsets) {
  TRIPTYCH_ASSIGN(
      const int64_t alignment,
      Int("general.alignment", 8, kLargestAlignment, kGgufDefaultAlignment));
  if (!std::has_single_bit(static_cast<uint64_t>(alignment))) {
    return Fail("general.alignment",
                fmt::format("{}: must be a power of two", alignment));
  }
  if (tensors_.empty()) return {};
  const uint64_t mask = static_cast<uint64_t>(alignment) - 1;
  const uint64_t begin = (reader.offset() + mask) & ~mask;
  const uint64_t room = begin < bytes_.size() ? bytes_.size() - begin : 0;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    GgufTensor& tensor = tensors_[i];
    if ((offsets[i] & mask) != 0) {
      return Fail(tensor, fmt::format("data at {}: must be a multiple of {}",
                                      offsets[i], alignment));
    }
    const std::optional<uint64_t> size = TensorBytes(tensor);
    if (!size || offsets[i] > room || *size > room - offsets[i]) {
      return Fail(tensor,
                  fmt::format("its data at {} reaches past the {} bytes there "
                              "are",
                              offsets[i], room));
    }
    tensor.data = bytes_.subspan(begin + offsets[i], *size);
  }
  return CheckOverlap();
}

Status GgufFile::CheckOverlap() const {
  std::vector<const GgufTensor*> order;
  for (const GgufTensor& tensor : tensors_) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->data.data() < b->data.data();
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const std::span<const std::byte> before = order[i - 1]->data;
    if (before.data() + before.size() > order[i]->data.data()) {
      return Fail(*order[i], fmt::format("shares data with {}",
                                         Printable(order[i - 1]->name)));
    }
  }
  return {};
}

const GgufTensor* GgufFile::FindTensor(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

Result<const GgufValue*> GgufFile::Get(std::string_view key, bool array) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return nullptr;
  if (found->second.array != array) {
    return Fail(key, array ? "must be an array" : "must not be an array");
  }
  return &found->second;
}

Result<int64_t> GgufFile::Int(std::string_view key, int64_t low, int64_t high,
                              std::optional<int64_t> otherwise) const {
  TRIPTYCH_ASSIGN(const GgufValue* value, Get(key, false));
  if (value == nullptr && otherwise) return *otherwise;
  if (value == nullptr) return Fail(key, "is missing");
  const std::optional<int64_t> number =
      IntegerAt(value->type, value->bytes.data());
  if (!number || *number < low || *number > high) {
    return Fail(key, fmt::format("{}must be an integer in {}..{}",
                                 number ? fmt::format("{}: ", *number) : "",
                                 low, high));
  }
  return *number;
}

Result<double> GgufFile::Float(std::string_view key,
                               std::optional<double> otherwise) const {
  TRIPTYCH_ASSIGN(const GgufValue* value, Get(key, false));
  if (value == nullptr && otherwise) return *otherwise;
  if (value == nullptr) return Fail(key, "is missing");
  if (value->type == GgufType::kF64) return Load<double>(value->bytes.data());
  if (value->type != GgufType::kF32) return Fail(key, "must be f32 or f64");
  return AsWritten(Load<float>(value->bytes.data()));
}

Result<double> GgufFile::Number(std::string_view key, double otherwise) const {
  TRIPTYCH_ASSIGN(const GgufValue* value, Get(key, false));
  if (value == nullptr) return otherwise;
  if (value->type == GgufType::kBool) return Load<uint8_t>(value->bytes.data());
  if (const auto number = IntegerAt(value->type, value->bytes.data())) {
    return static_cast<double>(*number);
  }
  return Float(key);
}

Result<bool> GgufFile::Bool(std::string_view key,
                            std::optional<bool> otherwise) const {
  TRIPTYCH_ASSIGN(const GgufValue* value, Get(key, false));
  if (value == nullptr && otherwise) return *otherwise;
  if (value == nullptr) return Fail(key, "is missing");
  const uint8_t byte = Load<uint8_t>(value->bytes.data());
  if (value->type != GgufType::kBool || byte > 1) {
    return Fail(key, "must be a bool, 0 or 1");
  }
  return byte == 1;
}

Result<std::string_view> GgufFile::Text(
    std::string_view key, std::optional<std::string_view> otherwise) const {
  TRIPTYCH_ASSIGN(const GgufValue* value, Get(key, false));
  if (value == nullptr && otherwise) return *otherwise;
  if (value == nullptr) return Fail(key, "is missing");
  if (value->type != GgufType::kString) return Fail(key, "must be a string");
  ByteReader reader(value->bytes, file_);
  return ReadString(reader, value->bytes.size(), key);
}

Result<std::vector<std::string_view>> GgufFile::Texts(
    std::string_view key) const {
  TRIPTYCH_ASSIGN(const GgufValue* value, Get(key, true));
  if (value == nullptr) return Fail(key, "is missing");
  if (value->type != GgufType::kString) return Fail(key, "must be strings");
  ByteReader reader(value->bytes, file_);
  std::vector<std::string_view> texts(value->count);
  for (std::string_view& text : texts) {
    TRIPTYCH_ASSIGN(text, ReadString(reader, value->bytes.size(), key));
  }
  return texts;
}

Result<std::vector<float>> GgufFile::Floats(std::string_view key) const {
  TRIPTYCH_ASSIGN(const GgufValue* value, Get(key, true));
  if (value == nullptr) return Fail(key, "is missing");
  if (value->type != GgufType::kF32) return Fail(key, "must be f32 numbers");
  std::vector<float> numbers(value->count);
  if (!numbers.empty()) {
    std::memcpy(numbers.data(), value->bytes.data(), value->bytes.size());
  }
  return numbers;
}

Result<std::vector<int32_t>> GgufFile::Ints(std::string_view key) const {
  TRIPTYCH_ASSIGN(const GgufValue* value, Get(key, true));
  if (value == nullptr) return Fail(key, "is missing");
  std::vector<int32_t> numbers(value->count);
  const size_t size = FixedSize(value->type);
  for (size_t i = 0; i < numbers.size(); ++i) {
    const std::optional<int64_t> number =
        IntegerAt(value->type, value->bytes.data() + i * size);
    if (!number || !std::in_range<int32_t>(*number)) {
      return Fail(key, "must be integers within 32 bits");
    }
    numbers[i] = static_cast<int32_t>(*number);
  }
  return numbers;
}

std::unexpected<Error> GgufFile::Fail(std::string_view key,
                                      std::string_view what,
                                      ErrorCode code) const {
  const auto found = values_.find(key);
  const size_t offset = found == values_.end() ? 0 : found->second.offset;
  return ByteReader(bytes_, file_).FailAt(offset, key, what, code);
}

std::unexpected<Error> GgufFile::Fail(const GgufTensor& tensor,
                                      std::string_view what,
                                      ErrorCode code) const {
  return ByteReader(bytes_, file_)
      .FailAt(tensor.info_offset, tensor.name, what, code);
}

}  // namespace triptych
