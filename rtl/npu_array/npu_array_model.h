// The systolic array tile in C++: the same bits as npu_array.sv.
//
// A program is commands and the data they take: what the block's ports see.
// Its results are here, its cycles in npu_array_timing.h; they do not depend
// on each other. npu_array_gemm.h writes programs.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_MODEL_H_
#define TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_MODEL_H_

#include <cstdint>
#include <vector>

namespace triptych::rtl {

// The module's parameters. rows and cols at least 2, depth and sets powers of
// two.
struct NpuArrayShape {
  int rows = 8, cols = 8;
  int depth = 64;  // rows of accumulators
  int sets = 16;   // sets of requantiser parameters
};

enum class NpuOp : uint8_t { kLoad, kMatmul, kDrain };
inline constexpr int kNpuOps = 3;

// kLoad takes shape.rows rows of weights. kMatmul takes `rows` rows of
// activations into accumulators `base` on, modulo depth; with `swap` it takes
// the weights of the next kLoad that none has taken. kDrain gives `rows` rows
// of codes. 1 <= rows <= depth.
struct NpuCommand {
  NpuOp op = NpuOp::kLoad;
  int rows = 1, base = 0;
  bool swap = false, accumulate = false;  // kMatmul
  int set = 0;                            // kDrain
};

// How a sum becomes a code: npu_requant.sv has the arithmetic.
struct NpuRequant {
  int32_t multiplier = 0;
  int shift = 31;  // 0..62; with double rounding 31..62
  bool double_rounding = false;
  int8_t zero_point = 0, min = -128, max = 127;
};

struct NpuCode {
  int8_t code = 0;
  bool clamped = false;  // the clamp changed the value
  friend bool operator==(const NpuCode&, const NpuCode&) = default;
};
NpuCode NpuRequantise(int32_t acc, const NpuRequant& how);

struct NpuProgram {
  std::vector<NpuCommand> commands;
  // [row][cols]; a kLoad's first row is the array's last.
  std::vector<int8_t> weights;
  std::vector<int8_t> activations;  // [row][rows]
  std::vector<NpuRequant> params;   // [set][cols], as many sets as are used
};

struct NpuResults {
  std::vector<int8_t> codes;  // [row][cols], in the order of the kDrains
  uint32_t overflows = 0;     // additions beyond int32, which wrap
  uint32_t clamped = 0;       // codes that the clamp changed
};

// Aborts on a program that the block would wait on for ever, or whose results
// depend on what was in the block before: the n-th swap comes after the n-th
// kLoad; data for every command and none besides; rows written before they
// are added to or drained.
NpuResults NpuCompute(const NpuArrayShape& shape, const NpuProgram& program);

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_NPU_ARRAY_NPU_ARRAY_MODEL_H_
