// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "emulators/npu/isa/access.h"
#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/text.h"
#include "emulators/npu/isa/walk.h"

namespace triptych::npu {
namespace {

std::string FieldFault(const Field& field, uint64_t value) {
  const auto at_most = [&](uint64_t low, uint64_t high) {
    return value >= low && value <= high
               ? std::string()
               : fmt::format("{} is {}; allowed {} to {}", field.name, value,
                             low, high);
  };
  switch (field.kind) {
    case FieldKind::kSize16:
    case FieldKind::kSize32:
      return value != 0 ? ""
                        : fmt::format("{} is 0; allowed from 1", field.name);
    case FieldKind::kRegion:
      return at_most(0, kRegions - 1);
    case FieldKind::kRegister:
      return at_most(0, kRegisters - 1);
    case FieldKind::kTarget:
      return at_most(1, kRegisters - 1);
    case FieldKind::kEvent:
      return at_most(1, kEvents - 1);
    case FieldKind::kVectorOp:
      return at_most(0, kVectorOps - 1);
    case FieldKind::kOperand:
      return at_most(0, OperandNames().size() - 1);
    case FieldKind::kReduceOp:
      return at_most(0, ReduceOpNames().size() - 1);
    default:
      return "";
  }
}

// Bytes of the operands that belong to no field.
bool UnusedAreZero(const Command& command, const OpcodeInfo& info) {
  Command rest = command;
  for (const Field& field : info.fields) WriteField(rest, field, 0);
  return std::ranges::all_of(rest.operands.words,
                             [](uint64_t word) { return word == 0; });
}

std::string HeadFault(const Command& command, const OpcodeInfo& info,
                      const MachineSize& machine) {
  unsigned allowed = 0;
  for (const FlagName& flag : info.flags) allowed |= flag.bit;
  if (command.opcode == Opcode::kQuantize) {
    if (command.flags < 2 || command.flags > 8) {
      return fmt::format("{} bits; allowed 2 to 8", command.flags);
    }
  } else if ((command.flags & ~allowed) != 0) {
    return fmt::format("flags {:#x}; allowed {:#x}", command.flags, allowed);
  }
  if (command.cores >> machine.cores != 0) {
    return fmt::format("cores {:#x}; the machine has {}", command.cores,
                       machine.cores);
  }
  if (command.cores != 0 && !info.may_mask) {
    return "cores are named; allowed only all of them";
  }
  for (const uint8_t event : {command.wait[0], command.wait[1],
                              command.signal[0], command.signal[1]}) {
    if (event != 0 && info.queue == Queue::kFrontEnd) {
      return "an event to wait for or to signal; allowed only on commands "
             "that go to a queue";
    }
    if (event >= kEvents) {
      return fmt::format("event {}; allowed up to {}", event, kEvents - 1);
    }
  }
  return "";
}

std::string LocalFault(uint32_t address, std::string_view name) {
  return (address & kAccBit) != 0
             ? fmt::format(
                   "{} lies in the accumulators; allowed only in the "
                   "scratchpad",
                   name)
             : std::string();
}

// What only some opcodes have.
std::string OpcodeFault(const Command& command, const MachineSize& machine) {
  const Operands& o = command.operands;
  switch (command.opcode) {
    case Opcode::kDmaConfig:
      return command.flags == 0 ? "for neither load nor store" : "";
    case Opcode::kStore: {
      const auto region = static_cast<Region>(o.dma.region);
      return region == Region::kWeights || region == Region::kConstants
                 ? "the region is read-only; allowed l2, cache, activations"
                 : "";
    }
    case Opcode::kLoadWeights:
      if (o.load_weights.k > machine.array_rows ||
          o.load_weights.n > machine.array_cols) {
        return fmt::format("{} x {} weights; allowed up to {} x {}",
                           o.load_weights.k, o.load_weights.n,
                           machine.array_rows, machine.array_cols);
      }
      return LocalFault(o.load_weights.local, "local");
    case Opcode::kMatmul:
      return LocalFault(o.matmul.a, "a");
    case Opcode::kDequantize:
      if (o.dequantize.cols > machine.array_cols) {
        return fmt::format("cols is {}; allowed up to {}", o.dequantize.cols,
                           machine.array_cols);
      }
      return ((command.flags & kRowScale) != 0) ==
                     (o.dequantize.row_scales != kNoOperand)
                 ? ""
                 : "row_scales go with the flag row_scale; allowed both or "
                   "neither (none)";
    case Opcode::kRequantize:
      if (o.requantize.cols > machine.array_cols) {
        return fmt::format("cols is {}; allowed up to {}", o.requantize.cols,
                           machine.array_cols);
      }
      return o.requantize.low <= o.requantize.high ? "" : "low is above high";
    case Opcode::kVector:
      return IsBinary(o.vector.op) ||
                     (o.vector.operand == Operand::kFull && o.vector.src1 == 0)
                 ? ""
                 : "an operation of one operand with src1; allowed full, 0";
    case Opcode::kNorm:
      return (command.flags & kLayer) != 0 || o.norm.bias == kNoOperand
                 ? ""
                 : "a bias without the flag layer; allowed none";
    case Opcode::kSoftmax:
      return ((command.flags & kNormalize) != 0) ==
                     (o.softmax.sums == kNoOperand)
                 ? ""
                 : "sums are written unless normalize; allowed one of the two";
    case Opcode::kRope:
      return 2 * o.rope.pairs <= o.rope.head_dim
                 ? ""
                 : fmt::format("{} pairs in heads of {}", o.rope.pairs,
                               o.rope.head_dim);
    default:
      return "";
  }
}

}  // namespace

std::string FaultOf(const Command& command, const MachineSize& machine) {
  if (static_cast<int>(command.opcode) >= kOpcodes) {
    return fmt::format("opcode {}; allowed up to {}",
                       static_cast<int>(command.opcode), kOpcodes - 1);
  }
  const OpcodeInfo& info = InfoOf(command.opcode);
  std::string fault = HeadFault(command, info, machine);
  if (!fault.empty()) return fault;
  for (const Field& field : info.fields) {
    fault = FieldFault(field, ReadField(command, field));
    if (!fault.empty()) return fault;
  }
  if (!UnusedAreZero(command, info)) {
    return "unused bytes are not 0; allowed only 0";
  }
  return OpcodeFault(command, machine);
}

std::unexpected<Error> Stream::ErrorAt(uint32_t index,
                                       std::string_view what) const {
  return MakeError(ErrorCode::kCorrupt,
                   fmt::format("{}: command {}: {}: {}", name_, index,
                               Disassemble(commands_[index]), what));
}

Result<Stream> Stream::Check(std::span<const Command> commands,
                             const MachineSize& machine, std::string name,
                             uint64_t most_decoded) {
  Stream stream;
  stream.commands_ = commands;
  stream.machine_ = machine;
  stream.name_ = std::move(name);
  if (machine.cores < 1 || machine.cores > kMaxCores) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: {} cores; allowed 1 to {}", stream.name_,
                                 machine.cores, kMaxCores));
  }
  if (commands.size() >= UINT32_MAX) {
    return MakeError(ErrorCode::kCorrupt,
                     fmt::format("{}: {} commands; allowed fewer than 2^32",
                                 stream.name_, commands.size()));
  }
  TRIPTYCH_TRY(stream.CheckAll(most_decoded));
  return stream;
}

