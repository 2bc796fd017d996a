// What both functional machines have in common: cores that run from barrier to
// barrier, each in the order of the stream.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_RUN_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_RUN_H_

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "emulators/npu/isa/access.h"
#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/npu/isa/walk.h"
#include "kernels/base/check.h"
#include "kernels/base/parallel.h"
#include "kernels/base/result.h"

namespace triptych::npu {

// A row of a kLoad, kGather or kStore, for machines that take them one at a
// time. Where row (j, i) is: on the chip, and for all but kGather in the
// region.
struct DmaRows {
  int64_t local_stride1, local_stride2, remote_stride1, remote_stride2;
  int64_t local_bytes;  // of a row

  explicit DmaRows(const Issue& issue) {
    const Dma& dma = issue.command->operands.dma;
    const bool unpack = issue.command->opcode == Opcode::kLoad &&
                        (issue.command->flags & kUnpack4) != 0;
    const auto or_else = [](int64_t stride, int64_t tight) {
      return stride != 0 ? stride : tight;
    };
    local_bytes = int64_t{dma.size0} * (unpack ? 2 : 1);
    local_stride1 = or_else(issue.dma->local_stride1, local_bytes);
    local_stride2 =
        or_else(issue.dma->local_stride2, local_stride1 * dma.size1);
    remote_stride1 = or_else(issue.dma->remote_stride1, dma.size0);
    remote_stride2 =
        or_else(issue.dma->remote_stride2, remote_stride1 * dma.size1);
  }
};

// How many of a row's columns a kSoftmax sees.
inline size_t VisibleOf(const Softmax& x, size_t row) {
  return std::clamp<size_t>(x.visible + row * x.step, 1, x.cols);
}

// The error of a row that the caller bound no memory for.
inline std::unexpected<Error> NoPiece(const Stream& stream, const Issue& issue,
                                      int64_t offset) {
  return stream.ErrorAt(
      issue.index,
      fmt::format("{} bytes at {} of the region lie in no piece of memory that "
                  "is bound for this; allowed whole rows of one piece",
                  issue.command->operands.dma.size0, offset));
}

// Core(stream, memory, number) and Status Core::Run(const Issue&, const
// Accesses&), for what goes to a queue and passed CheckIssue.
template <class Core>
class CoreRunner {
 public:
  CoreRunner(const Stream& stream, Memory& memory, int core)
      : stream_(&stream),
        front_end_(stream, core),
        core_(stream, memory, core) {}

  // Up to the next barrier or the end.
  Status ToBarrier() {
    Issue issue;
    while (front_end_.Next(issue)) {
      int missing;
      if (!events_.Apply(*issue.command, &missing)) {
        return stream_->ErrorAt(
            issue.index, fmt::format("core {} waits for event {}, which has no "
                                     "credit; allowed waits that a command "
                                     "before it pays for",
                                     front_end_.core(), missing));
      }
      switch (issue.command->opcode) {
        case Opcode::kMark:
        case Opcode::kEvent:
        case Opcode::kDmaConfig:
        case Opcode::kVectorConfig:
          continue;
        case Opcode::kBarrier:
          return {};
        default:
          break;
      }
      const Accesses accesses(issue, stream_->machine());
      TRIPTYCH_TRY(CheckIssue(*stream_, issue, accesses));
      TRIPTYCH_TRY(core_.Run(issue, accesses));
    }
    done_ = true;
    return {};
  }
  bool done() const { return done_; }

 private:
  const Stream* stream_;
  FrontEnd front_end_;
  EventCounts events_;
  Core core_;
  bool done_ = false;
};

template <class Core>
Status RunCores(const Stream& stream, Memory& memory, int threads) {
  TRIPTYCH_CHECK(memory.Fits(stream.machine()), "memory too small for",
                 stream.name());
  const auto cores = static_cast<size_t>(stream.machine().cores);
  std::vector<CoreRunner<Core>> runners;
  runners.reserve(cores);
  for (size_t c = 0; c < cores; ++c) {
    runners.emplace_back(stream, memory, static_cast<int>(c));
  }
  std::vector<Status> statuses(cores);
  // Barriers name all cores, so all of them end at once.
  while (!runners[0].done()) {
    ParallelFor(cores, threads,
                [&](size_t c) { statuses[c] = runners[c].ToBarrier(); });
    for (Status& status : statuses) TRIPTYCH_TRY(std::move(status));
  }
  return {};
}

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_RUN_H_
