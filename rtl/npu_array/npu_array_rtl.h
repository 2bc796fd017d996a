// npu_array.sv and npu_requant.sv themselves, run through Verilator.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_RTL_H_
#define TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_RTL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "rtl/npu_array/npu_array_model.h"
#include "rtl/npu_array/npu_array_timing.h"

namespace triptych::rtl {

// What came out of the block, and when.
struct NpuRun {
  NpuResults results;
  NpuTimes times;          // busy: the block's own counter
  std::vector<bool> last;  // of each row of codes: the last of its kDrain
  bool ended = false;      // within the cycles it was given
};

// One tile. Not thread-safe; instances are independent.
class NpuArrayRtl {
 public:
  // One of the arrays that are built: 8 x 8, 16 x 16, and 4 x 12 to tell rows
  // from columns; with 64 rows of accumulators and 16 sets of parameters.
  NpuArrayRtl(int rows, int cols);
  ~NpuArrayRtl();
  NpuArrayRtl(const NpuArrayRtl&) = delete;
  NpuArrayRtl& operator=(const NpuArrayRtl&) = delete;

  NpuArrayShape shape() const;
  // Resets the block, writes the parameters and plays the host: offers
  // commands and data in order and takes codes, at each port when `stalls`
  // lets it; until all is done and the block idle, at most `cycles` long.
  NpuRun Run(const NpuProgram& program, const NpuStalls& stalls = {},
             uint64_t cycles = 1'000'000);
  // Rising clock edges of all runs.
  uint64_t cycles() const;

  class Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

// The requantiser alone.
class NpuRequantRtl {
 public:
  NpuRequantRtl();
  ~NpuRequantRtl();
  NpuRequantRtl(const NpuRequantRtl&) = delete;
  NpuRequantRtl& operator=(const NpuRequantRtl&) = delete;

  // The sum that goes in now; returns what kLatency sums ago went in, or
  // nothing meaningful before.
  static constexpr int kLatency = 4;
  NpuCode Clock(int32_t acc, const NpuRequant& how);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_RTL_H_