Status Stream::CheckAll(uint64_t most_decoded) {
  most_decoded = std::min(most_decoded, UINT64_MAX / 2);  // one more fits
  // Per open loop: where it began, and how often what is inside is decoded.
  struct Open {
    uint32_t index;
    uint64_t times;
  };
  std::array<Open, kLoopDepth + 1> open{{{0, 1}}};
  size_t depth = 0;
  for (uint32_t i = 0; i < commands_.size(); ++i) {
    const Command& command = commands_[i];
    const std::string fault = FaultOf(command, machine_);
    if (!fault.empty()) return ErrorAt(i, fault);
    decoded_ += open[depth].times;
    if (decoded_ > most_decoded) {
      return ErrorAt(i, fmt::format("with its loops the stream is more than "
                                    "{} commands long, which is the limit",
                                    most_decoded));
    }
    switch (command.opcode) {
      case Opcode::kHalt:
        if (i + 1 != commands_.size() || depth != 0) {
          return ErrorAt(i, "allowed only at the stream's end");
        }
        break;
      case Opcode::kLoop: {
        if (depth == kLoopDepth) {
          return ErrorAt(
              i, fmt::format("loops inside loops; allowed are {}", kLoopDepth));
        }
        const uint64_t times = open[depth].times;
        const uint64_t count = command.operands.loop.count;
        // Beyond the limit in any case, without overflow.
        open[++depth] = {
            i, times > most_decoded / count ? most_decoded + 1 : times * count};
        break;
      }
      case Opcode::kEnd:
        if (depth == 0) return ErrorAt(i, "there is no LOOP to end");
        --depth;
        break;
      default:
        break;
    }
  }
  if (depth != 0) return ErrorAt(open[depth].index, "there is no END");
  return {};
}

