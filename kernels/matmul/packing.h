// Activations in the form the blocks read: rows of four-byte units along k.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_MATMUL_PACKING_H_
#define TRIPTYCH_KERNELS_MATMUL_PACKING_H_

#include <cstddef>
#include <cstdint>

#include "kernels/matmul/matmul.h"

namespace triptych::matmul {

// Unit u of row r is at data + r * stride + u * step (bytes). Either the
// caller's own memory, where it already has the right form, or scratch of the
// calling thread, valid until that thread packs the next one.
struct PackedRows {
  const std::byte* data;
  size_t stride, step;
};

PackedRows PackRowsF32(StridedView<float> a);
PackedRows PackRowsBf16(StridedView<float> a, int threads);
PackedRows PackRowsBf16(StridedView<uint16_t> a, int threads);  // bf16 codes
PackedRows PackRowsU8(StridedView<uint8_t> a, int threads);
// x + 128 as u8: the dot-product instructions take only unsigned activations.
PackedRows PackRowsS8(StridedView<int8_t> a, int threads);

}  // namespace triptych::matmul

#endif  // TRIPTYCH_KERNELS_MATMUL_PACKING_H_
