// Every program on the emulated chip, on each of its trials: values, cycles,
// and that neither threads nor leaving values out change the latter.
//
// Usage: tile_programs_test DIRECTORY_OF_ELFS [PREFIX [options of doctest]]
// PREFIX: only the trials whose "program/label" begins so.
// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <string>

#include "kernels/tile/abi.h"
#include "kernels/tile/programs/eltwise.h"
#include "tests/kernels/tile/cycles.h"
#include "tests/kernels/tile/trial.h"

namespace triptych::mesh::tile {
namespace {

std::string directory, prefix;

// Enough for each of them, many times; a program that hangs ends here.
constexpr uint64_t kBudget = 5'000'000;

uint64_t CyclesOf(Workspace* w) {
  const Result<RunReport> report = w->chip().Run(kBudget);
  if (!report) FAIL(report.error().message);
  return report->cycles;
}

uint64_t RunWithValues(const Trial& trial, const std::string& elf) {
  Workspace w(trial.grid, elf, 1, false);
  const Prepared prepared = trial.prepare(&w);
  REQUIRE(w.chip().SetArguments(prepared.args));
  // Otherwise the check would not notice a program that does nothing.
  CHECK_MESSAGE(!(prepared.check(w) <= 1), "right before it ran");
  const uint64_t cycles = CyclesOf(&w);
  const double worst = prepared.check(w);
  CHECK_MESSAGE(worst <= 1, "off by ", worst, " of what is allowed");
  return cycles;
}

uint64_t RunForTiming(const Trial& trial, const std::string& elf, int threads) {
  Workspace w(trial.grid, elf, threads, true);
  REQUIRE(w.chip().SetArguments(trial.prepare(&w).args));
  return CyclesOf(&w);
}

void Try(const Program& program, const Trial& trial, const std::string& name,
         AcceptedCycles* gate) {
  CAPTURE(name);
  const std::string elf = fmt::format("{}/{}.elf", directory, program.name);
  const uint64_t cycles = RunWithValues(trial, elf);
  CHECK(RunForTiming(trial, elf, 1) == cycles);
  CHECK(RunForTiming(trial, elf, 2) == cycles);
  const bool allowed = gate->Allows(name, cycles);
  if (!gate->accepting()) CHECK_MESSAGE(allowed, name, " took ", cycles);
  fmt::print("{:<60} {:>9} cycles\n", name, cycles);
}

}  // namespace

TEST_CASE("programs of tiles: values and cycles") {
  std::string compiler;
  std::ifstream(directory + "/compiler.txt") >> compiler;
  REQUIRE(!compiler.empty());
  AcceptedCycles gate("tests/kernels/tile/cycles.txt", compiler);
  for (const Program& program : Programs()) {
    for (const Trial& trial : program.trials()) {
      const std::string name = fmt::format("{}/{}", program.name, trial.label);
      if (name.starts_with(prefix)) Try(program, trial, name, &gate);
    }
  }
  if (gate.accepting()) gate.Accept();
}

TEST_CASE("programs of tiles: what cannot be is said") {
  const std::string elf = directory + "/eltwise.elf";
  EltwiseArgs args = {.op = TILE_OP_ADD,
                      .format = TILE_BF16,
                      .tiles = 1,
                      .a = 0,
                      .b = 0,
                      .out = 0,
                      .step = 0,
                      .depth = 1};
  const auto error = [&] {
    Workspace w({}, elf, 1, true);
    REQUIRE(w.chip().SetArguments(WordsOf(args)));
    const auto report = w.chip().Run(kBudget);
    return report ? std::string("no error") : report.error().message;
  };
  // A step of nothing: kBadArguments of core.h.
  CHECK(error().find("code 2") != std::string::npos);
  // More buffers than L1 has room for: kL1Overflow.
  args.step = 8;
  args.depth = 100;
  CHECK(error().find("code 1") != std::string::npos);
}

}  // namespace triptych::mesh::tile

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  if (argc < 2) {
    fmt::print(stderr, "usage: tile_programs_test ELF_DIRECTORY [PREFIX]\n");
    return 2;
  }
  triptych::mesh::tile::directory = argv[1];
  if (argc > 2) triptych::mesh::tile::prefix = argv[2];
  return context.run();
}
