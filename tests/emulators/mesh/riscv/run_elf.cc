// Runs programs of external suites, riscv-tests above all: RAM at
// 0x80000000, machine-mode traps, `tohost`. One line a failure, then a count.
//
//   riscv_run [--timed] [--wormhole] [--signature DIR] FILE...
//
// --signature writes what lies between begin_signature and end_signature, as
// riscv-arch-test has them, to DIR/<file>.signature, a word a line.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "emulators/mesh/riscv/elf.h"
#include "models/mapped_file.h"
#include "tests/emulators/mesh/riscv/machine.h"

namespace triptych::mesh::riscv {
namespace {

struct Totals {
  uint64_t instructions = 0, cycles = 0;
};

Status WriteSignature(const Elf& elf, const AddressMap& map,
                      const std::string& folder) {
  const auto begin = elf.Symbol("begin_signature");
  const auto end = elf.Symbol("end_signature");
  if (!begin || !end || *begin > *end) {
    return MakeError(ErrorCode::kNotFound, elf.file + ": no signature");
  }
  std::vector<uint32_t> words((*end - *begin) / 4);
  TRIPTYCH_TRY(map.Read(*begin, std::as_writable_bytes(std::span(words))));
  const auto name = std::filesystem::path(elf.file).filename().string();
  std::FILE* out =
      std::fopen((folder + "/" + name + ".signature").c_str(), "w");
  if (out == nullptr) return MakeError(ErrorCode::kIo, folder);
  for (const uint32_t word : words) fmt::print(out, "{:08x}\n", word);
  std::fclose(out);
  return {};
}

Status RunFile(const std::string& path, const MachineOptions& options,
               const std::string& signatures, Totals* totals) {
  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(path));
  TRIPTYCH_ASSIGN(const Elf elf, ParseElf(file.bytes(), path));
  AddressMap map = MapOf(options, std::make_shared<Ram>(options.bytes));
  TRIPTYCH_TRY(LoadElf(elf, map));
  CoreConfig config = ConfigOf(options);
  config.name = path;
  config.machine_traps = config.misaligned = true;
  TRIPTYCH_ASSIGN(config.tohost, ExitWord(elf, map));
  Group group;
  Core& core = group.Add(std::move(config), map);
  core.Reset(elf.entry);
  const Status status = group.Run(1'000'000'000);
  totals->instructions += core.instructions();
  totals->cycles += core.now();
  TRIPTYCH_TRY(status);
  return signatures.empty() ? Status{} : WriteSignature(elf, map, signatures);
}

int Main(std::span<char*> args) {
  MachineOptions options{.base = kRamBase, .bytes = 16 << 20};
  std::string signatures;
  int passed = 0, failed = 0;
  Totals totals;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string arg = args[i];
    if (arg == "--timed") {
      options.timed = true;
    } else if (arg == "--wormhole") {
      options.pipeline = WormholePipeline(BabyCore::kB);
    } else if (arg == "--signature" && i + 1 < args.size()) {
      signatures = args[++i];
    } else if (const Status s = RunFile(arg, options, signatures, &totals); s) {
      ++passed;
    } else {
      ++failed;
      fmt::print("{}\n", s.error().message);
    }
  }
  fmt::print("{} passed, {} failed; {} instructions, {} cycles\n", passed,
             failed, totals.instructions, totals.cycles);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace
}  // namespace triptych::mesh::riscv

int main(int argc, char** argv) {
  return triptych::mesh::riscv::Main(
      std::span(argv + 1, static_cast<size_t>(argc - 1)));
}
