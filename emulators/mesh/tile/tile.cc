// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/tile.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <utility>

#include "emulators/mesh/tile/info_block.h"
#include "kernels/tile/abi.h"

namespace triptych::mesh::tile {
namespace {

using riscv::BabyCore;
using riscv::DeviceReply;
using riscv::DeviceRequest;
using riscv::Latency;

// Sizes of the devices' pages.
constexpr uint32_t kPage = 0x1000;

struct DevicePage {
  std::string_view name;
  uint32_t base;
  Latency latency;
};
constexpr std::array kPages = {
    DevicePage{"tile control", TILE_CONTROL, Latency::kTile},
    DevicePage{"noc 0", TILE_NOC0, Latency::kTile},
    DevicePage{"noc 1", TILE_NOC0 + TILE_NOC_STRIDE, Latency::kTile},
    DevicePage{"engine command", TILE_ENGINE_COMMAND, Latency::kConfig},
    DevicePage{"engine", TILE_ENGINE, Latency::kConfig},
};

std::optional<Thread> ThreadOf(uint32_t core) {
  switch (static_cast<BabyCore>(core)) {
    case BabyCore::kT0:
      return Thread::kUnpack;
    case BabyCore::kT1:
      return Thread::kMath;
    case BabyCore::kT2:
      return Thread::kPack;
    default:
      return std::nullopt;
  }
}
DeviceReply Fault(std::string reason) {
  return {.kind = DeviceReply::kFault, .reason = std::move(reason)};
}

uint32_t WordAt(const riscv::Ram& ram, uint32_t offset) {
  uint32_t word = 0;
  std::memcpy(&word, ram.data() + offset, 4);
  return word;
}

Wait WaitOf(uint32_t offset) {
  if (offset == TILE_NOC_COMMAND) return Wait::kNocCommand;
  return offset == TILE_NOC_BARRIER_READ ? Wait::kReads : Wait::kWrites;
}

bool Fulfilled(uint32_t offset, uint32_t there, uint32_t value) {
  switch (offset) {
    case TILE_WAIT_GE - TILE_CONTROL:
      return static_cast<int32_t>(there - value) >= 0;
    case TILE_WAIT_EQ - TILE_CONTROL:
      return there == value;
    default:
      return there != value;
  }
}

}  // namespace

std::string_view NameOf(Wait wait) {
  constexpr std::array<std::string_view, kWaits> kNames = {
      "noc_command", "noc_reads",    "noc_writes",
      "l1_word",     "engine_queue", "engine_idle"};
  return kNames[static_cast<size_t>(wait)];
}

Tile::Tile(const TileRules* rules, uint32_t index)
    : rules_(rules),
      index_(index),
      l1_(riscv::MakeL1(rules->niu.floorplan->machine())),
      nius_{Niu(&rules->niu, index, 0, l1_, &commands_),
            Niu(&rules->niu, index, 1, l1_, &commands_)} {
  const Coordinates at = rules->niu.floorplan->CoordinatesOf(index);
  name_ = fmt::format("tile {},{}", at.col, at.row);
  engine_ =
      std::make_unique<Engine>(rules->engine, l1_, !rules->niu.timing_only,
                               &group_, [this](Thread thread, uint64_t cycle) {
                                 group_.Wake(CoreOf(thread), cycle);
                               });
  if (rules->history > 0) engine_->Keep(index, &history_, rules->history);
}

Result<std::unique_ptr<Tile>> Tile::Make(const TileRules* rules,
                                         uint32_t index) {
  std::unique_ptr<Tile> tile(new Tile(rules, index));
  // The device lives as long as the regions that name it: both are the tile's.
  const std::shared_ptr<riscv::Device> self(std::shared_ptr<void>(),
                                            tile.get());
  std::vector<riscv::Region> regions;
  for (const DevicePage& page : kPages) {
    regions.push_back({.name = std::string(page.name),
                       .base = page.base,
                       .size = kPage,
                       .latency = page.latency,
                       .shared = true,
                       .device = self});
  }
  const riscv::Machine machine = rules->niu.floorplan->machine();
  for (size_t i = 0; i < kBabyCores; ++i) {
    const auto core = static_cast<BabyCore>(i);
    TRIPTYCH_ASSIGN(riscv::AddressMap map,
                    riscv::BabyMap(machine, core, tile->l1_, regions));
    riscv::CoreConfig config = riscv::BabyConfig(machine, core, tile->name_);
    config.tohost = TILE_EXIT;
    tile->group_.Add(std::move(config), std::move(map));
  }
  return tile;
}

Status Tile::Load(const riscv::Elf& elf) {
  for (const riscv::ElfSegment& segment : elf.segments) {
    const uint64_t end = uint64_t{segment.address} + segment.memory_size;
    if (segment.address >= TILE_PROGRAM_BASE && end <= TILE_FREE) continue;
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: offset {}: segment {:#x}..{:#x}: a program lies in "
                    "{:#x}..{:#x} of L1",
                    elf.file, segment.header_offset, segment.address, end,
                    TILE_PROGRAM_BASE, TILE_FREE));
  }
  TRIPTYCH_TRY(riscv::LoadElf(elf, group_.core(0).memory()));
  WriteInfo();
  for (size_t i = 0; i < kBabyCores; ++i) {
    group_.Reset(i, elf.entry, 0);
    group_.core(i).set_x(10, static_cast<uint32_t>(i));  // a0
    group_.core(i).set_x(11, TILE_INFO);                 // a1
  }
  return {};
}

