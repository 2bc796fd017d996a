// What an instruction costs on a baby core: parameters, and the two machines
// they are known for.
//
// Sources: [ISA] ISA documentation of Tenstorrent (tt-isa-documentation),
// WormholeB0 or BlackholeA0 TensixTile/BabyRISCV: README.md,
// MemoryOrdering.md, InstructionCache.md, CSRs.md. [assumed] has no source;
// README.md says how much hangs on it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_PIPELINE_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_PIPELINE_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "emulators/mesh/riscv/memory.h"

namespace triptych::mesh::riscv {

// Times in cycles of the core's clock, sizes in bytes, the rest are counts.
// A latency of N: an instruction that needs the result issues N cycles after
// the one that makes it, N - 1 others fit between.
struct PipelineParams {
  // Results go through the load/store unit in order, and are handed on only
  // as they enter or leave it. Otherwise any result that is there is.
  bool in_order_release = false;
  uint32_t retire_queue = 8;  // instructions between issue and retirement
  uint32_t mispredict_bubble = 0;

  uint32_t mul_latency = 2;
  uint32_t mul_occupancy = 1;  // of the unit that issues: nothing else does
  uint32_t div_short = 2;      // divisor 0 or 1, and -2^31 / -1
  uint32_t div_min = 6, div_max = 33;  // between them by the dividend's bits
  uint32_t fp_latency = 2;
  uint32_t fp_divide_occupancy = 27;  // division and square root

  std::array<uint32_t, kLatencies> load_latency{};  // by Latency
  uint32_t atomic_latency = 12;
  uint32_t loads_in_flight = 8;  // of those that leave the core
  uint32_t l0_data_lines = 0;    // of 16 bytes, in front of L1

  uint32_t store_queue = 4;
  uint32_t l1_store_gap = 5;  // from one write of part of a line to the next
  bool coalesce_stores = false;
  uint32_t merge_timer = 16;  // how long a partial line waits for more

  uint32_t icache_bytes = 2048;     // a power of two, lines of 16 bytes
  uint32_t icache_miss = 8;         // until the line is there
  uint32_t prefetch_lines = 2;      // fetched behind a line that was missed
  uint32_t predictor_entries = 64;  // a power of two
};

// The five cores of a tile, in the order of the documentation's tables.
enum class BabyCore : uint8_t { kB, kT0, kT1, kT2, kNc };
inline constexpr size_t kBabyCores = 5;
std::string_view NameOf(BabyCore core);

PipelineParams WormholePipeline(BabyCore core);
PipelineParams BlackholePipeline(BabyCore core);

// Instructions each has (insns.h): RV32IM + .ttinsn on Wormhole.
uint32_t WormholeExtensions();
uint32_t BlackholeExtensions();

// Where things are, and how large. [ISA] "Memory map".
inline constexpr uint32_t kL1Base = 0, kLocalBase = 0xFFB00000;
inline constexpr uint32_t kInstructionBuffer = 0xFFE40000;  // .ttinsn
inline constexpr uint32_t kWormholeL1Bytes = 1464 << 10;
inline constexpr uint32_t kBlackholeL1Bytes = 1536 << 10;
uint32_t WormholeLocalBytes(BabyCore core);
uint32_t BlackholeLocalBytes(BabyCore core);

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_PIPELINE_H_
