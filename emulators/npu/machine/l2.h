// The memory that the cores share on the chip: banks of a line each, one line
// a cycle, at a fixed distance.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_L2_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_L2_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "emulators/npu/machine/banks.h"

namespace triptych::npu {

// Cycles at which the first and the last beat of a slice are asked for.
struct BeatSpan {
  int64_t first = 0, last = 0;
};

class L2 {
 public:
  L2(int banks, int64_t line_bytes, int64_t latency)
      : line_bytes_(line_bytes), latency_(latency), banks_(banks, line_bytes) {}

  void Reset() { banks_.Reset(); }

  // Words of one piece of a slice.
  void Count(int64_t begin, int64_t bytes, BankWords& words) const {
    Access piece;
    piece.begin = begin;
    piece.row_bytes = piece.stride1 = piece.stride2 = bytes;
    banks_.Count(piece, words);
  }
  // When the first and last beat of a slice of `beats` are there. A channel
  // moves a beat a cycle, and the next slice may be asked for as this one
  // comes.
  BeatSpan Serve(const BankWords& words, BeatSpan& asked, int64_t beats) {
    const int64_t served = banks_.Serve(words, asked.first);
    asked.last = std::max(asked.last, asked.first + beats - 1);
    const BeatSpan done{asked.first + 1 + latency_,
                        std::max(served, asked.last + 1) + latency_};
    asked = {std::max(done.first, asked.first + beats), done.last};
    return done;
  }
  int64_t line_bytes() const { return line_bytes_; }

 private:
  int64_t line_bytes_, latency_;
  Banks banks_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_L2_H_
