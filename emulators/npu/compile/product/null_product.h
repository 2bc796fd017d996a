// A product with zeros: makes sums 0, or leaves them as they are. A loop over
// parts of k that add to the same sums has one before and one after it, which
// wait and signal once.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_NULL_PRODUCT_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_NULL_PRODUCT_H_

#include <algorithm>
#include <bit>
#include <cstdint>

#include "emulators/npu/compile/product/job.h"

namespace triptych::npu {

class NullProduct {
 public:
  // f32 words of zeros: an activation a row, a weight an output.
  static int64_t Words(int64_t rows, int64_t n_tile) {
    return CeilDiv(std::max(rows, n_tile), ProductJob::kF32);
  }

  // Any row of the accumulators that has been written: its numbers are finite,
  // times 0 they are zeros, and -0 + 0 is 0.
  NullProduct(ProductJob& job, uint32_t acc_row) : job_(job) {
    const int64_t words = Words(job.rows, job.plan.n_tile);
    const auto cols = ProductJob::U16(words);
    zeros_ = job.b.Local(words * ProductJob::kF32);
    job.b.Dequantize({.acc_row = acc_row,
                      .dst = zeros_,
                      .dst_stride = ProductJob::U32(words * ProductJob::kF32),
                      .scales = kNoOperand,
                      .row_scales = kNoOperand,
                      .rows = 1,
                      .cols = cols},
                     0);
    const uint8_t ready = job.b.NewEvent();
    for (const VectorOp op : {VectorOp::kMul, VectorOp::kAdd}) {
      const bool last = op == VectorOp::kAdd;
      job.b.Vector({.src0 = zeros_,
                    .src1 = std::bit_cast<uint32_t>(0.0f),
                    .dst = zeros_,
                    .rows = 1,
                    .cols = cols,
                    .op = op,
                    .operand = Operand::kImmediate},
                   {}, {.signal = {ProductJob::If(last, ready)}});
    }
    job.Touch({.wait = {ready}});
  }

  // On all the block's rows of n sums at `acc_row`.
  void Emit(uint32_t acc_row, int64_t n, bool accumulate, const Sync& sync) {
    job_.b.LoadWeights(zeros_, 1, 1, n, false);
    job_.b.Matmul(zeros_, 1, acc_row, job_.rows, accumulate, sync);
  }

 private:
  ProductJob& job_;
  uint32_t zeros_ = 0;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_NULL_PRODUCT_H_
