// Random programs on our core and on QEMU's spike board. Each program leaves
// its registers and its memory in a table; run here, the table becomes part
// of a second program, which compares and says through its exit code where
// the first difference is.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "emulators/mesh/riscv/elf.h"
#include "kernels/base/rng.h"
#include "tests/emulators/mesh/riscv/assembler.h"
#include "tests/emulators/mesh/riscv/elf_writer.h"
#include "tests/emulators/mesh/riscv/machine.h"

namespace triptych::mesh::riscv {
namespace {

// Offsets in RAM: host interface, what programs load and store, the tables.
constexpr uint32_t kHost = 0x8000, kData = 0x9000, kDataWords = 64;
constexpr uint32_t kDump = 0xa000, kWant = 0xb000;
// x2 points to data, x3 counts rounds; programs leave them alone.
constexpr int kPointer = 2, kCounter = 3;

class Generator {
 public:
  explicit Generator(uint64_t seed) : rng_(seed, 21) {}

  std::vector<uint32_t> Program() {
    std::vector<uint32_t> code = Li(5, 0x6000);  // mstatus.FS
    code.push_back(I("csrrs", 0, 5, 0x300));
    // f0 too: a hart with doubles takes what it finds there for no single.
    code.push_back(Word("fmv.w.x", {.rd = 0, .rs1 = 0}));
    for (int i = 1; i < 32; ++i) {
      Append(&code, Li(i, Value()));
      code.push_back(Word("fmv.w.x", {.rd = static_cast<uint8_t>(i),
                                      .rs1 = static_cast<uint8_t>(i)}));
    }
    Append(&code, Li(kPointer, kRamBase + kData));
    code.push_back(I("addi", kCounter, 0, 5));
    const size_t head = code.size();
    for (int i = 0; i < 150; ++i) Append(&code, Piece());
    code.push_back(I("addi", kCounter, kCounter, -1));
    const int back = static_cast<int>(head) - static_cast<int>(code.size());
    // Too far for a branch: around a jump.
    code.push_back(Branch("beq", kCounter, 0, 8));
    code.push_back(Jal(0, 4 * back - 4));
    return code;
  }

 private:
  uint32_t Value() {
    constexpr std::array<uint32_t, 12> kCorners = {
        0,          1,          0xffffffff, 0x80000000, 0x7fffffff, 0x3f800000,
        0x7f800000, 0x7fc00000, 0x7f800001, 0x00000001, 0x80000000, 0xbf000000};
    return rng_.Below(3) == 0 ? kCorners[rng_.Below(kCorners.size())]
                              : rng_.Next();
  }
  uint8_t Source() { return static_cast<uint8_t>(rng_.Below(32)); }
  uint8_t Rounding() {
    constexpr std::array<uint8_t, 6> kModes = {0, 1, 2, 3, 4, 7};
    return kModes[rng_.Below(kModes.size())];
  }
  uint8_t Result() {
    const uint8_t r = Source();
    return r == kPointer || r == kCounter ? uint8_t{4} : r;
  }

  std::vector<uint32_t> Piece() {
    for (;;) {
      const Insn& insn =
          Insns()[rng_.Below(static_cast<uint32_t>(Insns().size()))];
      const bool fp_result = insn.extension == kF;
      Fields f{.rd = fp_result ? Source() : Result(),
               .rs1 = Source(),
               .rs2 = Source(),
               .rs3 = Source(),
               .rm = Rounding(),
               .imm = static_cast<int32_t>(rng_.Next())};
      switch (insn.format) {
        case Format::kFpToInt:
        case Format::kFpMoveOut:
        case Format::kFpCompare:
          f.rd = Result();
          break;
        case Format::kReg:
        case Format::kImm:
        case Format::kShift:
        case Format::kUnary:
        case Format::kU:
        case Format::kFp4:
        case Format::kFpReg:
        case Format::kFpUnary:
        case Format::kFpPlain:
        case Format::kIntToFp:
        case Format::kFpMoveIn:
          break;
        case Format::kAuipc:
          f.imm &= 0xfffff000;
          break;
        case Format::kBranch:
          f.imm = 8;
          break;  // over the next, or not
        case Format::kLoad:
        case Format::kFpLoad:
        case Format::kStore:
        case Format::kFpStore:
          f.rs1 = kPointer;
          f.imm = static_cast<int32_t>(rng_.Below(kDataWords)) * 4;
          break;
        case Format::kAmo:
          f.rs1 = kPointer;
          f.imm = 0;
          break;
        case Format::kCsr:
          f.imm = 1;
          break;  // fflags
        case Format::kCsrImm:
          f.imm = 1;
          // frm may only be a mode there is.
          if (insn.id == InsnId::kCsrrwi && rng_.Below(2)) {
            f.imm = 2;
            f.rs1 = static_cast<uint8_t>(rng_.Below(5));
          }
          break;
        default:
          continue;
      }
      const uint32_t word = Encode(insn, f);
      if (insn.format == Format::kBranch) return {word, Simple()};
      return {word};
    }
  }
  uint32_t Simple() { return I("addi", Result(), Source(), 77); }

