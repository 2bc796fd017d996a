// Number formats: what an element or a block of elements is in memory.
//
// Plain formats store one element at a time. Block formats store a run of
// elements of one row together with what scales them; a row of a block
// format is a whole number of blocks. Conversions are in formats.h.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_DTYPE_H_
#define TRIPTYCH_KERNELS_BASE_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace triptych {

enum class DType : uint8_t {
  kF64,
  kF32,
  kBf16,
  kF16,
  kI32,
  kI8,
  kU8,
  kQ8_0,  // GGUF: 32 x int8 and an fp16 scale
  kQ4_0,  // GGUF: 32 x 4 bit (offset 8) and an fp16 scale
  kQ4_1,  // GGUF: 32 x 4 bit, an fp16 scale and an fp16 least value
  kQ5_0,  // GGUF: as q4_0 and q4_1, with 5 bits
  kQ5_1,
  kQ4_K,   // GGUF: 256 x 4 bit; 8 runs with a scale and a least value of
  kQ5_K,   // 6 bits each, which two fp16 scale; 5 bits
  kQ6_K,   // GGUF: 256 x 6 bit (offset 32); 16 scales of 8 bits, one fp16
  kMxfp4,  // OCP MX: 32 x fp4 e2m1 and a power of two
  kBfp8,   // 16 x (sign, 7-bit mantissa) sharing an 8-bit exponent
  kBfp4,   // 16 x (sign, 3-bit mantissa) sharing an 8-bit exponent
  kI4G32,  // 32 / 64 / 128 x int4 (two's complement, low nibble first)
  kI4G64,  // and an f32 scale
  kI4G128,
};

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  uint32_t block_elements;
  uint32_t block_bytes;
};

// The row of the format table for `dtype`; constant time.
const DTypeInfo& InfoOf(DType dtype);

// "bf16" -> DType::kBf16; nothing if there is no such format.
std::optional<DType> DTypeFromName(std::string_view name);

// Bytes of one row of `cols` elements; cols must be whole blocks (a check).
size_t RowBytes(DType dtype, size_t cols);

// Bits an element takes on average, scales included.
double BitsPerElement(DType dtype);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_DTYPE_H_
