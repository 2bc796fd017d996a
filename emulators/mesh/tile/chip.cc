// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/chip.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "kernels/tile/abi.h"

namespace triptych::mesh::tile {
namespace {

constexpr uint64_t kNever = ~uint64_t{0};
// Of cores that wait for each other, so many are named.
constexpr size_t kNamed = 8;
// Fewer tiles with something to do are not worth a second thread.
constexpr size_t kTilesForThreads = 8;

uint64_t BankBytes(const Params& p) {
  const double gib = p.dram_capacity_gib / static_cast<double>(p.dram_banks);
  // Addresses have 32 bits.
  return std::min<uint64_t>(uint64_t{1} << 32,
                            static_cast<uint64_t>(gib * (1 << 30)));
}

TileRules RulesOf(const ChipConfig& config) {
  const Params& p = config.params;
  TileRules rules;
  rules.niu.bank_bytes = BankBytes(p);
  rules.niu.payload = static_cast<uint32_t>(p.noc_packet_bytes);
  rules.niu.timing_only = config.timing_only;
  // What command after command takes when its registers are set: the
  // interface's own time, of which a program's instructions are no part.
  rules.niu.read_tile = p.noc_stateful_read_cycles;
  rules.niu.read_dram = p.dram_bank_issue_cycles;
  rules.niu.write = p.noc_stateful_write_cycles;
  rules.niu.to_network = EndpointsOf(p).to_network;
  rules.niu.bytes_per_cycle = p.noc_link_bytes_per_cycle;
  rules.engine = RatesOf(p);
  rules.clock_khz = static_cast<uint32_t>(p.clock.value / 1000);
  if (config.keep_history) {
    // Of each agent, and of spans of cores and engine, and marks.
    const size_t lists =
        (kAgents + 3) * static_cast<size_t>(config.cols * config.rows);
    rules.history = std::max<size_t>(1, config.history_entries / lists);
  }
  return rules;
}

}  // namespace

Chip::Chip(ChipConfig config, Floorplan plan)
    : config_(std::move(config)),
      plan_(std::move(plan)),
      rules_(RulesOf(config_)),
      dram_(plan_.banks().size(), rules_.niu.bank_bytes) {
  rules_.niu.floorplan = &plan_;
}

Result<std::unique_ptr<Chip>> Chip::Make(ChipConfig config) {
  TRIPTYCH_ASSIGN(Floorplan plan,
                  Floorplan::Make(config.params, config.cols, config.rows));
  std::unique_ptr<Chip> chip(new Chip(std::move(config), std::move(plan)));
  for (size_t i = 0; i < chip->plan_.tiles(); ++i) {
    TRIPTYCH_ASSIGN(std::unique_ptr<Tile> tile,
                    Tile::Make(&chip->rules_, static_cast<uint32_t>(i)));
    chip->rules_.niu.l1_bytes = tile->l1()->size();
    chip->tiles_.push_back(std::move(tile));
  }
  chip->interconnect_ = std::make_unique<Interconnect>(
      chip->config_.params, chip->plan_, chip->tiles_, &chip->dram_);
  chip->next_.resize(chip->tiles_.size(), 0);
  return chip;
}

// ---- from and to the host ----

Status Chip::Load(const riscv::Elf& elf) {
  for (const auto& tile : tiles_) {
    TRIPTYCH_TRY(tile->Load(elf));
  }
  return {};
}

Status Chip::SetArguments(std::span<const uint32_t> words) {
  for (size_t i = 0; i < tiles_.size(); ++i) {
    TRIPTYCH_TRY(SetArguments(plan_.CoordinatesOf(i), words));
  }
  return {};
}

Status Chip::SetArguments(Coordinates at, std::span<const uint32_t> words) {
  if (words.size_bytes() > TILE_ARGS_BYTES) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{} arguments; up to {}", words.size(),
                                 TILE_ARGS_BYTES / 4));
  }
  return WriteL1(at, TILE_ARGS, std::as_bytes(words));
}

