// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/builder.h"

#include <limits>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::npu {
namespace {

constexpr int64_t kLocalAlign = 64;

bool Same(const DmaConfig& a, const DmaConfig& b) {
  return a.remote_stride1 == b.remote_stride1 &&
         a.remote_stride2 == b.remote_stride2 &&
         a.local_stride1 == b.local_stride1 &&
         a.local_stride2 == b.local_stride2;
}

// The same bytes with as few rows as they can be said in, and strides of 0
// where there are no gaps.
Copy Merged(Copy c) {
  const int64_t wide = c.unpack4 ? 2 : 1;
  const auto tight = [&] {
    if (c.remote_row == c.bytes || c.rows == 1) c.remote_row = 0;
    if (c.local_row == wide * c.bytes || c.rows == 1) c.local_row = 0;
    const int64_t remote = c.remote_row == 0 ? c.bytes : c.remote_row;
    const int64_t local = c.local_row == 0 ? wide * c.bytes : c.local_row;
    if (c.remote_block == c.rows * remote || c.blocks == 1) c.remote_block = 0;
    if (c.local_block == c.rows * local || c.blocks == 1) c.local_block = 0;
  };
  tight();
  if (c.remote_row == 0 && c.local_row == 0) {
    c.bytes *= c.rows;
    c.rows = c.blocks;
    c.remote_row = c.remote_block;
    c.local_row = c.local_block;
    c.blocks = 1;
    c.remote_block = c.local_block = 0;
    tight();
    if (c.remote_row == 0 && c.local_row == 0) {
      c.bytes *= c.rows;
      c.rows = 1;
    }
  } else if (c.remote_block == 0 && c.local_block == 0) {
    c.rows *= c.blocks;
    c.blocks = 1;
  }
  return c;
}

}  // namespace

// ---- What a segment has ----

uint32_t Builder::Local(int64_t bytes) {
  const int64_t at = local_;
  local_ += RoundUp(bytes, kLocalAlign);
  TRIPTYCH_CHECK(local_ <= size_.scratchpad_bytes, "scratchpad", local_, "of",
                 size_.scratchpad_bytes);
  return U32(at);
}

uint8_t Builder::NewEvent() {
  TRIPTYCH_CHECK(events_ + 1 < kEvents, "events", events_);
  return ++events_;
}

uint8_t Builder::NewRegister() {
  TRIPTYCH_CHECK(registers_ + 1 < kFarRegister, "registers", registers_);
  Set(++registers_, 0);
  return registers_;
}

uint8_t Builder::NewCredits(uint16_t n) {
  const uint8_t event = NewEvent();
  Credits(event, n);
  return event;
}

DoubleBuffer Builder::NewDoubleBuffer(int64_t bytes) {
  DoubleBuffer buffer;
  for (size_t i = 0; i < 2; ++i) {
    buffer.at[i] = Local(bytes);
    buffer.free[i] = NewCredits(1);
    buffer.full[i] = NewEvent();
  }
  return buffer;
}

void Builder::Forget() {
  dma_[0].valid = dma_[1].valid = vector_.valid = far_known_ = false;
}

Command& Builder::Append(Opcode opcode, uint8_t flags, const Sync& sync) {
  Command command;
  command.opcode = opcode;
  command.flags = flags;
  command.wait = sync.wait;
  command.signal = sync.signal;
  command.cores = mask_ == all() ? CoreMask{0} : mask_;
  commands_.push_back(command);
  return commands_.back();
}

// ---- Front end: for every core ----

