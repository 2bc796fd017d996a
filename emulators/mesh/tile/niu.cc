// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/niu.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/base/check.h"
#include "kernels/tile/abi.h"

namespace triptych::mesh::tile {
namespace {

using riscv::DeviceReply;

constexpr uint32_t kFlags =
    TILE_NOC_MULTICAST | TILE_NOC_SELF | TILE_NOC_BULK | TILE_NOC_POSTED;

Place First(uint32_t xy) {
  return {static_cast<int32_t>(xy & 0xff),
          static_cast<int32_t>(xy >> 8 & 0xff)};
}
Place Last(uint32_t xy) { return First(xy >> 16); }

DeviceReply Value(uint32_t value) { return {.value = value}; }

}  // namespace

bool NocCommand::reads() const { return op() == TILE_NOC_READ; }

DeviceReply Niu::Access(const riscv::DeviceRequest& request, uint32_t offset) {
  if (!request.write) return Load(request, offset);
  if (offset == TILE_NOC_COMMAND) return Start(request);
  if (WriteRegister(request.core, offset, request.value)) return {};
  return {.kind = DeviceReply::kFault,
          .reason =
              "no register to write; allowed: 0x00 LOCAL, 0x04 REMOTE, "
              "0x08 XY, 0x0c LENGTH, 0x10 VALUE, 0x14 TRID, 0x18 CMD"};
}

bool Niu::WriteRegister(uint32_t core, uint32_t offset, uint32_t value) {
  CoreRegisters& r = cores_[core];
  switch (offset) {
    case TILE_NOC_LOCAL:
      r.local = value;
      return true;
    case TILE_NOC_REMOTE:
      r.remote = value;
      return true;
    case TILE_NOC_XY:
      r.xy = value;
      return true;
    case TILE_NOC_LENGTH:
      r.length = value;
      return true;
    case TILE_NOC_VALUE:
      r.value = value;
      return true;
    case TILE_NOC_TRID:
      r.id = value;
      return true;
    default:
      return false;
  }
}

DeviceReply Niu::Start(const riscv::DeviceRequest& request) {
  const CoreRegisters& r = cores_[request.core];
  NocCommand c{.cycle = request.cycle,
               .tile = tile_,
               .core = static_cast<uint8_t>(request.core),
               .noc = noc_,
               .word = request.value,
               .local = r.local,
               .remote = r.remote,
               .xy = r.xy,
               .length = r.length,
               .id = r.id};
  const bool word = c.op() == TILE_NOC_INLINE || c.op() == TILE_NOC_INCREMENT;
  if (word) c.length = 4;
  // What is left there of a rectangle says nothing.
  if (!c.has(TILE_NOC_MULTICAST)) c.xy &= 0xffff;
  std::string text = Complaint(c);
  if (!text.empty()) {
    return {.kind = DeviceReply::kFault, .reason = std::move(text)};
  }
  if (static_cast<double>(request.cycle) < next_command_) {
    return {.kind = DeviceReply::kLater,
            .ready_cycle = static_cast<uint64_t>(std::ceil(next_command_))};
  }
  const auto now = static_cast<double>(request.cycle);
  const bool dram = rules_->floorplan->BankAt(First(c.xy)).has_value();
  next_command_ = now + (!c.reads() ? rules_->write
                         : dram     ? rules_->read_dram
                                    : rules_->read_tile);
  const bool carried = !(rules_->timing_only && c.has(TILE_NOC_BULK));
  if (word) {
    c.data.resize(4);
    std::memcpy(c.data.data(), &r.value, 4);
  } else if (c.op() == TILE_NOC_WRITE && carried) {
    const std::byte* from = l1_->data() + c.local;
    c.data.assign(from, from + c.length);
  }
  if (c.reads()) {
    ++stats_.reads;
    stats_.read_bytes += c.length;
  } else {
    ++stats_.writes;
    stats_.written_bytes += c.length;
    sent_ = std::max(sent_, now + rules_->to_network) +
            c.length / rules_->bytes_per_cycle;
    last_sent_cycle_ = c.cycle;
    last_sent_core_ = c.core;
  }
  if (c.reads() || !c.has(TILE_NOC_POSTED)) {
    ++total_[c.reads() ? 0 : 1];
    ++by_id_[c.reads() ? 0 : 1][c.id];
  }
  out_->push_back(std::move(c));
  return {};
}

std::string Niu::Complaint(const NocCommand& c) const {
  if (c.op() < TILE_NOC_READ || c.op() > TILE_NOC_INCREMENT ||
      (c.word & ~(0xffu | kFlags)) != 0) {
    return fmt::format(
        "command {:#x}: allowed are 1 READ, 2 WRITE, 3 INLINE, "
        "4 INCREMENT with flags of {:#x}",
        c.word, kFlags);
  }
  if (c.id >= kTransactionIds) {
    return fmt::format("TRID {}: allowed 0 to {}", c.id, kTransactionIds - 1);
  }
  if (c.length < 1 || c.length > rules_->payload) {
    return fmt::format("LENGTH {}: allowed 1 to {}", c.length, rules_->payload);
  }
  const bool word = c.op() >= TILE_NOC_INLINE;
  if (word && c.remote % 4 != 0) {
    return fmt::format("REMOTE {:#x}: allowed are multiples of 4", c.remote);
  }
  if (!word && c.local % 16 != c.remote % 16) {
    return fmt::format(
        "LOCAL {:#x} and REMOTE {:#x}: allowed are addresses "
        "that agree modulo 16",
        c.local, c.remote);
  }
  if (!word && uint64_t{c.local} + c.length > rules_->l1_bytes) {
    return fmt::format("LOCAL {:#x} and {} bytes: L1 ends at {:#x}", c.local,
                       c.length, rules_->l1_bytes);
  }
  return PlaceComplaint(c);
}

std::string Niu::PlaceComplaint(const NocCommand& c) const {
  const Floorplan& plan = *rules_->floorplan;
  const Place first = First(c.xy), last = Last(c.xy);
  const uint64_t end = uint64_t{c.remote} + c.length;
  if (c.has(TILE_NOC_MULTICAST)) {
    if (c.reads()) return "a read of several places: MULTICAST is for writes";
    bool any = false;
    for (int32_t y = first.y; y <= last.y; ++y) {
      for (int32_t x = first.x; x <= last.x; ++x) {
        const auto tile = plan.TileAt({x, y});
        any |= tile && (c.has(TILE_NOC_SELF) || *tile != tile_);
      }
    }
    if (!any) {
      return fmt::format("XY {:#x}: no tiles in {},{} to {},{}", c.xy, first.x,
                         first.y, last.x, last.y);
    }
  } else if (plan.BankAt(first)) {
    if (c.op() == TILE_NOC_INCREMENT) return "INCREMENT in DRAM: only in L1";
    if (end > rules_->bank_bytes) {
      return fmt::format("REMOTE {:#x} and {} bytes: the bank ends at {:#x}",
                         c.remote, c.length, rules_->bank_bytes);
    }
    return {};
  } else if (!plan.TileAt(first)) {
    return fmt::format("XY {:#x}: neither tile nor DRAM at {},{}", c.xy,
                       first.x, first.y);
  }
  if (end > rules_->l1_bytes) {
    return fmt::format("REMOTE {:#x} and {} bytes: L1 ends at {:#x}", c.remote,
                       c.length, rules_->l1_bytes);
  }
  return {};
}

DeviceReply Niu::Load(const riscv::DeviceRequest& request, uint32_t offset) {
  constexpr uint32_t kIdBytes = 4 * kTransactionIds;
  const auto of_id = [&](uint32_t id) { return by_id_[0][id] + by_id_[1][id]; };
  switch (offset) {
    case TILE_NOC_READS:
      return Value(total_[0]);
    case TILE_NOC_WRITES:
      return Value(total_[1]);
    case TILE_NOC_BARRIER_READ:
      return Barrier(request.core, total_[0]);
    case TILE_NOC_BARRIER_WRITE:
      return Barrier(request.core, total_[1]);
    case TILE_NOC_BARRIER_SENT:
      if (static_cast<double>(request.cycle) >= sent_) return Value(0);
      return {.kind = DeviceReply::kLater,
              .ready_cycle = static_cast<uint64_t>(std::ceil(sent_))};
    default:
      break;
  }
  if (offset - TILE_NOC_UNDER_WAY < kIdBytes) {
    return Value(of_id((offset - TILE_NOC_UNDER_WAY) / 4));
  }
  if (offset - TILE_NOC_BARRIER_ID < kIdBytes) {
    return Barrier(request.core, of_id((offset - TILE_NOC_BARRIER_ID) / 4));
  }
  return {.kind = DeviceReply::kFault,
          .reason =
              "no register to read; allowed: 0x20 to 0x30, "
              "0x80 to 0xfc"};
}

DeviceReply Niu::Barrier(uint32_t core, uint32_t count) {
  if (count == 0) return Value(0);
  waiting_.push_back(core);
  return {.kind = DeviceReply::kWait};
}

void Niu::Complete(const NocCommand& command, uint64_t cycle,
                   riscv::Group* group) {
  const size_t kind = command.reads() ? 0 : 1;
  const uint32_t id = command.id;
  last_ = command;
  TRIPTYCH_CHECK(total_[kind] > 0 && by_id_[kind][id] > 0, "id", id);
  --total_[kind];
  --by_id_[kind][id];
  if (total_[kind] != 0 && by_id_[kind][id] != 0) return;
  // They ask again, and wait again if it was not for this.
  const std::vector<uint32_t> woken = std::move(waiting_);
  waiting_.clear();
  for (const uint32_t core : woken) group->Wake(core, cycle);
}

}  // namespace triptych::mesh::tile
