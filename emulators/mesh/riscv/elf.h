// ELF32 programs for RISC-V, from files nobody vouches for.
// Layout: Tool Interface Standard, Executable and Linking Format 1.2, and the
// RISC-V ELF psABI for e_machine and e_flags.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_ELF_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_ELF_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/mesh/riscv/memory.h"
#include "kernels/base/result.h"

namespace triptych::mesh::riscv {

struct ElfSegment {
  uint32_t address = 0;
  std::span<const std::byte> bytes;  // of the file
  uint32_t memory_size = 0;          // the rest is zero
  size_t header_offset = 0;          // in the file, for messages
};

struct ElfSymbol {
  std::string_view name;
  uint32_t value = 0;
};

// Views of the file's bytes, which must outlive it.
struct Elf {
  std::string file;
  uint32_t entry = 0;
  std::vector<ElfSegment> segments;  // those to load, not empty
  std::vector<ElfSymbol> symbols;    // none in a stripped file

  std::optional<uint32_t> Symbol(std::string_view name) const;
};

// Errors, "file: offset N: key: what is wrong; allowed ...": kCorrupt for
// bytes that contradict each other; kUnsupported for another machine, class,
// byte order or kind of file, and for compressed instructions or a floating-
// point ABI of double precision.
Result<Elf> ParseElf(std::span<const std::byte> bytes, std::string_view file);

// Copies the segments. An error where one does not fit into RAM, or the entry
// is not in an executable region: with the place in the file, what was asked
// for and what there is.
Status LoadElf(const Elf& elf, const AddressMap& memory);

// Where the program says that it is done (CoreConfig::tohost): its symbol
// `tohost`, if it has one. An error unless that is a word in RAM.
Result<std::optional<uint32_t>> ExitWord(const Elf& elf,
                                         const AddressMap& memory);

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_ELF_H_
