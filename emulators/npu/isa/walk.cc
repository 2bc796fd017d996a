// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/walk.h"

namespace triptych::npu {
namespace {

constexpr DmaConfig kNoDma{};
constexpr VectorConfig kNoVector{};

// Registers wrap: no stream overflows a signed integer.
int64_t WrapAdd(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) +
                              static_cast<uint64_t>(b));
}

}  // namespace

FrontEnd::FrontEnd(const Stream& stream, int core)
    : commands_(stream.commands().data()),
      size_(static_cast<uint32_t>(stream.commands().size())),
      core_(core) {
  ResetStrides();
}

void FrontEnd::ResetStrides() {
  load_ = store_ = &kNoDma;
  vector_ = &kNoVector;
}

void FrontEnd::Control(const Command& command) {
  const Register& r = command.operands.reg;
  const uint32_t bit = uint32_t{1} << r.reg;
  const bool mine = command.cores == 0 || (command.cores >> core_ & 1) != 0;
  switch (command.opcode) {
    case Opcode::kSet:
      varies_ = command.cores == 0 ? varies_ & ~bit : varies_ | bit;
      if (mine) registers_[r.reg] = r.value;
      break;
    case Opcode::kAdd:
      if (command.cores != 0) varies_ |= bit;
      if (mine) registers_[r.reg] = WrapAdd(registers_[r.reg], r.value);
      break;
    default: {  // kAddCore
      varies_ |= bit;
      const auto times = static_cast<uint64_t>(core_);
      const auto value =
          static_cast<int64_t>(static_cast<uint64_t>(r.value) * times);
      if (mine) registers_[r.reg] = WrapAdd(registers_[r.reg], value);
    }
  }
}

bool FrontEnd::Next(Issue& out) {
  while (next_ < size_) {
    const uint32_t index = next_++;
    const Command& command = commands_[index];
    ++decoded_;
    switch (command.opcode) {
      case Opcode::kHalt:
        next_ = size_;
        return false;
      case Opcode::kSet:
      case Opcode::kAdd:
      case Opcode::kAddCore:
        Control(command);
        continue;
      case Opcode::kLoop:
        frames_[static_cast<size_t>(depth_++)] = {
            next_, command.operands.loop.count - 1};
        continue;
      case Opcode::kEnd: {
        Frame& frame = frames_[static_cast<size_t>(depth_ - 1)];
        if (frame.left == 0) {
          --depth_;
        } else {
          --frame.left;
          next_ = frame.body;
        }
        continue;
      }
      default:
        break;
    }
    if (command.cores != 0 && (command.cores >> core_ & 1) == 0) continue;
    out.command = &command;
    out.index = index;
    switch (command.opcode) {
      case Opcode::kBarrier:
        ResetStrides();
        break;
      case Opcode::kDmaConfig:
        if (command.flags & kForLoad) load_ = &command.operands.dma_config;
        if (command.flags & kForStore) store_ = &command.operands.dma_config;
        break;
      case Opcode::kVectorConfig:
        vector_ = &command.operands.vector_config;
        break;
      case Opcode::kLoad:
      case Opcode::kGather:
      case Opcode::kStore: {
        const Dma& dma = command.operands.dma;
        out.remote = WrapAdd(WrapAdd(registers_[dma.reg], registers_[dma.base]),
                             dma.offset);
        out.same_address =
            ((varies_ >> dma.reg | varies_ >> dma.base) & 1) == 0;
        break;
      }
      case Opcode::kLoadWeights:
        shadow_k_ = command.operands.load_weights.k;
        shadow_n_ = command.operands.load_weights.n;
        break;
      case Opcode::kMatmul:
        if (command.flags & kSwap) {
          k_ = shadow_k_;
          n_ = shadow_n_;
          shadow_k_ = shadow_n_ = 0;
        }
        out.k = k_;
        out.n = n_;
        break;
      default:
        break;
    }
    out.dma = command.opcode == Opcode::kStore ? store_ : load_;
    out.vector = vector_;
    return true;
  }
  return false;
}

bool EventCounts::Apply(const Command& command, int* missing) {
  switch (command.opcode) {
    case Opcode::kEvent:
      credits_[command.operands.credit.event] += command.operands.credit.count;
      return true;
    case Opcode::kBarrier:
      credits_ = {};
      return true;
    default:
      break;
  }
  for (const uint8_t event : command.wait) {
    if (event == 0) continue;
    if (credits_[event] == 0) {
      *missing = event;
      return false;
    }
    --credits_[event];
  }
  for (const uint8_t event : command.signal) {
    if (event != 0) ++credits_[event];
  }
  return true;
}

}  // namespace triptych::npu
