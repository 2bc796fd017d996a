// Tiles as bytes of L1 and DRAM: 32 x 32 elements in four 16 x 16 faces (top
// left, top right, bottom left, bottom right), each row-major.
//
//   f32, bf16   elements, little endian
//   bfp8        64 exponents, one for each row of each face, then 1024 bytes
//               of sign (bit 7) and magnitude
//   bfp4        64 exponents, then 512 bytes of two elements, low nibble
//               first, sign at bit 3
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_TILE_FORMAT_H_
#define TRIPTYCH_EMULATORS_MESH_TILE_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kernels/base/dtype.h"

namespace triptych::mesh::tile {

// The format of a register's code (kernels/tile/abi.h), if it is one.
std::optional<DType> FormatOfCode(uint32_t code);
// The code of a format that tiles have; the others are a check.
uint32_t CodeOf(DType format);

// Bytes of a tile: 4096, 2048, 1088, 576.
size_t BytesOf(DType format);

// `values` are 1024, row-major over the whole tile; `bytes` are BytesOf().
// Encoding rounds to nearest even; blocks of bfp that hold something not
// finite decode to NaN.
void EncodeTile(DType format, std::span<const float> values,
                std::span<std::byte> bytes);
void DecodeTile(DType format, std::span<const std::byte> bytes,
                std::span<float> values);

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_EMULATORS_MESH_TILE_FORMAT_H_
