// The memory that the cores share on the chip: banks of a line each, one line
// a cycle, at a fixed distance.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_L2_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_L2_H_

#include <algorithm>
#include <cstdint>

#include "emulators/npu/machine/banks.h"
#include "emulators/npu/machine/window.h"

namespace triptych::npu {

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
  // When the last of `beats` beats is there, of a slice with these words; they
  // are asked for as the window has room, one a cycle.
  int64_t Serve(const BankWords& words, Window& window, uint32_t beats) {
    int64_t served = banks_.Serve(words, window.next());
    int64_t last = 0;
    while (beats > 0) {
      const uint32_t part = std::min(beats, window.even());
      const Span asked = window.Ask(part, 1);
      served = std::max(served, asked.last + 1);
      last = served + latency_;
      window.Done({asked.first + 1 + latency_, last}, part, false, 0);
      beats -= part;
    }
    return last;
  }
  int64_t line_bytes() const { return line_bytes_; }

 private:
  int64_t line_bytes_, latency_;
  Banks banks_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_L2_H_
