// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/elf.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "models/formats/byte_reader.h"

namespace triptych::mesh::riscv {
namespace {

constexpr uint32_t kMachineRiscv = 243;
constexpr uint16_t kExecutable = 2;
constexpr uint32_t kLoad = 1;         // p_type
constexpr uint32_t kSymbolTable = 2;  // sh_type
constexpr uint32_t kCompressed = 1, kFloatAbi = 6, kFloatAbiSingle = 2;
constexpr size_t kHeaderSize = 52, kProgramHeaderSize = 32,
                 kSectionHeaderSize = 40, kSymbolSize = 16;
// Far above any program for a tile; keeps a hostile count from costing time.
constexpr uint32_t kMaxSymbols = 1 << 20;

struct Header {
  uint8_t magic[4], file_class, data, version, abi, pad[8];
  uint16_t type, machine;
  uint32_t elf_version, entry, program_headers, section_headers, flags;
  uint16_t size, program_header_size, program_header_count;
  uint16_t section_header_size, section_header_count, names;
};
static_assert(sizeof(Header) == kHeaderSize);

struct ProgramHeader {
  uint32_t type, offset, address, physical, file_size, memory_size, flags,
      align;
};
static_assert(sizeof(ProgramHeader) == kProgramHeaderSize);

struct SectionHeader {
  uint32_t name, type, flags, address, offset, size, link, info, align,
      entry_size;
};
static_assert(sizeof(SectionHeader) == kSectionHeaderSize);

struct SymbolEntry {
  uint32_t name, value, size;
  uint8_t info, other;
  uint16_t section;
};
static_assert(sizeof(SymbolEntry) == kSymbolSize);

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, std::string_view file)
      : bytes_(bytes), reader_(bytes, file), elf_{.file = std::string(file)} {}

  Result<Elf> Parse() {
    TRIPTYCH_ASSIGN(header_, reader_.Read<Header>("ELF header"));
    TRIPTYCH_TRY(CheckHeader());
    elf_.entry = header_.entry;
    for (uint32_t i = 0; i < header_.program_header_count; ++i) {
      TRIPTYCH_TRY(ReadSegment(i));
    }
    if (elf_.segments.empty()) {
      return reader_.FailAt(44, "e_phnum", "nothing to load");
    }
    TRIPTYCH_TRY(ReadSymbols());
    return std::move(elf_);
  }

 private:
  Status CheckHeader() const {
    const auto unsupported = [&](size_t offset, std::string_view key,
                                 std::string what) -> Status {
      return reader_.FailAt(offset, key, what, ErrorCode::kUnsupported);
    };
    if (std::memcmp(header_.magic,
                    "\x7f"
                    "ELF",
                    4) != 0) {
      return reader_.FailAt(0, "magic", "not an ELF file");
    }
    if (header_.file_class != 1) {
      return unsupported(
          4, "EI_CLASS",
          fmt::format("{}; allowed is 1 (32 bits)", header_.file_class));
    }
    if (header_.data != 1) {
      return unsupported(
          5, "EI_DATA",
          fmt::format("{}; allowed is 1 (little-endian)", header_.data));
    }
    if (header_.machine != kMachineRiscv) {
      return unsupported(
          18, "e_machine",
          fmt::format("{}; allowed is 243 (RISC-V)", header_.machine));
    }
    if (header_.type != kExecutable) {
      return unsupported(16, "e_type",
                         fmt::format("{}; allowed is 2 (linked at fixed "
                                     "addresses)",
                                     header_.type));
    }
    if (header_.flags & kCompressed) {
      return unsupported(36, "e_flags",
                         "compressed instructions; allowed are 32-bit ones");
    }
    if ((header_.flags & kFloatAbi) > kFloatAbiSingle) {
      return unsupported(36, "e_flags",
                         "double-precision ABI; allowed are soft-float and "
                         "single-precision");
    }
    if (header_.program_header_size != kProgramHeaderSize) {
      return reader_.FailAt(
          42, "e_phentsize",
          fmt::format("{}; allowed is {}", header_.program_header_size,
                      kProgramHeaderSize));
    }
    return {};
  }

