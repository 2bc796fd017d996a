// SPDX-License-Identifier: Apache-2.0
#include "models/formats/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "models/formats/byte_reader.h"
#include "models/formats/json_tree.h"

namespace triptych {
namespace {

// As long as the format's own reader takes.
constexpr uint64_t kLongestHeader = 100'000'000;
constexpr size_t kLengthBytes = 8;
constexpr size_t kMostDimensions = 8;
constexpr std::string_view kMetadata = "__metadata__";

// Every type of the format, and which of ours it is.
struct TypeRow {
  std::string_view name;
  uint32_t bits;
  std::optional<DType> dtype;
};
constexpr TypeRow kTypes[] = {
    {"F64", 64, DType::kF64},
    {"F32", 32, DType::kF32},
    {"F16", 16, DType::kF16},
    {"BF16", 16, DType::kBf16},
    {"I32", 32, DType::kI32},
    {"I8", 8, DType::kI8},
    {"U8", 8, DType::kU8},
    {"I64", 64, {}},
    {"U64", 64, {}},
    {"U32", 32, {}},
    {"I16", 16, {}},
    {"U16", 16, {}},
    {"BOOL", 8, {}},
    {"F8_E4M3", 8, {}},
    {"F8_E5M2", 8, {}},
    {"F8_E8M0", 8, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
    {"F4", 4, {}},
    {"C64", 64, {}},
};

const TypeRow* FindType(std::string_view name) {
  const auto row = std::find_if(std::begin(kTypes), std::end(kTypes),
                                [&](auto& type) { return type.name == name; });
  return row == std::end(kTypes) ? nullptr : row;
}

std::string TypeNames() {
  std::vector<std::string_view> names;
  for (const TypeRow& type : kTypes) names.push_back(type.name);
  return fmt::format("{}", fmt::join(names, " "));
}

// One member of the header, read and checked by itself.
class EntryReader {
 public:
  EntryReader(const std::string& file, const JsonMember& entry)
      : file_(file), entry_(entry) {}

  std::unexpected<Error> Fail(std::string_view what) const {
    return MakeError(
        ErrorCode::kCorrupt,
        fmt::format("{}: offset {}: {}: {}", file_,
                    kLengthBytes + entry_.offset, Printable(entry_.key), what));
  }

  Status CheckKeys() const {
    for (const JsonMember& member : entry_.value.members) {
      if (member.key != "dtype" && member.key != "shape" &&
          member.key != "data_offsets") {
        return Fail(fmt::format("{}: must be dtype, shape or data_offsets",
                                Printable(member.key)));
      }
    }
    return {};
  }

  Result<const TypeRow*> ReadType() const {
    const JsonValue* value = entry_.value.Find("dtype");
    if (value == nullptr) return Fail("dtype is missing");
    const TypeRow* type = FindType(value->text);
    if (type == nullptr) {
      return Fail(fmt::format("dtype {}: must be one of {}", value->Describe(),
                              TypeNames()));
    }
    return type;
  }

  Result<std::vector<int64_t>> ReadSizes(std::string_view key,
                                         size_t most) const {
    const JsonValue* value = entry_.value.Find(key);
    if (value == nullptr) return Fail(fmt::format("{} is missing", key));
    if (value->kind != JsonValue::Kind::kList || value->list.size() > most) {
      return Fail(
          fmt::format("{}: must be a list of at most {} sizes", key, most));
    }
    std::vector<int64_t> sizes;
    for (const JsonValue& size : value->list) {
      if (size.kind != JsonValue::Kind::kInteger || size.integer < 0) {
        return Fail(fmt::format("{}: {}: must be an integer, 0 or more", key,
                                size.Describe()));
      }
      sizes.push_back(size.integer);
    }
    return sizes;
  }

  Result<uint64_t> BytesOf(const std::vector<int64_t>& shape,
                           uint32_t bits) const {
    uint64_t elements = 1;
    constexpr uint64_t kMost = std::numeric_limits<int64_t>::max() / 64;
    for (const int64_t size : shape) {
      const auto n = static_cast<uint64_t>(size);
      if (n != 0 && elements > kMost / n) {
        return Fail(fmt::format("shape [{}]: more elements than any file has",
                                fmt::join(shape, ", ")));
      }
      elements *= n;
    }
    if (elements * bits % 8 != 0) {
      return Fail(
          fmt::format("shape [{}]: {} bits an element are no whole "
                      "bytes",
                      fmt::join(shape, ", "), bits));
    }
    return elements * bits / 8;
  }

 private:
  const std::string& file_;
  const JsonMember& entry_;
};

}  // namespace

bool LooksLikeSafetensors(std::span<const std::byte> bytes) {
  ByteReader reader(bytes, "");
  const auto length = reader.Read<uint64_t>("length");
  return length && *length >= 2 && *length <= reader.remaining() &&
         *reader.here() == std::byte{'{'};
}

std::unexpected<Error> SafetensorsFile::Fail(const SafeTensor& tensor,
                                             std::string_view what,
                                             ErrorCode code) const {
  return MakeError(
      code, fmt::format("{}: offset {}: {}: {}", file_, tensor.header_offset,
                        Printable(tensor.name), what));
}

Result<SafetensorsFile::Placed> SafetensorsFile::ReadEntry(
    const std::string& file, const JsonMember& entry) {
  const EntryReader reader(file, entry);
  Placed placed;
  SafeTensor& tensor = placed.tensor;
  tensor.name = entry.key;
  tensor.header_offset = kLengthBytes + entry.offset;
  TRIPTYCH_TRY(reader.CheckKeys());
  TRIPTYCH_ASSIGN(const TypeRow* type, reader.ReadType());
  tensor.type = type->name;
  tensor.dtype = type->dtype;
  TRIPTYCH_ASSIGN(tensor.shape, reader.ReadSizes("shape", kMostDimensions));
  TRIPTYCH_ASSIGN(const auto offsets, reader.ReadSizes("data_offsets", 2));
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    return reader.Fail("data_offsets: must be [begin, end]");
  }
  placed.begin = static_cast<uint64_t>(offsets[0]);
  placed.end = static_cast<uint64_t>(offsets[1]);
  TRIPTYCH_ASSIGN(const uint64_t bytes,
                  reader.BytesOf(tensor.shape, type->bits));
  if (placed.end - placed.begin != bytes) {
    return reader.Fail(fmt::format("{} bytes of data: {} of shape [{}] are {}",
                                   placed.end - placed.begin, type->name,
                                   fmt::join(tensor.shape, ", "), bytes));
  }
  return placed;
}

Status SafetensorsFile::ReadMetadata(const JsonMember& entry) {
  for (const JsonMember& note : entry.value.members) {
    if (note.value.kind != JsonValue::Kind::kText) {
      return EntryReader(file_, entry)
          .Fail(fmt::format("{}: {}: must be a text", Printable(note.key),
                            note.value.Describe()));
    }
    metadata_.emplace_back(note.key, note.value.text);
  }
  return {};
}

Status SafetensorsFile::PlaceTensors(std::vector<Placed> placed,
                                     std::span<const std::byte> bytes,
                                     size_t data_begin) {
  const std::span<const std::byte> data = bytes.subspan(data_begin);
  std::sort(placed.begin(), placed.end(), [](auto& a, auto& b) {
    return std::tie(a.begin, a.end, a.tensor.header_offset) <
           std::tie(b.begin, b.end, b.tensor.header_offset);
  });
  uint64_t expected = 0;
  for (Placed& p : placed) {
    if (p.begin != expected) {
      return Fail(p.tensor,
                  fmt::format("data_offsets: begins at {}: must begin at {}, "
                              "where the data before it ends",
                              p.begin, expected));
    }
    if (p.end > data.size()) {
      return Fail(p.tensor, fmt::format("data_offsets: ends at {}: the file "
                                        "has {} bytes of data",
                                        p.end, data.size()));
    }
    expected = p.end;
    p.tensor.data = data.subspan(p.begin, p.end - p.begin);
    p.tensor.offset = data_begin + p.begin;
    tensors_.push_back(std::move(p.tensor));
  }
  if (expected == data.size()) return {};
  return MakeError(
      ErrorCode::kCorrupt,
      fmt::format("{}: offset {}: data: {} bytes belong to no "
                  "tensor",
                  file_, data_begin + expected, data.size() - expected));
}

Result<SafetensorsFile> SafetensorsFile::Parse(std::span<const std::byte> bytes,
                                               std::string file) {
  SafetensorsFile out;
  out.file_ = std::move(file);
  ByteReader reader(bytes, out.file_);
  TRIPTYCH_ASSIGN(const uint64_t length,
                  reader.Read<uint64_t>("header length"));
  if (length < 2 || length > kLongestHeader) {
    return reader.FailAt(
        0, "header length",
        fmt::format("{}: must be 2..{}", length, kLongestHeader));
  }
  TRIPTYCH_ASSIGN(const std::string_view text,
                  reader.ReadText(length, "header"));
  if (text.front() != '{') {
    return reader.FailAt(kLengthBytes, "header", "must begin with {");
  }
  TRIPTYCH_ASSIGN(const JsonValue header,
                  ParseJson(text, out.file_, kLengthBytes));
  std::vector<Placed> placed;
  for (const JsonMember& entry : header.members) {
    if (entry.key == kMetadata) {
      TRIPTYCH_TRY(out.ReadMetadata(entry));
      continue;
    }
    TRIPTYCH_ASSIGN(Placed p, ReadEntry(out.file_, entry));
    placed.push_back(std::move(p));
  }
  TRIPTYCH_TRY(out.PlaceTensors(std::move(placed), bytes, reader.offset()));
  return out;
}

}  // namespace triptych
