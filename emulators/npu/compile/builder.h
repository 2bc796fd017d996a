// Writing commands: one call a command, with the registers, events, strides
// and local memory of one segment kept in order.
//
// A segment is what one operator becomes: commands from one kBarrier (which
// takes all credits and strides away) to the next. Addresses of remote memory
// come from outside; local memory is handed out from 0 and given back when
// the segment ends.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_BUILDER_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_BUILDER_H_

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "emulators/npu/isa/isa.h"
#include "kernels/base/check.h"

namespace triptych::npu {

inline constexpr int64_t kF32 = 4;            // bytes
inline constexpr int64_t kMostCount = 65535;  // rows or columns of a command

// A number as a command's field has it; aborts where it does not fit: who
// plans a segment knows what a command takes.
template <class To>
To Narrow(int64_t value) {
  TRIPTYCH_CHECK(std::in_range<To>(value), "field", value);
  return static_cast<To>(value);
}
inline uint32_t U32(int64_t n) { return Narrow<uint32_t>(n); }
inline uint16_t U16(int64_t n) { return Narrow<uint16_t>(n); }

// Bit c: core c.
using CoreMask = uint16_t;
// The first `n` cores from core `first` on.
constexpr CoreMask Cores(int64_t first, int64_t n) {
  return static_cast<CoreMask>(((uint32_t{1} << n) - 1) << first);
}

// A place in remote memory: `offset` bytes into `region`, plus registers.
struct Remote {
  Region region = Region::kL2;
  int64_t offset = 0;
  uint8_t reg = 0, base = 0;

  Remote operator+(int64_t bytes) const {
    return {region, offset + bytes, reg, base};
  }
  Remote With(uint8_t loop_register) const {
    return {region, offset, loop_register, base};
  }
};

// What a command waits for and gives; 0: nothing.
struct Sync {
  std::array<uint8_t, 2> wait{}, signal{};
};

// blocks x rows rows of `bytes` bytes between remote and local memory; 0: the
// rows, or blocks, follow each other without a gap. Strides in bytes. `bytes`
// counts the remote side; with `unpack4` the local rows are twice as long.
struct Copy {
  Remote remote;
  uint32_t local = 0;
  int64_t bytes = 0, rows = 1, blocks = 1;
  int64_t remote_row = 0, remote_block = 0;
  int64_t local_row = 0, local_block = 0;
  bool unpack4 = false, multicast = false;
};

// Two local buffers of one kind used in turn, each with an event that says it
// is free and one that says it is full.
struct DoubleBuffer {
  std::array<uint32_t, 2> at{};
  std::array<uint8_t, 2> free{}, full{};
};

class Builder {
 public:
  explicit Builder(const MachineSize& size) : size_(size) {}

  const MachineSize& size() const { return size_; }
  int cores() const { return size_.cores; }
  CoreMask all() const { return Cores(0, size_.cores); }

  // ---- What a segment has ----
  // Bytes of scratchpad, 64-byte aligned; aborts when there are no more: who
  // plans a segment knows what it needs.
  uint32_t Local(int64_t bytes);
  int64_t local_used() const { return local_; }
  uint8_t NewEvent();
  // A register that is 0 where it is made.
  uint8_t NewRegister();
  // Two buffers of `bytes` each, both free.
  DoubleBuffer NewDoubleBuffer(int64_t bytes);
  // `n` free credits of a new event.
  uint8_t NewCredits(uint16_t n);

  // ---- Front end ----
  void Mark(uint32_t id);
  void Set(uint8_t reg, int64_t value);
  void Add(uint8_t reg, int64_t value);
  void AddCore(uint8_t reg, int64_t value);
  // On these cores alone.
  void AddOn(CoreMask cores, uint8_t reg, int64_t value);
  void Credits(uint8_t event, uint16_t count);
  // Calls body() as what a loop repeats `count` times; without a loop if that
  // is once, and not at all if it is 0.
  template <class Body>
  void Repeat(int64_t count, Body&& body) {
    if (count <= 0) return;
    if (count > 1) BeginLoop(count);
    std::forward<Body>(body)();
    if (count > 1) EndLoop();
  }
  // Cores that meet the commands that follow.
  void OnCores(CoreMask mask) { mask_ = mask; }
  CoreMask mask() const { return mask_; }
  // Ends the segment: nothing of it is left but its commands.
  void Barrier();

  // ---- Load and store queues ----
  void Load(const Copy& copy, const Sync& sync = {});
  void Store(const Copy& copy, const Sync& sync = {});
  // `rows` rows of `bytes` at table + index * stride, the int32 indices in
  // local memory.
  void Gather(const Remote& table, int64_t stride, uint32_t index,
              uint32_t local, int64_t bytes, int64_t rows,
              const Sync& sync = {});

  // ---- Matrix queue ----
  void LoadWeights(uint32_t local, int64_t stride, int64_t k, int64_t n,
                   bool transposed, const Sync& sync = {});
  // Swaps the shadow plane in first.
  void Matmul(uint32_t a, int64_t stride, int64_t acc_row, int64_t rows,
              bool accumulate, const Sync& sync = {});

  // ---- Vector queue ----
  void Dequantize(const struct Dequantize& d, uint8_t flags,
                  const Sync& sync = {});
  // Row strides in bytes; 0: no gaps.
  struct Strides {
    int64_t src0 = 0, src1 = 0, dst = 0;
  };
  void Quantize(const struct Quantize& q, int bits, int64_t src_stride,
                const Sync& sync = {});
  void Vector(const struct Vector& v, const Strides& strides,
              const Sync& sync = {});
  void Reduce(const struct Reduce& r, int64_t src_stride,
              const Sync& sync = {});
  void Norm(const struct Norm& n, bool layer, const Strides& strides,
            const Sync& sync = {});
  void Softmax(const struct Softmax& s, bool normalize, const Strides& strides,
               const Sync& sync = {});
  void Rope(const struct Rope& r, bool half, int64_t src_stride,
            const Sync& sync = {});

  std::span<const Command> commands() const { return commands_; }
  std::vector<Command> Take() { return std::exchange(commands_, {}); }

 private:
  void BeginLoop(int64_t count);
  void EndLoop();
  Command& Append(Opcode opcode, uint8_t flags = 0, const Sync& sync = {});
  void Move(Opcode opcode, const Copy& copy, const Sync& sync);
  Remote Reachable(Remote remote);
  void Strided(uint8_t queue, const DmaConfig& config);
  void VectorStrides(const Strides& strides);
  void Forget();

  MachineSize size_;
  std::vector<Command> commands_;
  CoreMask mask_ = 0;
  int64_t local_ = 0;
  uint8_t events_ = 0, registers_ = 0;
  // What the machine's state is known to be; after the start and the end of a
  // loop nothing is.
  struct Known {
    bool valid = true;
    DmaConfig config{};
  };
  std::array<Known, 2> dma_;  // load, store
  struct KnownVector {
    bool valid = true;
    VectorConfig config{};
  } vector_;
  bool far_known_ = true;
  int64_t far_ = 0;  // what register kFarRegister holds
};

// Offsets beyond 32 bits go through this register.
inline constexpr uint8_t kFarRegister = kRegisters - 1;

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_BUILDER_H_