Status Chip::CheckL1(Coordinates at, uint32_t address, size_t bytes) const {
  if (at.col < 0 || at.row < 0 || at.col >= plan_.cols() ||
      at.row >= plan_.rows()) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("tile {},{}: the grid is {}x{}", at.col,
                                 at.row, plan_.cols(), plan_.rows()));
  }
  if (uint64_t{address} + bytes <= rules_.niu.l1_bytes) return {};
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("tile {},{}: {} bytes at {:#x}: L1 ends at {:#x}", at.col,
                  at.row, bytes, address, rules_.niu.l1_bytes));
}

Status Chip::WriteL1(Coordinates at, uint32_t address,
                     std::span<const std::byte> bytes) {
  TRIPTYCH_TRY(CheckL1(at, address, bytes.size()));
  std::ranges::copy(bytes, tiles_[plan_.IndexOf(at)]->l1()->data() + address);
  return {};
}

Status Chip::ReadL1(Coordinates at, uint32_t address,
                    std::span<std::byte> bytes) const {
  TRIPTYCH_TRY(CheckL1(at, address, bytes.size()));
  const std::byte* from = tiles_[plan_.IndexOf(at)]->l1()->data() + address;
  std::copy_n(from, bytes.size(), bytes.begin());
  return {};
}

Status Chip::CheckDram(size_t bank, uint64_t address, size_t bytes) const {
  if (bank >= dram_.banks()) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("DRAM bank {}: there are {}", bank, dram_.banks()));
  }
  if (dram_.Holds(address, bytes)) return {};
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("DRAM bank {}: {} bytes at {:#x}: it ends at "
                               "{:#x}",
                               bank, bytes, address, dram_.bank_bytes()));
}

Status Chip::WriteDram(size_t bank, uint64_t address,
                       std::span<const std::byte> bytes) {
  TRIPTYCH_TRY(CheckDram(bank, address, bytes.size()));
  dram_.Write(bank, address, bytes);
  return {};
}

Status Chip::ReadDram(size_t bank, uint64_t address,
                      std::span<std::byte> bytes) const {
  TRIPTYCH_TRY(CheckDram(bank, address, bytes.size()));
  dram_.Read(bank, address, bytes);
  return {};
}

// ---- running ----

// What the network posts comes on top of what each tile said itself.
uint64_t Chip::NextOfTiles() {
  interconnect_->TakePosts(&next_);
  return std::ranges::min(next_);
}

Status Chip::RunTiles(uint64_t horizon) {
  running_.clear();
  for (size_t i = 0; i < tiles_.size(); ++i) {
    if (next_[i] < horizon) running_.push_back(i);
  }
  std::atomic<bool> trap = false;
  const auto run = [&](size_t i) {
    riscv::Group& group = tiles_[running_[i]]->group();
    if (group.RunUntil(horizon) == riscv::Group::State::kTrap) trap = true;
    next_[running_[i]] = group.next();
  };
  if (running_.size() < kTilesForThreads) {
    for (size_t i = 0; i < running_.size(); ++i) run(i);
  } else {
    crew_.ForEach(running_.size(), run);
  }
  if (!trap) return {};
  // Of several the first tile's, whoever ran it.
  for (const size_t i : running_) {
    const riscv::Core& core = tiles_[i]->group().stopped();
    if (core.stop() == riscv::Stop::kTrap) return core.Outcome();
  }
  return {};
}

void Chip::SendCommands() {
  std::vector<NocCommand> all;
  for (const size_t i : running_) {
    std::vector<NocCommand>& some = tiles_[i]->commands();
    std::ranges::move(some, std::back_inserter(all));
    some.clear();
  }
  // Those of one tile are in their order.
  std::ranges::stable_sort(
      all, {}, [](const NocCommand& c) { return std::pair(c.cycle, c.tile); });
  interconnect_->Send(std::move(all));
}

Result<RunReport> Chip::Run(uint64_t budget_cycles) {
  const int threads =
      tiles_.size() < kTilesForThreads ? 1 : std::max(1, config_.threads);
  std::optional<Result<RunReport>> result;
  crew_.Lead(threads, [&] { result = RunTurns(budget_cycles); });
  return *std::move(result);
}