void Tile::WriteInfo() {
  const NiuRules& rules = rules_->niu;
  const std::vector<uint32_t> words =
      InfoBlock(*rules.floorplan, index_,
                {.l1_bytes = rules.l1_bytes,
                 .payload = rules.payload,
                 .clock_khz = rules_->clock_khz,
                 .timing_only = rules.timing_only});
  std::memcpy(l1_->data() + TILE_INFO, words.data(), 4 * words.size());
}

// ---- devices ----

DeviceReply Tile::Access(const DeviceRequest& request) {
  Wait wait = Wait::kWord;
  DeviceReply reply = Dispatch(request, &wait);
  Account(request, reply, wait);
  return reply;
}

DeviceReply Tile::Dispatch(const DeviceRequest& request, Wait* wait) {
  if (request.size != 4) return Fault("allowed are words");
  const uint32_t page = request.address & ~(kPage - 1);
  const uint32_t offset = request.address & (kPage - 1);
  switch (page) {
    case TILE_CONTROL:
      return Control(request, offset);
    case TILE_NOC0:
    case TILE_NOC0 + TILE_NOC_STRIDE:
      *wait = WaitOf(offset);
      return nius_[page == TILE_NOC0 ? 0 : 1].Access(request, offset);
    default:
      return Configure(request, page == TILE_ENGINE ? offset : kPage + offset,
                       wait);
  }
}

DeviceReply Tile::Control(const DeviceRequest& request, uint32_t offset) {
  WaitRegisters& word = words_[request.core];
  if (request.write) {
    switch (offset) {
      case TILE_MARK - TILE_CONTROL:
        if (rules_->history > 0) {
          marks_.Add({static_cast<uint8_t>(request.core), request.value,
                      request.cycle},
                     rules_->history);
        }
        return {};
      case TILE_WAIT_ADDRESS - TILE_CONTROL:
        word.address = request.value;
        return {};
      case TILE_WAIT_VALUE - TILE_CONTROL:
        word.value = request.value;
        return {};
      default:
        return Fault(
            "no register to write; allowed: 0x10 MARK, "
            "0x20 WAIT_ADDR, 0x24 WAIT_VALUE");
    }
  }
  switch (offset) {
    case 0:
      return {.value = request.core};
    case TILE_CLOCK - TILE_CONTROL:
      return {.value = static_cast<uint32_t>(request.cycle)};
    case TILE_CLOCK + 4 - TILE_CONTROL:
      return {.value = static_cast<uint32_t>(request.cycle >> 32)};
    case TILE_WAIT_GE - TILE_CONTROL:
    case TILE_WAIT_EQ - TILE_CONTROL:
    case TILE_WAIT_NE - TILE_CONTROL:
      return WaitForWord(request, offset);
    default:
      return Fault(
          "no register to read; allowed: 0x00, 0x04, 0x08, "
          "0x28 WAIT_GE, 0x2c WAIT_EQ, 0x30 WAIT_NE");
  }
}

DeviceReply Tile::WaitForWord(const DeviceRequest& request, uint32_t offset) {
  const WaitRegisters& word = words_[request.core];
  if (word.address % 4 != 0 || word.address >= l1_->size()) {
    return Fault(
        fmt::format("WAIT_ADDR {:#x}: allowed are words of L1", word.address));
  }
  const uint32_t there = WordAt(*l1_, word.address);
  if (Fulfilled(offset, there, word.value)) {
    // As long as a polling loop's load of it would take.
    const auto& pipeline = group_.core(request.core).config().pipeline;
    const uint32_t load =
        pipeline.load_latency[static_cast<size_t>(Latency::kL1)];
    return {.value = there, .ready_cycle = request.cycle + load};
  }
  group_.WakeOnStore(request.core, {l1_.get(), word.address, 4});
  return {.kind = DeviceReply::kWait};
}

