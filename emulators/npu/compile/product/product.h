// Products of the same activations as commands, with what is done to the sums
// while they are on the chip.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_PRODUCT_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_PRODUCT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "emulators/npu/compile/builder.h"
#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/matmul.h"

namespace triptych::npu {

// Rows `stride` bytes apart: the first `near` of them at `at`, the others at
// `rest`. What does not fit on the chip as a whole lies there in part. With
// `panel` those others lie in panels of as many columns, a panel's rows one
// after the other: tiles are then stored in one stretch.
struct SplitRows {
  Remote at, rest;
  int64_t near = 0, stride = 0;
  int64_t rest_stride = 0;  // 0: `stride` too
  int64_t panel = 0;

  int64_t RestStride() const { return rest_stride > 0 ? rest_stride : stride; }
};

struct Factor {
  Location weight;
  Remote bias;  // with MatmulSize::bias
};

// out = a * w, or act(a * w), or act(a * w0) * (a * w1); then + residual.
struct ProductWork {
  MatmulSize size;
  std::vector<Factor> factors;  // as many as size.factors: 1 or 2
  std::optional<VectorOp> act;  // there with two factors
  Remote residual;              // [m][n] without gaps, with size.residual
  SplitRows out;
};

// Where activations come from.
struct ProductInput {
  Remote floats;    // not prepared: [m][k] f32 without gaps
  SplitRows codes;  // prepared
  Remote scales;    // of them
};

// Appends `works`, which agree in all but n, by a plan of the widest. Rows that
// are split, of input or outputs, want plan.blocks and plan.rows of one part.
void EmitProducts(std::span<const ProductWork> works, const ProductInput& input,
                  const MatmulPlan& plan, Builder& builder);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_PRODUCT_H_
