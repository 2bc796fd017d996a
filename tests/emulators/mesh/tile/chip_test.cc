// Tiles as a program sees them: cores that signal, move and compute, on one
// host thread and two, with values and without.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/chip.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "emulators/mesh/tile/format.h"
#include "kernels/base/formats.h"
#include "kernels/base/rng.h"
#include "tests/emulators/mesh/tile/program.h"

namespace triptych::mesh::tile {
namespace {

constexpr uint64_t kBudget = 1'000'000;
// Where the programs below have things in L1.
constexpr uint32_t kFlag = 0x20000, kFrom = 0x20100, kTo = 0x30100;

RunReport MustRun(Chip* chip) {
  auto report = chip->Run(kBudget);
  REQUIRE_MESSAGE(report.has_value(), report.error().message);
  return *std::move(report);
}

std::string ErrorOf(const Program& program, ChipConfig config,
                    uint64_t budget = kBudget) {
  const auto chip = ChipWith(program, config);
  const auto report = chip->Run(budget);
  REQUIRE_FALSE(report.has_value());
  return report.error().message;
}

ChipConfig Blackhole(int32_t cols = 1, int32_t rows = 1) {
  return {.params = PresetParams("blackhole-p150"), .cols = cols, .rows = rows};
}

std::vector<std::byte> Pattern(size_t bytes, uint64_t seed) {
  Rng rng(seed, 1);
  std::vector<std::byte> data(bytes);
  for (std::byte& b : data) b = std::byte(rng.Below(256));
  return data;
}

uint32_t WordIn(const Chip& chip, Coordinates at, uint32_t address) {
  uint32_t word = 0;
  REQUIRE(chip.ReadL1(at, address, std::as_writable_bytes(std::span(&word, 1)))
              .has_value());
  return word;
}

// Tile 0,0 writes to tile 1,0, says so, and that one reads something back.
Program Exchange(const Floorplan& plan) {
  const uint32_t left = Xy(plan.PlaceOf(0)), right = Xy(plan.PlaceOf(1));
  Program program;
  CoreCode& b = program[BabyCore::kB];
  b.IfWord(TILE_INFO_COL, 0)
      .Transfer(0, TILE_NOC_WRITE, kFrom, right, kTo, 4096)
      .Noc(0, TILE_NOC_REMOTE, kFlag)
      .Noc(0, TILE_NOC_VALUE, 3)
      .Noc(0, TILE_NOC_COMMAND, TILE_NOC_INCREMENT)
      .Barrier(0, TILE_NOC_BARRIER_WRITE)
      .End();
  b.IfWord(TILE_INFO_COL, 1)
      .WaitFor(kFlag, 3)
      .Transfer(1, TILE_NOC_READ, kFrom, left, kFrom, 1024)
      .Barrier(1, TILE_NOC_BARRIER_READ)
      .End();
  return program;
}

TEST_CASE("tiles write, signal and read") {
  const auto plan = Floorplan::Make(PresetParams("blackhole-p150"), 2, 1);
  REQUIRE(plan.has_value());
  const auto chip = ChipWith(Exchange(*plan), Blackhole(2));
  const auto data = Pattern(4096, 1);
  REQUIRE(chip->WriteL1({0, 0}, kFrom, data).has_value());
  const RunReport report = MustRun(chip.get());
  std::vector<std::byte> there(4096), back(1024);
  REQUIRE(chip->ReadL1({1, 0}, kTo, there).has_value());
  REQUIRE(chip->ReadL1({1, 0}, kFrom, back).has_value());
  CHECK(there == data);
  CHECK(std::equal(back.begin(), back.end(), data.begin()));
  CHECK(WordIn(*chip, {1, 0}, kFlag) == 3);
  CHECK(WordIn(*chip, {0, 0}, kFlag) == 0);
  CHECK(report.transfers == 3);
  // A write of 4 KiB and then a read over one hop, each at least its flits
  // and the way.
  CHECK(report.cycles > 2 * 200);
  CHECK(report.cycles < 1500);
}

TEST_CASE("a rectangle is written with and without the sender") {
  const auto plan = Floorplan::Make(PresetParams("blackhole-p150"), 3, 2);
  REQUIRE(plan.has_value());
  const Place first = plan->PlaceOf(0), last = plan->PlaceOf(5);
  const uint32_t all = Xy(first) | Xy(last) << 16;
  for (const bool self : {false, true}) {
    CAPTURE(self);
    Program program;
    program[BabyCore::kNc]
        .IfWord(TILE_INFO_COL, 1)
        .IfWord(TILE_INFO_ROW, 0)
        .Noc(0, TILE_NOC_XY, all)
        .Noc(0, TILE_NOC_REMOTE, kFlag)
        .Noc(0, TILE_NOC_VALUE, 7)
        .Noc(0, TILE_NOC_COMMAND,
             TILE_NOC_INLINE | TILE_NOC_MULTICAST | (self ? TILE_NOC_SELF : 0))
        .Barrier(0, TILE_NOC_BARRIER_WRITE)
        .End()
        .End();
    const auto chip = ChipWith(program, Blackhole(3, 2));
    MustRun(chip.get());
    for (size_t i = 0; i < chip->tiles(); ++i) {
      const Coordinates at = chip->floorplan().CoordinatesOf(i);
      const bool sender = at == Coordinates{1, 0};
      CHECK(WordIn(*chip, at, kFlag) == (sender && !self ? 0 : 7));
    }
  }
}

TEST_CASE("DRAM keeps what is written") {
  const auto plan = Floorplan::Make(PresetParams("blackhole-p150"), 1, 1);
  const uint32_t bank = Xy(plan->banks()[5]);
  Program program;
  program[BabyCore::kB]
      .Transfer(0, TILE_NOC_READ, kTo, bank, 0x12340, 16384)
      .Barrier(0, TILE_NOC_BARRIER_READ)
      .Transfer(1, TILE_NOC_WRITE, kTo, bank, 0x80000000, 16384)
      .Barrier(1, TILE_NOC_BARRIER_WRITE);
  const auto chip = ChipWith(program, Blackhole());
  const auto data = Pattern(16384, 2);
  REQUIRE(chip->WriteDram(5, 0x12340, data).has_value());
  const RunReport report = MustRun(chip.get());
  std::vector<std::byte> out(16384);
  REQUIRE(chip->ReadDram(5, 0x80000000, out).has_value());
  CHECK(out == data);
  CHECK(report.dram_read_bytes == 16384);
  CHECK(report.dram_written_bytes == 16384);
}

// A product of block sizes rt x kt x ct in one tile; sums come back from L1.
constexpr uint32_t kA = 0x40000, kB = 0x80000, kC = 0xc0000;

Program Product(uint32_t rt, uint32_t ct, uint32_t kt, int phases, bool f32,
                uint32_t format, uint32_t bytes) {
  Program program;
  program[BabyCore::kT0]
      .Engine(TILE_A_ADDRESS, kB)
      .Engine(TILE_A_FORMAT, format)
      .Engine(TILE_A_STRIDE, ct * bytes)
      .Engine(TILE_B_ADDRESS, kA)
      .Engine(TILE_B_FORMAT, TILE_BF16)
      .Engine(TILE_B_STRIDE, kt * 2048)
      .Command(TILE_OP_UNPACK_MATMUL, kt << 16 | rt << 8 | ct);
  program[BabyCore::kT1]
      .Engine(TILE_FIDELITY, static_cast<uint32_t>(phases))
      .Engine(TILE_DST_FORMAT, f32 ? TILE_F32 : TILE_BF16)
      .Engine(TILE_DST, 0)
      .Command(TILE_OP_ACQUIRE)
      .Command(TILE_OP_MATMUL, kt << 16 | rt << 8 | ct)
      .Command(TILE_OP_COMMIT);
  program[BabyCore::kT2]
      .Engine(TILE_PACK_ADDRESS, kC)
      .Engine(TILE_PACK_FORMAT, f32 ? TILE_F32 : TILE_BF16)
      .Engine(TILE_PACK_STRIDE, ct * (f32 ? 4096 : 2048))
      .Engine(TILE_DST, 0)
      .Command(TILE_OP_WAIT)
      .Command(TILE_OP_PACK, rt << 8 | ct)
      .Command(TILE_OP_RELEASE)
      .Signal(kFlag, 1);
  program[BabyCore::kB].WaitFor(kFlag, 1);
  return program;
}

TEST_CASE("a product on a tile is that of the matrix unit") {
  struct Case {
    uint32_t rt, ct, kt;
    int phases;
    bool f32;
    DType format;
  };
  for (const Case& c : {Case{1, 1, 1, 4, false, DType::kBf16},
                        Case{2, 4, 3, 2, false, DType::kBfp8},
                        Case{4, 1, 2, 1, true, DType::kBfp4},
                        Case{1, 2, 5, 3, true, DType::kBf16}}) {
    const size_t m = 32 * c.rt, n = 32 * c.ct, k = 32 * c.kt;
    CAPTURE(m);
    CAPTURE(n);
    Rng rng(9, 3);
    AlignedVector<float> a(m * k), w(n * k), c_out(m * n);
    for (float& x : a) x = RoundToBf16(rng.Normal());
    for (float& x : w) x = rng.Normal();
    const size_t bytes = BytesOf(c.format), out = c.f32 ? 4096 : 2048;
    const auto chip =
        ChipWith(Product(c.rt, c.ct, c.kt, c.phases, c.f32, CodeOf(c.format),
                         static_cast<uint32_t>(bytes)),
                 Blackhole());
    std::array<float, 1024> values;
    std::vector<std::byte> tile(4096);
    for (uint32_t r = 0; r < c.rt; ++r) {
      for (uint32_t t = 0; t < c.kt; ++t) {
        for (size_t i = 0; i < 1024; ++i) {
          values[i] = a[(32 * r + i / 32) * k + 32 * t + i % 32];
        }
        EncodeTile(DType::kBf16, values, std::span(tile).first(2048));
        REQUIRE(chip->WriteL1({0, 0}, kA + (r * c.kt + t) * 2048,
                              std::span(tile).first(2048))
                    .has_value());
      }
    }
    for (uint32_t t = 0; t < c.kt; ++t) {
      for (uint32_t j = 0; j < c.ct; ++j) {
        for (size_t i = 0; i < 1024; ++i) {
          values[i] = w[(32 * j + i % 32) * k + 32 * t + i / 32];
        }
        EncodeTile(c.format, values, std::span(tile).first(bytes));
        REQUIRE(
            chip->WriteL1({0, 0},
                          kB + static_cast<uint32_t>((t * c.ct + j) * bytes),
                          std::span(tile).first(bytes))
                .has_value());
      }
    }
    const RunReport report = MustRun(chip.get());
    // The same product at graph level.
    const WeightRows rows(n, k, [&](size_t first, MatView<float> to) {
      for (size_t r = 0; r < to.rows(); ++r) {
        std::copy_n(w.data() + (first + r) * k, k, to.row(r));
      }
    });
    const TiledWeights tiled(rows, c.format);
    TileMatmul(ConstMatView<float>(a.data(), m, k), tiled,
               {.phases = c.phases, .f32_dst = c.f32}, 1,
               MatView<float>(c_out.data(), m, n));
    bool same = true;
    for (uint32_t r = 0; r < c.rt; ++r) {
      for (uint32_t j = 0; j < c.ct; ++j) {
        REQUIRE(chip->ReadL1({0, 0},
                             kC + (r * c.ct + j) * static_cast<uint32_t>(out),
                             std::span(tile).first(out))
                    .has_value());
        DecodeTile(c.f32 ? DType::kF32 : DType::kBf16,
                   std::span(tile).first(out), values);
        for (size_t i = 0; i < 1024; ++i) {
          same &= values[i] == c_out[(32 * r + i / 32) * n + 32 * j + i % 32];
        }
      }
    }
    CHECK(same);
    const EngineStats& engine = report.tiles[0].engine;
    CHECK(engine.products == uint64_t{c.rt} * c.ct * c.kt);
    CHECK(engine.fpu >= 16.0 * c.phases * static_cast<double>(engine.products));
  }
}

// Every tile sends to its right neighbour and computes meanwhile.
Program Ring(const Floorplan& plan) {
  Program program = Product(2, 2, 4, 2, false, TILE_BFP8, 1088);
  for (const auto& [core, noc] :
       {std::pair(BabyCore::kB, 0), std::pair(BabyCore::kNc, 1)}) {
    CoreCode& code = program[core];
    for (size_t i = 0; i < plan.tiles(); ++i) {
      const Coordinates at = plan.CoordinatesOf(i);
      const Coordinates next = {(at.col + 1 + noc) % plan.cols(), at.row};
      code.IfWord(TILE_INFO_COL, static_cast<uint32_t>(at.col))
          .IfWord(TILE_INFO_ROW, static_cast<uint32_t>(at.row));
      const uint32_t to = Xy(plan.PlaceOf(plan.IndexOf(next)));
      for (uint32_t j = 0; j < 6; ++j) {
        code.Transfer(noc, TILE_NOC_WRITE, kFrom, to, kTo + 0x4000 * j, 8192)
            .Noc(noc, TILE_NOC_REMOTE,
                 kFlag + 0x10 + 0x10 * static_cast<uint32_t>(noc))
            .Noc(noc, TILE_NOC_VALUE, 1)
            .Noc(noc, TILE_NOC_COMMAND, TILE_NOC_INCREMENT);
      }
      code.WaitFor(kFlag + 0x10 + 0x10 * static_cast<uint32_t>(noc), 6)
          .Barrier(noc, TILE_NOC_BARRIER_WRITE)
          .End()
          .End();
    }
  }
  return program;
}

bool SameReports(const RunReport& a, const RunReport& b) {
  bool same = a.cycles == b.cycles && a.instructions == b.instructions &&
              a.transfers == b.transfers;
  for (size_t i = 0; i < a.tiles.size(); ++i) {
    for (size_t c = 0; c < kBabyCores; ++c) {
      const CoreReport& x = a.tiles[i].cores[c];
      const CoreReport& y = b.tiles[i].cores[c];
      same &= x.cycles == y.cycles && x.instructions == y.instructions &&
              x.pipeline == y.pipeline && x.waits == y.waits;
    }
    same &= a.tiles[i].engine.fpu == b.tiles[i].engine.fpu &&
            a.tiles[i].engine.wait_operand == b.tiles[i].engine.wait_operand;
  }
  return same;
}

TEST_CASE("threads and values change no cycle") {
  for (const char* preset : {"blackhole-p150", "wormhole-n150"}) {
    CAPTURE(preset);
    ChipConfig config = {.params = PresetParams(preset), .cols = 4, .rows = 3};
    const auto plan = Floorplan::Make(config.params, 4, 3);
    const Program program = Ring(*plan);
    const RunReport one = MustRun(ChipWith(program, config).get());
    CHECK(one.cycles > 500);
    config.threads = 2;
    CHECK(SameReports(one, MustRun(ChipWith(program, config).get())));
    config.timing_only = true;
    CHECK(SameReports(one, MustRun(ChipWith(program, config).get())));
  }
}

TEST_CASE("the critical path leads from the last core to the start") {
  const auto plan = Floorplan::Make(PresetParams("blackhole-p150"), 2, 1);
  REQUIRE(plan.has_value());
  ChipConfig config = Blackhole(2);
  const RunReport plain = MustRun(ChipWith(Exchange(*plan), config).get());
  CHECK(plain.path.segments.empty());
  config.keep_history = true;
  const auto chip = ChipWith(Exchange(*plan), config);
  const RunReport report = MustRun(chip.get());
  // Looking changes nothing.
  CHECK(SameReports(plain, report));
  const std::vector<PathSegment>& path = report.path.segments;
  REQUIRE(path.size() >= 4);
  CHECK(path.front().end == static_cast<double>(report.cycles));
  CHECK(path.back().begin == 0);
  double sum = 0;
  for (size_t i = 0; i < path.size(); ++i) {
    sum += path[i].end - path[i].begin;
    if (i > 0) CHECK(path[i].end == path[i - 1].begin);
  }
  CHECK(sum == static_cast<double>(report.cycles));
  // Back over the read, and the signal, to the tile that sent it.
  CHECK(path.front().tile == 1);
  CHECK(path.back().tile == 0);
  CHECK(report.path.cycles.contains("noc read"));
  CHECK(report.path.cycles.contains("noc message"));
}

// The wait for bytes to have left is over long before they have arrived.
TEST_CASE("the critical path ends at the interface that bytes leave by") {
  constexpr uint32_t kBytes = 8192;
  const Params params = PresetParams("blackhole-p150");
  const auto plan = Floorplan::Make(params, 2, 1);
  REQUIRE(plan.has_value());
  Program program;
  program[BabyCore::kB]
      .IfWord(TILE_INFO_COL, 0)
      .Transfer(0, TILE_NOC_WRITE, kFrom, Xy(plan->PlaceOf(1)), kTo, 64)
      .Barrier(0, TILE_NOC_BARRIER_WRITE)
      .Transfer(0, TILE_NOC_WRITE, kFrom, Xy(plan->PlaceOf(1)), kTo, kBytes)
      .Barrier(0, TILE_NOC_BARRIER_SENT)
      .End();
  program[BabyCore::kB].Exit();
  ChipConfig config = Blackhole(2);
  config.keep_history = true;
  const RunReport report = MustRun(ChipWith(program, config).get());
  const double leaves = kBytes / params.noc_link_bytes_per_cycle;
  // Latest first: the core that goes on, what it waited for.
  REQUIRE(report.path.segments.size() >= 2);
  const PathSegment& sends = report.path.segments[1];
  CHECK(sends.what == "noc send");
  CHECK(sends.tile == 0);
  CHECK(sends.end - sends.begin >= leaves);
  CHECK(sends.end - sends.begin < leaves + params.noc_endpoint_cycles);
}

TEST_CASE("what is wrong is said, with tile, core and pc") {
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  SUBCASE("nobody will ever change a word") {
    Program program;
    program[BabyCore::kB].WaitFor(kFlag, 5);
    const std::string text = ErrorOf(program, Blackhole());
    CAPTURE(text);
    CHECK(has(text, "deadlock"));
    CHECK(has(text, "tile 0,0 core B: pc 0x"));
    CHECK(has(text, "the word at 0x20000 is 0, wanted 5"));
  }
  SUBCASE("math without operands") {
    Program program;
    program[BabyCore::kT1]
        .Engine(TILE_FIDELITY, 1)
        .Command(TILE_OP_ACQUIRE)
        .Command(TILE_OP_COPY, 1)
        .Command(TILE_OP_COMMIT)
        .Get(9, TILE_ENGINE + TILE_IDLE);
    const std::string text = ErrorOf(program, Blackhole());
    CAPTURE(text);
    CHECK(has(text, "core T1"));
    CHECK(has(text, "COPY waits for a tile in SrcA"));
  }
  SUBCASE("a tile beyond L1") {
    Program program;
    program[BabyCore::kT0]
        .Engine(TILE_A_ADDRESS, 0x17fff0)
        .Command(TILE_OP_UNPACK_A, 1);
    const std::string text = ErrorOf(program, Blackhole());
    CAPTURE(text);
    CHECK(has(text, "core T0"));
    CHECK(has(text, "L1 ends at 0x180000"));
  }
  SUBCASE("a transfer to nowhere, and one that is too long") {
    for (const auto& [xy, bytes, part] :
         {std::tuple(0x0008u, 64u, "neither tile nor DRAM"),
          std::tuple(0x0201u, 20000u, "allowed 1 to 16384")}) {
      Program program;
      program[BabyCore::kNc].Transfer(0, TILE_NOC_WRITE, kFrom, xy, kTo, bytes);
      const std::string text = ErrorOf(program, Blackhole());
      CAPTURE(text);
      CHECK(has(text, "tile 0,0 core NC"));
      CHECK(has(text, part));
    }
  }
  SUBCASE("a failed program, a misaligned load, an endless loop") {
    Program failed;
    failed[BabyCore::kB].Exit(3);
    CHECK(has(ErrorOf(failed, Blackhole()), "code 3"));
    // Who waits for what it did not do is not the cause.
    Program late;
    late[BabyCore::kB].WaitFor(kFlag, 1);
    late[BabyCore::kNc].Exit(4);
    CHECK(has(ErrorOf(late, Blackhole()), "code 4"));
    Program misaligned;
    misaligned[BabyCore::kT2].Get(7, 0x20002);
    CHECK(has(ErrorOf(misaligned, Blackhole()), "misaligned"));
    Program loop;
    loop[BabyCore::kB].Word(riscv::Jal(0, 0));
    CHECK(has(ErrorOf(loop, Blackhole()), "loops for ever"));
    Program busy;
    busy[BabyCore::kB].Word(riscv::I("addi", 7, 7, 1)).Word(riscv::Jal(0, -4));
    CHECK(has(ErrorOf(busy, Blackhole(), 20000), "the budget is 20000 cycles"));
  }
  SUBCASE("a grid that is not there") {
    const auto chip = Chip::Make(Blackhole(15, 10));
    REQUIRE_FALSE(chip.has_value());
    CHECK(has(chip.error().message, "1 to 14"));
    CHECK(GridFromText("13x10") == Coordinates{13, 10});
    for (const char* text : {"", "8", "x8", "8x", "0x8", "8x8 ", "-1x8", "8x+8",
                             "256x1", "4294967297x1"}) {
      CAPTURE(text);
      CHECK_FALSE(GridFromText(text).has_value());
    }
  }
  SUBCASE("DRAM that is not on the torus, or twice in one place") {
    const auto complaint = [](auto change) {
      ChipConfig config = Blackhole();
      change(config.params);
      const auto chip = Chip::Make(config);
      REQUIRE_FALSE(chip.has_value());
      return chip.error().message;
    };
    CHECK(has(complaint([](Params& p) { p.dram_left_col = p.noc_cols; }),
              "dram.left_col"));
    CHECK(has(complaint([](Params& p) { p.dram_right_col = p.dram_left_col; }),
              "dram.right_col"));
    CHECK(has(complaint([](Params& p) { p.dram_banks = 2 * p.noc_rows + 1; }),
              "dram.banks"));
  }
}

}  // namespace
}  // namespace triptych::mesh::tile
