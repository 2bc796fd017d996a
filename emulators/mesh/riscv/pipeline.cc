// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/pipeline.h"

#include "emulators/mesh/riscv/insns.h"

namespace triptych::mesh::riscv {
namespace {

// [ISA] WormholeB0 InstructionCache.md. Blackhole's sizes are not published
// with the pages we have: [assumed] the same.
uint32_t InstructionCacheBytes(BabyCore core) {
  return core == BabyCore::kT1 || core == BabyCore::kNc ? 512 : 2048;
}

bool MovesData(BabyCore core) {
  return core == BabyCore::kB || core == BabyCore::kNc;
}

}  // namespace

std::string_view NameOf(BabyCore core) {
  constexpr std::array<std::string_view, kBabyCores> kNames = {"B", "T0", "T1",
                                                               "T2", "NC"};
  return kNames[static_cast<size_t>(core)];
}

PipelineParams WormholePipeline(BabyCore core) {
  return {
      // [ISA] README.md "Integer Unit": a value strictly within the
      // load/store unit is not available; MemoryOrdering.md has the example.
      .in_order_release = true,
      .retire_queue = 8,       // [ISA] MemoryOrdering.md
      .mispredict_bubble = 2,  // [ISA] README.md "Integer Unit"
      .mul_latency = 2,        // [ISA] the same: blocks the unit
      .mul_occupancy = 2,
      .div_short = 2,  // [ISA] the same
      .div_min = 6,
      .div_max = 33,
      .fp_latency = 2,            // no F on Wormhole
      .fp_divide_occupancy = 27,  // no F on Wormhole
      // [ISA] README.md "Load/Store Unit": local, mailboxes and semaphores,
      // GPRs and configuration, NoC and tile control, L1.
      .load_latency = {2, 3, 4, 7, 8},
      .atomic_latency = 12,  // no atomics on Wormhole
      // [ISA] the same: four in all regions but local RAM, each held for
      // latency - 1 cycles.
      .loads_in_flight = 4,
      .l0_data_lines = 0,
      .store_queue = 4,   // [ISA] MemoryOrdering.md
      .l1_store_gap = 5,  // [ISA] README.md "Load/Store Unit"
      .coalesce_stores = false,
      .merge_timer = 0,
      .icache_bytes = InstructionCacheBytes(core),
      .icache_miss = 8,         // [assumed] as a load from L1
      .prefetch_lines = 2,      // [assumed]; that there is one: [ISA]
      .predictor_entries = 64,  // [assumed]; "predicts all control flow": [ISA]
  };
}

PipelineParams BlackholePipeline(BabyCore core) {
  return {
      .in_order_release = false,  // [ISA] README.md "Retire Unit"
      .retire_queue = 8,          // [ISA] the same
      .mispredict_bubble = 4,     // [ISA] README.md "EX1"
      .mul_latency = 2,           // [ISA] README.md "EX2"
      .mul_occupancy = 1,
      .div_short = 2,  // [ISA] README.md "EX1"
      .div_min = 6,
      .div_max = 33,
      .fp_latency = 2,            // [ISA] README.md "EX2"
      .fp_divide_occupancy = 27,  // [assumed] one bit a cycle, as division
      // [ISA] README.md "Load/Store Unit"; L1 is an L0 miss.
      .load_latency = {2, 3, 4, 7, 8},
      .atomic_latency = 12,  // [ISA] the same
      .loads_in_flight = 8,  // [ISA] no limit but the retire queue is named
      .l0_data_lines = 4,    // [ISA] README.md "L0 Data Cache"
      .store_queue = 4,      // [ISA] MemoryOrdering.md
      .l1_store_gap = 5,     // [ISA] README.md "Load/Store Unit"
      .coalesce_stores = true,
      .merge_timer = 16,  // [ISA] CSRs.md, cfg0.StMergeTimer at reset
      .icache_bytes = InstructionCacheBytes(core),
      .icache_miss = 8,         // [assumed] as a load from L1
      .prefetch_lines = 2,      // [assumed]; that there is one: [ISA] CSRs.md
      .predictor_entries = 64,  // [assumed]; that there is one: [ISA]
  };
}

uint32_t WormholeExtensions() { return kI | kM | kTtinsn; }

uint32_t BlackholeExtensions() {
  return kI | kM | kZaamo | kZba | kZbb | kF | kZicsr | kTtinsn;
}

// [ISA] README.md "Local data RAM" of each.
uint32_t WormholeLocalBytes(BabyCore core) {
  return MovesData(core) ? 4096 : 2048;
}
uint32_t BlackholeLocalBytes(BabyCore core) {
  return MovesData(core) ? 8192 : 4096;
}

}  // namespace triptych::mesh::riscv
