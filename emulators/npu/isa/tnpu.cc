// The reader.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/tnpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/tnpu_format.h"
#include "kernels/base/units.h"
#include "models/formats/byte_reader.h"
#include "models/formats/json_tree.h"

namespace triptych::npu {
namespace {

class TnpuReader {
 public:
  TnpuReader(std::span<const std::byte> bytes, const std::string& name)
      : bytes_(bytes), name_(name), reader_(bytes, name) {}

  Result<Tnpu> Run() {
    TRIPTYCH_TRY(Header());
    TRIPTYCH_TRY(Table());
    for (const TnpuSection& section : sections_) TRIPTYCH_TRY(Read(section));
    const auto stream = Stream::Check(tnpu_.commands, tnpu_.machine, name_);
    if (!stream) return std::unexpected(stream.error());
    TRIPTYCH_TRY(CheckRelocations());
    return std::move(tnpu_);
  }

 private:
  // `value` into `to`, if it is within bounds.
  template <class T>
  Status Bound(size_t offset, std::string_view key, uint64_t value,
               uint64_t low, uint64_t high, T& to) {
    if (value < low || value > high) {
      return reader_.FailAt(
          offset, key, fmt::format("{}; allowed {} to {}", value, low, high));
    }
    to = static_cast<T>(value);
    return {};
  }

  Status Header() {
    TRIPTYCH_ASSIGN(const TnpuHeader h, reader_.Read<TnpuHeader>("header"));
    if (std::string_view(h.magic.data(), h.magic.size()) != kTnpuMagic) {
      return reader_.FailAt(0, "magic", "this is no .tnpu file");
    }
    if (h.version != kTnpuVersion) {
      return reader_.FailAt(
          8, "version", fmt::format("{}; allowed {}", h.version, kTnpuVersion),
          ErrorCode::kUnsupported);
    }
    section_count_ = h.sections;
    MachineSize& m = tnpu_.machine;
    TRIPTYCH_TRY(Bound(16, "cores", h.cores, 1, kMaxCores, m.cores));
    constexpr uint64_t kMostArray = 4096;
    TRIPTYCH_TRY(
        Bound(20, "array_rows", h.array_rows, 1, kMostArray, m.array_rows));
    TRIPTYCH_TRY(
        Bound(24, "array_cols", h.array_cols, 1, kMostArray, m.array_cols));
    TRIPTYCH_TRY(Bound(32, "scratchpad_bytes", h.scratchpad_bytes, 0,
                       kMostLocalBytes, m.scratchpad_bytes));
    TRIPTYCH_TRY(
        Bound(40, "accumulator_rows", h.accumulator_rows, 0,
              static_cast<uint64_t>(kMostLocalBytes) / (4 * h.array_cols),
              m.accumulator_rows));
    TRIPTYCH_TRY(
        Bound(48, "l2_bytes", h.l2_bytes, 0, kMostL2Bytes, m.l2_bytes));
    m.region_bytes[0] = m.l2_bytes;
    for (size_t r = 1; r < kRegions; ++r) {
      TRIPTYCH_TRY(Bound(48 + 8 * r, RegionNames()[r], h.region_bytes[r - 1], 0,
                         kMostRegionBytes, m.region_bytes[r]));
    }
    if (h.zero != 0 ||
        std::ranges::any_of(h.zeros, [](uint64_t z) { return z != 0; })) {
      return reader_.FailAt(28, "header", "unused bytes; allowed only 0");
    }
    return {};
  }

  Status Table() {
    uint64_t end = kTnpuHeaderBytes + uint64_t{section_count_} * 32;
    TRIPTYCH_TRY(reader_.Need(end - kTnpuHeaderBytes, "sections"));
    for (uint32_t i = 0; i < section_count_; ++i) {
      const size_t at = reader_.offset();
      TRIPTYCH_ASSIGN(const TnpuSection s,
                      reader_.Read<TnpuSection>("section"));
      if (s.kind < 1 || s.kind >= kSectionNames.size()) {
        return reader_.FailAt(at, "section kind",
                              fmt::format("{}; allowed 1 to {}", s.kind,
                                          kSectionNames.size() - 1));
      }
      const std::string_view key = kSectionNames[s.kind];
      if (s.offset % kTnpuAlign != 0 || s.offset < end ||
          s.offset > bytes_.size() || s.bytes > bytes_.size() - s.offset) {
        return reader_.FailAt(
            at + 8, key,
            fmt::format("{} bytes at {} of a file of {}; allowed from {} on at "
                        "multiples of {}",
                        s.bytes, s.offset, bytes_.size(), end, kTnpuAlign));
      }
      const bool data = s.kind == static_cast<uint32_t>(SectionKind::kData);
      if (!data && (s.region != 0 || s.region_offset != 0)) {
        return reader_.FailAt(at + 4, key, "a region; allowed none (0)");
      }
      for (const TnpuSection& before : sections_) {
        if (!data && before.kind == s.kind) {
          return reader_.FailAt(at, key, "a second one; allowed once");
        }
      }
      end = s.offset + s.bytes;
      sections_.push_back(s);
    }
    return {};
  }

