// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/machine/needs.h"

#include <algorithm>

#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/opcodes.h"
#include "kernels/base/units.h"

namespace triptych::npu {
namespace {

// Rows without gaps between them are one row.
void JoinRows(Access& access) {
  if (access.rows1 == 1 || access.stride1 == access.row_bytes) {
    access.row_bytes *= access.rows1;
    access.rows1 = 1;
  }
  if (access.rows1 == 1 &&
      (access.rows2 == 1 || access.stride2 == access.row_bytes)) {
    access.row_bytes *= access.rows2;
    access.rows2 = 1;
  }
}

}  // namespace

void NeedsCache::Reset(const Stream& stream) {
  stream_ = &stream;
  known_ = ByCommand<Known>(stream.commands().size());
}

const CommandNeeds& NeedsCache::Get(const Issue& issue) {
  Known& known = known_[issue];
  if (!known.needs_known) {
    Find(issue, known.needs);
    known.needs_known = true;
  }
  return known.needs;
}

void NeedsCache::Find(const Issue& issue, CommandNeeds& needs) const {
  const Opcode opcode = issue.command->opcode;
  const bool transfer = IsTransfer(opcode);
  const Banks scratchpad(static_cast<int>(params_.chip.scratchpad_banks),
                         params_.chip.scratchpad_bank_bytes);
  const Accesses accesses(issue, stream_->machine());
  for (const Access& access : accesses.all()) {
    // What is added to is read and written.
    const auto times =
        transfer ? 1 : static_cast<uint32_t>(access.read + access.write);
    const uint64_t bytes = static_cast<uint64_t>(access.bytes()) * times;
    switch (access.space) {
      case Space::kScratchpad:
        scratchpad.Count(access, needs.scratchpad, times);
        needs.scratchpad_bytes += bytes;
        break;
      case Space::kAccumulators:
        if (!transfer) CountAccumulators(access, needs.accumulators);
        needs.accumulator_bytes += bytes;
        break;
      case Space::kRemote:
        needs.remote = access;
        JoinRows(needs.remote);
        break;
    }
  }
  if (opcode == Opcode::kGather) {
    const Dma& dma = issue.command->operands.dma;
    needs.remote = {};
    needs.remote.rows1 = int64_t{dma.size1} * dma.size2;
    needs.remote.row_bytes = dma.size0;
  }
  if (InfoOf(opcode).queue == Queue::kVector) {
    needs.vector = CostOf(issue, vector_);
  }
}

// A row is read, added to and written in one cycle; rows lie in parts.
void NeedsCache::CountAccumulators(const Access& access,
                                   BankWords& words) const {
  const int64_t banks = params_.chip.accumulator_banks;
  const int64_t all = std::max<int64_t>(1, stream_->machine().accumulator_rows);
  const int64_t part = CeilDiv<int64_t>(all, banks);
  int64_t row = access.begin / (params_.array_cols * 4);
  int64_t rows = access.rows1 * access.rows2;
  words.any = true;
  while (rows > 0) {
    const int64_t bank = std::min<int64_t>(row / part, banks - 1);
    const int64_t here =
        bank + 1 == banks ? rows : std::min(rows, (bank + 1) * part - row);
    words.words[static_cast<size_t>(bank)] += static_cast<uint32_t>(here);
    row += here;
    rows -= here;
  }
}

}  // namespace triptych::npu
