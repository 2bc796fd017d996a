// The front end: from a stream, as written, to the commands that reach the
// queues of one core, in order. What computes values and what computes time
// walk the same way, so both see the same commands with the same addresses.
//
// Loops, registers and core masks are gone from what comes out; strides that
// earlier commands set, and the size of the weights that a product meets, are
// resolved. That is right although queues run behind the front end: each of
// these is set and used in the order of one queue.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_WALK_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_WALK_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/isa.h"

namespace triptych::npu {

// A command as its queue gets it. Pointers go into the stream.
struct Issue {
  const Command* command = nullptr;
  uint32_t index = 0;  // in the stream
  // Of kMatmul: the weights it meets, after its kSwap; 0 x 0: there are none.
  uint16_t k = 0, n = 0;
  // Of kLoad, kGather, kStore: where in the region, bytes; may be outside it.
  int64_t remote = 0;
  // The strides in force. Never null; `dma` is that of the command's queue.
  const DmaConfig* dma = nullptr;
  const VectorConfig* vector = nullptr;
  // The same address on all cores, as kMulticast wants.
  bool same_address = true;
};

// One core's front end. Cheap to copy; the stream must outlive it. More than
// 100 M commands a second.
class FrontEnd {
 public:
  FrontEnd(const Stream& stream, int core);

  // The next command that is this core's: for a queue (kDmaConfig and
  // kVectorConfig too), or kMark, kEvent, kBarrier. False at the stream's end
  // or kHalt.
  bool Next(Issue& out);

  // Commands decoded so far, of every kind, masked ones included.
  uint64_t decoded() const { return decoded_; }
  int core() const { return core_; }

 private:
  struct Frame {
    uint32_t body;  // the first command after kLoop
    uint32_t left;  // times it still runs after this one
  };
  void Control(const Command& command);
  void ResetStrides();

  const Command* commands_;
  uint32_t size_, next_ = 0;
  int core_;
  int depth_ = 0;
  uint64_t decoded_ = 0;
  uint32_t varies_ = 0;  // bit r: register r is not the same on all cores
  std::array<int64_t, kRegisters> registers_{};
  std::array<Frame, kLoopDepth> frames_{};
  const DmaConfig *load_, *store_;
  const VectorConfig* vector_;
  uint16_t k_ = 0, n_ = 0, shadow_k_ = 0, shadow_n_ = 0;
};

// Credits of one core's events, in the order of the stream.
class EventCounts {
 public:
  // Takes what the command waits for, then gives what it signals; false, and
  // the event, if there is no credit. kEvent gives, kBarrier clears.
  bool Apply(const Command& command, int* missing);

 private:
  std::array<uint64_t, kEvents> credits_{};
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_WALK_H_
