// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/info_block.h"

#include "kernels/tile/abi.h"

namespace triptych::mesh::tile {
namespace {

constexpr uint32_t kMagic = 0x454c4954;  // "TILE"
constexpr uint32_t kVersion = 1;
constexpr size_t kMostBanks = 64;

constexpr size_t WordOf(uint32_t address) { return (address - TILE_INFO) / 4; }

uint32_t U(int32_t x) { return static_cast<uint32_t>(x); }

}  // namespace

std::vector<uint32_t> InfoBlock(const Floorplan& plan, size_t tile,
                                const InfoFacts& facts) {
  std::vector<uint32_t> words(WordOf(TILE_INFO_BANK_XY) + kMostBanks);
  const Coordinates at = plan.CoordinatesOf(tile);
  const Place place = plan.PlaceOf(tile);
  words[0] = kMagic;
  words[1] = kVersion;
  words[2] = plan.machine() == riscv::Machine::kBlackhole ? 1 : 0;
  words[3] = facts.timing_only ? 1 : 0;
  words[4] = U(at.col);
  words[5] = U(at.row);
  words[6] = U(plan.cols());
  words[7] = U(plan.rows());
  words[8] = U(place.x);
  words[9] = U(place.y);
  words[10] = TILE_ARGS;
  words[11] = TILE_ARGS_BYTES;
  words[12] = facts.l1_bytes;
  words[13] = TILE_FREE;
  words[14] = static_cast<uint32_t>(plan.banks().size());
  words[15] = 0;  // the chip's number
  words[16] = facts.payload;
  words[17] = facts.clock_khz;
  const auto put_byte = [&](uint32_t address, int32_t i, int32_t value) {
    const uint32_t byte = address - TILE_INFO + U(i);
    words[byte / 4] |= U(value) << (8 * (byte % 4));
  };
  for (int32_t c = 0; c < plan.cols(); ++c) {
    put_byte(TILE_INFO_ROUTER_X, c, plan.PlaceOf(plan.IndexOf({c, 0})).x);
  }
  for (int32_t r = 0; r < plan.rows(); ++r) {
    put_byte(TILE_INFO_ROUTER_Y, r, plan.PlaceOf(plan.IndexOf({0, r})).y);
  }
  for (size_t b = 0; b < plan.banks().size(); ++b) {
    words[WordOf(TILE_INFO_BANK_XY) + b] =
        U(plan.banks()[b].x) | U(plan.banks()[b].y) << 8;
  }
  return words;
}

}  // namespace triptych::mesh::tile