void Builder::Mark(uint32_t id) {
  Append(Opcode::kMark).operands.mark = {id};
  commands_.back().cores = 0;
}
void Builder::Set(uint8_t reg, int64_t value) {
  Append(Opcode::kSet).operands.reg = {reg, {}, value};
  commands_.back().cores = 0;
}
void Builder::Add(uint8_t reg, int64_t value) {
  Append(Opcode::kAdd).operands.reg = {reg, {}, value};
  commands_.back().cores = 0;
}
void Builder::AddCore(uint8_t reg, int64_t value) {
  Append(Opcode::kAddCore).operands.reg = {reg, {}, value};
  commands_.back().cores = 0;
}
void Builder::AddOn(CoreMask cores, uint8_t reg, int64_t value) {
  Append(Opcode::kAdd).operands.reg = {reg, {}, value};
  commands_.back().cores = cores;
}
void Builder::Credits(uint8_t event, uint16_t count) {
  Append(Opcode::kEvent).operands.credit = {event, 0, count};
  commands_.back().cores = 0;
}
void Builder::BeginLoop(int64_t count) {
  Append(Opcode::kLoop).operands.loop = {Narrow<uint32_t>(count)};
  commands_.back().cores = 0;
  Forget();
}
void Builder::EndLoop() {
  Append(Opcode::kEnd);
  commands_.back().cores = 0;
  Forget();
}
void Builder::Barrier() {
  mask_ = 0;
  Append(Opcode::kBarrier);
  local_ = 0;
  events_ = registers_ = 0;
  dma_ = {};
  vector_ = {};
  // The register keeps its value, but loops of whole segments may be made of
  // these commands: each segment sets it for itself.
  far_known_ = false;
}

// ---- Load and store queues ----

Remote Builder::Reachable(Remote remote) {
  constexpr int64_t kReach = int64_t{1} << 32;
  TRIPTYCH_CHECK(remote.offset >= 0, "offset", remote.offset);
  if (remote.offset < kReach) return remote;
  TRIPTYCH_CHECK(remote.base == 0, "offset", remote.offset, "register",
                 int{remote.base});
  const int64_t far = remote.offset / kReach * kReach;
  if (!far_known_ || far_ != far) Set(kFarRegister, far);
  far_known_ = true;
  far_ = far;
  return {remote.region, remote.offset - far, remote.reg, kFarRegister};
}

void Builder::Strided(uint8_t queue, const DmaConfig& config) {
  Known& known = dma_[queue == kForLoad ? 0 : 1];
  if (known.valid && Same(known.config, config)) return;
  known = {true, config};
  Append(Opcode::kDmaConfig, queue).operands.dma_config = config;
  commands_.back().cores = 0;
}

void Builder::Move(Opcode opcode, const Copy& copy, const Sync& sync) {
  const Copy c = Merged(copy);
  const Remote remote = Reachable(c.remote);
  Strided(opcode == Opcode::kStore ? kForStore : kForLoad,
          {Narrow<int32_t>(c.remote_row), Narrow<int32_t>(c.remote_block),
           Narrow<uint32_t>(c.local_row), Narrow<uint32_t>(c.local_block)});
  uint8_t flags = 0;
  if (c.unpack4) flags |= kUnpack4;
  if (c.multicast) flags |= kMulticast;
  Append(opcode, flags, sync).operands.dma = {
      .region = static_cast<uint8_t>(remote.region),
      .reg = remote.reg,
      .size1 = Narrow<uint16_t>(c.rows),
      .size2 = Narrow<uint16_t>(c.blocks),
      .base = remote.base,
      .zero = 0,
      .size0 = Narrow<uint32_t>(c.bytes),
      .offset = Narrow<uint32_t>(remote.offset),
      .local = c.local,
      .index = 0};
}

void Builder::Load(const Copy& copy, const Sync& sync) {
  Move(Opcode::kLoad, copy, sync);
}
void Builder::Store(const Copy& copy, const Sync& sync) {
  Move(Opcode::kStore, copy, sync);
}

void Builder::Gather(const Remote& table, int64_t stride, uint32_t index,
                     uint32_t local, int64_t bytes, int64_t rows,
                     const Sync& sync) {
  const Remote remote = Reachable(table);
  Strided(kForLoad, {Narrow<int32_t>(stride), 0, 0, 0});
  Append(Opcode::kGather, 0, sync).operands.dma = {
      .region = static_cast<uint8_t>(remote.region),
      .reg = remote.reg,
      .size1 = Narrow<uint16_t>(rows),
      .size2 = 1,
      .base = remote.base,
      .zero = 0,
      .size0 = Narrow<uint32_t>(bytes),
      .offset = Narrow<uint32_t>(remote.offset),
      .local = local,
      .index = index};
}

