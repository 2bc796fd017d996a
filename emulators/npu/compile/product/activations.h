// A in the scratchpad: codes of a block's rows and their scales, made here of
// f32 or somebody else's; whole, or part by part of k.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_ACTIVATIONS_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_ACTIVATIONS_H_

#include <array>
#include <cstdint>

#include "emulators/npu/compile/product/job.h"

namespace triptych::npu {

class Activations {
 public:
  explicit Activations(ProductJob& job);

  // The rows of the next block, or of a streamed plan their scales. The array
  // can rely on them from the next command of its queue on.
  void LoadBlock();
  // Behind the last command of a block; another one follows.
  void NextBlock();

  // `bytes` of every row from column `first` on, to `local`: for streamed
  // plans, which wait for them themselves.
  void LoadRows(int64_t first, int64_t bytes, uint32_t local, const Sync& sync);
  // `bytes` columns further.
  void Skip(int64_t bytes) { job_.b.Add(in_, bytes); }

  uint32_t codes() const { return codes_; }             // [rows][k]
  uint32_t row_scales() const { return row_scales_; }   // [rows] f32
  const DoubleBuffer& parts() const { return parts_; }  // [rows][k_chunk]

 private:
  // Bytes of a row where it comes from.
  int64_t InRow() const;
  // Whether all cores receive the same.
  bool Shared() const;
  void LoadCodes();
  void QuantiseRows();

  ProductJob& job_;
  uint32_t codes_ = 0, row_scales_ = 0;
  DoubleBuffer stage_, parts_;
  uint8_t ready_ = 0, unused_ = 0;
  uint8_t in_ = 0, in_scales_ = 0;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_ACTIVATIONS_H_
