// GGUF, the container: keys with typed values, then tensors. What the keys
// mean is gguf_model.h's business.
//
//   "GGUF", u32 version, u64 tensors, u64 keys
//   each key:    string, u32 type, value
//   each tensor: string, u32 dims, u64 sizes (fastest first), u32 ggml type,
//                u64 offset into the data
//   padding to general.alignment (32 unless said), then the data
// A string is a u64 length and its bytes; an array is a u32 element type, a
// u64 count and its elements. Everything is little-endian.
//
// The bytes are not trusted. Nothing is allocated for a count before the
// file has shown that it holds that many, values stay where they are until
// somebody asks, and every error names the file, the offset and the key.
//
// Source: ggml-org/ggml, docs/gguf.md and include/ggml.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_GGUF_H_
#define TRIPTYCH_MODELS_FORMATS_GGUF_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/result.h"
#include "models/formats/byte_reader.h"

namespace triptych {

enum class GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,  // a byte, 0 or 1
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

inline constexpr uint32_t kGgufMagic = 0x46554747;  // "GGUF"
inline constexpr uint32_t kGgufVersion = 3;
inline constexpr uint32_t kGgufDefaultAlignment = 32;

// A value, still in the file. For an array: its elements.
struct GgufValue {
  GgufType type = GgufType::kU8;  // kArray: an array of arrays
  bool array = false;
  uint64_t count = 1;
  size_t offset = 0;                 // of the value (of the first element)
  std::span<const std::byte> bytes;  // from there to its end
};

struct GgufTensor {
  std::string_view name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  // outermost first: W[n, k]
  std::span<const std::byte> data;
  size_t info_offset = 0;  // where the file describes it
};

// The ggml type that stores `dtype`; nothing if there is none, or none that is
// read.
std::optional<uint32_t> GgmlTypeOf(DType dtype);
// "F32, F16, Q4_0, ...": the types that are read and written.
std::string GgmlTypesRead();

class GgufFile {
 public:
  // `bytes` start at a multiple of 64 (a page does) and outlive the result.
  static Result<GgufFile> Parse(std::span<const std::byte> bytes,
                                std::string file);

  bool Has(std::string_view key) const { return values_.contains(key); }
  // All there are, by key.
  const std::map<std::string_view, GgufValue>& values() const {
    return values_;
  }

  // The value of `key`, converted when nothing is lost: any integer type to
  // int64 within [low, high], f32 or f64 to double. Without the key:
  // `otherwise`, or an error if that is empty.
  Result<int64_t> Int(std::string_view key, int64_t low, int64_t high,
                      std::optional<int64_t> otherwise = {}) const;
  // An f32 becomes the double with the same shortest decimal: 1e-5f is 1e-5.
  Result<double> Float(std::string_view key,
                       std::optional<double> otherwise = {}) const;
  // Any integer, float or bool, as near as a double is to it.
  Result<double> Number(std::string_view key, double otherwise) const;
  Result<bool> Bool(std::string_view key, std::optional<bool> otherwise) const;
  Result<std::string_view> Text(
      std::string_view key,
      std::optional<std::string_view> otherwise = {}) const;
  Result<std::vector<std::string_view>> Texts(std::string_view key) const;
  Result<std::vector<float>> Floats(std::string_view key) const;
  Result<std::vector<int32_t>> Ints(std::string_view key) const;

  // In the file's order; names differ, data does not overlap.
  std::span<const GgufTensor> tensors() const { return tensors_; }
  const GgufTensor* FindTensor(std::string_view name) const;

  // "file: offset N: key: what": N is where the key's value is, or 0.
  std::unexpected<Error> Fail(std::string_view key, std::string_view what,
                              ErrorCode code = ErrorCode::kCorrupt) const;
  std::unexpected<Error> Fail(const GgufTensor& tensor, std::string_view what,
                              ErrorCode code = ErrorCode::kCorrupt) const;

 private:
  Status ParseKeys(ByteReader& reader, uint64_t count);
  Status ParseTensors(ByteReader& reader, uint64_t count);
  Status PlaceTensors(const ByteReader& reader, std::span<const uint64_t>);
  Status CheckOverlap() const;
  // Null, or an error if there is a value of another kind.
  Result<const GgufValue*> Get(std::string_view key, bool array) const;

  std::string file_;
  std::span<const std::byte> bytes_;
  std::map<std::string_view, GgufValue> values_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string_view, size_t> by_name_;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_GGUF_H_