// ---- Matrix queue ----

void Builder::LoadWeights(uint32_t local, int64_t stride, int64_t k, int64_t n,
                          bool transposed, const Sync& sync) {
  TRIPTYCH_CHECK(k <= size_.array_rows && n <= size_.array_cols, "weights", k,
                 n);
  Append(Opcode::kLoadWeights, transposed ? kTransposed : uint8_t{0}, sync)
      .operands.load_weights = {local, Narrow<uint32_t>(stride),
                                Narrow<uint16_t>(k), Narrow<uint16_t>(n)};
}

void Builder::Matmul(uint32_t a, int64_t stride, int64_t acc_row, int64_t rows,
                     bool accumulate, const Sync& sync) {
  TRIPTYCH_CHECK(acc_row + rows <= size_.accumulator_rows, "accumulator row",
                 acc_row + rows);
  const auto flags =
      static_cast<uint8_t>(kSwap | (accumulate ? kAccumulate : 0));
  Append(Opcode::kMatmul, flags, sync).operands.matmul = {
      a, Narrow<uint32_t>(stride), Narrow<uint32_t>(acc_row),
      Narrow<uint16_t>(rows), 0};
}

// ---- Vector queue ----

void Builder::VectorStrides(const Strides& strides) {
  const VectorConfig config = {Narrow<uint32_t>(strides.src0),
                               Narrow<uint32_t>(strides.src1),
                               Narrow<uint32_t>(strides.dst)};
  const VectorConfig& now = vector_.config;
  if (vector_.valid && now.src0_stride == config.src0_stride &&
      now.src1_stride == config.src1_stride &&
      now.dst_stride == config.dst_stride) {
    return;
  }
  vector_ = {true, config};
  Append(Opcode::kVectorConfig).operands.vector_config = config;
  commands_.back().cores = 0;
}

void Builder::Dequantize(const struct Dequantize& d, uint8_t flags,
                         const Sync& sync) {
  Append(Opcode::kDequantize, flags, sync).operands.dequantize = d;
}
void Builder::Quantize(const struct Quantize& q, int bits, int64_t src_stride,
                       const Sync& sync) {
  VectorStrides({.src0 = src_stride});
  Append(Opcode::kQuantize, static_cast<uint8_t>(bits), sync)
      .operands.quantize = q;
}
void Builder::Vector(const struct Vector& v, const Strides& strides,
                     const Sync& sync) {
  VectorStrides(strides);
  // Member by member: what is between them stays 0.
  struct Vector& to = Append(Opcode::kVector, 0, sync).operands.vector;
  to.src0 = v.src0;
  to.src1 = v.src1;
  to.dst = v.dst;
  to.rows = v.rows;
  to.cols = v.cols;
  to.op = v.op;
  to.operand = v.operand;
}
void Builder::Reduce(const struct Reduce& r, int64_t src_stride,
                     const Sync& sync) {
  VectorStrides({.src0 = src_stride});
  struct Reduce& to = Append(Opcode::kReduce, 0, sync).operands.reduce;
  to.src = r.src;
  to.dst = r.dst;
  to.rows = r.rows;
  to.cols = r.cols;
  to.op = r.op;
}
void Builder::Norm(const struct Norm& n, bool layer, const Strides& strides,
                   const Sync& sync) {
  VectorStrides(strides);
  Append(Opcode::kNorm, layer ? kLayer : uint8_t{0}, sync).operands.norm = n;
}
void Builder::Softmax(const struct Softmax& s, bool normalize,
                      const Strides& strides, const Sync& sync) {
  VectorStrides(strides);
  Append(Opcode::kSoftmax, normalize ? kNormalize : uint8_t{0}, sync)
      .operands.softmax = s;
}
void Builder::Rope(const struct Rope& r, bool half, int64_t src_stride,
                   const Sync& sync) {
  VectorStrides({.src0 = src_stride});
  Append(Opcode::kRope, half ? kHalf : uint8_t{0}, sync).operands.rope = r;
}

}  // namespace triptych::npu
