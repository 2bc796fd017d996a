// The cycles of npu_array.sv: when every command and row goes ahead.
//
// No simulation: each event is the maximum over the few events it waits for,
// plus a constant. Edges of the clock are numbered from 0, the first after
// the reset; "at edge t" is what the registers hold from then on. With R rows
// and C columns:
//   a command is accepted      after the one before, when no queue holds 4
//   a weight row is accepted   when the one before shifts
//   it shifts                  after it was accepted, after the row before;
//                              the first of a LOAD not before the swap that
//                              frees the plane
//   an activation row launches after it was accepted, after the row before;
//                              a swap after its LOAD's last shift; a row that
//                              is still to be drained after that
//   it is written              R + c later in column c
//   a row is read (drained)    R + 1 after its last launch, after the row
//                              before, with at most OutDepth rows not yet
//                              taken
//   its codes can be taken     C + 5 later, after the row before
// OutDepth is C + 6 or the next power of two: just what full rate needs.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_TIMING_H_
#define TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_TIMING_H_

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "rtl/npu_array/npu_array_model.h"

namespace triptych::rtl {

// Whether the other side of a port takes part at an edge: offers what it has
// next, or takes what there is. Empty: always. Must not refuse for ever, and
// must give the same answer when asked twice.
using NpuPattern = std::function<bool(uint64_t edge)>;
struct NpuStalls {
  NpuPattern command, weight, activation, out;
};

// Edges.
struct NpuTimes {
  std::vector<uint64_t> accepted;  // of each command
  // By NpuOp, of each command: the last shift of a kLoad, the last sum of a
  // kMatmul in the last column, the last row of a kDrain taken.
  std::array<std::vector<uint64_t>, kNpuOps> finished;
  std::vector<uint64_t> taken;  // of each row of codes
  // Cycles between the acceptance and the end of some command.
  uint64_t busy = 0;
  friend bool operator==(const NpuTimes&, const NpuTimes&) = default;
};

// For programs that NpuCompute accepts. Aborts where the block would wait for
// ever: before a swap is accepted, its own and three more kLoads can be; and
// all but one kLoad have a swap in the end.
NpuTimes NpuTime(const NpuArrayShape& shape, const NpuProgram& program,
                 const NpuStalls& stalls = {});

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_TIMING_H_
