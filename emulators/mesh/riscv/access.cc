// Loads, stores and atomics that the interpreter's short ways do not take:
// other regions, devices, granules that concern others, faults.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstring>

#include "emulators/mesh/riscv/core.h"
#include "emulators/mesh/riscv/evaluate.h"
#include "emulators/mesh/riscv/semantics.h"
#include "kernels/base/check.h"

namespace triptych::mesh::riscv {

struct Core::Access {
  enum Kind : uint8_t { kLoad, kStore, kAtomic };
  Kind kind = kLoad;
  uint32_t size = 4;
  bool is_signed = false;
  uint32_t address = 0;
  uint32_t value = 0;  // what a store writes
  const Region* region = nullptr;
  uint64_t cycle = 0;
};

namespace {

bool IsStore(OpId id) {
  if (id == OpId::kTtinsn) return true;
  return InsnOf(static_cast<InsnId>(id)).cost == Cost::kStore;
}

bool IsAtomic(OpId id) {
  return id != OpId::kTtinsn &&
         InsnOf(static_cast<InsnId>(id)).cost == Cost::kAmo;
}

uint32_t Extended(uint32_t raw, uint32_t size, bool is_signed) {
  const int shift = static_cast<int>(32 - 8 * size);
  return is_signed ? U(S(raw << shift) >> shift) : raw;
}

std::string_view Verb(bool store) { return store ? "store to" : "load from"; }

}  // namespace

Core::Next Core::SlowAccess(const Op& op) {
  if (config_.timed && op.first_of_line) timing_.Fetch(CurrentPc());
  Access access;
  if (op.id != OpId::kTtinsn) {
    const MemoryType type = MemoryTypeOf(static_cast<InsnId>(op.id));
    access.size = type.size;
    access.is_signed = type.is_signed;
  }
  const auto imm = static_cast<uint32_t>(op.imm);
  if (op.id == OpId::kTtinsn) {
    access.kind = Access::kStore;
    access.address = kInstructionBuffer;
    access.value = imm;
  } else if (IsAtomic(op.id)) {
    access.kind = Access::kAtomic;
    access.address = r_[op.rs1];
    access.value = r_[op.rs2];
  } else {
    access.kind = IsStore(op.id) ? Access::kStore : Access::kLoad;
    access.address = r_[op.rs1] + imm;
    access.value = r_[op.rs2];
  }
  const bool aligned = access.address % access.size == 0;
  if (!aligned && (!config_.misaligned || access.kind == Access::kAtomic)) {
    return AccessFault(access);
  }
  access.region = memory_.Find(access.address);
  if (access.region == nullptr ||
      !access.region->Contains(access.address + access.size - 1)) {
    access.region = nullptr;
    return AccessFault(access);
  }
  access.cycle = AccessTime(op, access);
  const bool ordered = access.region->shared || !access.region->ram;
  if (ordered && access.cycle >= horizon_) {
    blocked_until_ = access.cycle;
    stop_ = Stop::kLimit;
    return Next::kStop;
  }
  return access.region->ram ? AccessRam(op, access) : AccessDevice(op, access);
}

uint64_t Core::AccessTime(const Op& op, const Access& access) const {
  if (!config_.timed) return Cycle();
  const Latency where = access.region->latency;
  const uint64_t t = timing_.Issue(op);
  switch (access.kind) {
    case Access::kLoad:
      return timing_.LoadAt(t, where, access.address, access.size);
    case Access::kStore:
      return timing_.StoreAt(t, where, access.address);
    case Access::kAtomic:
      return timing_.AtomicAt(t);
  }
  return t;
}

void Core::Charge(const Op& op, const Access& access, uint64_t ready) {
  if (!config_.timed) return;
  const Latency where = access.region->latency;
  timing_.CountMemoryWait(access.cycle - timing_.Issue(op));
  switch (access.kind) {
    case Access::kLoad:
      timing_.Load(access.cycle, op.rd, where, access.address, ready);
      break;
    case Access::kStore:
      timing_.Store(access.cycle, where, access.address, access.size);
      break;
    case Access::kAtomic:
      timing_.Atomic(access.cycle, op.rd, where);
      break;
  }
}

Core::Next Core::AccessRam(const Op& op, const Access& access) {
  Ram& ram = *access.region->ram;
  const uint32_t offset = access.address - access.region->base;
  const bool writes = access.kind != Access::kLoad && op.id != OpId::kLrW;
  if (writes && listener_ != nullptr &&
      (ram.marks()[offset / Ram::kGranule] & Ram::kWatched) &&
      listener_->BeforeStore(config_.index, access.cycle, &ram, offset,
                             access.size)) {
    blocked_until_ = access.cycle;
    stop_ = Stop::kLimit;
    return Next::kStop;
  }
  Charge(op, access, 0);
  std::byte* const place = ram.data() + offset;
  uint32_t before = 0;
  std::memcpy(&before, place, access.size);
  uint32_t after = access.value;
  switch (access.kind) {
    case Access::kLoad:
      r_[op.rd] = Extended(before, access.size, access.is_signed);
      return Next::kContinue;
    case Access::kStore:
      break;
    case Access::kAtomic:
      if (op.id == OpId::kLrW) {
        reservation_ = access.address;
        r_[op.rd] = before;
        return Next::kContinue;
      }
      if (op.id == OpId::kScW) {
        // Reservations of this core alone: others' stores do not break them.
        const bool held = reservation_ == access.address;
        reservation_.reset();
        r_[op.rd] = held ? 0 : 1;
        if (!held) return Next::kContinue;
      } else {
        fp::Env none;
        after =
            Evaluate(static_cast<InsnId>(op.id), before, access.value, 0, none);
        r_[op.rd] = before;
      }
      break;
  }
  std::memcpy(place, &after, access.size);
  return AfterStore(access);
}

Core::Next Core::AfterStore(const Access& access) {
  if (config_.tohost == access.address && (access.value & 1)) {
    exit_code_ = access.value >> 1;
    stop_ = Stop::kExited;
    return Next::kStop;
  }
  const uint32_t granule =
      (access.address - access.region->base) / Ram::kGranule;
  if ((access.region->ram->marks()[granule] & Ram::kCode) == 0) {
    return Next::kContinue;
  }
  // These may be instructions that were decoded.
  LeaveBlock(CurrentPc() + 4, instructions() + 1);
  blocks_.Clear();
  if (config_.timed) timing_.InvalidateInstructions();
  return Next::kJump;
}

Core::Next Core::AccessDevice(const Op& op, const Access& access) {
  const bool store = access.kind == Access::kStore;
  GiveUpProbe(access.cycle, false);
  if (access.kind == Access::kAtomic) {
    return RaiseTrap(Cause::kStoreFault, access.address,
                     fmt::format("atomic on {} at {:#010x}; allowed is RAM",
                                 access.region->name, access.address));
  }
  pending_ = {.core = config_.index,
              .cycle = access.cycle,
              .address = access.address,
              .size = access.size,
              .write = store,
              .value = access.value};
  if (access.region->device && !reply_) {
    reply_ = access.region->device->Access(pending_);
  }
  if (!reply_) {
    blocked_until_ = access.cycle;
    stop_ = Stop::kDevice;
    return Next::kStop;
  }
  const DeviceReply reply = std::move(*reply_);
  reply_.reset();
  switch (reply.kind) {
    case DeviceReply::kDone:
      break;
    case DeviceReply::kWait:
      stop_ = Stop::kWaiting;
      return Next::kStop;
    case DeviceReply::kLater:
      TRIPTYCH_CHECK(reply.ready_cycle > access.cycle, "cycle", access.cycle,
                     "later", reply.ready_cycle);
      blocked_until_ = 0;
      SkipTo(reply.ready_cycle);
      stop_ = Stop::kLimit;
      return Next::kStop;
    case DeviceReply::kFault:
      return RaiseTrap(
          Cause::kDeviceFault, access.address,
          fmt::format("{} {} at {:#010x}: {}", Verb(store), access.region->name,
                      access.address, reply.reason));
  }
  Charge(op, access, reply.ready_cycle);
  if (!store) {
    r_[op.rd] = Extended(reply.value, access.size, access.is_signed);
  }
  return Next::kContinue;
}

Core::Next Core::AccessFault(const Access& access) {
  const bool store = access.kind != Access::kLoad;
  if (access.address % access.size != 0 &&
      (!config_.misaligned || access.kind == Access::kAtomic)) {
    return RaiseTrap(
        store ? Cause::kStoreMisaligned : Cause::kLoadMisaligned,
        access.address,
        fmt::format("{} {:#010x}: misaligned; allowed are multiples of {}",
                    Verb(store), access.address, access.size));
  }
  return RaiseTrap(
      store ? Cause::kStoreFault : Cause::kLoadFault, access.address,
      fmt::format("{} {:#010x}: nothing is there; allowed: {}", Verb(store),
                  access.address, memory_.Describe()));
}

}  // namespace triptych::mesh::riscv
