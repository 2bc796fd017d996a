// The table: rows that exclude each other, an encoder and a decoder that
// undo each other, and a disassembler that agrees with binutils.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/insns.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "emulators/mesh/riscv/csrs.h"
#include "emulators/mesh/riscv/disassemble.h"
#include "kernels/base/rng.h"
#include "tests/emulators/mesh/riscv/assembler.h"

namespace triptych::mesh::riscv {
namespace {

Fields RandomFields(Rng* rng) {
  const auto reg = [&] { return static_cast<uint8_t>(rng->Below(32)); };
  return {.rd = reg(),
          .rs1 = reg(),
          .rs2 = reg(),
          .rs3 = reg(),
          .rm = static_cast<uint8_t>(rng->Below(5)),
          .imm = static_cast<int32_t>(rng->Next())};
}

TEST_CASE("rows of the table exclude each other") {
  for (const Insn& a : Insns()) {
    CAPTURE(a.name);
    CHECK((a.match & ~a.mask) == 0);
    CHECK((a.match & 3) == 3);
    for (const Insn& b : Insns()) {
      if (a.id == b.id) continue;
      CAPTURE(b.name);
      // Some bit that both fix tells them apart.
      CHECK(((a.match ^ b.match) & a.mask & b.mask) != 0);
    }
  }
}

TEST_CASE("encoding and decoding undo each other") {
  Rng rng(1);
  for (const Insn& insn : Insns()) {
    CAPTURE(insn.name);
    for (int i = 0; i < 200; ++i) {
      const uint32_t word = Encode(insn, RandomFields(&rng));
      CHECK(FindInsn(word) == &insn);
      CHECK(Encode(insn, FieldsOf(insn, word)) == word);
    }
  }
}

TEST_CASE("any word is the instruction of the one row that matches") {
  Rng rng(2);
  int found = 0;
  for (int i = 0; i < 200000; ++i) {
    const uint32_t word = rng.Next() | 3;
    const Insn* by_search = nullptr;
    for (const Insn& insn : Insns()) {
      if ((word & insn.mask) == insn.match) by_search = &insn;
    }
    REQUIRE(FindInsn(word) == by_search);
    if (by_search == nullptr) continue;
    ++found;
    // What no field holds is no part of the row (fences have such bits).
    const uint32_t again = Encode(*by_search, FieldsOf(*by_search, word));
    REQUIRE(again == word);
  }
  CHECK(found > 10000);
}

TEST_CASE("words of extensions that a core lacks are not instructions") {
  CHECK(FindInsn(R("sh1add", 1, 2, 3), kI | kM) == nullptr);
  CHECK(FindInsn(R("sh1add", 1, 2, 3), kI | kZba) != nullptr);
  CHECK(FindInsn(0) == nullptr);
  CHECK(FindInsn(~0u) == nullptr);
}

TEST_CASE("the disassembler writes what people read") {
  CHECK(Disassemble(I("lw", 5, 6, -8), 0) == "lw x5,-8(x6)");
  CHECK(Disassemble(Branch("beq", 1, 2, -16), 0x1010) == "beq x1,x2,1000");
  CHECK(Disassemble(Jal(1, 2048), 0x80000000) == "jal x1,80000800");
  CHECK(Disassemble(Word("amoadd.w", {.rd = 1, .rs1 = 2, .rs2 = 3, .imm = 3}),
                    0) == "amoadd.w.aqrl x1,x3,(x2)");
  CHECK(Disassemble(I("csrrw", 1, 2, 3), 0) == "csrrw x1,fcsr,x2");
  CHECK(Disassemble(0x00000000, 0, kI) == ".word 0x00000000");
  CHECK(Disassemble(0x00000004, 0, kI | kTtinsn) == ".ttinsn 0x00000001");
}

// "   4:\t00a28293          \taddi\tx5,x5,10 # comment" -> "addi x5,x5,10"
std::string InsnOfLine(const std::string& line) {
  const size_t colon = line.find(":\t");
  const size_t text = line.find('\t', colon + 2);
  if (colon == std::string::npos || text == std::string::npos) return {};
  std::string insn = line.substr(text + 1);
  insn = insn.substr(0, insn.find_first_of("\n#<"));
  for (char& c : insn) {
    if (c == '\t') c = ' ';
  }
  insn.erase(insn.find_last_not_of(' ') + 1);
  return insn;
}

// What objdump makes of the words at address 0, a line each; empty if there
// is none. An object file, since only that says which extensions there are.
std::vector<std::string> Objdump(const std::vector<uint32_t>& words) {
  if (std::system("riscv64-unknown-elf-objdump --version >/dev/null 2>&1")) {
    MESSAGE("skipped: riscv64-unknown-elf-objdump is not here");
    return {};
  }
  char path[] = "/tmp/riscv_words_XXXXXX";
  REQUIRE(mkdtemp(path) != nullptr);
  const std::string source = fmt::format("{}/w.s", path);
  const std::string object = fmt::format("{}/w.o", path);
  std::FILE* out = std::fopen(source.c_str(), "w");
  REQUIRE(out != nullptr);
  for (const uint32_t word : words) fmt::print(out, ".insn {:#x}\n", word);
  std::fclose(out);
  const std::string command = fmt::format(
      "riscv64-unknown-elf-as -mabi=ilp32f "
      "-march=rv32imaf_zicsr_zifencei_zba_zbb {} -o {} && "
      "riscv64-unknown-elf-objdump -d -M no-aliases,numeric {}",
      source, object, object);
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::vector<std::string> lines;
  char buffer[256];
  while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) {
    const std::string insn = InsnOfLine(buffer);
    if (!insn.empty()) lines.push_back(insn);
  }
  pclose(pipe);
  std::filesystem::remove_all(path);
  return lines;
}

TEST_CASE("binutils reads every instruction as we do") {
  Rng rng(3);
  std::vector<uint32_t> words;
  for (const Insn& insn : Insns()) {
    for (int i = 0; i < 20; ++i) {
      Fields f = RandomFields(&rng);
      if (insn.format == Format::kFence) f = {.imm = f.imm & 0xff};
      if (insn.format == Format::kFenceI) f = {};
      if (insn.cost == Cost::kCsr) {
        f.imm = Csrs()[rng.Below(static_cast<uint32_t>(Csrs().size()))].number;
      }
      words.push_back(Encode(insn, f));
    }
  }
  const std::vector<std::string> lines = Objdump(words);
  if (lines.empty()) return;
  REQUIRE(lines.size() == words.size());
  for (size_t i = 0; i < words.size(); ++i) {
    CHECK(Disassemble(words[i], static_cast<uint32_t>(4 * i)) == lines[i]);
  }
}

}  // namespace
}  // namespace triptych::mesh::riscv
