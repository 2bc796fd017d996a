// SPDX-License-Identifier: Apache-2.0
#include "rtl/npu_array/npu_array_rtl.h"

#include <cstring>

#include "kernels/base/check.h"
#include "rtl/Vnpu_array_16x16.h"
#include "rtl/Vnpu_array_4x12.h"
#include "rtl/Vnpu_array_8x8.h"
#include "rtl/Vnpu_requant.h"
#include "rtl/clocked.h"

namespace triptych::rtl {
namespace {

bool Now(const NpuPattern& pattern, uint64_t edge) {
  return !pattern || pattern(edge);
}

// The word of one set and column; npu_column.sv has the fields.
uint64_t ParamWord(const NpuRequant& how) {
  uint64_t word = how.double_rounding;
  word = word << 6 | static_cast<uint64_t>(how.shift);
  for (const int8_t byte : {how.zero_point, how.min, how.max}) {
    word = word << 8 | static_cast<uint8_t>(byte);
  }
  return word << 32 | static_cast<uint32_t>(how.multiplier);
}

// The host of one run: where it is in the program, and what it has seen.
// `Block` is the Verilated module. The module's outputs do not depend on
// inputs of the same cycle, so one evaluation an edge is enough: outputs are
// looked at after the inputs were set, and are those of before.
template <class Block>
class Host {
 public:
  Host(Block& block, const NpuArrayShape& shape, const NpuProgram& program,
       const NpuStalls& stalls)
      : block_(block),
        rows_(static_cast<size_t>(shape.rows)),
        cols_(static_cast<size_t>(shape.cols)),
        program_(program),
        stalls_(stalls) {}

  bool done() const {
    return command_ == program_.commands.size() && !block_.busy_o;
  }

  // What the ports see before edge `edge`, and what follows from it.
  void Offer(uint64_t edge) {
    block_.cmd_valid_i =
        command_ < program_.commands.size() && Now(stalls_.command, edge);
    if (block_.cmd_valid_i) Command(program_.commands[command_]);
    if (block_.cmd_valid_i && block_.cmd_ready_o) {
      run_.times.accepted.push_back(edge);
      ++command_;
    }
    block_.weight_valid_i =
        weight_ < program_.weights.size() && Now(stalls_.weight, edge);
    if (block_.weight_valid_i) {
      std::memcpy(&block_.weight_i, program_.weights.data() + weight_, cols_);
      if (block_.weight_ready_o) weight_ += cols_;
    }
    block_.activation_valid_i = activation_ < program_.activations.size() &&
                                Now(stalls_.activation, edge);
    if (block_.activation_valid_i) {
      std::memcpy(&block_.activation_i,
                  program_.activations.data() + activation_, rows_);
      if (block_.activation_ready_o) activation_ += rows_;
    }
    block_.out_ready_i = Now(stalls_.out, edge);
    if (block_.out_valid_o && block_.out_ready_i) Take(edge);
  }

  // After edge `edge`.
  void Look(uint64_t edge) {
    for (size_t op = 0; op < run_.times.finished.size(); ++op) {
      if (block_.done_o >> op & 1) run_.times.finished[op].push_back(edge);
    }
  }

  NpuRun Finish() {
    run_.ended = done();
    run_.times.busy = block_.busy_cycles_o;
    run_.results.overflows = block_.overflows_o;
    run_.results.clamped = block_.clamped_o;
    return std::move(run_);
  }

 private:
  void Command(const NpuCommand& command) {
    block_.cmd_op_i = static_cast<uint8_t>(command.op);
    block_.cmd_last_i = static_cast<uint8_t>(command.rows - 1);
    block_.cmd_base_i = static_cast<uint8_t>(command.base);
    block_.cmd_swap_i = command.swap;
    block_.cmd_accumulate_i = command.accumulate;
    block_.cmd_set_i = static_cast<uint8_t>(command.set);
  }

  void Take(uint64_t edge) {
    std::vector<int8_t>& codes = run_.results.codes;
    codes.resize(codes.size() + cols_);
    std::memcpy(codes.data() + codes.size() - cols_, &block_.out_o, cols_);
    run_.times.taken.push_back(edge);
    run_.last.push_back(block_.out_last_o);
  }