Result<RunReport> Chip::RunTurns(uint64_t budget_cycles) {
  const EndpointCycles& ends = interconnect_->ends();
  for (;;) {
    const uint64_t first = NextOfTiles();
    if (first == kNever && interconnect_->empty()) break;
    double limit = std::numeric_limits<double>::infinity();
    if (first != kNever) limit = static_cast<double>(first) + ends.to_network;
    limit = interconnect_->RunUntil(limit);
    // The network may have ended without anything for a tile.
    if (std::isinf(limit)) break;
    if (NextOfTiles() >= budget_cycles) {
      TRIPTYCH_TRY(Failed());
      return std::unexpected(SpentBudget(budget_cycles).error());
    }
    const auto horizon = static_cast<uint64_t>(std::ceil(limit + ends.to_tile));
    TRIPTYCH_TRY(RunTiles(std::min(horizon, budget_cycles)));
    SendCommands();
  }
  return Report();
}

// ---- what came of it ----

// Of cores that ended with an error: why others may still wait for them.
Status Chip::Failed() const {
  for (const auto& tile : tiles_) {
    for (size_t c = 0; c < kBabyCores; ++c) {
      const riscv::Core& core = tile->group().core(c);
      if (core.stop() == riscv::Stop::kExited) TRIPTYCH_TRY(core.Outcome());
    }
  }
  return {};
}

Status Chip::SpentBudget(uint64_t budget) const {
  std::string text;
  for (const auto& tile : tiles_) {
    const std::vector<std::string> stuck = tile->Stuck();
    if (stuck.empty()) continue;
    text = stuck.front();
    break;
  }
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}; the budget is {} cycles", text, budget));
}

Status Chip::Deadlock() const {
  std::string text;
  size_t count = 0;
  for (const auto& tile : tiles_) {
    for (const std::string& one : tile->Stuck()) {
      if (count++ < kNamed) text += (text.empty() ? "" : "; ") + one;
    }
  }
  if (count > kNamed) text += fmt::format("; and {} more", count - kNamed);
  return MakeError(ErrorCode::kInvalid, "deadlock: " + text);
}

Result<RunReport> Chip::Report() const {
  TRIPTYCH_TRY(Failed());
  RunReport report;
  uint32_t last_tile = 0;
  Agent last_core = 0;
  for (size_t i = 0; i < tiles_.size(); ++i) {
    const Tile& tile = *tiles_[i];
    TileReport one{.at = plan_.CoordinatesOf(i)};
    for (size_t c = 0; c < kBabyCores; ++c) {
      const riscv::Core& core = tile.group().core(c);
      if (core.stop() != riscv::Stop::kExited) {
        return std::unexpected(Deadlock().error());
      }
      CoreReport& r = one.cores[c];
      r.cycles = core.now();
      r.instructions = core.instructions();
      r.pipeline = core.stats();
      for (size_t w = 0; w < kWaits; ++w) {
        r.waits[w] = tile.waited(c, static_cast<Wait>(w));
      }
      if (r.cycles > report.cycles) {
        report.cycles = r.cycles;
        last_tile = static_cast<uint32_t>(i);
        last_core = static_cast<Agent>(c);
      }
      report.instructions += r.instructions;
    }
    const std::string left = tile.engine().Waiting();
    if (!left.empty()) {
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("{}: all cores have ended, but the engine "
                                   "has not: {}",
                                   tile.name(), left));
    }
    one.engine = tile.engine().stats();
    for (size_t n = 0; n < kNocs; ++n) one.nocs[n] = tile.niu(n).stats();
    report.tiles.push_back(std::move(one));
  }
  if (config_.keep_history) {
    std::vector<const History*> histories;
    uint64_t waits = 0;
    for (const auto& tile : tiles_) {
      histories.push_back(&tile->history());
      waits += LeftOut(tile->history());
      report.history_left_out += tile->spans().left_out() +
                                 tile->engine().spans().left_out() +
                                 tile->marks().left_out();
    }
    report.history_left_out += waits;
    // With waits missing it would blame whoever is there.
    if (waits == 0) {
      report.path = FindCriticalPath(histories, last_tile, last_core,
                                     static_cast<double>(report.cycles));
    }
  }
  report.transfers = interconnect_->transfers();
  report.dram_read_bytes = interconnect_->dram_read_bytes();
  report.dram_written_bytes = interconnect_->dram_written_bytes();
  return report;
}

}  // namespace triptych::mesh::tile