// The engine's registers, and behind them its command word.
DeviceReply Tile::Configure(const DeviceRequest& request, uint32_t offset,
                            Wait* wait) {
  const std::optional<Thread> thread = ThreadOf(request.core);
  if (!thread) return Fault("the engine is T0's, T1's and T2's alone");
  Registers& registers = registers_[static_cast<size_t>(*thread)];
  if (!request.write) {
    *wait = Wait::kIdle;
    if (offset == TILE_IDLE) return engine_->WaitIdle(*thread, request.cycle);
    return Fault("no register to read; allowed: 0x7c IDLE");
  }
  if (offset == kPage) {
    *wait = Wait::kQueue;
    return engine_->Push(*thread, {.word = request.value,
                                   .cycle = request.cycle,
                                   .registers = registers});
  }
  if (!HasRegister(*thread, offset)) {
    return Fault(
        fmt::format("the {} thread has no register {:#x}; see the table of the "
                    "engine in emulators/mesh/tile/README.md",
                    NameOf(*thread), offset));
  }
  registers[offset / 4] = request.value;
  return {};
}

void Tile::Account(const DeviceRequest& request, const DeviceReply& reply,
                   Wait wait) {
  Pending& pending = pending_[request.core];
  const bool waits =
      reply.kind == DeviceReply::kWait || reply.kind == DeviceReply::kLater;
  if (waits && !pending.open) pending = {true, wait, request.cycle};
  if (waits || !pending.open) return;
  pending.open = false;
  waited_[request.core][static_cast<size_t>(pending.wait)] +=
      request.cycle - pending.begin;
  if (rules_->history > 0) {
    spans_.Add({static_cast<uint8_t>(request.core), pending.wait, pending.begin,
                request.cycle},
               rules_->history);
    history_[request.core].Add(DependencyOf(request, pending.wait),
                               rules_->history);
  }
}

Dependency Tile::DependencyOf(const DeviceRequest& request, Wait wait) const {
  const auto now = static_cast<double>(request.cycle);
  Dependency d = {.begin = static_cast<double>(pending_[request.core].begin),
                  .end = now,
                  .agent = static_cast<Agent>(request.core),
                  .tile = index_,
                  .since = now};
  switch (wait) {
    case Wait::kNocCommand:
      d.way = Way::kNocCommand;
      d.since = d.begin;
      break;
    case Wait::kReads:
    case Wait::kWrites: {
      const size_t noc = request.address < TILE_NOC0 + TILE_NOC_STRIDE ? 0 : 1;
      if ((request.address & (kPage - 1)) == TILE_NOC_BARRIER_SENT) {
        d.way = Way::kNocSend;
        d.agent = nius_[noc].last_sent_core();
        d.since = static_cast<double>(nius_[noc].last_sent_cycle());
        break;
      }
      const NocCommand& last = nius_[noc].last_completed();
      d.way = last.reads() ? Way::kNocRead : Way::kNocWrite;
      d.agent = last.core;
      d.since = static_cast<double>(last.cycle);
      break;
    }
    case Wait::kWord: {
      const riscv::Waker& waker = group_.waker(request.core);
      if (waker.stored) {
        d.agent = static_cast<Agent>(waker.core);
        d.since = static_cast<double>(waker.cycle);
      } else {
        d.way = WayOfTag(waker.tag);
        d.agent = AgentOfTag(waker.tag);
        d.tile = TileOfTag(waker.tag);
        d.since = static_cast<double>(waker.sent);
      }
      break;
    }
    case Wait::kQueue:
    case Wait::kIdle:
      d.agent = AgentOf(*ThreadOf(request.core));
      break;
  }
  return d;
}

// ---- messages ----

std::string Tile::WaitText(size_t core) const {
  const Pending& pending = pending_[core];
  if (!pending.open) return {};
  switch (pending.wait) {
    case Wait::kWord:
      return fmt::format(
          " (the word at {:#x} is {}, wanted {})", words_[core].address,
          WordAt(*l1_, words_[core].address), words_[core].value);
    case Wait::kQueue:
    case Wait::kIdle:
      return fmt::format(" (engine: {})", engine_->Waiting());
    default:
      return fmt::format(" ({})", NameOf(pending.wait));
  }
}

std::vector<std::string> Tile::Stuck() const {
  std::vector<std::string> texts;
  for (size_t i = 0; i < group_.size(); ++i) {
    const riscv::Core& core = group_.core(i);
    if (core.stop() == riscv::Stop::kExited) continue;
    const Status status = core.Outcome();
    if (!status) texts.push_back(status.error().message + WaitText(i));
  }
  return texts;
}

}  // namespace triptych::mesh::tile
