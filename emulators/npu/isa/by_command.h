// What is known of the commands that came last, for as long as they come round
// in loops under the same strides and weights: then all about them is as
// before, but for where their remote rows lie.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_BY_COMMAND_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_BY_COMMAND_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "emulators/npu/isa/isa.h"
#include "emulators/npu/isa/walk.h"

namespace triptych::npu {

constexpr bool IsTransfer(Opcode opcode) {
  return opcode == Opcode::kLoad || opcode == Opcode::kGather ||
         opcode == Opcode::kStore;
}

template <class T>
class ByCommand {
 public:
  // For a stream of so many commands.
  explicit ByCommand(size_t commands = 1)
      : slots_(std::clamp<size_t>(commands, 1, kSlots)) {}

  // What is known of the command; T() if nothing. Valid until the next call.
  T& operator[](const Issue& issue) {
    Slot& slot = slots_[issue.index % slots_.size()];
    const Key key{issue.command, issue.dma, issue.vector, issue.k, issue.n};
    if (slot.key != key) slot = {key, T()};
    return slot.value;
  }

 private:
  // Commands whose numbers are this far apart share a slot: loops are shorter.
  static constexpr size_t kSlots = 4096;
  struct Key {
    const Command* command = nullptr;
    const DmaConfig* dma = nullptr;
    const VectorConfig* vector = nullptr;
    uint16_t k = 0, n = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Slot {
    Key key;
    T value;
  };
  std::vector<Slot> slots_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_BY_COMMAND_H_
