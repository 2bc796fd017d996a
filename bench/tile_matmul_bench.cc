// The matrix product of tiles (kernels/tile/programs/matmul_multicast.c) by
// execution, timing only: cycles of the emulated chip, and how fast this host
// emulates it.
//
// Usage: tile_matmul_bench ELF PRESET COLSxROWS DTYPE FIDELITY M K N
//                          [K_BLOCK DEPTH SUB_M SUB_N ADDS SWAPS | search]
//                          [THREADS]
//
// `search` tries blockings and says which took the fewest cycles.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "emulators/mesh/params.h"
#include "emulators/mesh/tile.h"
#include "emulators/mesh/tile/chip.h"
#include "emulators/mesh/tile/format.h"
#include "emulators/target.h"
#include "kernels/base/units.h"
#include "kernels/tile/abi.h"
#include "kernels/tile/programs/matmul.h"
#include "models/mapped_file.h"

namespace triptych::mesh::tile {
namespace {

struct Job {
  ChipConfig config;
  std::string elf;
  DType format = DType::kBf16;
  uint32_t fidelity = 1;
  uint32_t m = 1, n = 1, k = 1;  // tiles
};

struct Answer {
  MatmulBlocking by = {};
  uint64_t cycles = 0, instructions = 0;
  double host_s = 0;
};

MatmulArgs ArgsOf(const Job& job, const MatmulBlocking& by) {
  return {.m = job.m,
          .n = job.n,
          .k = job.k,
          .formats = {CodeOf(job.format), CodeOf(job.format),
                      CodeOf(job.format), TILE_BF16, job.fidelity},
          .by = by,
          .a = 0,
          .b = 0,
          .c = 0};
}

Result<Answer> Run(const Job& job, const MatmulBlocking& by) {
  constexpr uint64_t kBudget = 1'000'000'000;
  TRIPTYCH_ASSIGN(const auto chip, Chip::Make(job.config));
  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(job.elf));
  TRIPTYCH_ASSIGN(const riscv::Elf elf, riscv::ParseElf(file.bytes(), job.elf));
  TRIPTYCH_TRY(chip->Load(elf));
  const MatmulArgs args = ArgsOf(job, by);
  uint32_t words[sizeof(args) / 4];
  std::memcpy(words, &args, sizeof(args));
  TRIPTYCH_TRY(chip->SetArguments(words));
  const auto start = std::chrono::steady_clock::now();
  TRIPTYCH_ASSIGN(const RunReport report, chip->Run(kBudget));
  const std::chrono::duration<double> host =
      std::chrono::steady_clock::now() - start;
  return Answer{by, report.cycles, report.instructions, host.count()};
}

// L1 that shards and buffers take of a tile (matmul_multicast.c, Setup).
uint64_t L1Bytes(const Job& job, const MatmulBlocking& by) {
  const uint64_t tile = BytesOf(job.format);
  const uint64_t each =
      CeilDiv<uint64_t>(job.k, static_cast<uint64_t>(job.config.cols));
  const uint64_t shard = by.block_m * RoundUp<uint64_t>(each, by.block_k);
  const uint64_t outputs = uint64_t{by.block_m} * by.block_n;
  const bool stays = by.sub_m == by.block_m && by.sub_n == by.block_n;
  const uint64_t steps =
      uint64_t{by.depth} * by.block_k * (by.block_m + by.block_n);
  return TILE_FREE + (shard + outputs + steps) * tile +
         (stays ? 0 : outputs * BytesOf(DType::kBf16)) + 4096;
}

// The largest parts of a block that Dst holds: each height with its greatest
// width.
std::vector<std::pair<uint32_t, uint32_t>> SubBlocks(uint32_t m, uint32_t n) {
  constexpr uint32_t kDst = 8;
  std::vector<std::pair<uint32_t, uint32_t>> subs;
  for (uint32_t i = 1; i <= std::min(m, kDst); ++i) {
    if (m % i) continue;
    uint32_t j = std::min(n, kDst / i);
    while (n % j) --j;
    subs.emplace_back(i, j);
  }
  return subs;
}

// Every blocking that is tried.
std::vector<MatmulBlocking> Blockings(const Job& job) {
  const auto cols = static_cast<uint32_t>(job.config.cols);
  const auto rows = static_cast<uint32_t>(job.config.rows);
  const uint32_t block_m = CeilDiv(job.m, rows);
  const uint32_t block_n = CeilDiv(job.n, cols);
  std::vector<MatmulBlocking> all;
  for (uint32_t block_k = CeilDiv(job.k, cols); block_k > 0; --block_k) {
    // What does not divide a shard makes it longer.
    if (CeilDiv(job.k, cols) % block_k) continue;
    for (const auto& [sub_m, sub_n] : SubBlocks(block_m, block_n)) {
      for (const uint32_t depth : {3u, 2u}) {
        for (const uint32_t adds : {1u, 0u}) {
          for (const uint32_t swaps : {1u, 0u}) {
            all.push_back(
                {block_m, block_n, block_k, sub_m, sub_n, depth, adds, swaps});
          }
        }
      }
    }
  }
  return all;
}

Result<Answer> Search(const Job& job) {
  std::optional<Answer> best;
  for (const MatmulBlocking& by : Blockings(job)) {
    const auto l1 = static_cast<uint64_t>(job.config.params.l1_bytes);
    if (L1Bytes(job, by) > l1) continue;
    TRIPTYCH_ASSIGN(const Answer answer, Run(job, by));
    if (!best || answer.cycles < best->cycles) best = answer;
  }
  if (best) return *best;
  return MakeError(ErrorCode::kInvalid, "no blocking fits into L1");
}

void Print(const Job& job, const Answer& a) {
  const double tiles = static_cast<double>(job.config.cols) * job.config.rows;
  // 16 cycles a tile product and pass.
  const double ideal = 16.0 * job.fidelity * job.m * job.n * job.k / tiles;
  const auto cycles = static_cast<double>(a.cycles);
  fmt::print(
      "block {}x{} k {} sub {}x{} depth {} adds {} swaps {}: {} cycles, {:.2f} "
      "% of the matrix units; {} instructions, {:.2f} s here: {:.2f} Mcycle/s, "
      "{:.1f} MIPS\n",
      a.by.block_m, a.by.block_n, a.by.block_k, a.by.sub_m, a.by.sub_n,
      a.by.depth, a.by.adds, a.by.swaps, a.cycles, 100 * ideal / cycles,
      a.instructions, a.host_s, cycles / a.host_s * 1e-6,
      static_cast<double>(a.instructions) / a.host_s * 1e-6);
}

uint32_t Number(const char* text) {
  return static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

Result<Job> JobOf(char** argv) {
  Job job;
  job.elf = argv[1];
  TRIPTYCH_ASSIGN(const TargetSource source,
                  ReadTarget("mesh:" + std::string(argv[2])));
  TRIPTYCH_TRY(LoadParams(source.config, job.config.params));
  const std::optional<DType> format = DTypeFromName(argv[4]);
  const std::optional<int> phases = PhasesFromName(argv[5]);
  const std::optional<Coordinates> grid = GridFromText(argv[3]);
  if (!grid || !format || !phases) {
    return MakeError(ErrorCode::kInvalid,
                     "grid, dtype or fidelity: allowed are e.g. 13x10 bf16 "
                     "hifi2");
  }
  job.config.cols = grid->col;
  job.config.rows = grid->row;
  job.format = *format;
  job.fidelity = static_cast<uint32_t>(*phases);
  job.m = CeilDiv(Number(argv[6]), 32u);
  job.k = CeilDiv(Number(argv[7]), 32u);
  job.n = CeilDiv(Number(argv[8]), 32u);
  job.config.timing_only = true;
  return job;
}

Result<Answer> Main(int argc, char** argv, bool search) {
  TRIPTYCH_ASSIGN(Job job, JobOf(argv));
  if (argc == 11 || argc == 16) job.config.threads = std::atoi(argv[argc - 1]);
  const MatmulBlocking given = {
      CeilDiv(job.m, static_cast<uint32_t>(job.config.rows)),
      CeilDiv(job.n, static_cast<uint32_t>(job.config.cols)),
      search ? 1 : Number(argv[9]),
      search ? 1 : Number(argv[11]),
      search ? 1 : Number(argv[12]),
      search ? 1 : Number(argv[10]),
      search ? 0 : Number(argv[13]),
      search ? 0 : Number(argv[14])};
  TRIPTYCH_ASSIGN(const Answer answer, search ? Search(job) : Run(job, given));
  Print(job, answer);
  return answer;
}

}  // namespace
}  // namespace triptych::mesh::tile

int main(int argc, char** argv) {
  // Eight that say what; then how, or "search", or nothing; then threads.
  const bool search = argc == 9 || ((argc == 10 || argc == 11) &&
                                    std::string_view(argv[9]) == "search");
  if (!search && argc != 15 && argc != 16) {
    fmt::print(stderr,
               "usage: tile_matmul_bench ELF PRESET COLSxROWS DTYPE FIDELITY "
               "M K N [K_BLOCK DEPTH SUB_M SUB_N ADDS SWAPS | search] "
               "[THREADS]\n");
    return 2;
  }
  const auto answer = triptych::mesh::tile::Main(argc, argv, search);
  if (answer) return 0;
  fmt::print(stderr, "{}\n", answer.error().message);
  return 1;
}
