// From text to commands.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/text.h"

namespace triptych::npu {
namespace {

// A 64-bit number, signed or not, decimal or 0x...
std::optional<uint64_t> Number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  uint64_t value;
  const auto [end, error] = std::from_chars(
      text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  if (negative && value > uint64_t{1} << 63) return {};
  return negative ? 0 - value : value;
}

std::optional<uint64_t> Float(std::string_view text) {
  if (text.starts_with("0x") || !text.ends_with('f')) return Number(text);
  text.remove_suffix(1);
  float value;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return std::bit_cast<uint32_t>(value);
}

std::optional<uint64_t> Local(std::string_view text) {
  const bool acc = text.starts_with("acc+");
  if (acc) text.remove_prefix(4);
  const auto value = Number(text);
  if (!value || (acc && *value >= kAccBit)) return {};
  return acc ? *value | kAccBit : *value;
}

std::optional<uint64_t> OneOf(std::span<const std::string_view> names,
                              std::string_view text) {
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return Number(text);
  return static_cast<uint64_t>(found - names.begin());
}

// What the text of an operand means; nothing if it means nothing.
std::optional<uint64_t> Value(FieldKind kind, std::string_view text) {
  switch (kind) {
    case FieldKind::kRegion:
      return OneOf(RegionNames(), text);
    case FieldKind::kVectorOp:
      return OneOf(VectorOpNames(), text);
    case FieldKind::kOperand:
      return OneOf(OperandNames(), text);
    case FieldKind::kReduceOp:
      return OneOf(ReduceOpNames(), text);
    case FieldKind::kF32:
      return Float(text);
    case FieldKind::kOptionalLocal:
      if (text == "none") return kNoOperand;
      [[fallthrough]];
    case FieldKind::kLocal:
      return Local(text);
    default:
      return Number(text);
  }
}

std::string AllowedText(FieldKind kind) {
  const auto names = [](std::span<const std::string_view> all) {
    return fmt::format("{}", fmt::join(all, ", "));
  };
  switch (kind) {
    case FieldKind::kRegion:
      return names(RegionNames());
    case FieldKind::kVectorOp:
      return names(VectorOpNames());
    case FieldKind::kOperand:
      return names(OperandNames());
    case FieldKind::kReduceOp:
      return names(ReduceOpNames());
    case FieldKind::kF32:
      return "a number with an f behind, or bits as 0x...";
    case FieldKind::kOptionalLocal:
      return "an address, acc+ and an address, or none";
    case FieldKind::kLocal:
      return "an address, or acc+ and an address";
    case FieldKind::kOffset:
      return "a number, a label of the region, or label+bytes";
    default:
      return "a number";
  }
}

class Assembler {
 public:
  Assembler(std::string_view text, std::string_view file)
      : text_(text), file_(file) {}

  Result<Listing> Run() {
    size_t begin = 0;
    while (begin < text_.size()) {
      const size_t end = std::min(text_.find('\n', begin), text_.size());
      ++line_;
      std::string_view line = text_.substr(begin, end - begin);
      line = line.substr(0, line.find('#'));
      Split(line);
      if (!words_.empty()) TRIPTYCH_TRY(Line());
      begin = end + 1;
    }
    return std::move(listing_);
  }

 private:
  void Split(std::string_view line) {
    words_.clear();
    constexpr std::string_view kBlanks = " \t\r";
    size_t at = line.find_first_not_of(kBlanks);
    while (at != std::string_view::npos) {
      const size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
      words_.push_back(line.substr(at, end - at));
      at = line.find_first_not_of(kBlanks, end);
    }
  }
  std::unexpected<Error> Wrong(std::string_view what) const {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}:{}: {}", file_, line_, what));
  }

  Status Line() {
    if (words_[0] == ".region") return LabelLine();
    if (words_[0] == ".word") return WordLine();
    return CommandLine();
  }

  Status LabelLine() {
    if (words_.size() != 5) {
      return Wrong(".region: allowed a name, a region, an offset and bytes");
    }
    Label label;
    label.name = words_[1];
    if (label.name.find_first_of("#=+,") != std::string::npos ||
        (label.name[0] >= '0' && label.name[0] <= '9') ||
        label.name[0] == '-') {
      return Wrong(
          fmt::format("label {}: allowed are names without # = + and "
                      "comma that begin with no digit",
                      label.name));
    }
    if (FindLabel(label.name) != nullptr) {
      return Wrong(fmt::format("label {}: there is one already; allowed once",
                               label.name));
    }
    const auto region = OneOf(RegionNames(), words_[2]);
    if (!region || *region >= kRegions) {
      return Wrong(fmt::format("region {}; allowed {}", words_[2],
                               AllowedText(FieldKind::kRegion)));
    }
    label.region = static_cast<Region>(*region);
    for (size_t i = 3; i < 5; ++i) {
      const auto value = Number(words_[i]);
      if (!value) return Wrong(fmt::format("{}; allowed a number", words_[i]));
      (i == 3 ? label.offset : label.bytes) = *value;
    }
    listing_.labels.push_back(std::move(label));
    return {};
  }

