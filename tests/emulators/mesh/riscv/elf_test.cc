// Programs from files: those that are good run, those that are not say where
// and what, and none brings us down.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/elf.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "tests/emulators/mesh/riscv/assembler.h"
#include "tests/emulators/mesh/riscv/elf_writer.h"
#include "tests/emulators/mesh/riscv/machine.h"

namespace triptych::mesh::riscv {
namespace {

std::vector<std::byte> Good(uint32_t address = 0x100) {
  std::vector<uint32_t> code = {I("addi", 5, 0, 42)};
  Append(&code, Exit(0));
  ElfWriter writer(address, code);
  writer.AddSymbol("tohost", 0x800);
  writer.AddSymbol("fromhost", 0x808);
  return writer.Write();
}

AddressMap Map() { return MapOf({}, std::make_shared<Ram>(4096)); }

std::string ErrorOf(const std::vector<std::byte>& bytes) {
  const auto elf = ParseElf(bytes, "f");
  if (!elf) return elf.error().message;
  const Status status = LoadElf(*elf, Map());
  return status ? "no error" : status.error().message;
}

// The good file with `size` bytes at `offset` replaced.
std::vector<std::byte> With(size_t offset, uint32_t value, size_t size = 4) {
  std::vector<std::byte> bytes = Good();
  std::memcpy(bytes.data() + offset, &value, size);
  return bytes;
}

TEST_CASE("a program is loaded where it wants to be, and runs") {
  const std::vector<std::byte> bytes = Good();
  const auto elf = ParseElf(bytes, "f");
  REQUIRE(elf);
  CHECK(elf->entry == 0x100);
  REQUIRE(elf->segments.size() == 1);
  CHECK(elf->segments[0].address == 0x100);
  CHECK(elf->Symbol("tohost") == 0x800);
  CHECK(elf->Symbol("fromhost") == 0x808);
  CHECK(!elf->Symbol("nobody"));
  const AddressMap map = Map();
  REQUIRE(LoadElf(*elf, map));
  Core core(ConfigOf({}), map);
  core.Reset(elf->entry);
  CHECK(core.RunUntil(1000) == Stop::kExited);
  CHECK(core.x(5) == 42);
}

TEST_CASE("what does not fit a file's place is zero") {
  const std::vector<std::byte> bytes = With(52 + 20, 64);  // p_memsz
  const AddressMap map = Map();
  REQUIRE(map.Write(0x110, std::vector<std::byte>(64, std::byte{7})));
  const auto elf = ParseElf(bytes, "f");
  REQUIRE(elf);
  REQUIRE(LoadElf(*elf, map));
  std::vector<std::byte> rest(64);
  REQUIRE(map.Read(0x110, rest));
  for (size_t i = 0; i < 48; ++i) CHECK(rest[i] == std::byte{0});
  CHECK(rest[48] == std::byte{7});
}

TEST_CASE("files that are not for us say so") {
  CHECK(ErrorOf(With(0, 0)) == "f: offset 0: magic: not an ELF file");
  CHECK(ErrorOf(With(4, 2, 1)) ==
        "f: offset 4: EI_CLASS: 2; allowed is 1 (32 bits)");
  CHECK(ErrorOf(With(5, 2, 1)) ==
        "f: offset 5: EI_DATA: 2; allowed is 1 (little-endian)");
  CHECK(ErrorOf(With(18, 62, 2)) ==
        "f: offset 18: e_machine: 62; allowed is 243 (RISC-V)");
  CHECK(ErrorOf(With(16, 3, 2)) ==
        "f: offset 16: e_type: 3; allowed is 2 (linked at fixed addresses)");
  CHECK(ErrorOf(With(36, 1)) ==
        "f: offset 36: e_flags: compressed instructions; allowed are 32-bit "
        "ones");
  CHECK(ErrorOf(With(36, 4)) ==
        "f: offset 36: e_flags: double-precision ABI; allowed are soft-float "
        "and single-precision");
  CHECK(ErrorOf(With(44, 0, 2)) == "f: offset 44: e_phnum: nothing to load");
  CHECK(ErrorOf(With(42, 56, 2)) ==
        "f: offset 42: e_phentsize: 56; allowed is 32");
}

TEST_CASE("files that contradict themselves say where") {
  CHECK(ErrorOf(With(28, 0x10000000)) ==
        "f: offset 268435456: program header 0: ends behind the file of 328 "
        "bytes");
  CHECK(ErrorOf(With(52 + 4, 0xfffffff0)) ==
        "f: offset 52: program header 0: bytes 4294967280..4294967296; "
        "allowed is the file's size, 328");
  CHECK(ErrorOf(With(52 + 16, 0x100)) ==
        "f: offset 52: program header 0: p_filesz 256 is above p_memsz 16");
  CHECK(ErrorOf(With(24, 0x5000)) ==
        "f: offset 24: e_entry 0x00005000; allowed are multiples of 4 in: "
        "ram 0x00000000..0x00000fff, local 0xffb00000..0xffb00fff");
  CHECK(ErrorOf(With(52 + 12, 0xff8)) ==
        "f: offset 52: segment of 16 bytes at 0x00000ff8 does not fit; "
        "allowed: ram 0x00000000..0x00000fff, local 0xffb00000..0xffb00fff");
  CHECK(ErrorOf(With(52 + 20, 0xffffffff)).starts_with("f: offset 52: "));
}

TEST_CASE("a program may say where it ends, within RAM") {
  const AddressMap map = Map();
  const std::vector<std::byte> good = Good();
  CHECK(*ExitWord(*ParseElf(good, "f"), map) == 0x800);
  ElfWriter writer(0x100, Exit(0));
  const std::vector<std::byte> none = writer.Write();
  CHECK(*ExitWord(*ParseElf(none, "f"), map) == std::nullopt);
  writer.AddSymbol("tohost", 0x2000);
  const std::vector<std::byte> outside = writer.Write();
  CHECK(ExitWord(*ParseElf(outside, "f"), map).error().message ==
        "f: symbol tohost: 0x00002000; allowed are multiples of 4 in RAM: "
        "ram 0x00000000..0x00000fff, local 0xffb00000..0xffb00fff");
}

TEST_CASE("no damage gets past the reader") {
  const std::vector<std::byte> good = Good();
  CHECK(ErrorOf(good) == "no error");
  for (size_t size = 0; size < good.size(); ++size) {
    const std::vector<std::byte> cut(
        good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    const std::string message = ErrorOf(cut);
    CHECK(message.starts_with("f: offset "));
  }
  Rng rng(3);
  int errors = 0;
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::byte> bytes = good;
    for (uint32_t n = rng.Below(4) + 1; n > 0; --n) {
      bytes[rng.Below(static_cast<uint32_t>(bytes.size()))] =
          static_cast<std::byte>(rng.Next());
    }
    const std::string message = ErrorOf(bytes);
    errors += message != "no error";
    const bool located =
        message == "no error" || message.starts_with("f: offset ");
    CHECK(located);
  }
  CHECK(errors > 1000);
}

TEST_CASE("maps refuse regions that cannot be") {
  const auto error = [](std::vector<Region> regions) {
    const auto map = AddressMap::Make(std::move(regions));
    return map ? "no error" : map.error().message;
  };
  const auto ram = std::make_shared<Ram>(64);
  CHECK(error({{.name = "a", .base = 0, .size = 64, .ram = ram},
               {.name = "b", .base = 48, .size = 64, .ram = ram}}) ==
        "regions a and b overlap");
  CHECK(error({{.name = "a", .base = 4, .size = 64, .ram = ram}}) ==
        "region a: base 0x4 and size 0x40: allowed are multiples of 16, the "
        "size not 0");
  CHECK(error({{.name = "a", .base = 0xfffffff0, .size = 32}}) ==
        "region a: ends above 2^32");
  CHECK(error({{.name = "a", .base = 0, .size = 128, .ram = ram}}) ==
        "region a: 128 bytes, but its RAM has 64");
  CHECK(error({{.name = "a", .size = 16, .executable = true}}) ==
        "region a: instructions need RAM");
}

}  // namespace
}  // namespace triptych::mesh::riscv
