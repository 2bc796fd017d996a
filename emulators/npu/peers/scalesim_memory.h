// SCALE-Sim v2's memory with a fixed bandwidth ("USER" mode), cycle by cycle.
//
// Three ports, one each for A (ifmap), B (filter) and C (ofmap), move
// `words_per_cycle` words a cycle between DRAM and a buffer of their own.
// Half of a buffer serves the array while the other half is being filled or
// emptied. The array asks for a line of A and of B and gives one of C each
// cycle; all wait for the slowest port.
//
// Reading. An operand is fetched over and over in one order, the order in
// which a single pass of the array would use it: skewed lines for an operand
// that streams (lane c is c steps late, folds following each other without a
// gap), plain rows for one that stays. A buffer is kept in hundredths; one
// half of it, a window of 50 hundredths, is visible. A word outside the window
// makes the window move on by the next half (less, if operand and buffer
// overlap), wrapping at the operand's end, until the word is inside. Each
// move waits for a fetch of half a buffer, and fetches follow each other
// without a gap. So whatever is used in another order than it is fetched in
// (a fold's tail beside the next one's head, rows loaded bottom up) costs a
// tour through the whole operand: that is why skinny products fetch some
// operands many times. The first half is there when the run starts.
//
// Writing. Words gather in lines as wide as the port. Once more than half a
// buffer is waiting and the port is idle, half of it leaves; its room is free
// at once. The array waits if nothing is free while the port is at work.
// Partial sums of ws and is go out and never come back.
//
// That tool's paper (A. Samajdar et al., ISPASS 2020) describes double-buffered
// memories and no more. The rest was settled by hypothesis and trial against
// the cycles and the words moved per port of the published runs, all of which
// this reproduces exactly (validation/scalesim_bandwidth.csv); none was kept
// back.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_PEERS_SCALESIM_MEMORY_H_
#define TRIPTYCH_EMULATORS_NPU_PEERS_SCALESIM_MEMORY_H_

#include <cstdint>

#include "emulators/npu/array.h"

namespace triptych::npu {

// Sizes of whole buffers in words (a word is a byte there), and the rate of
// each of the three ports. All positive.
struct ScaleSimMemory {
  int64_t a_words = 0, b_words = 0, c_words = 0;
  int64_t words_per_cycle = 0;
};

struct ScaleSimRun {
  int64_t cycles = 0;  // with stalls
  int64_t stall_cycles = 0;
  int64_t a_words = 0, b_words = 0, c_words = 0;  // moved from and to DRAM
};

// Takes time in proportion to the cycles without stalls, some 10 ns each; no
// memory to speak of. `array` without overlap.
ScaleSimRun RunScaleSim(Dataflow flow, const GemmSize& gemm,
                        const ArraySize& array, const ScaleSimMemory& memory);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_PEERS_SCALESIM_MEMORY_H_
