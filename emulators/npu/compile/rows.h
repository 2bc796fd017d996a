// Operators that work row by row: rows come in, the vector unit changes them
// where they lie, and they go out, with two sets of buffers so that the three
// overlap.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_ROWS_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_ROWS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "emulators/npu/compile/builder.h"
#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/share.h"

namespace triptych::npu {

// A matrix in remote memory: row r is `bytes` bytes at `at + r * stride`, or as
// many equal pieces, `piece_stride` apart.
struct RowStream {
  Remote at;
  int64_t bytes = 0, stride = 0;
  int64_t pieces = 1, piece_stride = 0;
};

inline constexpr size_t kMostStreams = 4;

// One block of rows in local memory.
struct RowBlock {
  int64_t rows = 0;
  // By stream; in[0] is also what goes out, unless there are others for it.
  std::array<uint32_t, kMostStreams> in{}, out{};
  Sync first, last;  // of the first and the last command on the block
  Sync both() const { return {.wait = first.wait, .signal = last.signal}; }
};

struct RowWork {
  int64_t rows = 0;
  int64_t most_rows = 0;      // of a block; 0: as many as are good
  std::vector<RowStream> in;  // up to kMostStreams
  RowStream out;              // of in[0]'s bytes
  // Instead of `out`, with buffers of their own; up to kMostStreams.
  std::vector<RowStream> outs = {};
  // Appends the vector commands for one block. Empty: rows just move.
  std::function<void(const RowBlock&)> change;
};

// Appends `work`, on as many cores as there are rows for. Constants must have
// been loaded before, on OnCores(RowCores(rows)). Error: one row does not fit.
CoreMask RowCores(const Builder& builder, int64_t rows);
Status EmitRows(const LowerRequest& request, const RowWork& work,
                Builder& builder);

// A matrix without gaps as one of other rows, so that every core has some and
// a row is not longer than a command can say.
struct Flat {
  int64_t rows = 0, cols = 0;
};
Flat Flatten(int64_t rows, int64_t cols, int64_t cores);

// `bytes` of constants, loaded to local memory for all cores of the builder's
// mask; ready before whatever is loaded after them, or when `ready` is
// signalled.
uint32_t LoadConstant(Builder& builder, const Remote& from, int64_t bytes,
                      uint8_t ready = 0);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_ROWS_H_
