// From commands to text.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "emulators/npu/isa/opcodes.h"

namespace triptych::npu {
namespace {

std::string NameOr(std::span<const std::string_view> names, uint64_t value) {
  return value < names.size() ? std::string(names[value])
                              : std::to_string(value);
}

std::string LocalText(uint64_t value) {
  if ((value & kAccBit) != 0) return fmt::format("acc+{:#x}", value & ~kAccBit);
  return fmt::format("{:#x}", value);
}

std::string FloatText(uint64_t value) {
  const auto x = std::bit_cast<float>(static_cast<uint32_t>(value));
  // Numbers that are not finite as their bits: a NaN may carry any.
  return std::isfinite(x) ? fmt::format("{}f", x)
                          : fmt::format("{:#010x}", value);
}

std::string ValueText(const Field& field, uint64_t value) {
  switch (field.kind) {
    case FieldKind::kI8:
    case FieldKind::kI32:
    case FieldKind::kI64:
      return std::to_string(static_cast<int64_t>(value));
    case FieldKind::kF32:
      return FloatText(value);
    case FieldKind::kRegion:
      return NameOr(RegionNames(), value);
    case FieldKind::kVectorOp:
      return NameOr(VectorOpNames(), value);
    case FieldKind::kOperand:
      return NameOr(OperandNames(), value);
    case FieldKind::kReduceOp:
      return NameOr(ReduceOpNames(), value);
    case FieldKind::kLocal:
      return LocalText(value);
    case FieldKind::kOptionalLocal:
      return value == kNoOperand ? "none" : LocalText(value);
    default:
      return std::to_string(value);
  }
}

// Zero goes without saying, but not where it has a name or is an address.
bool IsSaid(const Field& field, uint64_t value) {
  switch (field.kind) {
    case FieldKind::kRegion:
    case FieldKind::kVectorOp:
    case FieldKind::kReduceOp:
    case FieldKind::kLocal:
    case FieldKind::kOptionalLocal:
      return true;
    default:
      return value != 0;
  }
}

std::string PairText(std::string_view name, std::array<uint8_t, 2> events) {
  if (events[0] == 0 && events[1] == 0) return "";
  return events[1] == 0 ? fmt::format(" {}={}", name, events[0])
                        : fmt::format(" {}={},{}", name, events[0], events[1]);
}

// Operands and head are all there is to it.
bool IsTold(const Command& command) {
  if (static_cast<int>(command.opcode) >= kOpcodes) return false;
  Command rest = command;
  for (const Field& field : InfoOf(command.opcode).fields) {
    WriteField(rest, field, 0);
  }
  return std::ranges::all_of(rest.operands.words,
                             [](uint64_t word) { return word == 0; });
}

std::string WordText(const Command& command) {
  uint64_t head;
  std::memcpy(&head, &command, sizeof(head));
  const auto& w = command.operands.words;
  return fmt::format(".word {:#x} {:#x} {:#x} {:#x}", head, w[0], w[1], w[2]);
}

std::string FlagText(const Command& command, const OpcodeInfo& info) {
  // kQuantize's flags are one number.
  const bool number = command.opcode == Opcode::kQuantize;
  std::string text;
  uint8_t rest = command.flags;
  for (const FlagName& flag : info.flags) {
    if (number ? rest != flag.bit : (rest & flag.bit) == 0) continue;
    text += fmt::format(".{}", flag.name);
    rest = number ? 0 : static_cast<uint8_t>(rest & ~flag.bit);
  }
  if (rest != 0) text += fmt::format(".{:#x}", rest);
  return text;
}

// "label+bytes" where a label of the region covers the offset.
std::string OffsetText(const Command& command, uint64_t offset,
                       std::span<const Label> labels) {
  for (const Label& label : labels) {
    if (static_cast<uint8_t>(label.region) != command.operands.dma.region ||
        offset < label.offset || offset - label.offset >= label.bytes) {
      continue;
    }
    return offset == label.offset
               ? label.name
               : fmt::format("{}+{}", label.name, offset - label.offset);
  }
  return std::to_string(offset);
}

std::string CommandText(const Command& command, std::span<const Label> labels) {
  if (!IsTold(command)) return WordText(command);
  const OpcodeInfo& info = InfoOf(command.opcode);
  std::string text = std::string(info.name) + FlagText(command, info);
  for (const Field& field : info.fields) {
    const uint64_t value = ReadField(command, field);
    const bool offset = field.kind == FieldKind::kOffset && !labels.empty();
    if (!offset && !IsSaid(field, value)) continue;
    text += fmt::format(
        " {}={}", field.name,
        offset ? OffsetText(command, value, labels) : ValueText(field, value));
  }
  text += PairText("wait", command.wait) + PairText("signal", command.signal);
  if (command.cores != 0) text += fmt::format(" cores={:#x}", command.cores);
  return text;
}

}  // namespace

std::string Disassemble(const Command& command) {
  return CommandText(command, {});
}

std::string Disassemble(const Listing& listing) {
  std::string text;
  for (const Label& label : listing.labels) {
    text +=
        fmt::format(".region {} {} {} {}\n", label.name,
                    NameOr(RegionNames(), static_cast<uint64_t>(label.region)),
                    label.offset, label.bytes);
  }
  size_t depth = 0;
  for (const Command& command : listing.commands) {
    if (command.opcode == Opcode::kEnd && depth > 0) --depth;
    text += std::string(2 * std::min<size_t>(depth, kLoopDepth), ' ') +
            CommandText(command, listing.labels) + '\n';
    if (command.opcode == Opcode::kLoop) ++depth;
  }
  return text;
}

}  // namespace triptych::npu
