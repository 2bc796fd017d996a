// A program file for the fuzzer to start from: make_riscv_seeds PATH.
// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <vector>

#include "tests/emulators/mesh/riscv/assembler.h"
#include "tests/emulators/mesh/riscv/elf_writer.h"

int main(int argc, char** argv) {
  using namespace triptych::mesh::riscv;
  if (argc != 2) return 2;
  std::vector<uint32_t> code = {I("lw", 5, 10, 0), I("addi", 5, 5, 1),
                                Store("sw", 5, 10, 0),
                                Branch("bne", 5, 0, -12)};
  Append(&code, Exit(0));
  ElfWriter writer(0x100, code);
  writer.AddSymbol("tohost", 0x800);
  const std::vector<std::byte> bytes = writer.Write();
  std::ofstream out(argv[1], std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  return out ? 0 : 1;
}