  Status Read(const TnpuSection& s) {
    const auto bytes = bytes_.subspan(s.offset, s.bytes);
    switch (static_cast<SectionKind>(s.kind)) {
      case SectionKind::kCommands:
        return Commands(s);
      case SectionKind::kLabels:
        return Labels(s);
      case SectionKind::kData:
        return Data(s, bytes);
      case SectionKind::kRelocations:
        return Relocations(s);
      default:
        return Metadata(s);
    }
  }

  Status Commands(const TnpuSection& s) {
    if (s.bytes % sizeof(Command) != 0) {
      return reader_.FailAt(s.offset, "commands",
                            fmt::format("{} bytes; allowed multiples of {}",
                                        s.bytes, sizeof(Command)));
    }
    tnpu_.commands.resize(s.bytes / sizeof(Command));
    std::ranges::copy(
        bytes_.subspan(s.offset, s.bytes),
        std::as_writable_bytes(std::span(tnpu_.commands)).begin());
    return {};
  }

  // Records of `Record`, each with a name behind it, to the section's end.
  template <class Record, class F>
  Status Records(const TnpuSection& s, std::string_view key, const F& f) {
    // Cut off where the section ends, so that no record reaches further.
    ByteReader in(bytes_.first(s.offset + s.bytes), name_);
    TRIPTYCH_TRY(in.Skip(s.offset, key));
    while (in.remaining() > 0) {
      const size_t at = in.offset();
      TRIPTYCH_ASSIGN(const Record record, in.template Read<Record>(key));
      TRIPTYCH_ASSIGN(const std::string_view name,
                      in.ReadText(record.name_bytes, key));
      TRIPTYCH_TRY(in.Skip(RoundUp(name.size(), size_t{8}) - name.size(), key));
      if (name.empty() || std::ranges::any_of(name, [](char c) {
            return c <= ' ' || c > '~';
          })) {
        return in.FailAt(at, key,
                         fmt::format("the name \"{}\"; allowed printable "
                                     "characters without blanks",
                                     Printable(name)));
      }
      TRIPTYCH_TRY(f(at, record, std::string(name)));
    }
    return {};
  }

  Status Labels(const TnpuSection& s) {
    return Records<TnpuLabel>(
        s, "labels",
        [&](size_t at, const TnpuLabel& l, std::string name) -> Status {
          if (l.region >= kRegions) {
            return reader_.FailAt(at + 4, "labels",
                                  fmt::format("region {}; allowed 0 to {}",
                                              l.region, kRegions - 1));
          }
          const auto size =
              static_cast<uint64_t>(tnpu_.machine.region_bytes[l.region]);
          if (l.offset > size || l.bytes > size - l.offset) {
            return reader_.FailAt(
                at + 8, "labels",
                fmt::format("{}: {} bytes at {} of {}; allowed {}", name,
                            l.bytes, l.offset, RegionNames()[l.region], size));
          }
          tnpu_.labels.push_back({std::move(name),
                                  static_cast<Region>(l.region), l.offset,
                                  l.bytes});
          return {};
        });
  }

  Status Data(const TnpuSection& s, std::span<const std::byte> bytes) {
    const auto region = static_cast<Region>(s.region);
    if (s.region != static_cast<uint32_t>(Region::kWeights) &&
        s.region != static_cast<uint32_t>(Region::kConstants)) {
      return reader_.FailAt(s.offset, "data",
                            fmt::format("of region {}; allowed weights (1) and "
                                        "constants (2)",
                                        s.region));
    }
    const auto size =
        static_cast<uint64_t>(tnpu_.machine.region_bytes[s.region]);
    uint64_t& end = data_end_[s.region];
    if (s.region_offset < end || s.region_offset > size ||
        s.bytes > size - s.region_offset) {
      return reader_.FailAt(s.offset, "data",
                            fmt::format("{} bytes at {} of {}; allowed {} to "
                                        "{}",
                                        s.bytes, s.region_offset,
                                        RegionNames()[s.region], end, size));
    }
    end = s.region_offset + s.bytes;
    tnpu_.data.push_back(
        {region, static_cast<int64_t>(s.region_offset), bytes});
    return {};
  }