  // The T at `offset`, which is no promise that it is in the file.
  template <class T>
  Result<T> ReadAt(uint64_t offset, std::string_view key) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) {
      return reader_.FailAt(
          static_cast<size_t>(offset), key,
          fmt::format("ends behind the file of {} bytes", bytes_.size()));
    }
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }

  Result<std::span<const std::byte>> Slice(size_t header_offset,
                                           std::string_view key,
                                           uint32_t offset,
                                           uint32_t size) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size) {
      return reader_.FailAt(
          header_offset, key,
          fmt::format("bytes {}..{}; allowed is the file's size, {}", offset,
                      uint64_t{offset} + size, bytes_.size()));
    }
    return bytes_.subspan(offset, size);
  }

  Status ReadSegment(uint32_t index) {
    const uint64_t at =
        uint64_t{header_.program_headers} + index * kProgramHeaderSize;
    const std::string key = fmt::format("program header {}", index);
    TRIPTYCH_ASSIGN(const ProgramHeader p, ReadAt<ProgramHeader>(at, key));
    if (p.type != kLoad || p.memory_size == 0) return {};
    const auto offset = static_cast<size_t>(at);
    if (p.file_size > p.memory_size) {
      return reader_.FailAt(offset, key,
                            fmt::format("p_filesz {} is above p_memsz {}",
                                        p.file_size, p.memory_size));
    }
    TRIPTYCH_ASSIGN(const auto bytes,
                    Slice(offset, key, p.offset, p.file_size));
    elf_.segments.push_back({p.physical, bytes, p.memory_size, offset});
    return {};
  }

  Status ReadSymbols() {
    for (uint32_t i = 0; i < header_.section_header_count; ++i) {
      const uint64_t at =
          uint64_t{header_.section_headers} + i * kSectionHeaderSize;
      TRIPTYCH_ASSIGN(const SectionHeader s,
                      ReadAt<SectionHeader>(at, "section header"));
      if (s.type != kSymbolTable) continue;
      const uint64_t names_at = uint64_t{header_.section_headers} +
                                uint64_t{s.link} * kSectionHeaderSize;
      TRIPTYCH_ASSIGN(const SectionHeader names,
                      ReadAt<SectionHeader>(names_at, "string table"));
      TRIPTYCH_ASSIGN(const auto text,
                      Slice(static_cast<size_t>(names_at), "string table",
                            names.offset, names.size));
      TRIPTYCH_ASSIGN(
          const auto table,
          Slice(static_cast<size_t>(at), "symbol table", s.offset, s.size));
      TRIPTYCH_TRY(ReadSymbolTable(table, text, s.offset));
      return {};
    }
    return {};
  }

  Status ReadSymbolTable(std::span<const std::byte> table,
                         std::span<const std::byte> text, size_t offset) {
    const size_t count =
        std::min<size_t>(table.size() / kSymbolSize, kMaxSymbols);
    const std::string_view names(reinterpret_cast<const char*>(text.data()),
                                 text.size());
    for (size_t i = 0; i < count; ++i) {
      SymbolEntry entry;
      std::memcpy(&entry, table.data() + i * kSymbolSize, kSymbolSize);
      if (entry.name == 0) continue;
      const size_t end = entry.name < names.size()
                             ? names.find('\0', entry.name)
                             : std::string_view::npos;
      if (end == std::string_view::npos) {
        return reader_.FailAt(offset + i * kSymbolSize, "symbol name",
                              "is not in the string table");
      }
      elf_.symbols.push_back(
          {names.substr(entry.name, end - entry.name), entry.value});
    }
    return {};
  }

  std::span<const std::byte> bytes_;
  ByteReader reader_;
  Elf elf_;
  Header header_{};
};

}  // namespace

std::optional<uint32_t> Elf::Symbol(std::string_view name) const {
  const auto found = std::ranges::find(symbols, name, &ElfSymbol::name);
  if (found == symbols.end()) return std::nullopt;
  return found->value;
}

Result<Elf> ParseElf(std::span<const std::byte> bytes, std::string_view file) {
  return Parser(bytes, file).Parse();
}

Status LoadElf(const Elf& elf, const AddressMap& memory) {
  const auto locate = [&](size_t offset, std::string_view what) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: offset {}: {}", elf.file, offset, what));
  };
  for (const ElfSegment& s : elf.segments) {
    const Region* region = memory.Find(s.address);
    if (region == nullptr || !region->ram ||
        s.memory_size > region->size - (s.address - region->base)) {
      return locate(s.header_offset,
                    fmt::format("segment of {} bytes at {:#010x} does not "
                                "fit; allowed: {}",
                                s.memory_size, s.address, memory.Describe()));
    }
    std::byte* const to = region->ram->data() + (s.address - region->base);
    std::ranges::copy(s.bytes, to);
    std::fill(to + s.bytes.size(), to + s.memory_size, std::byte{0});
  }
  const Region* region = memory.Find(elf.entry);
  if (region == nullptr || !region->executable || elf.entry % 4 != 0) {
    return locate(24, fmt::format("e_entry {:#010x}; allowed are multiples of "
                                  "4 in: {}",
                                  elf.entry, memory.Describe()));
  }
  return {};
}

Result<std::optional<uint32_t>> ExitWord(const Elf& elf,
                                         const AddressMap& memory) {
  const std::optional<uint32_t> word = elf.Symbol("tohost");
  if (!word) return word;
  const Region* region = memory.Find(*word);
  if (region == nullptr || !region->ram || *word % 4 != 0) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: symbol tohost: {:#010x}; allowed are multiples of 4 "
                    "in RAM: {}",
                    elf.file, *word, memory.Describe()));
  }
  return word;
}

}  // namespace triptych::mesh::riscv
