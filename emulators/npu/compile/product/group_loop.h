// Groups of k in a loop over parts of k: scales come with their part, and each
// group is added to outputs that begin with -0, the only number that changes
// none it is added to. Whole parts of looped plans with several groups.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_GROUP_LOOP_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_GROUP_LOOP_H_

#include <array>
#include <cstdint>

#include "emulators/npu/compile/product/job.h"
#include "emulators/npu/compile/product/sum_ring.h"
#include "emulators/npu/compile/product/tile_cursor.h"
#include "emulators/npu/compile/product/tile_output.h"

namespace triptych::npu {

class GroupLoop {
 public:
  // The ring must not use the accumulators of its place after the last.
  GroupLoop(ProductJob& job, TileOutput& out, const SumRing& sums);

  // Outputs of factor f, buffers `h`: n columns of the block's rows.
  void Begin(size_t h, int64_t f, int64_t n);
  // Scales of the cursor's part, to buffer `j` of two.
  void LoadScales(const TileCursor& cursor, size_t j, int64_t f, int64_t n);
  // The sums of the part's `group`, at the ring's place, which goes on.
  void Add(SumRing& sums, size_t h, size_t j, int64_t f, int64_t group,
           int64_t n, uint8_t signal);
  void End(uint32_t row_scales, size_t h, int64_t f, int64_t n);

 private:
  ProductJob& job_;
  TileOutput& out_;
  std::array<uint32_t, 2> scales_{};
  uint32_t zeros_ = 0;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_GROUP_LOOP_H_
