// A tile's five cores as each machine has them.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/baby.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/emulators/mesh/riscv/assembler.h"
#include "tests/emulators/mesh/riscv/machine.h"

namespace triptych::mesh::riscv {
namespace {

constexpr uint64_t kForever = ~uint64_t{0};
constexpr uint32_t kTurn = 0x1000, kLog = 0x1040;

struct Tile {
  explicit Tile(Machine machine,
                const std::vector<std::vector<Region>>& devices = {})
      : l1(MakeL1(machine)) {
    REQUIRE(AddBabyCores(machine, "tile 1,2", l1, devices, &group));
    REQUIRE(group.size() == kBabyCores);
  }
  // Core i starts at 0x100 * (i + 1).
  void Start(size_t core, const std::vector<uint32_t>& code) {
    const auto at = static_cast<uint32_t>(0x100 * (core + 1));
    WriteWords(l1.get(), at, code);
    group.Reset(core, at, 0);
  }
  std::string Error() {
    const Status status = group.Run(kForever);
    return status ? "no error" : status.error().message;
  }

  std::shared_ptr<Ram> l1;
  Group group;
};

TEST_CASE("five cores take turns through a word of L1") {
  for (const Machine machine : {Machine::kWormhole, Machine::kBlackhole}) {
    Tile tile(machine);
    for (size_t i = 0; i < kBabyCores; ++i) {
      // Wait for my turn, append my number to the log, pass the turn on;
      // the last lets everybody go.
      const int me = static_cast<int>(i);
      std::vector<uint32_t> code = Li(10, kTurn);
      Append(&code, {I("lw", 5, 10, 0), I("addi", 6, 0, me), Word("fence"),
                     Branch("bne", 5, 6, -12), I("slli", 7, 6, 2),
                     R("add", 7, 7, 10), Store("sw", 6, 7, kLog - kTurn),
                     I("addi", 6, 6, 1), Store("sw", 6, 10, 0)});
      Append(&code, Exit(0));
      tile.Start(i, code);
    }
    CHECK(tile.Error() == "no error");
    for (uint32_t i = 0; i < kBabyCores; ++i) {
      CHECK(ReadWord(*tile.l1, kLog + 4 * i) == i);
      if (i == 0) continue;
      // Each ends after the one it waited for.
      CHECK(tile.group.core(i).now() > tile.group.core(i - 1).now());
    }
  }
}

TEST_CASE("local RAM is private and as large as documented") {
  const auto last_word = [](Machine machine, size_t core, uint32_t bytes) {
    Tile tile(machine);
    std::vector<uint32_t> code = Li(10, kLocalBase + bytes - 4);
    code.push_back(Store("sw", 10, 10, 0));
    code.push_back(I("lw", 5, 10, 0));
    code.push_back(I("lw", 6, 10, 4));
    Append(&code, Exit(0));
    tile.Start(core, code);
    CHECK(tile.Error().starts_with(
        "tile 1,2 core " + std::string(NameOf(static_cast<BabyCore>(core))) +
        ": pc 0x00000"));
    CHECK(tile.group.core(core).trap().cause == Cause::kLoadFault);
    CHECK(tile.group.core(core).x(5) == kLocalBase + bytes - 4);
  };
  last_word(Machine::kWormhole, 0, 4096);
  last_word(Machine::kWormhole, 1, 2048);
  last_word(Machine::kBlackhole, 3, 4096);
  last_word(Machine::kBlackhole, 4, 8192);
}

TEST_CASE("each machine has its own instructions") {
  const auto error = [](Machine machine) {
    Tile tile(machine);
    std::vector<uint32_t> code = {R("sh1add", 5, 6, 7)};
    Append(&code, Exit(0));
    tile.Start(0, code);
    return tile.Error();
  };
  CHECK(error(Machine::kBlackhole) == "no error");
  CHECK(error(Machine::kWormhole) ==
        "tile 1,2 core B: pc 0x00000100: .word 0x207322b3: illegal "
        "instruction: 0x207322b3 is not among this core's extensions");
}

// Counts what is pushed.
class Buffer : public Device {
 public:
  DeviceReply Access(const DeviceRequest& request) override {
    pushed.push_back(request.value);
    return {};
  }
  std::vector<uint32_t> pushed;
};

TEST_CASE("a core pushes instructions of the coprocessor") {
  const auto buffer = std::make_shared<Buffer>();
  Tile tile(Machine::kBlackhole, {{},
                                  {{.name = "instruction buffer",
                                    .base = kInstructionBuffer,
                                    .size = 65536,
                                    .latency = Latency::kConfig,
                                    .device = buffer}}});
  std::vector<uint32_t> code = {0x11u << 2, 0x22u << 2};
  Append(&code, Exit(0));
  tile.Start(1, code);
  CHECK(tile.Error() == "no error");
  CHECK(buffer->pushed == std::vector<uint32_t>{0x11, 0x22});
}

}  // namespace
}  // namespace triptych::mesh::riscv
