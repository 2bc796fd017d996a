// What each command does, a tile at a time.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "emulators/mesh/tile/engine.h"
#include "emulators/mesh/tile/format.h"
#include "emulators/mesh/tile/sfpu.h"
#include "kernels/base/check.h"

namespace triptych::mesh::tile {
namespace {

// A block product as both threads go through it: k by k, the tiles of the
// shorter side one after another, each staying while the longer side passes.
struct Block {
  explicit Block(const Command& c)
      : b_stays(c.ct() >= c.rt()),
        staying(b_stays ? c.rt() : c.ct()),
        passing(b_stays ? c.ct() : c.rt()),
        products(c.kt() * staying * passing) {}
  bool b_stays;
  uint32_t staying, passing, products;

  // The tiles that stay, counted through all k, and those that pass each.
  struct At {
    uint32_t k, stay, pass;
  };
  At Of(uint32_t group, uint32_t pass) const {
    return {group / staying, group % staying, pass};
  }
};

FpuMode ModeOf(const Command& c) {
  return {.phases = static_cast<int>(c.reg(TILE_FIDELITY)),
          .f32_dst = c.reg(TILE_DST_FORMAT) == TILE_F32};
}

DType FormatAt(uint32_t code) {
  const std::optional<DType> format = FormatOfCode(code);
  TRIPTYCH_CHECK(format.has_value(), "format", code);
  return *format;
}

}  // namespace

Engine::Step Engine::Execute(Thread thread, const Command& c) {
  if (c.op() == TILE_OP_SIGNAL) return Signal(thread, c);
  switch (thread) {
    case Thread::kUnpack:
      return c.op() == TILE_OP_UNPACK_MATMUL ? UnpackMatmul(c) : Unpack(c);
    case Thread::kMath:
      return Math(c);
    case Thread::kPack:
      break;
  }
  switch (c.op()) {
    case TILE_OP_WAIT:
      return WaitForHalf();
    case TILE_OP_RELEASE: {
      Worker& w = worker(Thread::kPack);
      w.start = w.time;
      w.done = std::max(w.done, w.time);
      pack_half().free = w.done;
      ++freed_;
      return Step::kDone;
    }
    default:
      return Pack(c);
  }
}

// ---- unpack ----

bool Engine::LoadTile(Source& source, const Command& c, uint32_t format,
                      uint64_t address) {
  Worker& w = worker(Thread::kUnpack);
  if (source.full()) {
    w.waits_for = &source == &a_ ? "a free SrcA" : "a free SrcB";
    return false;
  }
  const size_t bank = source.loaded % kBanks;
  const DType dtype = FormatAt(format);
  const auto bytes = static_cast<double>(BytesOf(dtype));
  const double able = std::max(w.time, source.unpacker_free);
  const double start = std::max(able, source.free[bank]);
  stats_.wait_source += start - able;
  Depends(Thread::kUnpack, able, start, AgentOf(Thread::kMath), start);
  const double alone = bytes / rates_.unpack_one + rates_.unpack_tile;
  unpack_shared_ = std::max(unpack_shared_, start) + bytes / rates_.unpack_both;
  const double end = std::max(start + alone, unpack_shared_);
  source.unpacker_free = source.ready[bank] = end;
  if (values_) {
    source.tiles[bank].Load(
        dtype, std::span(l1_->data() + address, BytesOf(dtype)),
        &source == &a_ && (c.reg(TILE_UNPACK_FLAGS) & 1) != 0);
  }
  ++source.loaded;
  // One instruction for each tile.
  w.start = start;
  w.time = start + 1;
  w.done = std::max(w.done, end);
  // Cycles in which any of the two works.
  stats_.unpack += std::max(0.0, end - std::max(start, unpack_end_));
  unpack_end_ = std::max(unpack_end_, end);
  stats_.unpacked_bytes += BytesOf(dtype);
  return true;
}

Engine::Step Engine::UnpackMatmul(const Command& c) {
  const Block block(c);
  const uint32_t loads = block.passing + 1;
  const uint32_t group = worker(Thread::kUnpack).step / loads;
  const uint32_t load = worker(Thread::kUnpack).step % loads;
  const Block::At at = block.Of(group, load == 0 ? 0 : load - 1);
  const bool is_b = (load == 0) == block.b_stays;
  const uint64_t side = load == 0 ? at.stay : at.pass;
  const uint32_t format = c.reg(is_b ? TILE_B_FORMAT : TILE_A_FORMAT);
  const uint64_t bytes = BytesOf(FormatAt(format));
  const uint64_t address =
      is_b ? c.reg(TILE_B_ADDRESS) + side * c.reg(TILE_B_STRIDE) + at.k * bytes
           : c.reg(TILE_A_ADDRESS) + at.k * uint64_t{c.reg(TILE_A_STRIDE)} +
                 side * bytes;
  if (!LoadTile(is_b ? b_ : a_, c, format, address)) return Step::kBlocked;
  const bool last = group + 1 == c.kt() * block.staying;
  return last && load == block.passing ? Step::kDone : Step::kMore;
}

Engine::Step Engine::Unpack(const Command& c) {
  const uint32_t step = worker(Thread::kUnpack).step;
  const bool pairs = c.op() == TILE_OP_UNPACK_AB;
  const bool stays = pairs && c.bits(16, 1) != 0;
  // B before A; a B that stays once.
  const bool is_b = pairs && (stays ? step == 0 : step % 2 == 0);
  const uint64_t i = !pairs ? step : stays ? std::max(step, 1u) - 1 : step / 2;
  const uint32_t format = c.reg(is_b ? TILE_B_FORMAT : TILE_A_FORMAT);
  const uint64_t address = c.reg(is_b ? TILE_B_ADDRESS : TILE_A_ADDRESS) +
                           (is_b && stays ? 0 : i) * BytesOf(FormatAt(format));
  if (!LoadTile(is_b ? b_ : a_, c, format, address)) return Step::kBlocked;
  return !is_b && i + 1 == c.n() ? Step::kDone : Step::kMore;
}

// ---- math ----

bool Engine::Operands(bool a, bool b) {
  Worker& w = worker(Thread::kMath);
  if ((a && a_.empty()) || (b && b_.empty())) {
    w.waits_for = a && a_.empty() ? "a tile in SrcA" : "a tile in SrcB";
    return false;
  }
  double ready = w.time;
  if (a) ready = std::max(ready, a_.front_ready());
  if (b) ready = std::max(ready, b_.front_ready());
  stats_.wait_operand += ready - w.time;
  Depends(Thread::kMath, w.time, ready, AgentOf(Thread::kUnpack), ready);
  w.time = ready;
  return true;
}

void Engine::Charge(double cycles, bool vector) {
  Worker& w = worker(Thread::kMath);
  // One unit's results are another's operands only when they are in Dst.
  if (vector != last_was_vector_) w.time = std::max(w.time, math_result_);
  last_was_vector_ = vector;
  w.start = w.time;
  w.time += cycles;
  math_result_ = w.time + (vector ? rates_.sfpu_latency : rates_.fpu_latency);
  w.done = std::max(w.done, math_result_);
  (vector ? stats_.sfpu : stats_.fpu) += cycles;
}

Engine::Step Engine::Math(const Command& c) {
  switch (c.op()) {
    case TILE_OP_ACQUIRE:
      return Acquire();
    case TILE_OP_COMMIT:
      return Commit();
    case TILE_OP_MATMUL:
      return Matmul(c);
    case TILE_OP_SFPU:
    case TILE_OP_SFPU2:
    case TILE_OP_ZERO:
      return OnDst(c);
    default:
      return FromSources(c);
  }
}

Engine::Step Engine::Acquire() {
  Worker& w = worker(Thread::kMath);
  if (w.halves >= freed_ + kBanks) {
    w.waits_for = "a free half of Dst";
    return Step::kBlocked;
  }
  Half& half = halves_[w.halves % kBanks];
  const double begin = std::max(w.time, half.free);
  stats_.wait_dst += begin - w.time;
  Depends(Thread::kMath, w.time, begin, AgentOf(Thread::kPack), begin);
  w.start = w.time;
  w.time = begin;
  w.done = std::max(w.done, begin);
  ++w.halves;
  // Cleared as it is given back: that takes no time of this thread's.
  if (values_) half.values.Clear();
  return Step::kDone;
}

Engine::Step Engine::Commit() {
  Worker& w = worker(Thread::kMath);
  w.start = w.time;
  math_half().full = std::max(w.time, math_result_);
  ++committed_;
  return Step::kDone;
}

Engine::Step Engine::Matmul(const Command& c) {
  Worker& w = worker(Thread::kMath);
  if (!Operands(true, true)) return Step::kBlocked;
  const Block block(c);
  const Block::At at = block.Of(w.step / block.passing, w.step % block.passing);
  const FpuMode mode = ModeOf(c);
  Charge(rates_.product[static_cast<size_t>(mode.phases - 1)], false);
  if (values_) {
    const uint32_t row = block.b_stays ? at.stay : at.pass;
    const uint32_t col = block.b_stays ? at.pass : at.stay;
    math_half().values.Product(c.dst() + row * c.ct() + col, a_.front(),
                               b_.front(), mode);
  }
  ++stats_.products;
  stats_.phases += static_cast<uint64_t>(mode.phases);
  const bool last = at.pass + 1 == block.passing;
  (block.b_stays ? a_ : b_).Release(w.time);
  if (last) (block.b_stays ? b_ : a_).Release(w.time);
  return w.step + 1 == block.products ? Step::kDone : Step::kMore;
}

Engine::Step Engine::FromSources(const Command& c) {
  Worker& w = worker(Thread::kMath);
  const bool pair =
      c.op() == TILE_OP_ADD || c.op() == TILE_OP_SUB || c.op() == TILE_OP_MUL;
  if (!Operands(true, pair)) return Step::kBlocked;
  const FpuMode mode = ModeOf(c);
  double cycles = rates_.move;
  if (c.op() == TILE_OP_MUL) cycles *= mode.phases;
  if (c.op() == TILE_OP_REDUCE) {
    const bool turns = c.bits(16, 2) != static_cast<uint32_t>(Along::kColumns);
    cycles = rates_.pool + (turns ? rates_.turn : 0);
  }
  Charge(cycles, false);
  const bool last = w.step + 1 == c.n();
  if (values_) {
    Destination& dst = math_half().values;
    const size_t i = c.dst() + w.step;
    switch (c.op()) {
      case TILE_OP_COPY:
        dst.Copy(i, a_.front(), mode);
        break;
      case TILE_OP_REDUCE: {
        const bool into = c.bits(19, 1) != 0;
        dst.Reduce(into ? c.dst() : i, a_.front(),
                   static_cast<Along>(c.bits(16, 2)), c.bits(18, 1) != 0, into,
                   std::bit_cast<float>(c.reg(TILE_IMMEDIATE)), mode);
        break;
      }
      default:
        dst.Combine(i, static_cast<Elementwise>(c.op() - TILE_OP_ADD),
                    a_.front(), b_.front(),
                    static_cast<Broadcast>(c.bits(16, 2)), c.bits(18, 1) != 0,
                    mode);
    }
  }
  a_.Release(w.time);
  const bool stays = c.bits(19, 1) != 0;
  if (pair && (!stays || last)) b_.Release(w.time);
  return last ? Step::kDone : Step::kMore;
}

Engine::Step Engine::OnDst(const Command& c) {
  const uint32_t function = c.bits(8, 8);
  const UnaryFunction* unary =
      c.op() == TILE_OP_SFPU ? FindUnary(function) : nullptr;
  const BinaryFunction* binary =
      c.op() == TILE_OP_SFPU2 ? FindBinary(function) : nullptr;
  // Zeroing is one store.
  const int instructions = unary    ? unary->instructions
                           : binary ? binary->instructions
                                    : 1;
  Worker& w = worker(Thread::kMath);
  Charge(instructions * rates_.vectors, true);
  stats_.vector_instructions += static_cast<uint64_t>(instructions);
  if (values_) {
    Destination& dst = math_half().values;
    const size_t i = c.dst() + w.step;
    if (unary) {
      dst.Unary(i, unary->value, std::bit_cast<float>(c.reg(TILE_IMMEDIATE)),
                ModeOf(c));
    } else if (binary) {
      const auto broadcast = static_cast<Broadcast>(c.bits(21, 2));
      const size_t other =
          c.bits(16, 5) + (broadcast == Broadcast::kNone ? w.step : 0);
      dst.Binary(i, other, broadcast, binary->value, ModeOf(c));
    } else {
      dst.Zero(i);
    }
  }
  return w.step + 1 == c.n() ? Step::kDone : Step::kMore;
}

// ---- pack ----

Engine::Step Engine::WaitForHalf() {
  Worker& w = worker(Thread::kPack);
  if (w.halves >= committed_) {
    w.waits_for = "a committed half of Dst";
    return Step::kBlocked;
  }
  const double begin = std::max(w.time, halves_[w.halves % kBanks].full);
  stats_.wait_packable += begin - w.time;
  Depends(Thread::kPack, w.time, begin, AgentOf(Thread::kMath), begin);
  w.start = w.time;
  w.time = begin;
  w.done = std::max(w.done, begin);
  ++w.halves;
  return Step::kDone;
}

Engine::Step Engine::Pack(const Command& c) {
  Worker& w = worker(Thread::kPack);
  const DType format = FormatAt(c.reg(TILE_PACK_FORMAT));
  const uint32_t flags = c.reg(TILE_PACK_FLAGS);
  const bool alone = (flags & 4) != 0, add = alone || (flags & 1) != 0;
  const auto bytes = static_cast<double>(BytesOf(format));
  const double cycles = bytes / (alone ? rates_.pack_add_alone
                                 : add ? rates_.pack_add
                                       : rates_.pack) +
                        rates_.pack_tile;
  w.start = w.time;
  w.time += cycles;
  w.done = std::max(w.done, w.time);
  stats_.pack += cycles;
  stats_.packed_bytes += BytesOf(format);
  if (values_) {
    const uint32_t row = w.step / c.ct(), col = w.step % c.ct();
    std::array<float, 1024> values;
    std::ranges::copy(pack_half().values.tile(c.dst() + w.step),
                      values.begin());
    if ((flags & 2) != 0) {
      for (float& x : values) x = x > 0 ? x : 0;
    }
    PostTile(w.time,
             c.reg(TILE_PACK_ADDRESS) + row * c.reg(TILE_PACK_STRIDE) +
                 col * static_cast<uint32_t>(BytesOf(format)),
             format, add, values);
  }
  return w.step + 1 == c.rt() * c.ct() ? Step::kDone : Step::kMore;
}

void Engine::PostTile(double when, uint32_t address, DType format, bool add,
                      std::span<const float, 1024> values) {
  riscv::RemoteWrite write{.cycle = static_cast<uint64_t>(std::ceil(when)),
                           .ram = l1_,
                           .offset = address};
  if (!add) {
    write.bytes.resize(BytesOf(format));
    EncodeTile(format, values, write.bytes);
  } else {
    // What is there then, not now.
    write.changes = BytesOf(format);
    std::vector<float> more(values.begin(), values.end());
    write.then = [l1 = l1_, address, format, more = std::move(more)] {
      const std::span bytes(l1->data() + address, BytesOf(format));
      std::array<float, 1024> sums;
      DecodeTile(format, bytes, sums);
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += more[i];
      EncodeTile(format, sums, bytes);
    };
  }
  group_->Post(std::move(write));
}

// ---- all threads ----

Engine::Step Engine::Signal(Thread thread, const Command& c) {
  Worker& w = worker(thread);
  w.start = w.time;
  w.done = std::max(w.done, w.time);
  const uint32_t value = c.reg(TILE_SIGNAL_VALUE);
  const auto bytes = std::as_bytes(std::span(&value, 1));
  group_->Post({.cycle = static_cast<uint64_t>(std::ceil(w.done)),
                .ram = l1_,
                .offset = c.reg(TILE_SIGNAL_ADDRESS),
                .bytes = {bytes.begin(), bytes.end()},
                .tag = TagOf(tile_, AgentOf(thread), Way::kLocal),
                .sent = static_cast<uint64_t>(std::ceil(w.done))});
  return Step::kDone;
}

}  // namespace triptych::mesh::tile