  Block& block_;
  const size_t rows_, cols_;
  const NpuProgram& program_;
  const NpuStalls& stalls_;
  size_t command_ = 0, weight_ = 0, activation_ = 0;  // next
  NpuRun run_;
};

}  // namespace

class NpuArrayRtl::Impl {
 public:
  Impl(int rows, int cols) { shape_.rows = rows, shape_.cols = cols; }
  virtual ~Impl() = default;
  virtual NpuRun Run(const NpuProgram& program, const NpuStalls& stalls,
                     uint64_t cycles) = 0;
  const NpuArrayShape& shape() const { return shape_; }
  virtual uint64_t cycles() const = 0;

 protected:
  NpuArrayShape shape_;
};

namespace {

template <class Block>
class Tile final : public NpuArrayRtl::Impl {
 public:
  using Impl::Impl;

  NpuRun Run(const NpuProgram& program, const NpuStalls& stalls,
             uint64_t cycles) override {
    Block& block = clocked_.module;
    block.cmd_valid_i = block.weight_valid_i = block.activation_valid_i = 0;
    block.param_we_i = block.out_ready_i = 0;
    before_ += clocked_.cycles + 1;  // the reset's
    clocked_.Reset();
    WriteParams(program.params);
    Host<Block> host(block, shape_, program, stalls);
    // One edge more than until all is done: it brings the last pulse.
    bool done = false;
    for (uint64_t edge = 0; edge < cycles && !done; ++edge) {
      done = host.done();
      host.Offer(edge);
      clocked_.Clock();
      host.Look(edge);
    }
    return host.Finish();
  }

  uint64_t cycles() const override { return before_ + clocked_.cycles; }

 private:
  void WriteParams(const std::vector<NpuRequant>& params) {
    const auto cols = static_cast<size_t>(shape_.cols);
    TRIPTYCH_CHECK(params.size() <= cols * static_cast<size_t>(shape_.sets),
                   "parameters", params.size());
    Block& block = clocked_.module;
    block.param_we_i = 1;
    for (size_t i = 0; i < params.size(); ++i) {
      block.param_set_i = static_cast<uint8_t>(i / cols);
      block.param_col_i = static_cast<uint8_t>(i % cols);
      block.param_i = ParamWord(params[i]);
      clocked_.Clock();
    }
    block.param_we_i = 0;
  }

  Clocked<Block> clocked_;
  uint64_t before_ = 0;  // cycles up to the last reset
};

template <class Block>
std::unique_ptr<NpuArrayRtl::Impl> MakeTile(int rows, int cols) {
  return std::make_unique<Tile<Block>>(rows, cols);
}

struct Built {
  int rows, cols;
  std::unique_ptr<NpuArrayRtl::Impl> (*make)(int rows, int cols);
};
constexpr Built kBuilt[] = {
    {8, 8, MakeTile<Vnpu_array_8x8>},
    {16, 16, MakeTile<Vnpu_array_16x16>},
    {4, 12, MakeTile<Vnpu_array_4x12>},
};

}  // namespace

NpuArrayRtl::NpuArrayRtl(int rows, int cols) {
  for (const Built& built : kBuilt) {
    if (built.rows == rows && built.cols == cols)
      impl_ = built.make(rows, cols);
  }
  TRIPTYCH_CHECK(impl_ != nullptr, "rows", rows, "cols", cols);
}

NpuArrayRtl::~NpuArrayRtl() = default;

NpuArrayShape NpuArrayRtl::shape() const { return impl_->shape(); }

uint64_t NpuArrayRtl::cycles() const { return impl_->cycles(); }

NpuRun NpuArrayRtl::Run(const NpuProgram& program, const NpuStalls& stalls,
                        uint64_t cycles) {
  return impl_->Run(program, stalls, cycles);
}

struct NpuRequantRtl::Impl : Clocked<Vnpu_requant> {};

NpuRequantRtl::NpuRequantRtl() : impl_(std::make_unique<Impl>()) {
  impl_->module.eval();  // only notes where the clock is
}

NpuRequantRtl::~NpuRequantRtl() = default;

NpuCode NpuRequantRtl::Clock(int32_t acc, const NpuRequant& how) {
  Vnpu_requant& block = impl_->module;
  block.acc_i = static_cast<uint32_t>(acc);
  block.multiplier_i = static_cast<uint32_t>(how.multiplier);
  block.shift_i = static_cast<uint8_t>(how.shift);
  block.double_i = how.double_rounding;
  block.zero_point_i = static_cast<uint8_t>(how.zero_point);
  block.min_i = static_cast<uint8_t>(how.min);
  block.max_i = static_cast<uint8_t>(how.max);
  impl_->Clock();
  return {static_cast<int8_t>(block.code_o), block.clamped_o != 0};
}

}  // namespace triptych::rtl
