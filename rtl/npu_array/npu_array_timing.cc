// SPDX-License-Identifier: Apache-2.0
#include "rtl/npu_array/npu_array_timing.h"

#include <algorithm>
#include <bit>

#include "kernels/base/check.h"

namespace triptych::rtl {
namespace {

constexpr size_t kQueue = 4;  // commands a queue holds

uint64_t FirstFrom(uint64_t edge, const NpuPattern& pattern) {
  if (!pattern) return edge;
  while (!pattern(edge)) ++edge;
  return edge;
}

// Every value is an edge from which on something can be, so that 0 stands for
// "no matter when" and waiting is std::max.
class Timeline {
 public:
  Timeline(const NpuArrayShape& shape, const NpuStalls& stalls)
      : rows_(static_cast<uint64_t>(shape.rows)),
        cols_(static_cast<uint64_t>(shape.cols)),
        out_depth_(std::bit_ceil(cols_ + 6)),
        stalls_(stalls),
        written_(static_cast<size_t>(shape.depth)),
        read_(written_.size()) {}

  NpuTimes Run(const std::vector<NpuCommand>& commands) {
    for (const NpuCommand& command : commands) {
      const uint64_t accepted = Accept();
      switch (command.op) {
        case NpuOp::kLoad:
          loads_.push_back(accepted);
          break;
        case NpuOp::kMatmul:
          Matmul(command, accepted);
          break;
        case NpuOp::kDrain:
          Drain(command, accepted);
          break;
      }
      ++commands_[static_cast<size_t>(command.op)];
      while (Load()) {
      }
    }
    TRIPTYCH_CHECK(Left(NpuOp::kLoad).size() == loads_.size(), "loads",
                   loads_.size(), "swaps", swaps_.size());
    CountBusy(commands);
    return std::move(times_);
  }

 private:
  // When each command of the kind left its queue.
  std::vector<uint64_t>& Left(NpuOp op) {
    return left_[static_cast<size_t>(op)];
  }
  std::vector<uint64_t>& Finished(NpuOp op) {
    return times_.finished[static_cast<size_t>(op)];
  }

  uint64_t Accept() {
    uint64_t from = times_.accepted.empty() ? 0 : times_.accepted.back() + 1;
    for (size_t op = 0; op < left_.size(); ++op) {
      if (commands_[op] < kQueue) continue;
      const size_t before = commands_[op] - kQueue;
      TRIPTYCH_CHECK(before < left_[op].size(), "loads beyond swaps",
                     commands_[op]);
      from = std::max(from, left_[op][before] + 1);
    }
    times_.accepted.push_back(FirstFrom(from, stalls_.command));
    return times_.accepted.back();
  }

  // The next load, if the swap it waits for is known.
  bool Load() {
    const size_t index = Left(NpuOp::kLoad).size();
    if (index == loads_.size() || index > swaps_.size()) return false;
    uint64_t step = loads_[index] + 1;
    if (index > 0) step = std::max(step, swaps_[index - 1]);
    for (uint64_t row = 0; row < rows_; ++row) {
      const uint64_t arrived = FirstFrom(weight_, stalls_.weight);
      weight_ = std::max({step, arrived + 1, shifted_});
      step = shifted_ = weight_ + 1;
    }
    Left(NpuOp::kLoad).push_back(weight_);
    Finished(NpuOp::kLoad).push_back(weight_);
    return true;
  }

  void Matmul(const NpuCommand& command, uint64_t accepted) {
    uint64_t from = std::max(accepted + 1, launched_);
    if (command.swap) {
      TRIPTYCH_CHECK(swaps_.size() < Left(NpuOp::kLoad).size(),
                     "swaps without a load", swaps_.size());
      from = std::max(from, Left(NpuOp::kLoad)[swaps_.size()] + 1);
    }
    for (int i = 0; i < command.rows; ++i) {
      const size_t row = Row(command.base + i);
      const uint64_t arrived = FirstFrom(activation_, stalls_.activation);
      activation_ = std::max({from, arrived + 1, read_[row]});
      from = launched_ = activation_ + 1;
      written_[row] = activation_ + rows_ + 1;
      if (i == 0 && command.swap) swaps_.push_back(activation_);
    }
    Left(NpuOp::kMatmul).push_back(activation_);
    Finished(NpuOp::kMatmul).push_back(activation_ + rows_ + cols_ - 1);
  }

  void Drain(const NpuCommand& command, uint64_t accepted) {
    uint64_t from = std::max(accepted + 1, drained_);
    for (int i = 0; i < command.rows; ++i) {
      const size_t row = Row(command.base + i);
      std::vector<uint64_t>& taken = times_.taken;
      const uint64_t credit =
          taken.size() < out_depth_ ? 0 : taken[taken.size() - out_depth_] + 1;
      const uint64_t issued = std::max({from, written_[row], credit});
      from = drained_ = read_[row] = issued + 1;
      const uint64_t queued = issued + cols_ + 5;
      const uint64_t turn = taken.empty() ? 0 : taken.back() + 1;
      taken.push_back(FirstFrom(std::max(queued, turn), stalls_.out));
    }
    Left(NpuOp::kDrain).push_back(drained_ - 1);
    Finished(NpuOp::kDrain).push_back(times_.taken.back());
  }

  void CountBusy(const std::vector<NpuCommand>& commands) {
    std::array<size_t, kNpuOps> next{};
    uint64_t end = 0;
    for (size_t i = 0; i < commands.size(); ++i) {
      const auto op = static_cast<size_t>(commands[i].op);
      const uint64_t finished = times_.finished[op][next[op]++];
      const uint64_t begin = std::max(end, times_.accepted[i]);
      times_.busy += finished - std::min(finished, begin);
      end = std::max(end, finished);
    }
  }

  size_t Row(int row) const {
    return static_cast<size_t>(row) % written_.size();
  }

  const uint64_t rows_, cols_, out_depth_;
  const NpuStalls& stalls_;
  // When each row of accumulators can be read, and launched into.
  std::vector<uint64_t> written_, read_;
  std::vector<uint64_t> loads_;  // accepted
  std::vector<uint64_t> swaps_;  // launched
  std::array<size_t, kNpuOps> commands_{};
  std::array<std::vector<uint64_t>, kNpuOps> left_;
  // The last shift and the last launch: the port's buffer is free then, and
  // the step after can be taken one later.
  uint64_t weight_ = 0, shifted_ = 0, activation_ = 0, launched_ = 0;
  uint64_t drained_ = 0;
  NpuTimes times_;
};

}  // namespace

NpuTimes NpuTime(const NpuArrayShape& shape, const NpuProgram& program,
                 const NpuStalls& stalls) {
  return Timeline(shape, stalls).Run(program.commands);
}

}  // namespace triptych::rtl
