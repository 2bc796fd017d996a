// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/core.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "emulators/mesh/riscv/disassemble.h"
#include "emulators/mesh/riscv/evaluate.h"
#include "kernels/base/check.h"

namespace triptych::mesh::riscv {
namespace {

enum : uint32_t {
  kMstatus = 0x300,
  kMtvec = 0x305,
  kMepc = 0x341,
  kMcause = 0x342,
  kMtval = 0x343,
  kCfg0 = 0x7c0,
};
// mstatus: interrupts on, interrupts were on.
constexpr uint32_t kMie = 1 << 3, kMpie = 1 << 7;
// [ISA] CSRs.md, cfg0 at reset: StMergeTimer is 16.
constexpr uint32_t kCfg0Reset = 16u << 13;
constexpr uint32_t kEcallExit = 93;  // a7, as newlib and riscv-tests have it

std::string_view CauseName(Cause cause) {
  switch (cause) {
    case Cause::kFetchMisaligned:
      return "misaligned jump";
    case Cause::kFetchFault:
      return "no instruction";
    case Cause::kIllegal:
      return "illegal instruction";
    case Cause::kBreakpoint:
      return "ebreak";
    case Cause::kLoadMisaligned:
      return "misaligned load";
    case Cause::kLoadFault:
      return "load fault";
    case Cause::kStoreMisaligned:
      return "misaligned store";
    case Cause::kStoreFault:
      return "store fault";
    case Cause::kEcall:
      return "ecall";
    case Cause::kDeviceFault:
      return "device fault";
  }
  return "trap";
}

// misa: RV32 and a bit for each letter.
uint32_t IsaBits(uint32_t extensions) {
  uint32_t bits = 1u << 30 | 1u << ('I' - 'A');
  if (extensions & kM) bits |= 1u << ('M' - 'A');
  if (extensions & kF) bits |= 1u << ('F' - 'A');
  if (extensions & kZaamo) bits |= 1u << ('A' - 'A');
  if (extensions & kZbb) bits |= 1u << ('B' - 'A');
  return bits;
}

size_t RowOf(const Csr& csr) {
  return static_cast<size_t>(&csr - Csrs().data());
}
size_t RowOf(uint32_t number) { return RowOf(*FindCsr(number)); }

}  // namespace

Core::Core(CoreConfig config, AddressMap memory)
    : config_(std::move(config)),
      memory_(std::move(memory)),
      timing_(config_.pipeline),
      blocks_(config_.extensions, Targets()),
      storage_(Csrs().size()) {
  for (const Region& region : memory_.regions()) {
    if (!region.ram) continue;
    Window& window = region.shared || region.executable ? shared_ : local_;
    if (window.size != 0) continue;
    window = {region.base, region.size, region.ram->data(), region.ram->marks(),
              region.latency};
  }
  if (!config_.tohost) return;
  const Region* region = memory_.Find(*config_.tohost);
  TRIPTYCH_CHECK(region != nullptr && region->ram, "tohost", *config_.tohost);
  region->ram->marks()[(*config_.tohost - region->base) / Ram::kGranule] |=
      Ram::kExit;
  // The short way there does not look at marks.
  if (local_.data == region->ram->data()) local_ = {};
}

void Core::Reset(uint32_t pc, uint64_t cycle) {
  Settle(cycle);
  watched_.clear();
  r_.fill(0);
  std::ranges::fill(storage_, 0);
  storage_[RowOf(kCfg0)] = kCfg0Reset;
  fflags_ = frm_ = 0;
  reservation_.reset();
  reply_.reset();
  LeaveBlock(pc, instructions());
  blocks_.Clear();
  timing_.InvalidateInstructions();
  blocked_until_ = 0;
  SkipTo(cycle);
  GiveUpProbe(now(), false);
  stop_ = Stop::kLimit;
}

uint64_t Core::instructions() const {
  if (block_ == nullptr) return instret_;
  return instret_ + static_cast<uint64_t>(op_ - block_->ops.data());
}

uint32_t Core::CurrentPc() const {
  if (block_ == nullptr) return pc_;
  return block_->pc + 4 * static_cast<uint32_t>(op_ - block_->ops.data());
}

uint32_t Core::pc() const { return CurrentPc(); }

void Core::LeaveBlock(uint32_t pc, uint64_t instructions) {
  block_ = nullptr;
  op_ = nullptr;
  pc_ = pc;
  instret_ = instructions;
}

uint64_t Core::now() const {
  const uint64_t next = config_.timed ? timing_.next() : instructions() + skew_;
  return std::max(next, blocked_until_);
}

uint64_t Core::Cycle() const {
  return config_.timed ? timing_.Issue(*op_) : instructions() + skew_;
}

void Core::SkipTo(uint64_t cycle) {
  if (config_.timed) return timing_.NotBefore(cycle);
  const uint64_t at = instructions() + skew_;
  if (cycle > at) skew_ += cycle - at;
}

void Core::set_x(int i, uint32_t value) {
  if (i != 0) r_[static_cast<size_t>(i)] = value;
}

uint32_t Core::WordAt(uint32_t pc) const {
  uint32_t word = 0;
  if (!memory_.Read(pc, std::as_writable_bytes(std::span(&word, 1)))) return 0;
  return word;
}

Core::Next Core::RaiseTrap(Cause cause, uint32_t value, std::string reason) {
  const uint32_t at = CurrentPc();
  GiveUpProbe(now(), false);
  if (config_.machine_traps && storage_[RowOf(kMtvec)] != 0) {
    storage_[RowOf(kMepc)] = at;
    storage_[RowOf(kMcause)] = static_cast<uint32_t>(cause);
    storage_[RowOf(kMtval)] = value;
    uint32_t& status = storage_[RowOf(kMstatus)];
    status = (status & ~(kMie | kMpie)) | (status & kMie ? kMpie : 0);
    LeaveBlock(storage_[RowOf(kMtvec)], instructions());
    // As a jump that nobody foresaw.
    if (config_.timed) {
      timing_.NotBefore(timing_.next() + 1 +
                        config_.pipeline.mispredict_bubble);
    } else {
      ++skew_;
    }
    return Next::kJump;
  }
  trap_ = {cause, at, WordAt(at), value, std::move(reason)};
  stop_ = Stop::kTrap;
  return Next::kStop;
}

Core::Next Core::IllegalInstruction(const Op& op) {
  const uint32_t at = CurrentPc();
  if (op.id == OpId::kNoFetch) {
    return RaiseTrap(Cause::kFetchFault, at,
                     fmt::format("nothing to execute at {:#010x}; memory: {}",
                                 at, memory_.Describe()));
  }
  const uint32_t word = WordAt(at);
  const bool known = FindInsn(word) != nullptr;
  return RaiseTrap(
      Cause::kIllegal, word,
      known && op.id == OpId::kIllegal
          ? fmt::format("{:#010x} is not among this core's extensions", word)
      : known ? std::string("the rounding mode, or the register, is invalid")
              : fmt::format("{:#010x} is no instruction", word));
}

bool Core::RoundingOf(const Op& op, fp::Env* env) const {
  const auto rounding = static_cast<uint8_t>(op.imm == 7 ? frm_ : op.imm);
  env->rounding = static_cast<fp::Rounding>(rounding);
  return rounding <= 4;
}

Core::Next Core::System(const Op& op) {
  const uint64_t t = Cycle();
  switch (op.id) {
    case OpId::kEcall:
      if (config_.machine_traps && storage_[RowOf(kMtvec)] != 0) {
        return RaiseTrap(Cause::kEcall, 0, "ecall");
      }
      if (r_[17] == kEcallExit) {
        exit_code_ = r_[10];
        stop_ = Stop::kExited;
        return Next::kStop;
      }
      return RaiseTrap(
          Cause::kEcall, r_[17],
          fmt::format("a7 is {}; allowed is {} (exit)", r_[17], kEcallExit));
    case OpId::kEbreak:
      return RaiseTrap(Cause::kBreakpoint, CurrentPc(), "breakpoint");
    case OpId::kMret: {
      uint32_t& status = storage_[RowOf(kMstatus)];
      status = (status & ~kMie) | (status & kMpie ? kMie : 0) | kMpie;
      if (config_.timed) timing_.Serialise(t, kSink);
      LeaveBlock(storage_[RowOf(kMepc)], instructions() + 1);
      return Next::kJump;
    }
    case OpId::kFenceI:
      if (config_.timed) {
        timing_.Fence(timing_.FenceAt(t));
        timing_.InvalidateInstructions();
      }
      LeaveBlock(CurrentPc() + 4, instructions() + 1);
      blocks_.Clear();
      return Next::kJump;
    case OpId::kWfi:  // may return at once
      if (config_.timed) timing_.Serialise(t, kSink);
      return Next::kContinue;
    default:
      return CsrAccess(op);
  }
}

uint32_t Core::ReadCsr(const Csr& csr) const {
  const uint64_t cycle = Cycle() - cycle_offset_;
  const uint64_t instret = instructions() - instret_offset_;
  switch (csr.kind) {
    case CsrKind::kFflags:
      return fflags_;
    case CsrKind::kFrm:
      return frm_;
    case CsrKind::kFcsr:
      return fcsr();
    case CsrKind::kCycle:
      return static_cast<uint32_t>(cycle);
    case CsrKind::kCycleHigh:
      return static_cast<uint32_t>(cycle >> 32);
    case CsrKind::kInstret:
      return static_cast<uint32_t>(instret);
    case CsrKind::kInstretHigh:
      return static_cast<uint32_t>(instret >> 32);
    case CsrKind::kHartId:
      return config_.hart_id;
    case CsrKind::kIsa:
      return IsaBits(config_.extensions);
    case CsrKind::kStorage:
      return storage_[RowOf(csr)];
  }
  return 0;
}

void Core::WriteCsr(const Csr& csr, uint32_t value) {
  constexpr uint64_t kLow = 0xffffffffu;
  // Counters go on from what is written.
  const auto set_low = [&](uint64_t now, uint64_t* offset) {
    const uint64_t wanted = ((now - *offset) & ~kLow) | value;
    *offset = now - wanted;
  };
  const auto set_high = [&](uint64_t now, uint64_t* offset) {
    const uint64_t wanted = ((now - *offset) & kLow) | uint64_t{value} << 32;
    *offset = now - wanted;
  };
  value &= csr.bits;
  if (csr.bits == 0) return;
  switch (csr.kind) {
    case CsrKind::kFflags:
      fflags_ = static_cast<uint8_t>(value);
      break;
    case CsrKind::kFrm:
      frm_ = static_cast<uint8_t>(value);
      break;
    case CsrKind::kFcsr:
      fflags_ = value & 0x1f;
      frm_ = static_cast<uint8_t>(value >> 5);
      break;
    case CsrKind::kCycle:
      set_low(Cycle(), &cycle_offset_);
      break;
    case CsrKind::kCycleHigh:
      set_high(Cycle(), &cycle_offset_);
      break;
    case CsrKind::kInstret:
      set_low(instructions(), &instret_offset_);
      break;
    case CsrKind::kInstretHigh:
      set_high(instructions(), &instret_offset_);
      break;
    case CsrKind::kHartId:
    case CsrKind::kIsa:
      break;
    case CsrKind::kStorage:
      storage_[RowOf(csr)] = value;
      break;
  }
}

Core::Next Core::CsrAccess(const Op& op) {
  const auto id = static_cast<InsnId>(op.id);
  const bool immediate = InsnOf(id).format == Format::kCsrImm;
  const auto imm = static_cast<uint32_t>(op.imm);
  const uint32_t number = imm & 0xfff;
  const uint32_t operand = immediate ? imm >> 12 & 31 : r_[op.rs1];
  // Set and clear by x0 or 0 do not write at all.
  const bool always = id == InsnId::kCsrrw || id == InsnId::kCsrrwi;
  const bool writes = always || (immediate ? operand != 0 : op.rs1 != 0);
  const Csr* csr = FindCsr(number);
  const bool read_only = number >> 10 == 3;
  if (csr == nullptr || !(csr->extension & config_.extensions) ||
      (writes && read_only)) {
    return RaiseTrap(Cause::kIllegal, WordAt(CurrentPc()),
                     fmt::format("CSR {:#x} {}", number,
                                 csr != nullptr && read_only ? "is read-only"
                                                             : "is not there"));
  }
  const uint64_t t = Cycle();
  const uint32_t before = ReadCsr(*csr);
  if (writes) {
    fp::Env none;
    WriteCsr(*csr, Evaluate(id, before, operand, 0, none));
  }
  r_[op.rd] = before;
  if (config_.timed) timing_.Serialise(t, op.rd);
  return Next::kContinue;
}

Status Core::Outcome() const {
  const auto fail = [&](uint32_t pc, uint32_t word, std::string_view what) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: pc {:#010x}: {}: {}", config_.name, pc,
                    Disassemble(word, pc, config_.extensions), what));
  };
  switch (stop_) {
    case Stop::kExited:
      if (exit_code_ == 0) return {};
      return fail(pc(), WordAt(pc()),
                  fmt::format("the program failed with code {}; success is 0",
                              exit_code_));
    case Stop::kTrap:
      return fail(trap_.pc, trap_.word,
                  fmt::format("{}: {}", CauseName(trap_.cause), trap_.reason));
    case Stop::kAsleep:
      return fail(pc(), WordAt(pc()),
                  watched_.empty()
                      ? std::string("loops for ever")
                      : fmt::format("waits for {:#010x}, which nobody "
                                    "changes",
                                    watched_address_));
    case Stop::kWaiting:
    case Stop::kDevice:
      return fail(
          pc(), WordAt(pc()),
          fmt::format("waits for the device at {:#010x}", pending_.address));
    case Stop::kHeld:
      return {};
    case Stop::kLimit:
      break;
  }
  return fail(pc(), WordAt(pc()),
              fmt::format("still running at cycle {}", now()));
}

}  // namespace triptych::mesh::riscv
