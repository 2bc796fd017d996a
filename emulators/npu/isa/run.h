// What both functional machines have in common: cores that run from barrier to
// barrier, each in the order of the stream.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_RUN_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_RUN_H_

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "emulators/npu/isa/access.h"
#include "emulators/npu/isa/by_command.h"
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

// Runs a command that goes to a queue and passed CheckIssue: a member function
// of a core each.
template <class Core>
Status RunCommand(Core& core, const Issue& issue) {
  const Operands& o = issue.command->operands;
  const uint8_t flags = issue.command->flags;
  const VectorConfig& v = *issue.vector;
  switch (issue.command->opcode) {
    case Opcode::kLoad:
      return core.Load(issue);
    case Opcode::kGather:
      return core.Gather(issue);
    case Opcode::kStore:
      return core.Store(issue);
    case Opcode::kLoadWeights:
      core.LoadWeights(o.load_weights, (flags & kTransposed) != 0);
      break;
    case Opcode::kMatmul:
      core.Matmul(o.matmul, issue);
      break;
    case Opcode::kDequantize:
      core.Dequantize(o.dequantize, flags);
      break;
    case Opcode::kRequantize:
      return core.Requantize(o.requantize, issue);
    case Opcode::kQuantize:
      core.Quantize(o.quantize, flags, v);
      break;
    case Opcode::kVector:
      core.VectorOperation(o.vector, v);
      break;
    case Opcode::kReduce:
      core.Reduce(o.reduce, v);
      break;
    case Opcode::kNorm:
      core.Norm(o.norm, (flags & kLayer) != 0, v);
      break;
    case Opcode::kSoftmax:
      core.Softmax(o.softmax, (flags & kNormalize) != 0, v);
      break;
    case Opcode::kRope:
      core.Rope(o.rope, (flags & kHalf) != 0, v);
      break;
    default:
      TRIPTYCH_CHECK(false, "no command of a queue",
                     static_cast<int>(issue.command->opcode));
  }
  return {};
}

// Bytes of a core's scratchpad.
struct LocalRange {
  int64_t low = 0, high = 0;
};

// Core(stream, memory, number), Core::BeforeWrite(LocalRange) of what is about
// to be written, and what RunCommand calls.
template <class Core>
class CoreRunner {
 public:
  CoreRunner(const Stream& stream, Memory& memory, int core)
      : stream_(&stream),
        checked_(stream.commands().size()),
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
      TRIPTYCH_TRY(Prepare(issue));
      TRIPTYCH_TRY(RunCommand(core_, issue));
    }
    done_ = true;
    return {};
  }
  bool done() const { return done_; }

 private:
  // What a command writes, once it has been checked.
  struct Checked {
    bool sound = false;
    std::array<LocalRange, 2> written;
    size_t count = 0;
  };

  // Checks a command, unless it has come by before and has no remote rows, and
  // tells the core what it will write.
  Status Prepare(const Issue& issue) {
    Checked& known = checked_[issue];
    if (!known.sound) {
      const Accesses accesses(issue, stream_->machine());
      TRIPTYCH_TRY(CheckIssue(*stream_, issue, accesses));
      known.count = 0;
      for (const Access& access : accesses.all()) {
        if (!access.write || access.space != Space::kScratchpad) continue;
        known.written[known.count++] = {access.low(), access.high()};
      }
      known.sound = !IsTransfer(issue.command->opcode);
    }
    for (size_t i = 0; i < known.count; ++i) {
      core_.BeforeWrite(known.written[i]);
    }
    return {};
  }

  const Stream* stream_;
  ByCommand<Checked> checked_;
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
