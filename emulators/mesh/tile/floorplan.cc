// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/floorplan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

namespace triptych::mesh::tile {
namespace {

// Routers between worker tiles that are none, DRAM's columns apart. Sources:
// tenstorrent/tt-npe device layouts; tenstorrent/tt-isa-documentation.
struct Gaps {
  std::vector<int64_t> cols, rows;
};
Gaps GapsOf(riscv::Machine machine) {
  // Blackhole: ARC, PCIe, Ethernet above, column 8 beside DRAM's. Wormhole:
  // Ethernet in two rows.
  return machine == riscv::Machine::kBlackhole ? Gaps{{8}, {0, 1}}
                                               : Gaps{{}, {0, 6}};
}

bool Has(const std::vector<int64_t>& list, int64_t x) {
  return std::ranges::find(list, x) != list.end();
}

Status CheckGrid(std::string_view key, int32_t wanted, size_t there) {
  if (wanted >= 1 && static_cast<size_t>(wanted) <= there) return {};
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("grid: {} {}: the chip has 1 to {}", wanted, key, there));
}

// Half of the banks down each of DRAM's columns: each has a router of its own.
Status CheckBanks(const Params& p) {
  const auto wrong = [](std::string_view key, int64_t value,
                        std::string_view allowed) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: {} is not allowed; allowed {}", key, value, allowed));
  };
  for (const auto& [key, col] :
       {std::pair("dram.left_col", p.dram_left_col),
        std::pair("dram.right_col", p.dram_right_col)}) {
    if (col >= p.noc_cols) {
      return wrong(key, col, fmt::format("0 to {}", p.noc_cols - 1));
    }
  }
  if (p.dram_left_col == p.dram_right_col && p.dram_banks > 1) {
    return wrong("dram.right_col", p.dram_right_col,
                 "another column than dram.left_col, or one bank");
  }
  const int64_t most = std::min<int64_t>(64, 2 * p.noc_rows);
  if (p.dram_banks > most) {
    return wrong("dram.banks", p.dram_banks, fmt::format("1 to {}", most));
  }
  return {};
}

// 1 to 255; all of the text.
std::optional<int32_t> SideFromText(std::string_view text) {
  uint8_t side = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, side);
  if (error != std::errc() || rest != end || side == 0) return std::nullopt;
  return side;
}

}  // namespace

std::optional<Coordinates> GridFromText(std::string_view text) {
  const size_t x = text.find('x');
  if (x == std::string_view::npos) return std::nullopt;
  const auto cols = SideFromText(text.substr(0, x));
  const auto rows = SideFromText(text.substr(x + 1));
  if (!cols || !rows) return std::nullopt;
  return Coordinates{*cols, *rows};
}

Result<Floorplan> Floorplan::Make(const Params& p, int32_t cols, int32_t rows) {
  TRIPTYCH_TRY(CheckBanks(p));
  Floorplan plan;
  plan.machine_ = p.generation == "wormhole" ? riscv::Machine::kWormhole
                                             : riscv::Machine::kBlackhole;
  const Gaps gaps = GapsOf(plan.machine_);
  for (int64_t x = 0; x < p.noc_cols; ++x) {
    if (x == p.dram_left_col || x == p.dram_right_col) continue;
    if (!Has(gaps.cols, x)) plan.xs_.push_back(static_cast<int32_t>(x));
  }
  for (int64_t y = 0; y < p.noc_rows; ++y) {
    if (!Has(gaps.rows, y)) plan.ys_.push_back(static_cast<int32_t>(y));
  }
  // 32 of each have a place in the info block.
  if (plan.xs_.size() > 32) plan.xs_.resize(32);
  if (plan.ys_.size() > 32) plan.ys_.resize(32);
  TRIPTYCH_TRY(CheckGrid("columns", cols, plan.xs_.size()));
  TRIPTYCH_TRY(CheckGrid("rows", rows, plan.ys_.size()));
  plan.xs_.resize(static_cast<size_t>(cols));
  plan.ys_.resize(static_cast<size_t>(rows));
  // Half of the banks down each of DRAM's columns, evenly.
  const int64_t left = (p.dram_banks + 1) / 2;
  for (int64_t bank = 0; bank < p.dram_banks; ++bank) {
    const bool on_left = bank < left;
    const int64_t i = on_left ? bank : bank - left;
    plan.banks_.push_back(
        {static_cast<int32_t>(on_left ? p.dram_left_col : p.dram_right_col),
         static_cast<int32_t>(i * p.noc_rows / left)});
  }
  return plan;
}

std::optional<size_t> Floorplan::TileAt(Place place) const {
  const auto x = std::ranges::find(xs_, place.x);
  const auto y = std::ranges::find(ys_, place.y);
  if (x == xs_.end() || y == ys_.end()) return std::nullopt;
  return IndexOf({static_cast<int32_t>(x - xs_.begin()),
                  static_cast<int32_t>(y - ys_.begin())});
}

std::optional<size_t> Floorplan::BankAt(Place place) const {
  const auto bank = std::ranges::find(banks_, place);
  if (bank == banks_.end()) return std::nullopt;
  return static_cast<size_t>(bank - banks_.begin());
}

}  // namespace triptych::mesh::tile
