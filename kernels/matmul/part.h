// Products with a part of a weight's outputs. What is packed together lies
// together, in huge pages where there are any; who works through it strip by
// strip need not pack strips, each in small pages of its own.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_MATMUL_PART_H_
#define TRIPTYCH_KERNELS_MATMUL_PART_H_

#include <cstddef>
#include <cstdint>

#include "kernels/matmul/matmul.h"

namespace triptych {

// As MatmulI8 (matmul.h), of outputs [first, first + c.cols()) of W; `first` is
// a multiple of a panel (a check).
void MatmulI8Part(StridedView<uint8_t> a, const PackedWeights& w, size_t first,
                  MatView<int32_t> c, int threads = 1);
// The same in f32.
void MatmulPart(StridedView<float> a, const PackedWeights& w, size_t first,
                MatView<float> c, int threads = 1);

// Asks memory for where a product with outputs from `first` on, a multiple of
// a panel, begins to read. A product of few rows waits for memory, and it
// arrives while the caller does something else. What lies behind the weights
// may be asked for: nothing comes of it.
void FetchPart(const PackedWeights& w, size_t first);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_MATMUL_PART_H_