  Status Relocations(const TnpuSection& s) {
    return Records<TnpuRelocation>(
        s, "relocations",
        [&](size_t at, const TnpuRelocation& r, std::string name) -> Status {
          if (r.zero != 0) {
            return reader_.FailAt(at + 12, "relocations",
                                  "unused bytes; allowed only 0");
          }
          relocation_offsets_.push_back(at);
          tnpu_.relocations.push_back(
              {std::move(name), r.command, r.field, r.scale, r.addend});
          return {};
        });
  }

  Status CheckRelocations() {
    for (size_t i = 0; i < tnpu_.relocations.size(); ++i) {
      const Relocation& r = tnpu_.relocations[i];
      if (r.command >= tnpu_.commands.size() ||
          r.field >= InfoOf(tnpu_.commands[r.command].opcode).fields.size()) {
        return reader_.FailAt(
            relocation_offsets_[i] + 4, "relocations",
            fmt::format("{}: field {} of command {}, which is not there",
                        r.name, r.field, r.command));
      }
    }
    return {};
  }

  Status Metadata(const TnpuSection& s) {
    const std::string_view text(
        reinterpret_cast<const char*>(bytes_.data() + s.offset), s.bytes);
    TRIPTYCH_ASSIGN(const JsonValue tree, ParseJson(text, name_, s.offset));
    for (const JsonMember& part : tree.members) {
      const bool marks = part.key == "marks";
      if (!marks && part.key != "notes") {
        return reader_.FailAt(part.offset, Printable(part.key),
                              "allowed are marks and notes");
      }
      for (const JsonMember& m : part.value.members) {
        if (m.value.kind != JsonValue::Kind::kText) {
          return reader_.FailAt(m.offset, Printable(m.key),
                                m.value.Describe() + "; allowed a text");
        }
        if (!marks) {
          tnpu_.notes[m.key] = m.value.text;
          continue;
        }
        uint32_t id;
        const char* end = m.key.data() + m.key.size();
        const auto parsed = std::from_chars(m.key.data(), end, id);
        if (parsed.ec != std::errc() || parsed.ptr != end) {
          return reader_.FailAt(m.offset, Printable(m.key),
                                "allowed the number of a mark");
        }
        tnpu_.marks[id] = m.value.text;
      }
    }
    return {};
  }

  std::span<const std::byte> bytes_;
  const std::string& name_;
  ByteReader reader_;
  uint32_t section_count_ = 0;
  std::vector<TnpuSection> sections_;
  std::vector<size_t> relocation_offsets_;
  std::array<uint64_t, kRegions> data_end_{};
  Tnpu tnpu_;
};

}  // namespace

Result<Tnpu> ParseTnpu(std::span<const std::byte> bytes,
                       const std::string& name) {
  return TnpuReader(bytes, name).Run();
}

std::vector<Piece> Tnpu::Pieces(Region region) const {
  std::vector<Piece> pieces;
  for (const RegionData& d : data) {
    if (d.region == region) pieces.push_back(ReadOnlyPiece(d.offset, d.bytes));
  }
  return pieces;
}

Status Relocate(std::span<const Relocation> relocations,
                const std::map<std::string, int64_t, std::less<>>& values,
                std::span<Command> commands, std::string_view name) {
  for (const Relocation& r : relocations) {
    const auto found = values.find(r.name);
    if (found == values.end()) {
      return MakeError(ErrorCode::kNotFound,
                       fmt::format("{}: command {} wants a value for {}", name,
                                   r.command, r.name));
    }
    Command& command = commands[r.command];
    const Field& field = InfoOf(command.opcode).fields[r.field];
    int64_t value;
    if (__builtin_mul_overflow(r.scale, found->second, &value) ||
        __builtin_add_overflow(value, r.addend, &value) ||
        !FieldHolds(field.kind, value)) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("{}: command {}: {} = {} + {} * {} ({}) does not fit; "
                      "allowed {} bits",
                      name, r.command, field.name, r.addend, r.scale,
                      found->second, r.name, 8 * FieldBytes(field.kind)));
    }
    WriteField(command, field, static_cast<uint64_t>(value));
  }
  return {};
}

}  // namespace triptych::npu
