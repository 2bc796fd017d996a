// The interpreter: one body a format, filled in from the table of
// instructions, each jumping straight to the next instruction's.
//
// Where the compiler knows addresses of labels, an Op holds the distance from
// the first body to its own. Elsewhere a switch does the same.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "emulators/mesh/riscv/core.h"
#include "emulators/mesh/riscv/semantics.h"

#if defined(__GNUC__) && !defined(TRIPTYCH_RISCV_SWITCH)
#define TRIPTYCH_RISCV_THREADED 1
#pragma GCC diagnostic ignored "-Wpedantic"  // addresses of labels
#endif

namespace triptych::mesh::riscv {
// Inside Run(): the cycle of this instruction; go on behind it, or elsewhere.
#define TRIPTYCH_ISSUE()                       \
  if constexpr (kTimed) {                      \
    if (op->first_of_line) timing.Fetch(PC()); \
    t = timing.Issue(*op);                     \
  }
#define TRIPTYCH_TIMED(statement) \
  if constexpr (kTimed) statement
#define TRIPTYCH_NEXT() \
  ++op;                 \
  TRIPTYCH_DISPATCH()
#ifdef TRIPTYCH_RISCV_THREADED
#define TRIPTYCH_BODY(id) L_##id:
#define TRIPTYCH_DISPATCH() \
  goto* reinterpret_cast<const void*>(origin + op->target)
#else
#define TRIPTYCH_BODY(id) case OpId::k##id:
#define TRIPTYCH_DISPATCH() goto dispatch
#endif
// What is rare is a call: state is in the object while it lasts.
#define TRIPTYCH_SAVE() \
  block_ = block;       \
  op_ = op;             \
  instret_ = instret;
#define TRIPTYCH_CALL(call) \
  TRIPTYCH_SAVE()           \
  switch (call) {           \
    case Next::kContinue:   \
      horizon = horizon_;   \
      break;                \
    case Next::kStop:       \
      return stop_;         \
    case Next::kJump:       \
      goto jumped;          \
  }

// One value from registers. The braces end the lifetimes before the jump.
#define TRIPTYCH_COMPUTE(second, cost, ...)                          \
  {                                                                  \
    const uint32_t a = r[op->rs1], b = second;                       \
    TRIPTYCH_ISSUE()                                                 \
    if constexpr (kTimed) {                                          \
      if constexpr (Cost::k##cost == Cost::kMul) {                   \
        timing.Multiply(t, op->rd);                                  \
      } else if constexpr (Cost::k##cost == Cost::kDiv) {            \
        timing.Divide(t, op->rd, a, b,                               \
                      op->id == OpId::kDiv || op->id == OpId::kRem); \
      } else {                                                       \
        timing.Alu(t, op->rd);                                       \
      }                                                              \
    }                                                                \
    (void)a;                                                         \
    (void)b;                                                         \
    r[op->rd] = static_cast<uint32_t>(__VA_ARGS__);                  \
  }                                                                  \
  TRIPTYCH_NEXT();

#define TRIPTYCH_DO_Reg(cost, ...) \
  TRIPTYCH_COMPUTE(r[op->rs2], cost, __VA_ARGS__)
#define TRIPTYCH_DO_Imm(cost, ...) \
  TRIPTYCH_COMPUTE(static_cast<uint32_t>(op->imm), cost, __VA_ARGS__)
#define TRIPTYCH_DO_Shift(cost, ...) TRIPTYCH_DO_Imm(cost, __VA_ARGS__)
#define TRIPTYCH_DO_Unary(cost, ...) TRIPTYCH_DO_Imm(cost, __VA_ARGS__)
#define TRIPTYCH_DO_U(cost, ...) TRIPTYCH_DO_Imm(cost, __VA_ARGS__)
#define TRIPTYCH_DO_Auipc(cost, ...) TRIPTYCH_DO_Imm(cost, __VA_ARGS__)

#define TRIPTYCH_DO_Branch(cost, ...)              \
  {                                                \
    const uint32_t a = r[op->rs1], b = r[op->rs2]; \
    TRIPTYCH_ISSUE()                               \
    const bool taken = __VA_ARGS__;                \
    TRIPTYCH_TIMED(timing.Branch(t, PC(), taken)); \
    if (taken) goto take;                          \
  }                                                \
  goto fall;

#define TRIPTYCH_DO_Jal(cost, ...)          \
  {                                         \
    TRIPTYCH_ISSUE()                        \
    TRIPTYCH_TIMED(timing.Jump(t, op->rd)); \
    r[op->rd] = PC() + 4;                   \
  }                                         \
  goto take;

#define TRIPTYCH_DO_Jalr(cost, ...)                           \
  {                                                           \
    TRIPTYCH_ISSUE()                                          \
    pc = (r[op->rs1] + static_cast<uint32_t>(op->imm)) & ~1u; \
    TRIPTYCH_TIMED(timing.IndirectJump(t, op->rd, PC(), pc)); \
    r[op->rd] = PC() + 4;                                     \
  }                                                           \
  goto indirect;

#define TRIPTYCH_DO_Load(cost, type)                                      \
  {                                                                       \
    const uint32_t address = r[op->rs1] + static_cast<uint32_t>(op->imm); \
    TRIPTYCH_ISSUE()                                                      \
    const std::byte* from;                                                \
    if (uint32_t at = address - shared.base; at < shared.size) {          \
      if (address % sizeof(type) != 0) goto slow;                         \
      if constexpr (kTimed) {                                             \
        const uint64_t asked = t;                                         \
        t = timing.LoadAt(t, shared.latency, address, sizeof(type));      \
        if (t >= horizon) goto stopped;                                   \
        timing.CountMemoryWait(t - asked);                                \
        timing.Load(t, op->rd, shared.latency, address);                  \
      } else if (instret + Index() + skew >= horizon) {                   \
        goto stopped;                                                     \
      }                                                                   \
      from = shared.data + at;                                            \
    } else if (at = address - local.base;                                 \
               at < local.size && address % sizeof(type) == 0) {          \
      if constexpr (kTimed) {                                             \
        const uint64_t asked = t;                                         \
        t = timing.LoadAt(t, local.latency, address, sizeof(type));       \
        timing.CountMemoryWait(t - asked);                                \
        timing.Load(t, op->rd, local.latency, address);                   \
      }                                                                   \
      from = local.data + at;                                             \
    } else {                                                              \
      goto slow;                                                          \
    }                                                                     \
    type value;                                                           \
    std::memcpy(&value, from, sizeof(value));                             \
    r[op->rd] = static_cast<uint32_t>(static_cast<int32_t>(value));       \
  }                                                                       \
  TRIPTYCH_NEXT();
#define TRIPTYCH_DO_FpLoad(cost, type) TRIPTYCH_DO_Load(cost, type)

#define TRIPTYCH_DO_Store(cost, type)                                     \
  {                                                                       \
    const uint32_t address = r[op->rs1] + static_cast<uint32_t>(op->imm); \
    TRIPTYCH_ISSUE()                                                      \
    std::byte* to;                                                        \
    if (uint32_t at = address - shared.base; at < shared.size) {          \
      if (address % sizeof(type) != 0 ||                                  \
          shared.marks[at / Ram::kGranule] != 0) {                        \
        goto slow;                                                        \
      }                                                                   \
      if constexpr (kTimed) {                                             \
        const uint64_t asked = t;                                         \
        t = timing.StoreAt(t, shared.latency, address);                   \
        if (t >= horizon) goto stopped;                                   \
        timing.CountMemoryWait(t - asked);                                \
        timing.Store(t, shared.latency, address, sizeof(type));           \
      } else if (instret + Index() + skew >= horizon) {                   \
        goto stopped;                                                     \
      }                                                                   \
      to = shared.data + at;                                              \
    } else if (at = address - local.base;                                 \
               at < local.size && address % sizeof(type) == 0) {          \
      if constexpr (kTimed) {                                             \
        const uint64_t asked = t;                                         \
        t = timing.StoreAt(t, local.latency, address);                    \
        timing.CountMemoryWait(t - asked);                                \
        timing.Store(t, local.latency, address, sizeof(type));            \
      }                                                                   \
      to = local.data + at;                                               \
    } else {                                                              \
      goto slow;                                                          \
    }                                                                     \
    const auto value = static_cast<type>(r[op->rs2]);                     \
    std::memcpy(to, &value, sizeof(value));                               \
  }                                                                       \
  TRIPTYCH_NEXT();
#define TRIPTYCH_DO_FpStore(cost, type) TRIPTYCH_DO_Store(cost, type)

#define TRIPTYCH_DO_Lr(cost, ...) goto slow;
#define TRIPTYCH_DO_Sc(cost, ...) goto slow;
#define TRIPTYCH_DO_Amo(cost, ...) goto slow;

#define TRIPTYCH_DO_FpReg(cost, ...)                               \
  {                                                                \
    const uint32_t a = r[op->rs1], b = r[op->rs2], c = r[op->rs3]; \
    fp::Env e;                                                     \
    if (!RoundingOf(*op, &e)) goto illegal;                        \
    TRIPTYCH_ISSUE()                                               \
    if constexpr (kTimed) {                                        \
      if constexpr (Cost::k##cost == Cost::kFpDiv) {               \
        timing.FloatDivide(t, op->rd);                             \
      } else {                                                     \
        timing.Float(t, op->rd);                                   \
      }                                                            \
    }                                                              \
    (void)b;                                                       \
    (void)c;                                                       \
    r[op->rd] = __VA_ARGS__;                                       \
    Raise(e);                                                      \
  }                                                                \
  TRIPTYCH_NEXT();
#define TRIPTYCH_DO_Fp4(cost, ...) TRIPTYCH_DO_FpReg(cost, __VA_ARGS__)
#define TRIPTYCH_DO_FpUnary(cost, ...) TRIPTYCH_DO_FpReg(cost, __VA_ARGS__)
#define TRIPTYCH_DO_FpPlain(cost, ...) TRIPTYCH_DO_FpReg(cost, __VA_ARGS__)
#define TRIPTYCH_DO_FpToInt(cost, ...) TRIPTYCH_DO_FpReg(cost, __VA_ARGS__)
#define TRIPTYCH_DO_FpMoveOut(cost, ...) TRIPTYCH_DO_FpReg(cost, __VA_ARGS__)
#define TRIPTYCH_DO_FpCompare(cost, ...) TRIPTYCH_DO_FpReg(cost, __VA_ARGS__)
#define TRIPTYCH_DO_IntToFp(cost, ...) TRIPTYCH_DO_FpReg(cost, __VA_ARGS__)
#define TRIPTYCH_DO_FpMoveIn(cost, ...) TRIPTYCH_DO_FpReg(cost, __VA_ARGS__)

#define TRIPTYCH_DO_Fence(cost, ...)                 \
  {                                                  \
    TRIPTYCH_ISSUE()                                 \
    TRIPTYCH_TIMED(timing.Fence(timing.FenceAt(t))); \
  }                                                  \
  TRIPTYCH_NEXT();

#define TRIPTYCH_DO_FenceI(cost, ...) goto system;
#define TRIPTYCH_DO_Ecall(cost, ...) goto system;
#define TRIPTYCH_DO_Ebreak(cost, ...) goto system;
#define TRIPTYCH_DO_Mret(cost, ...) goto system;
#define TRIPTYCH_DO_Wfi(cost, ...) goto system;
#define TRIPTYCH_DO_Csr(cost, ...) goto system;
#define TRIPTYCH_DO_CsrImm(cost, ...) goto system;

#define TRIPTYCH_ROW(id, name, format, match, cost, extension, ...) \
  TRIPTYCH_BODY(id) TRIPTYCH_DO_##format(cost, __VA_ARGS__)

#ifdef TRIPTYCH_RISCV_THREADED
#define TRIPTYCH_DISTANCE(id)                                    \
  static_cast<int32_t>(reinterpret_cast<const char*>(&&L_##id) - \
                       reinterpret_cast<const char*>(&&L_Lui)),
#define TRIPTYCH_ROW_DISTANCE(id, ...) TRIPTYCH_DISTANCE(id)
#endif

template <bool kTimed>
Stop Core::Run(uint64_t horizon, std::array<int32_t, kOps>* targets) {
#ifdef TRIPTYCH_RISCV_THREADED
  const char* const origin = reinterpret_cast<const char*>(&&L_Lui);
  if (targets != nullptr) {
    *targets = {TRIPTYCH_RISCV_INSNS(TRIPTYCH_ROW_DISTANCE)
                    TRIPTYCH_DISTANCE(Ttinsn) TRIPTYCH_DISTANCE(End)
                        TRIPTYCH_DISTANCE(Illegal) TRIPTYCH_DISTANCE(NoFetch)};
    return Stop::kLimit;
  }
#endif
  uint32_t* const r = r_.data();
  Timing& timing = timing_;
  const Window shared = shared_, local = local_;
  const uint64_t skew = skew_;
  Block* block = block_;
  const Op* op = op_;
  uint64_t instret = instret_, t = 0;
  uint32_t pc = pc_;
  (void)t;
  const auto Index = [&] {
    return static_cast<uint32_t>(op - block->ops.data());
  };
  const auto PC = [&] { return block->pc + 4 * Index(); };

  if (block == nullptr) goto look_up;
  if (op == block->ops.data()) goto enter;
  TRIPTYCH_DISPATCH();

take:
  instret += block->size;
  pc = static_cast<uint32_t>(op->imm);
  if (block->taken == nullptr) [[unlikely]] {
    TRIPTYCH_SAVE()
    if (!Follow(pc, &block->taken)) return stop_;
    block = block_;
    goto enter;
  }
  block = block->taken;
  goto enter;

fall:
  instret += block->size;
  if (block->falls == nullptr) [[unlikely]] {
    TRIPTYCH_SAVE()
    if (!Follow(block->pc + 4 * block->size, &block->falls)) return stop_;
    block = block_;
    goto enter;
  }
  block = block->falls;
  goto enter;

indirect:
  instret += block->size;
look_up:
  if (Block* const known = blocks_.Find(pc); known != nullptr) [[likely]] {
    block = known;
  } else {
    TRIPTYCH_SAVE()
    if (!Follow(pc, nullptr)) return stop_;
    block = block_;
  }

enter:
  op = block->ops.data();
  if (const uint64_t now = kTimed ? timing.next() : instret + skew;
      now >= boundary_) [[unlikely]] {
    TRIPTYCH_SAVE()
    if (!Boundary(block, now)) return stop_;
  }
  TRIPTYCH_DISPATCH();

jumped:
  block = nullptr;
  instret = instret_;
  pc = pc_;
  goto look_up;

slow:
  TRIPTYCH_CALL(SlowAccess(*op))
  TRIPTYCH_NEXT();

system:
  TRIPTYCH_TIMED({
    if (op->first_of_line) timing.Fetch(PC());
  });
  TRIPTYCH_CALL(System(*op))
  TRIPTYCH_NEXT();

illegal:
  TRIPTYCH_CALL(IllegalInstruction(*op))
  TRIPTYCH_NEXT();

stopped:
  TRIPTYCH_SAVE()
  blocked_until_ = t;
  return stop_ = Stop::kLimit;

#ifndef TRIPTYCH_RISCV_THREADED
dispatch:
  switch (op->id) {
#endif
    TRIPTYCH_RISCV_INSNS(TRIPTYCH_ROW)
    TRIPTYCH_BODY(Ttinsn) goto slow;
    TRIPTYCH_BODY(End) goto fall;
    TRIPTYCH_BODY(Illegal) goto illegal;
    TRIPTYCH_BODY(NoFetch) goto illegal;
#ifndef TRIPTYCH_RISCV_THREADED
  }
  return stop_;
#endif
}

bool Core::Follow(uint32_t pc, Block** link) {
  if (pc % 4 != 0) {
    // The fault is the jump's: block_ and op_ still say where that is.
    const Next next = RaiseTrap(
        Cause::kFetchMisaligned, pc,
        fmt::format("jump to {:#010x}; allowed are multiples of 4", pc));
    if (next == Next::kStop) return false;
    pc = pc_;
    link = nullptr;
  }
  Block* block = blocks_.Find(pc);
  if (block == nullptr) {
    const uint64_t at = config_.timed ? timing_.next() : instret_ + skew_;
    if (at >= horizon_) {
      LeaveBlock(pc, instret_);
      stop_ = Stop::kLimit;
      return false;
    }
    bool cleared = false;
    block = blocks_.Decode(pc, memory_, &cleared);
    if (cleared) link = nullptr;
  }
  if (link != nullptr) *link = block;
  block_ = block;
  return true;
}

std::array<int32_t, kOps> Core::Targets() {
  std::array<int32_t, kOps> targets{};
#ifdef TRIPTYCH_RISCV_THREADED
  if (config_.timed) {
    Run<true>(0, &targets);
  } else {
    Run<false>(0, &targets);
  }
#endif
  return targets;
}

Stop Core::RunUntil(uint64_t horizon) {
  if (stop_ != Stop::kLimit && stop_ != Stop::kDevice) return stop_;
  horizon_ = horizon;
  blocked_until_ = 0;
  boundary_ = NextBoundary();
  return config_.timed ? Run<true>(horizon, nullptr)
                       : Run<false>(horizon, nullptr);
}

}  // namespace triptych::mesh::riscv
