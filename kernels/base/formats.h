// Conversions between f32 and every number format of dtype.h: scalar, exactly
// defined, the same on every machine. Emulators compute with them, importers
// decode with them, and the SIMD conversions of kernels/quant equal them bit
// for bit. All rounding is to nearest, ties to even.
//
// What is not finite stays visible. A format that has no NaN of its own
// (bfp, int4 groups, the GGUF blocks, MXFP4, scaled integer rows) decodes the
// whole block that held one to NaN; plain integers, which cannot say it at
// all, saturate infinities and turn a NaN into 0.
//
// Memory layout of one block, little-endian throughout:
//   bfp8    u8 exponent E, then 16 x u8 (sign at bit 7, magnitude m 0..127);
//           value = +-m * 2^(E - 127 - 6)
//   bfp4    u8 exponent E, then 8 x u8, low nibble first (sign at bit 3,
//           m 0..7); value = +-m * 2^(E - 127 - 2)
//   i4gN    f32 scale, then N/2 x u8, low nibble first, two's complement;
//           value = q * scale, q in -7..7
//   q8_0 ... q6_k, mxfp4   formats_gguf.h
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_FORMATS_H_
#define TRIPTYCH_KERNELS_BASE_FORMATS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/base/dtype.h"

namespace triptych {

// ---- Single elements ----

// bf16: 1 sign, 8 exponent, 7 mantissa bits. Overflows to infinity; a NaN
// keeps its sign and becomes quiet.
inline uint16_t Bf16FromF32(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) {
    return static_cast<uint16_t>((bits >> 16) | 0x40);
  }
  const uint32_t tie_to_even = (bits >> 16) & 1;
  return static_cast<uint16_t>((bits + 0x7FFF + tie_to_even) >> 16);
}
inline float F32FromBf16(uint16_t code) {
  return std::bit_cast<float>(uint32_t{code} << 16);
}

// IEEE binary16: subnormals kept, overflow to infinity, NaNs quiet.
uint16_t F16FromF32(float x);
float F32FromF16(uint16_t code);

// fp8 e4m3 (bias 7, no infinity, 0x7F and 0xFF are NaN; Open Compute Project
// OFP8, revision 1.0): saturates at +-448, infinities included.
uint8_t Fp8E4m3FromF32(float x);
float F32FromFp8E4m3(uint8_t code);

// fp4 e2m1 (bias 1; 0, 0.5, 1, 1.5, 2, 3, 4, 6; no infinity, no NaN; Open
// Compute Project, Microscaling Formats 1.0), in the low nibble: saturates at
// +-6, NaN included, which is for the scale of a block to say.
uint8_t Fp4E2m1FromF32(float x);
float F32FromFp4E2m1(uint8_t code);

inline float RoundToBf16(float x) { return F32FromBf16(Bf16FromF32(x)); }
inline float RoundToF16(float x) { return F32FromF16(F16FromF32(x)); }
inline float RoundToFp8E4m3(float x) {
  return F32FromFp8E4m3(Fp8E4m3FromF32(x));
}

// ---- Blocks with a shared exponent ----

inline constexpr size_t kBfpBlock = 16;

// The exponent field of the largest magnitude in the block; 0 when nothing in
// it is a normal f32 (the block is then all zeros) and 255 when something is
// not finite (it then decodes to NaN).
uint8_t BfpExponent(std::span<const float> block);

// x in units of 2^(exponent - 127 - (magnitude_bits - 1)), rounded; signed.
// The magnitude saturates at 2^magnitude_bits - 1: an element that rounds up
// past it does not move the exponent of its neighbours. magnitude_bits in
// 2..23; 7 is bfp8, 3 is bfp4.
int32_t BfpMantissa(float x, uint8_t exponent, int magnitude_bits);

// Rounds a row in place through blocks of 16 from its start; the last block
// may be short.
void RoundRowToBfp(std::span<float> row, int magnitude_bits);

// ---- Symmetric integers with a scale ----

// 2^(bits-1) - 1: the code range is symmetric, -qmax..qmax.
constexpr int32_t QMax(int bits) { return (int32_t{1} << (bits - 1)) - 1; }

// The largest |x|; NaN if anything is not finite; 0 for an empty row.
float AbsMax(std::span<const float> row);

// Quantises a row to `bits` (2..20: beyond that the product's own rounding
// would pass qmax). Returns scale = absmax / qmax; codes are
// round(x * (qmax / absmax)). A row with anything not finite has zero codes
// and scale NaN; a row of zeros, or one so small that qmax / absmax overflows
// (absmax < qmax * 2^-128), has zero codes and scale 0.
// codes.size() == row.size(). Int is int8_t, int16_t or int32_t, with room
// for `bits`.
template <class Int>
float QuantizeRowInt(std::span<const float> row, int bits,
                     std::span<Int> codes);

// ---- Rows of any format ----

// dst[c] = the f32 value of element c; f64 and i32 are rounded to f32.
// cols is whole blocks (a check). src and dst do not overlap; src needs no
// alignment.
void DequantizeRow(DType dtype, const void* src, float* dst, size_t cols);

// The inverse. Block scales: i4gN absmax / 7; those of the GGUF formats are
// in formats_gguf.h, and rounded *before* the codes are chosen, so that codes
// fit the scale that is stored.
void QuantizeRow(DType dtype, const float* src, void* dst, size_t cols);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_FORMATS_H_