  Status WordLine() {
    std::array<uint64_t, 4> all{};
    if (words_.size() != 5) return Wrong(".word: allowed four numbers");
    for (size_t i = 0; i < 4; ++i) {
      const auto value = Number(words_[i + 1]);
      if (!value) {
        return Wrong(fmt::format("{}; allowed a number", words_[i + 1]));
      }
      all[i] = *value;
    }
    Command command;
    std::memcpy(static_cast<void*>(&command), all.data(), sizeof(command));
    listing_.commands.push_back(command);
    return {};
  }

  Status CommandLine() {
    const std::string_view head = words_[0];
    const std::string_view name = head.substr(0, head.find('.'));
    const OpcodeInfo* info = FindOpcode(name);
    if (info == nullptr) {
      std::string allowed;
      for (const OpcodeInfo& row : OpcodeTable()) {
        allowed += fmt::format(" {}", row.name);
      }
      return Wrong(
          fmt::format("{}: no such command; allowed{}", name, allowed));
    }
    Command command;
    command.opcode = info->opcode;
    TRIPTYCH_TRY(Flags(head.substr(name.size()), *info, command));
    // The region first: a label belongs to one.
    for (const bool offsets : {false, true}) {
      for (size_t i = 1; i < words_.size(); ++i) {
        TRIPTYCH_TRY(Operand(words_[i], *info, offsets, command));
      }
    }
    listing_.commands.push_back(command);
    return {};
  }

  Status Flags(std::string_view text, const OpcodeInfo& info,
               Command& command) {
    while (!text.empty()) {
      text.remove_prefix(1);
      const std::string_view name = text.substr(0, text.find('.'));
      text.remove_prefix(name.size());
      const auto found = std::ranges::find(info.flags, name, &FlagName::name);
      const auto number = Number(name);
      if (found != info.flags.end()) {
        command.flags |= found->bit;
      } else if (number && *number < 256) {
        command.flags |= static_cast<uint8_t>(*number);
      } else {
        std::string allowed;
        for (const FlagName& flag : info.flags) {
          allowed += fmt::format(" {}", flag.name);
        }
        return Wrong(fmt::format("{}: flag {}; allowed{}", info.name, name,
                                 allowed.empty() ? " none" : allowed));
      }
    }
    return {};
  }

  Status Events(std::string_view name, std::string_view text,
                std::array<uint8_t, 2>& events) {
    const size_t comma = std::min(text.find(','), text.size());
    const auto first = Number(text.substr(0, comma));
    const auto second = comma < text.size() ? Number(text.substr(comma + 1))
                                            : std::optional<uint64_t>(0);
    if (!first || !second || *first > 255 || *second > 255) {
      return Wrong(fmt::format("{} {}; allowed one or two events", name, text));
    }
    events = {static_cast<uint8_t>(*first), static_cast<uint8_t>(*second)};
    return {};
  }

  Status Operand(std::string_view word, const OpcodeInfo& info, bool offsets,
                 Command& command) {
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      return Wrong(fmt::format("{}; allowed operand=value", word));
    }
    const std::string_view name = word.substr(0, equals);
    const std::string_view text = word.substr(equals + 1);
    if (name == "wait") return Events(name, text, command.wait);
    if (name == "signal") return Events(name, text, command.signal);
    if (name == "cores") {
      const auto cores = Number(text);
      if (!cores || *cores > 0xffff) {
        return Wrong(fmt::format("cores {}; allowed 16 bits", text));
      }
      command.cores = static_cast<uint16_t>(*cores);
      return {};
    }
    const auto field = std::ranges::find(info.fields, name, &Field::name);
    if (field == info.fields.end()) {
      std::string allowed;
      for (const Field& f : info.fields) allowed += fmt::format(" {}", f.name);
      return Wrong(fmt::format("{}: operand {}; allowed{} wait signal cores",
                               info.name, name, allowed));
    }
    if ((field->kind == FieldKind::kOffset) != offsets) return {};
    auto value = Value(field->kind, text);
    if (!value && offsets) value = OffsetOf(text, command);
    if (!value) {
      return Wrong(fmt::format("{}: {} {}; allowed {}", info.name, name, text,
                               AllowedText(field->kind)));
    }
    if (!FieldHolds(field->kind, static_cast<int64_t>(*value))) {
      return Wrong(fmt::format("{}: {} {}; allowed {} bits", info.name, name,
                               text, 8 * FieldBytes(field->kind)));
    }
    WriteField(command, *field, *value);
    return {};
  }

  const Label* FindLabel(std::string_view name) const {
    const auto found = std::ranges::find(listing_.labels, name, &Label::name);
    return found == listing_.labels.end() ? nullptr : &*found;
  }

  // "label" or "label+bytes", of the command's region.
  std::optional<uint64_t> OffsetOf(std::string_view text,
                                   const Command& command) const {
    const size_t plus = std::min(text.find('+'), text.size());
    const Label* label = FindLabel(text.substr(0, plus));
    const auto more = plus < text.size() ? Number(text.substr(plus + 1))
                                         : std::optional<uint64_t>(0);
    if (label == nullptr || !more ||
        static_cast<uint8_t>(label->region) != command.operands.dma.region) {
      return {};
    }
    return label->offset + *more;
  }

  std::string_view text_, file_;
  size_t line_ = 0;
  std::vector<std::string_view> words_;
  Listing listing_;
};

}  // namespace

Result<Listing> Assemble(std::string_view text, std::string_view file) {
  return Assembler(text, file).Run();
}

}  // namespace triptych::npu
