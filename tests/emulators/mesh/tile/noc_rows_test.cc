// Transfers of executed programs beside measured ones: rows of
// emulators/mesh/validation/noc_latency.csv (public half), timed as those
// were, by reading the clock before the first command and after the barrier.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <span>
#include <string>

#include "tests/emulators/mesh/tile/program.h"

namespace triptych::mesh::tile {
namespace {

constexpr uint32_t kResult = 0x20000, kLocal = 0x30000, kRemote = 0x40000;

struct Row {
  std::string preset;
  bool read, dram;
  int transactions;
  uint32_t bytes;
  double cycles;
};

uint32_t Measure(const Row& row) {
  const Params params = PresetParams(row.preset);
  const auto plan = Floorplan::Make(params, 2, 2);
  REQUIRE(plan.has_value());
  // Another row and column, or a bank.
  const Place there = row.dram ? plan->banks()[2] : plan->PlaceOf(3);
  CoreCode transfers;
  for (int i = 0; i < row.transactions; ++i) {
    transfers.Noc(0, TILE_NOC_COMMAND,
                  row.read ? TILE_NOC_READ : TILE_NOC_WRITE);
  }
  Program program;
  program[BabyCore::kB]
      .IfWord(TILE_INFO_COL, 0)
      .IfWord(TILE_INFO_ROW, 0)
      .Noc(0, TILE_NOC_LOCAL, kLocal)
      .Noc(0, TILE_NOC_REMOTE, kRemote)
      .Noc(0, TILE_NOC_XY, Xy(there))
      .Noc(0, TILE_NOC_LENGTH, row.bytes)
      .Get(20, TILE_CLOCK)
      .Words(transfers.words())
      .Barrier(0, row.read ? TILE_NOC_BARRIER_READ : TILE_NOC_BARRIER_WRITE)
      // The clock is read once the barrier's load is there.
      .Word(riscv::R("add", 21, 9, 0))
      .Get(21, TILE_CLOCK)
      .Word(riscv::R("sub", 22, 21, 20))
      .PutRegister(kResult, 22)
      .End()
      .End();
  const auto chip = ChipWith(program, {.params = params, .cols = 2, .rows = 2});
  const auto report = chip->Run(10'000'000);
  REQUIRE_MESSAGE(report.has_value(), report.error().message);
  uint32_t cycles = 0;
  REQUIRE(chip->ReadL1({0, 0}, kResult,
                       std::as_writable_bytes(std::span(&cycles, 1)))
              .has_value());
  return cycles;
}

TEST_CASE("executed transfers take as long as measured ones") {
  const Row kRows[] = {
      {"blackhole-p150", true, false, 1, 64, 373},
      {"blackhole-p150", true, false, 1, 2048, 404},
      {"blackhole-p150", true, false, 1, 16384, 646},
      {"blackhole-p150", true, false, 16, 64, 878},
      {"blackhole-p150", true, false, 16, 4096, 1471},
      {"blackhole-p150", true, false, 16, 16384, 4630},
      {"blackhole-p150", true, true, 1, 64, 486},
      {"blackhole-p150", true, true, 1, 16384, 1180},
      {"blackhole-p150", true, true, 16, 4096, 3348},
      {"blackhole-p150", false, false, 1, 64, 360},
      {"blackhole-p150", false, false, 1, 16384, 648},
      {"blackhole-p150", false, false, 16, 64, 672},
      {"blackhole-p150", false, false, 16, 16384, 4616},
      {"wormhole-n150", true, false, 1, 64, 293},
      {"wormhole-n150", true, false, 1, 8192, 589},
      {"wormhole-n150", true, false, 16, 64, 571},
      {"wormhole-n150", true, false, 16, 8192, 4891},
      {"wormhole-n150", true, true, 1, 64, 381},
      {"wormhole-n150", false, false, 1, 64, 296},
      {"wormhole-n150", false, false, 16, 4096, 2516},
  };
  double sum = 0, worst = 0;
  for (const Row& row : kRows) {
    const uint32_t cycles = Measure(row);
    const double error = std::abs(cycles - row.cycles) / row.cycles;
    MESSAGE(row.preset << std::string(row.read ? " read " : " write ")
                       << std::string(row.dram ? "DRAM " : "L1 ")
                       << row.transactions << " x " << row.bytes << ": "
                       << cycles << ", measured " << row.cycles);
    sum += error;
    worst = std::max(worst, error);
  }
  const double mean = sum / std::size(kRows);
  MESSAGE("mean error " << 100 * mean << " %, most " << 100 * worst << " %");
  CHECK(mean <= 0.05);
  CHECK(worst <= 0.12);
}

}  // namespace
}  // namespace triptych::mesh::tile
