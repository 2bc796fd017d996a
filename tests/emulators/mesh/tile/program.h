// Programs for tiles, a core at a time, without a compiler.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_MESH_TILE_PROGRAM_H_
#define TRIPTYCH_TESTS_EMULATORS_MESH_TILE_PROGRAM_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "emulators/mesh/riscv/elf.h"
#include "emulators/mesh/riscv/pipeline.h"
#include "emulators/mesh/tile/chip.h"
#include "emulators/params.h"
#include "emulators/target.h"
#include "kernels/base/check.h"
#include "kernels/tile/abi.h"
#include "tests/emulators/mesh/riscv/assembler.h"
#include "tests/emulators/mesh/riscv/elf_writer.h"

namespace triptych::mesh::tile {

using riscv::BabyCore;

// Straight-line code of one core. Registers 5 and up are its own; what it
// knows of its tile it loads.
class CoreCode {
 public:
  CoreCode& Words(const std::vector<uint32_t>& words) {
    riscv::Append(&words_, words);
    return *this;
  }
  CoreCode& Word(uint32_t word) { return Words({word}); }
  // The word at `address` = value; = register.
  CoreCode& Put(uint32_t address, uint32_t value) {
    Words(riscv::Li(6, value));
    return PutRegister(address, 6);
  }
  CoreCode& PutRegister(uint32_t address, int rs) {
    Words(riscv::Li(5, address));
    return Word(riscv::Store("sw", rs, 5, 0));
  }
  CoreCode& Get(int rd, uint32_t address) {
    Words(riscv::Li(5, address));
    return Word(riscv::I("lw", rd, 5, 0));
  }
  // Goes on only if the word at `address` is `value`; else exits with `code`.
  CoreCode& Expect(uint32_t address, uint32_t value, int code) {
    Get(7, address);
    Words(riscv::Li(8, value));
    Word(riscv::Branch("beq", 7, 8, 4 * (1 + kExitWords)));
    return Exit(code);
  }
  // What follows up to the matching End runs only where they are equal.
  CoreCode& IfWord(uint32_t address, uint32_t value) {
    Get(7, address);
    Words(riscv::Li(8, value));
    // Jumps to End, however far it is.
    Word(riscv::Branch("beq", 7, 8, 8));
    open_.push_back(words_.size());
    return Word(0);
  }
  CoreCode& End() {
    const size_t at = open_.back();
    open_.pop_back();
    words_[at] = riscv::Jal(0, static_cast<int>(4 * (words_.size() - at)));
    return *this;
  }
  CoreCode& WaitFor(uint32_t word, uint32_t value,
                    uint32_t how = TILE_WAIT_GE) {
    return Put(TILE_WAIT_ADDRESS, word).Put(TILE_WAIT_VALUE, value).Get(9, how);
  }
  CoreCode& Engine(uint32_t offset, uint32_t value) {
    return Put(TILE_ENGINE + offset, value);
  }
  CoreCode& Command(uint32_t op, uint32_t operands = 0) {
    return Put(TILE_ENGINE_COMMAND, op << 24 | operands);
  }
  CoreCode& Signal(uint32_t word, uint32_t value) {
    return Engine(TILE_SIGNAL_ADDRESS, word)
        .Engine(TILE_SIGNAL_VALUE, value)
        .Command(TILE_OP_SIGNAL);
  }
  CoreCode& Noc(int noc, uint32_t offset, uint32_t value) {
    return Put(
        TILE_NOC0 + static_cast<uint32_t>(noc) * TILE_NOC_STRIDE + offset,
        value);
  }
  CoreCode& Barrier(int noc, uint32_t offset) {
    return Get(
        9, TILE_NOC0 + static_cast<uint32_t>(noc) * TILE_NOC_STRIDE + offset);
  }
  CoreCode& Transfer(int noc, uint32_t command, uint32_t local, uint32_t xy,
                     uint32_t remote, uint32_t bytes) {
    return Noc(noc, TILE_NOC_LOCAL, local)
        .Noc(noc, TILE_NOC_XY, xy)
        .Noc(noc, TILE_NOC_REMOTE, remote)
        .Noc(noc, TILE_NOC_LENGTH, bytes)
        .Noc(noc, TILE_NOC_COMMAND, command);
  }
  CoreCode& Exit(int code = 0) {
    return Put(TILE_EXIT, static_cast<uint32_t>(code) << 1 | 1);
  }
  const std::vector<uint32_t>& words() const { return words_; }

 private:
  static constexpr int kExitWords = 5;
  std::vector<uint32_t> words_;
  std::vector<size_t> open_;
};

// What each core does; without anything, it ends.
struct Program {
  std::array<CoreCode, kBabyCores> cores;

  CoreCode& operator[](BabyCore core) {
    return cores[static_cast<size_t>(core)];
  }

  std::vector<std::byte> Elf() const {
    std::vector<uint32_t> words;
    // One compare and one jump for each core, then their code.
    uint32_t at = 3 * kBabyCores;
    for (uint32_t i = 0; i < kBabyCores; ++i) {
      const auto here = static_cast<uint32_t>(words.size());
      words.push_back(riscv::I("addi", 5, 0, static_cast<int>(i)));
      words.push_back(riscv::Branch("bne", 10, 5, 8));
      words.push_back(riscv::Jal(0, static_cast<int>(4 * (at - here - 2))));
      at += static_cast<uint32_t>(cores[i].words().size()) + 5;
    }
    for (const CoreCode& code : cores) {
      riscv::Append(&words, code.words());
      riscv::Append(&words, CoreCode().Exit().words());
    }
    return riscv::ElfWriter(TILE_PROGRAM_BASE, words).Write();
  }
};

// Of "blackhole-p150" and the like.
inline Params PresetParams(const std::string& name) {
  const auto source = ReadTarget("mesh:" + name);
  TRIPTYCH_CHECK(source.has_value(), name);
  Params params;
  const auto set = LoadParams(source->config, params);
  TRIPTYCH_CHECK(set.has_value(), name);
  return params;
}

// A chip with the program in all tiles.
inline std::unique_ptr<Chip> ChipWith(const Program& program,
                                      const ChipConfig& config) {
  auto chip = Chip::Make(config);
  TRIPTYCH_CHECK(chip.has_value(), chip.error().message);
  const std::vector<std::byte> bytes = program.Elf();
  const auto elf = riscv::ParseElf(bytes, "test.elf");
  TRIPTYCH_CHECK(elf.has_value(), elf.error().message);
  const Status loaded = (*chip)->Load(*elf);
  TRIPTYCH_CHECK(loaded.has_value(), loaded.error().message);
  return *std::move(chip);
}

inline uint32_t Xy(Place place) {
  return static_cast<uint32_t>(place.x) | static_cast<uint32_t>(place.y) << 8;
}

}  // namespace triptych::mesh::tile

#endif  // TRIPTYCH_TESTS_EMULATORS_MESH_TILE_PROGRAM_H_