  Rng rng_;
};

// Behind the program: what it left in registers goes to the table.
std::vector<uint32_t> WithDump(std::vector<uint32_t> code) {
  Append(&code, Li(kPointer, kRamBase + kDump + 0x1000));
  std::vector<uint32_t> dump;
  for (int i = 0; i < 32; ++i) {
    dump.push_back(Store("sw", i, kPointer, -0x800 + 4 * i));
    dump.push_back(Store("fsw", i, kPointer, -0x800 + 128 + 4 * i));
  }
  Append(&code, dump);
  code.push_back(I("csrrs", 5, 0, 3));
  code.push_back(Store("sw", 5, kPointer, -0x800 + 256));
  return code;
}

constexpr uint32_t kDumpAt = kDump + 0x800;  // of x0

// Compares the words at `a` and `b`, then tells the host 0, or the number of
// the first that differs + `first`.
void AppendCompare(std::vector<uint32_t>* code, uint32_t a, uint32_t b,
                   uint32_t count, int first) {
  Append(code, Li(5, kRamBase + a));
  Append(code, Li(6, kRamBase + b));
  Append(code, Li(7, count));
  Append(code,
         {I("addi", 8, 0, first),
          // loop:
          I("lw", 9, 5, 0), I("lw", 10, 6, 0),
          Branch("bne", 9, 10, 28),  // to the end, x8 says which
          I("addi", 5, 5, 4), I("addi", 6, 6, 4), I("addi", 8, 8, 1),
          I("addi", 7, 7, -1), Branch("bne", 7, 0, -28), I("addi", 8, 0, 0)});
}

void AppendTell(std::vector<uint32_t>* code, int reg) {
  Append(code, Li(6, kRamBase + kHost));
  Append(code, {I("slli", 5, reg, 1), I("ori", 5, 5, 1), Store("sw", 5, 6, 0),
                Store("sw", 0, 6, 4), Jal(0, -8)});
}

struct Image {
  std::vector<uint32_t> words;  // from kRamBase
  void Put(uint32_t offset, std::span<const uint32_t> from) {
    if (words.size() < offset / 4 + from.size()) {
      words.resize(offset / 4 + from.size());
    }
    std::ranges::copy(from, words.begin() + offset / 4);
  }
  std::vector<std::byte> File() const {
    ElfWriter writer(kRamBase, words);
    writer.AddSymbol("tohost", kRamBase + kHost);
    writer.AddSymbol("fromhost", kRamBase + kHost + 8);
    return writer.Write();
  }
};

// The RAM after the program in `file` has ended here, with its exit code.
std::pair<std::shared_ptr<Ram>, uint32_t> RunHere(
    const std::vector<std::byte>& file, bool timed) {
  MachineOptions options{.base = kRamBase, .bytes = 1 << 16, .timed = timed};
  auto ram = std::make_shared<Ram>(options.bytes);
  const AddressMap map = MapOf(options, ram);
  const auto elf = ParseElf(file, "program");
  REQUIRE(elf);
  REQUIRE(LoadElf(*elf, map));
  CoreConfig config = ConfigOf(options);
  config.tohost = elf->Symbol("tohost");
  Core core(config, map);
  core.Reset(elf->entry);
  CHECK(core.RunUntil(10'000'000) == Stop::kExited);
  return {ram, core.exit_code()};
}

int RunQemu(const std::string& path) {
  const int status = std::system(
      ("timeout 20 qemu-system-riscv32 -M spike -bios none -nographic "
       "-cpu rv32,zba=true,zbb=true -kernel " +
       path + " </dev/null >/dev/null 2>&1")
          .c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<uint32_t> Table(const Ram& ram) {
  std::vector<uint32_t> table;
  for (uint32_t i = 0; i < 65; ++i) {
    table.push_back(ReadWord(ram, kDumpAt + 4 * i));
  }
  return table;
}

TEST_CASE("random programs end as they do on QEMU") {
  if (std::system("qemu-system-riscv32 --version >/dev/null 2>&1")) {
    MESSAGE("skipped: qemu-system-riscv32 is not here");
    return;
  }
  char path[] = "/tmp/riscv_cosim_XXXXXX";
  REQUIRE(mkdtemp(path) != nullptr);
  const std::string file = std::string(path) + "/program.elf";
  for (uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    std::vector<uint32_t> data(kDataWords);
    Rng rng(seed, 22);
    for (uint32_t& word : data) word = rng.Next();
    const std::vector<uint32_t> program = WithDump(Generator(seed).Program());

    Image first;
    std::vector<uint32_t> code = program;
    AppendTell(&code, 0);
    first.Put(0, code);
    first.Put(kData, data);
    first.Put(kWant + 1024, std::array{0u});
    const auto [ram, ended] = RunHere(first.File(), false);
    CHECK(ended == 0);
    const std::vector<uint32_t> want = Table(*ram);
    CHECK(Table(*RunHere(first.File(), true).first) == want);
    std::vector<uint32_t> want_data;
    for (uint32_t i = 0; i < kDataWords; ++i) {
      want_data.push_back(ReadWord(*ram, kData + 4 * i));
    }

    Image second;
    code = program;
    AppendCompare(&code, kDumpAt, kWant, 65, 1);
    code.push_back(Branch("beq", 8, 0, 32));
    AppendTell(&code, 8);  // seven words
    AppendCompare(&code, kData, kWant + 512, kDataWords, 100);
    AppendTell(&code, 8);
    second.Put(0, code);
    second.Put(kData, data);
    second.Put(kWant, want);
    second.Put(kWant + 512, want_data);
    REQUIRE(code.size() * 4 < kHost);
    // Our own verdict of the second is a check of the checker.
    CHECK(RunHere(second.File(), false).second == 0);
    {
      const std::vector<std::byte> bytes = second.File();
      std::ofstream out(file, std::ios::binary);
      out.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
    }
    CHECK(RunQemu(file) == 0);
    if (seed != 0) continue;
    // And that it can say no: one wrong word.
    std::vector<uint32_t> wrong = want;
    wrong[40] ^= 1;
    second.Put(kWant, wrong);
    CHECK(RunHere(second.File(), false).second == 41);
    const std::vector<std::byte> bytes = second.File();
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    CHECK(RunQemu(file) == 41);
  }
  std::filesystem::remove_all(path);
}

}  // namespace
}  // namespace triptych::mesh::riscv
