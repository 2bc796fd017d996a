// Any bytes as a program file; and any words as a program on two cores that
// share memory, timed and untimed. Whatever they do, they stop, within their
// budget, the same way for every quantum.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "emulators/mesh/riscv/elf.h"
#include "emulators/mesh/riscv/group.h"
#include "kernels/base/check.h"

namespace triptych::mesh::riscv {
namespace {

constexpr uint32_t kRamBytes = 16384;
constexpr uint64_t kBudget = 3000;  // cycles

AddressMap MapOf(const std::shared_ptr<Ram>& ram) {
  auto map = AddressMap::Make({{.name = "ram",
                                .base = 0,
                                .size = kRamBytes,
                                .shared = true,
                                .executable = true,
                                .ram = ram},
                               {.name = "local",
                                .base = kLocalBase,
                                .size = 4096,
                                .latency = Latency::kLocal,
                                .ram = std::make_shared<Ram>(4096)}});
  TRIPTYCH_CHECK(map.has_value(), "map");
  return *std::move(map);
}

std::vector<uint64_t> Run(std::span<const std::byte> program, bool timed,
                          uint64_t quantum) {
  auto ram = std::make_shared<Ram>(kRamBytes);
  std::copy_n(program.begin(), std::min<size_t>(program.size(), kRamBytes),
              ram->data());
  Group group;
  for (uint32_t i = 0; i < 2; ++i) {
    Core& core =
        group.Add({.name = "core",
                   .hart_id = i,
                   .extensions = ~uint32_t{kTtinsn},
                   .timed = timed,
                   .pipeline = i == 0 ? WormholePipeline(BabyCore::kB)
                                      : BlackholePipeline(BabyCore::kNc),
                   .machine_traps = true,
                   .misaligned = true},
                  MapOf(ram));
    core.Reset(64 * i);
    core.set_x(10, 256 + i * 64);
  }
  auto state = Group::State::kLimit;
  for (uint64_t t = quantum; state == Group::State::kLimit && t <= kBudget;
       t += quantum) {
    state = group.RunUntil(t);
  }
  std::vector<uint64_t> result = {static_cast<uint64_t>(state)};
  for (size_t i = 0; i < group.size(); ++i) {
    const Core& core = group.core(i);
    (void)core.Outcome();
    if (core.stop() != Stop::kTrap) continue;
    result.insert(result.end(), {core.instructions(), core.now(), core.pc()});
  }
  uint64_t sum = 0;
  for (uint32_t i = 0; i < kRamBytes; ++i) {
    sum = sum * 31 + static_cast<uint64_t>(ram->data()[i]);
  }
  result.push_back(sum);
  return result;
}

void TryFile(std::span<const std::byte> bytes) {
  const auto elf = ParseElf(bytes, "f");
  Status status;
  if (!elf) {
    status = std::unexpected(elf.error());
  } else {
    const AddressMap map = MapOf(std::make_shared<Ram>(kRamBytes));
    status = LoadElf(*elf, map);
    if (status) {
      Core core({.name = "f: offset ",
                 .extensions = BlackholeExtensions(),
                 .pipeline = BlackholePipeline(BabyCore::kB)},
                map);
      core.Reset(elf->entry);
      core.RunUntil(kBudget);
      status = core.Outcome();
    }
  }
  if (!status) {
    const std::string& message = status.error().message;
    TRIPTYCH_CHECK(message.starts_with("f: offset "), message);
  }
}

}  // namespace
}  // namespace triptych::mesh::riscv

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace triptych::mesh::riscv;
  const auto bytes = std::as_bytes(std::span(data, size));
  TryFile(bytes);
  for (const bool timed : {false, true}) {
    const auto whole = Run(bytes, timed, kBudget);
    TRIPTYCH_CHECK(Run(bytes, timed, 50) == whole, "timed", timed);
  }
  return 0;
}
