// A core with a megabyte of RAM, as tests and external suites want one.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_MACHINE_H_
#define TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_MACHINE_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "emulators/mesh/riscv/core.h"
#include "emulators/mesh/riscv/group.h"
#include "kernels/base/check.h"

namespace triptych::mesh::riscv {

// Where QEMU's spike board and riscv-tests have their RAM.
inline constexpr uint32_t kRamBase = 0x80000000;

struct MachineOptions {
  uint32_t base = 0;
  uint32_t bytes = 1 << 20;
  bool timed = false;
  bool shared = true;
  uint32_t extensions = ~uint32_t{kTtinsn};
  PipelineParams pipeline = BlackholePipeline(BabyCore::kB);
};

inline CoreConfig ConfigOf(const MachineOptions& options) {
  return {.name = "core",
          .extensions = options.extensions,
          .timed = options.timed,
          .pipeline = options.pipeline};
}

// RAM that everybody shares, and a private one at kLocalBase.
inline AddressMap MapOf(const MachineOptions& options, std::shared_ptr<Ram> ram,
                        std::vector<Region> more = {}) {
  more.push_back({.name = "ram",
                  .base = options.base,
                  .size = ram->size(),
                  .latency = Latency::kL1,
                  .shared = options.shared,
                  .executable = true,
                  .ram = ram});
  more.push_back({.name = "local",
                  .base = kLocalBase,
                  .size = 4096,
                  .latency = Latency::kLocal,
                  .ram = std::make_shared<Ram>(4096)});
  auto map = AddressMap::Make(std::move(more));
  TRIPTYCH_CHECK(map.has_value(), "map");
  return *std::move(map);
}

inline void WriteWords(Ram* ram, uint32_t offset,
                       std::span<const uint32_t> words) {
  TRIPTYCH_CHECK(offset + words.size_bytes() <= ram->size(), "offset", offset);
  std::memcpy(ram->data() + offset, words.data(), words.size_bytes());
}

inline uint32_t ReadWord(const Ram& ram, uint32_t offset) {
  uint32_t word;
  std::memcpy(&word, ram.data() + offset, sizeof(word));
  return word;
}

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_MACHINE_H_
