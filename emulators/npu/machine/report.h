// What timing a stream yields: which unit did what, when, on behalf of which
// command, and what each queue waited for.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_REPORT_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_REPORT_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "emulators/npu/isa/isa.h"
#include "emulators/npu/machine/dram.h"

namespace triptych::npu {

// Parts that are busy. Those up to kStore are of a core, the others shared.
enum class Part : uint8_t {
  kFrontEnd,
  kLoad,
  kWeights,  // loads the array's shadow plane
  kArray,
  kVector,
  kStore,
  kL2,
  kDram,
};
inline constexpr int kParts = 8;
inline constexpr int kCoreParts = 6;

// What costs energy, counted.
enum class Act : uint8_t {
  kCommand,     // fetched, decoded and dispatched
  kMac,         // of a product, int8
  kPaddingMac,  // by multipliers that a tile leaves without weights
  kScratchpadByte,
  kAccumulatorByte,
  kL2Byte,
  kDramByte,        // in whole bursts
  kDramActivation,  // of a row
  kVectorOp,        // of a lane: add, multiply, compare, convert
  kSpecialOp,       // of a lane: divide, root, exponential
};
inline constexpr int kActs = 10;
using Counts = std::array<uint64_t, kActs>;

std::string_view NameOf(Part part);
std::string_view NameOf(Act act);

// What a command had a part do. [begin, end) is time that this part was not
// already busy with an earlier command, in cycles from the start: intervals of
// one part of one core (of one shared part) never overlap. `start` and `done`
// are when the command started and when its results were there.
struct Work {
  uint32_t mark = 0;     // the last kMark's, 0 before the first
  uint32_t command = 0;  // index in the stream
  uint8_t core = 0;
  Part part = Part::kFrontEnd;
  int64_t begin = 0, end = 0;
  int64_t start = 0, done = 0;
  Counts counts{};

  uint64_t& operator[](Act act) { return counts[static_cast<size_t>(act)]; }
  uint64_t operator[](Act act) const {
    return counts[static_cast<size_t>(act)];
  }
};

// Called for every command and part, in an order that depends on the stream
// and the machine alone.
class WorkSink {
 public:
  virtual ~WorkSink() = default;
  virtual void Add(const Work& work) = 0;
};

// Why a queue's unit stood still, or a command took longer than its own unit
// needs.
enum class Stall : uint8_t {
  kEvent,       // the command at the head waited for an event
  kDecode,      // no command was there: the front end is too slow
  kQueueSpace,  // no command was there: the front end stood before another
                // queue, which was full
  kBank,        // other accesses held the banks
  kMemory,      // DRAM or L2 was not as fast as the channel
};
inline constexpr int kStalls = 5;
std::string_view NameOf(Stall stall);

struct CoreReport {
  std::array<int64_t, kCoreParts> busy{};                      // cycles
  std::array<std::array<int64_t, kStalls>, kQueues> stalls{};  // cycles
};

struct TimingReport {
  int64_t cycles = 0;  // until everything is done, writes to DRAM too
  uint64_t commands = 0;
  Counts counts{};
  std::vector<CoreReport> cores;
  int64_t l2_busy = 0, dram_busy = 0;  // cycles with a transfer under way
  int64_t dram_bus_ps = 0;             // of all channels together
  DramCounts dram;

  uint64_t operator[](Act act) const {
    return counts[static_cast<size_t>(act)];
  }
  int64_t busy(int core, Part part) const {
    return cores[static_cast<size_t>(core)].busy[static_cast<size_t>(part)];
  }
  int64_t stalled(int core, Queue queue, Stall stall) const {
    return cores[static_cast<size_t>(core)]
        .stalls[static_cast<size_t>(queue)][static_cast<size_t>(stall)];
  }
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_REPORT_H_
