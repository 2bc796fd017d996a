// Speed of the mesh's RISC-V cores on this host, in instructions a CPU
// second of one thread: untimed, timed as either machine, and five timed ones
// whose every access to RAM goes in the order of their clocks. Beside them, if
// it is here, QEMU's spike board on the same files, start-up subtracted.
//
//   riscv_bench EMPTY.elf FILE.elf...
//
// EMPTY.elf does nothing: it measures that start-up.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "emulators/mesh/riscv/elf.h"
#include "emulators/mesh/riscv/group.h"
#include "models/mapped_file.h"

extern char** environ;

namespace triptych::mesh::riscv {
namespace {

constexpr uint32_t kBase = 0x80000000, kBytes = 1 << 20;
constexpr int kRuns = 3;  // the fastest counts: others share this host

struct Mode {
  const char* name;
  bool timed;
  PipelineParams pipeline;
  int cores = 1;
};

struct Speed {
  uint64_t instructions = 0, cycles = 0;
  double seconds = 1e30;
};

Result<AddressMap> MapOfOne() {
  return AddressMap::Make({{.name = "ram",
                            .base = kBase,
                            .size = kBytes,
                            .latency = Latency::kL1,
                            .shared = true,
                            .executable = true,
                            .ram = std::make_shared<Ram>(kBytes)}});
}

Result<Speed> Measure(const Elf& elf, const Mode& mode) {
  Speed best;
  for (int run = 0; run < kRuns; ++run) {
    Group group;
    for (int i = 0; i < mode.cores; ++i) {
      // A memory each, since all programs start at one address; but shared as
      // far as a core can know.
      TRIPTYCH_ASSIGN(AddressMap map, MapOfOne());
      TRIPTYCH_TRY(LoadElf(elf, map));
      TRIPTYCH_ASSIGN(const auto tohost, ExitWord(elf, map));
      Core& core = group.Add({.name = elf.file,
                              .extensions = ~uint32_t{kTtinsn},
                              .timed = mode.timed,
                              .pipeline = mode.pipeline,
                              .tohost = tohost},
                             map);
      core.Reset(elf.entry);
    }
    const std::clock_t begin = std::clock();
    TRIPTYCH_TRY(group.Run(uint64_t{1} << 40));
    const double seconds =
        static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    best = {0, 0, std::min(best.seconds, seconds)};
    for (size_t i = 0; i < group.size(); ++i) {
      best.instructions += group.core(i).instructions();
      best.cycles += group.core(i).now();
    }
  }
  return best;
}

// CPU seconds of QEMU on a file; nothing if it is not here, or fails.
std::optional<double> QemuSeconds(const std::string& path) {
  double best = 1e30;
  for (int run = 0; run < kRuns; ++run) {
    const char* argv[] = {
        "qemu-system-riscv32", "-M",      "spike",      "-bios", "none",
        "-nographic",          "-kernel", path.c_str(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    pid_t pid;
    const int failed = posix_spawnp(&pid, argv[0], &actions, nullptr,
                                    const_cast<char**>(argv), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed) return std::nullopt;
    int status = 0;
    rusage usage{};
    if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
      return std::nullopt;
    }
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) +
             1e-6 * static_cast<double>(t.tv_usec);
    };
    best = std::min(best, seconds(usage.ru_utime) + seconds(usage.ru_stime));
  }
  return best;
}

Status Report(const std::string& path, std::optional<double> startup) {
  const Mode modes[] = {
      {"untimed", false, BlackholePipeline(BabyCore::kB)},
      {"blackhole", true, BlackholePipeline(BabyCore::kB)},
      {"wormhole", true, WormholePipeline(BabyCore::kB)},
      {"five cores", true, BlackholePipeline(BabyCore::kB), 5}};
  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(path));
  TRIPTYCH_ASSIGN(const Elf elf, ParseElf(file.bytes(), path));
  const std::string name = std::filesystem::path(path).stem().string();
  double untimed = 0;
  uint64_t instructions = 0;
  for (const Mode& mode : modes) {
    TRIPTYCH_ASSIGN(const Speed speed, Measure(elf, mode));
    const auto count = static_cast<double>(speed.instructions);
    const double mips = count / speed.seconds * 1e-6;
    if (!mode.timed) {
      untimed = mips;
      instructions = speed.instructions;
    }
    fmt::print("{:10} {:10} {:8.1f} MIPS  {:.2f} cycles an instruction\n", name,
               mode.name, mips, static_cast<double>(speed.cycles) / count);
  }
  const auto qemu = startup ? QemuSeconds(path) : std::nullopt;
  if (qemu && *qemu > *startup) {
    const double mips =
        static_cast<double>(instructions) / (*qemu - *startup) * 1e-6;
    fmt::print("{:10} {:10} {:8.1f} MIPS  untimed is {:.2f} of it\n", name,
               "qemu", mips, untimed / mips);
  }
  return {};
}

int Main(std::span<char*> args) {
  if (args.size() < 2) {
    fmt::print(stderr, "usage: riscv_bench EMPTY.elf FILE.elf...\n");
    return 2;
  }
  const auto startup = QemuSeconds(args[0]);
  if (!startup) fmt::print("qemu-system-riscv32 is not here\n");
  for (char* path : args.subspan(1)) {
    if (const Status status = Report(path, startup); !status) {
      fmt::print(stderr, "{}\n", status.error().message);
      return 2;
    }
  }
  return 0;
}

}  // namespace
}  // namespace triptych::mesh::riscv

int main(int argc, char** argv) {
  return triptych::mesh::riscv::Main(
      std::span(argv + 1, static_cast<size_t>(argc - 1)));
}
