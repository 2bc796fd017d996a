// What all pieces of a product's commands know: the plan, the product in hand
// and how its weights are cut.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_JOB_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_JOB_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "emulators/npu/compile/builder.h"
#include "emulators/npu/compile/image.h"
#include "emulators/npu/compile/matmul.h"
#include "emulators/npu/compile/product/product.h"

namespace triptych::npu {

class ProductJob {
 public:
  static constexpr int64_t kF32 = 4;
  static uint32_t U32(int64_t n) { return static_cast<uint32_t>(n); }
  static uint16_t U16(int64_t n) { return static_cast<uint16_t>(n); }
  static uint8_t If(bool condition, uint8_t event) {
    return condition ? event : uint8_t{0};
  }

  ProductJob(const ProductWork& first, const ProductInput& input,
             const MatmulPlan& plan, Builder& builder)
      : plan(plan),
        input(input),
        b(builder),
        rows(plan.blocks.count),
        idle(builder.Local(2 * kF32)) {
    Use(first);
  }
  ProductJob(const ProductJob&) = delete;

  // The one that follows; `work` must outlive the job.
  void Use(const ProductWork& next) {
    work = &next;
    size = next.size;
    n_tile = std::min(plan.n_tile, CeilDiv(size.n, plan.output_cores));
    layout = size.layout(b.size());
    parts = PartsOf(layout, plan.k_chunk);
  }

  int64_t part_count() const { return static_cast<int64_t>(parts.size()); }
  int64_t factor_count() const {
    return static_cast<int64_t>(work->factors.size());
  }
  int64_t piece() const { return size.piece(b.size()); }
  bool scales_by_part() const { return plan.scales_by_part(size); }
  // Groups of k in a part whose scales come with it.
  int64_t part_groups() const {
    return scales_by_part() ? CeilDiv(plan.k_chunk, size.group) : 0;
  }
  // Whether cores have rows of A of their own, and receive the same weights.
  bool same_weights() const { return plan.split_rows && plan.cores() > 1; }

  // A command of the matrix queue that does nothing of use: it reads what
  // nobody writes, and the next weights take its place.
  void Touch(const Sync& sync) { b.LoadWeights(idle, 1, 1, 1, false, sync); }

  const MatmulPlan& plan;
  const ProductInput& input;
  Builder& b;
  const int64_t rows;   // of a block
  const uint32_t idle;  // two words that nobody writes
  // The product in hand.
  const ProductWork* work = nullptr;
  MatmulSize size;
  int64_t n_tile = 0;
  WeightLayout layout;
  std::vector<KPart> parts;  // of k
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_JOB_H_