namespace {

struct SpaceSize {
  std::string_view name;
  int64_t bytes;
};

SpaceSize SizeOf(const Access& access, const MachineSize& machine) {
  switch (access.space) {
    case Space::kScratchpad:
      return {"scratchpad", machine.scratchpad_bytes};
    case Space::kAccumulators:
      return {"accumulators",
              machine.accumulator_rows * machine.array_cols * 4};
    default:
      break;
  }
  const auto region = static_cast<size_t>(access.region);
  return {RegionNames()[region],
          region == 0 ? machine.l2_bytes : machine.region_bytes[region]};
}

bool Misaligned(const Access& a) {
  return a.align > 1 &&
         (a.begin % a.align != 0 || (a.rows1 > 1 && a.stride1 % a.align != 0));
}

// Rows that are written must not overlap: either all rows of one j lie before
// the next j, or the j lie inside the distance of two i.
bool RowsOverlap(const Access& a) {
  const int64_t s1 = a.stride1 < 0 ? -a.stride1 : a.stride1;
  const int64_t s2 = a.stride2 < 0 ? -a.stride2 : a.stride2;
  if (a.rows2 == 1) return a.rows1 > 1 && s1 < a.row_bytes;
  if (a.rows1 == 1) return s2 < a.row_bytes;
  const bool outer =
      s1 >= a.row_bytes && s2 >= (a.rows1 - 1) * s1 + a.row_bytes;
  const bool inner =
      s2 >= a.row_bytes && s1 >= (a.rows2 - 1) * s2 + a.row_bytes;
  return !outer && !inner;
}

bool Same(const Access& a, const Access& b) {
  return a.space == b.space && a.begin == b.begin && a.rows1 == b.rows1 &&
         a.row_bytes == b.row_bytes && a.stride1 == b.stride1;
}

// Far beyond every memory, and far from overflow.
constexpr int64_t kFarthest = int64_t{1} << 60;

std::string AccessFault(const Access& a, const MachineSize& machine) {
  const SpaceSize size = SizeOf(a, machine);
  if (a.begin < -kFarthest || a.begin > kFarthest || a.low() < 0 ||
      a.high() > size.bytes) {
    return fmt::format(
        "{} bytes from {} with strides {} and {} leave the {}; "
        "allowed 0 to {}",
        a.row_bytes, a.begin, a.stride1, a.stride2, size.name, size.bytes);
  }
  if (Misaligned(a)) {
    return fmt::format(
        "words at {} with a stride of {} in the {}; allowed "
        "multiples of {}",
        a.begin, a.stride1, size.name, a.align);
  }
  if (a.write && RowsOverlap(a)) {
    return fmt::format(
        "rows of {} bytes written with strides {} and {} "
        "overlap; allowed rows apart",
        a.row_bytes, a.stride1, a.stride2);
  }
  return "";
}

}  // namespace

Status CheckIssue(const Stream& stream, const Issue& issue) {
  return CheckIssue(stream, issue, Accesses(issue, stream.machine()));
}

Status CheckIssue(const Stream& stream, const Issue& issue,
                  const Accesses& accesses) {
  if (issue.command->opcode == Opcode::kMatmul && issue.k == 0) {
    return stream.ErrorAt(issue.index,
                          "the array holds no weights; allowed after MMLD and "
                          "a swap");
  }
  if (issue.command->opcode == Opcode::kGather &&
      (issue.remote < -kFarthest || issue.remote > kFarthest)) {
    return stream.ErrorAt(issue.index,
                          fmt::format("rows counted from {}; allowed -2^60 to "
                                      "2^60",
                                      issue.remote));
  }
  if (issue.command->opcode == Opcode::kLoad &&
      (issue.command->flags & kMulticast) != 0 && !issue.same_address) {
    return stream.ErrorAt(issue.index,
                          "a multicast from a register that differs between "
                          "cores; allowed registers set for all alike");
  }
  const auto all = accesses.all();
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string fault = AccessFault(all[i], stream.machine());
    if (!fault.empty()) return stream.ErrorAt(issue.index, fault);
    if (!all[i].write) continue;
    for (size_t j = 0; j < i; ++j) {
      if (all[j].in_place && Same(all[i], all[j])) continue;
      if (Overlap(all[i], all[j])) {
        return stream.ErrorAt(issue.index,
                              "what it writes overlaps what it reads or "
                              "writes elsewhere; allowed apart");
      }
    }
  }
  return {};
}

}  // namespace triptych::npu
