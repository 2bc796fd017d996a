// What a command asks of a core's memories and units. That is the same each
// time it comes round in a loop, but for where its rows lie in a region, and
// the same for all cores: so it is found out once.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_NEEDS_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_NEEDS_H_

#include <cstdint>

#include "emulators/npu/isa/access.h"
#include "emulators/npu/isa/by_command.h"
#include "emulators/npu/isa/isa.h"
#include "emulators/npu/isa/walk.h"
#include "emulators/npu/machine/banks.h"
#include "emulators/npu/machine/rules.h"
#include "emulators/npu/params.h"

namespace triptych::npu {

struct CommandNeeds {
  // Words of a core's banks; of loads and stores only those of the scratchpad.
  BankWords scratchpad, accumulators;
  uint64_t scratchpad_bytes = 0, accumulator_bytes = 0;
  VectorCost vector;  // of the vector queue's commands
  // Of loads and stores: the remote rows, those without gaps put together;
  // where they begin is the issue's to say.
  Access remote;
};

// The needs of the commands that came last. Not thread-safe.
class NeedsCache {
 public:
  NeedsCache(const Params& params, const VectorUnit& vector)
      : params_(params), vector_(vector) {}

  // For another stream, which must outlive its use.
  void Reset(const Stream& stream);

  // Of a command that goes to a queue, kDmaConfig and kVectorConfig apart.
  // Valid until the next call.
  const CommandNeeds& Get(const Issue& issue);

  // Whether nothing of the command's own can be wrong any more: SetSound was
  // called for it under the same strides and weights. Remote rows move.
  bool IsSound(const Issue& issue) { return known_[issue].sound; }
  void SetSound(const Issue& issue) {
    known_[issue].sound = !IsTransfer(issue.command->opcode);
  }

 private:
  struct Known {
    bool needs_known = false, sound = false;
    CommandNeeds needs;
  };

  void Find(const Issue& issue, CommandNeeds& needs) const;
  void CountAccumulators(const Access& access, BankWords& words) const;

  const Params& params_;
  const VectorUnit& vector_;
  const Stream* stream_ = nullptr;
  ByCommand<Known> known_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_NEEDS_H_
