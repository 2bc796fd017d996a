// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/text.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <string_view>

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

}  // namespace

std::string Disassemble(const Command& command) {
  if (static_cast<int>(command.opcode) >= kOpcodes) {
    uint64_t head;
    std::memcpy(&head, &command, sizeof(head));
    const auto& w = command.operands.words;
    return fmt::format(".word {:#x} {:#x} {:#x} {:#x}", head, w[0], w[1], w[2]);
  }
  const OpcodeInfo& info = InfoOf(command.opcode);
  std::string text(info.name);
  const bool number = command.opcode == Opcode::kQuantize;
  uint8_t rest = command.flags;
  for (const FlagName& flag : info.flags) {
    if (number ? rest != flag.bit : (rest & flag.bit) == 0) continue;
    text += fmt::format(".{}", flag.name);
    rest = number ? 0 : static_cast<uint8_t>(rest & ~flag.bit);
  }
  if (rest != 0) text += fmt::format(".{:#x}", rest);
  for (const Field& field : info.fields) {
    const uint64_t value = ReadField(command, field);
    if (IsSaid(field, value)) {
      text += fmt::format(" {}={}", field.name, ValueText(field, value));
    }
  }
  text += PairText("wait", command.wait) + PairText("signal", command.signal);
  if (command.cores != 0) text += fmt::format(" cores={:#x}", command.cores);
  return text;
}

}  // namespace triptych::npu
