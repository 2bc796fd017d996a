// SPDX-License-Identifier: Apache-2.0
#include "tests/emulators/npu/isa/random_stream.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "emulators/npu/isa/access.h"
#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/walk.h"
#include "kernels/base/check.h"
#include "tests/emulators/npu/isa/commands.h"

namespace triptych::npu {
namespace {

// Bytes of a writable region that are one core's own.
constexpr uint32_t kSection = 1024;
// What the constants region begins with: shifts that kRequantize allows, then
// indices of rows.
constexpr uint32_t kTableBytes = 2560, kIndexBytes = 64;
constexpr int64_t kMostIndex = 15;

class Generator {
 public:
  Generator(uint64_t seed, int length) : rng_(seed), length_(length) {
    m_ = SmallMachine(1 + static_cast<int>(rng_.Below(3)));
    // Small arrays, and some that take several panels and blocks of a product.
    if (rng_.Below(3) == 0) {
      m_.array_rows = 70;
      m_.array_cols = 300;
      m_.scratchpad_bytes = 65536;
    }
    if (rng_.Below(4) == 0) m_.accumulator_rows = 300;
  }

  RandomStream Make() {
    commands_ = {OnRegister(Opcode::kAddCore, 1, kSection)};
    while (static_cast<int>(commands_.size()) < length_) Interval();
    DropIllFormed();
    AddEvents();
    return {m_, commands_};
  }

 private:
  uint32_t Upto(uint32_t n) { return rng_.Below(n + 1); }
  uint16_t Size(uint32_t most) {
    return static_cast<uint16_t>(1 + rng_.Below(most));
  }
  bool Chance(uint32_t one_in) { return rng_.Below(one_in) == 0; }
  // Sometimes without a gap, sometimes with.
  uint32_t Stride(uint32_t row_bytes) {
    return Chance(2) ? 0 : row_bytes + 4 * Upto(8);
  }
  uint32_t Words() {
    const auto words = static_cast<uint32_t>(m_.scratchpad_bytes / 4);
    if (Chance(12)) return kAccBit | 4 * rng_.Below(64);
    return 4 * rng_.Below(words - 64);
  }
  uint32_t Bytes() {
    return rng_.Below(static_cast<uint32_t>(m_.scratchpad_bytes - 256));
  }
  void Push(Command c) {
    if (Chance(10)) {
      c.cores = static_cast<uint16_t>(1 + rng_.Below((1u << m_.cores) - 1));
    }
    commands_.push_back(c);
  }

  // Between two barriers: either cores write and keep to their own, or they
  // read each other's.
  void Interval() {
    may_store_ = Chance(2);
    const int end = static_cast<int>(commands_.size()) + 2 +
                    static_cast<int>(rng_.Below(30));
    while (static_cast<int>(commands_.size()) < end) {
      if (Chance(8)) {
        commands_.push_back(LoopOf(Size(3)));
        for (uint32_t i = 0, n = Size(6); i < n; ++i) Any();
        if (Chance(2)) commands_.push_back(OnRegister(Opcode::kAdd, 2, 12));
        commands_.push_back(End());
      } else {
        Any();
      }
    }
    commands_.push_back(Barrier());
  }

  void Any() {
    switch (rng_.Below(16)) {
      case 0:
        return Config();
      case 1:
      case 2:
        return Load();
      case 3:
        return GatherRows();
      case 4:
        if (may_store_) Move(Opcode::kStore, true);
        return;
      case 5:
      case 6:
        return WeightsAndProduct();
      case 7:
        return Push(AProduct(Chance(4) ? kSwap : kAccumulate));
      case 8:
        return Push(ADequantize());
      case 9:
        return RequantizeTable();
      case 10:
        return Push(AQuantize());
      case 11:
      case 12:
        return Push(AVector());
      case 13:
        return Push(AReduce());
      case 14:
        return Push(Chance(2) ? ANorm() : ARope());
      default:
        return Push(ASoftmax());
    }
  }

  void Config() {
    if (Chance(2)) {
      Command c = Plain(Opcode::kVectorConfig);
      const uint32_t row = 4 * Upto(40);
      c.operands.vector_config = {Stride(row), Stride(row), Stride(row)};
      return Push(c);
    }
    Command c = Plain(Opcode::kDmaConfig, static_cast<uint8_t>(Size(3)));
    c.operands.dma_config = {static_cast<int32_t>(Upto(128)) - 32,
                             static_cast<int32_t>(Upto(256)) - 64, Stride(64),
                             Stride(256)};
    Push(c);
  }

  void Move(Opcode opcode, bool own) {
    Command c = Moves(opcode, static_cast<Region>(rng_.Below(kRegions)), 0,
                      Bytes(), Size(Chance(3) ? 128 : 16), Size(4));
    Dma& dma = c.operands.dma;
    const auto region = static_cast<Region>(dma.region);
    const bool shared =
        region == Region::kWeights || region == Region::kConstants;
    if (shared && opcode == Opcode::kStore) return;
    dma.size2 = Size(3);
    if (!shared && own) {
      dma.reg = 1;
      dma.offset = rng_.Below(kSection);
    } else {
      dma.offset = rng_.Below(4096);
      if (Chance(2)) dma.base = 2;
    }
    if (Chance(8)) dma.local = kAccBit | rng_.Below(512);
    if (opcode == Opcode::kLoad) {
      c.flags = Chance(3) ? kUnpack4 : 0;
      if (dma.reg == 0 && Chance(4)) c.flags |= kMulticast;
    }
    Push(c);
  }
  void Load() { Move(Opcode::kLoad, may_store_); }

  void GatherRows() {
    const uint32_t index = Words() & ~kAccBit;
    commands_.push_back(
        Moves(Opcode::kLoad, Region::kConstants, kTableBytes, index, 64));
    Command c = Moves(Opcode::kGather, Region::kWeights, rng_.Below(1024),
                      Bytes(), Size(32), Size(3));
    c.operands.dma.index = index;
    c.operands.dma.size2 = Size(3);
    commands_.push_back(c);
  }

  void WeightsAndProduct() {
    Command w = Weights(Bytes(), Size(static_cast<uint32_t>(m_.array_rows)),
                        Size(static_cast<uint32_t>(m_.array_cols)));
    LoadWeights& x = w.operands.load_weights;
    w.flags = Chance(3) ? kTransposed : 0;
    if (Chance(2)) x.stride = (w.flags != 0 ? x.n : x.k) + Upto(9);
    commands_.push_back(w);
    if (Chance(3)) Any();
    commands_.push_back(AProduct(kSwap | (Chance(2) ? kAccumulate : 0)));
  }
  Command AProduct(int flags) {
    Command c = Product(Bytes(), Upto(40), Size(Chance(3) ? 130 : 12),
                        static_cast<uint8_t>(flags));
    c.operands.matmul.stride = Chance(2) ? 0 : Size(80);
    return c;
  }
  uint16_t Cols() {
    return Size(Chance(4) ? static_cast<uint32_t>(m_.array_cols) : 16);
  }
  Command ADequantize() {
    Command c = Plain(Opcode::kDequantize, static_cast<uint8_t>(Upto(3)));
    const uint16_t cols = Cols();
    c.operands.dequantize = {Upto(40),
                             Words(),
                             Stride(4u * cols),
                             Chance(3) ? kNoOperand : Words(),
                             (c.flags & kRowScale) != 0 ? Words() : kNoOperand,
                             Size(6),
                             cols};
    return c;
  }
  void RequantizeTable() {
    const uint32_t table = Words() & ~kAccBit;
    const uint16_t cols = Cols();
    commands_.push_back(
        Moves(Opcode::kLoad, Region::kConstants, 0, table, 8u * cols));
    Command c = Plain(Opcode::kRequantize, static_cast<uint8_t>(Upto(1)));
    const auto low = static_cast<int8_t>(-static_cast<int>(Upto(128)));
    c.operands.requantize = {Upto(40),
                             Bytes(),
                             Stride(cols),
                             table,
                             Size(6),
                             cols,
                             static_cast<int8_t>(Upto(20)),
                             low,
                             static_cast<int8_t>(Upto(127)),
                             0};
    // One without the other would meet a table that is none.
    commands_.push_back(c);
  }
  Command AQuantize() {
    Command c =
        Plain(Opcode::kQuantize, static_cast<uint8_t>(2 + rng_.Below(7)));
    const uint16_t cols = Size(40);
    c.operands.quantize = {Words(), Bytes(), Words(),     Size(5),
                           cols,    0.25f,   Stride(cols)};
    return c;
  }
  Command AVector() {
    const auto op = static_cast<VectorOp>(rng_.Below(kVectorOps));
    const uint32_t src0 = Words();
    const uint32_t dst = Chance(3) ? src0 : Words();
    if (!IsBinary(op)) return Vectors(op, src0, 0, dst, Size(5), Size(40));
    const auto operand = static_cast<Operand>(rng_.Below(4));
    const uint32_t src1 =
        operand == Operand::kImmediate
            ? std::bit_cast<uint32_t>(static_cast<float>(rng_.Normal()))
            : Words();
    return Vectors(op, src0, src1, dst, Size(5), Size(40), operand);
  }
  Command AReduce() {
    Command c = Plain(Opcode::kReduce);
    c.operands.reduce = {Words(), Words(), Size(5), Size(70),
                         static_cast<ReduceOp>(rng_.Below(4))};
    return c;
  }
  Command ANorm() {
    Command c = Plain(Opcode::kNorm, static_cast<uint8_t>(Upto(1)));
    const uint32_t src = Words();
    c.operands.norm = {src,
                       Chance(3) ? src : Words(),
                       Chance(3) ? kNoOperand : Words(),
                       c.flags != 0 && Chance(2) ? Words() : kNoOperand,
                       1e-5f,
                       Size(4),
                       Size(40)};
    return c;
  }
  Command ASoftmax() {
    Command c = Plain(Opcode::kSoftmax, static_cast<uint8_t>(Upto(1)));
    const uint32_t src = Words();
    c.operands.softmax = {src,
                          Chance(3) ? src : Words(),
                          c.flags != 0 ? kNoOperand : Words(),
                          Upto(45),
                          static_cast<uint16_t>(Upto(2)),
                          Size(4),
                          Size(40),
                          0};
    return c;
  }
  Command ARope() {
    Command c = Plain(Opcode::kRope, static_cast<uint8_t>(Upto(1)));
    const uint16_t dim = Size(40);
    c.operands.rope = {
        Words(), Words(),
        Size(3), Size(2),
        dim,     std::max<uint16_t>(1, static_cast<uint16_t>(dim / 2))};
    return c;
  }

  // Takes out what breaks a rule, until nothing does.
  void DropIllFormed() {
    for (std::vector<bool> bad = IllFormed(); std::ranges::count(bad, true) > 0;
         bad = IllFormed()) {
      size_t kept = 0;
      for (size_t i = 0; i < commands_.size(); ++i) {
        if (!bad[i]) commands_[kept++] = commands_[i];
      }
      commands_.resize(kept);
    }
  }
  std::vector<bool> IllFormed() {
    std::vector<bool> bad(commands_.size());
    for (size_t i = 0; i < commands_.size(); ++i) {
      bad[i] = !FaultOf(commands_[i], m_).empty();
    }
    if (std::ranges::count(bad, true) > 0) return bad;
    const auto stream = Stream::Check(commands_, m_, "random");
    TRIPTYCH_CHECK(stream, (stream ? "" : stream.error().message));
    for (int core = 0; core < m_.cores; ++core) {
      FrontEnd front_end(*stream, core);
      for (Issue issue; front_end.Next(issue);) {
        if (!bad[issue.index] &&
            (LeavesSection(issue, core) || LostTable(issue) ||
             !CheckIssue(*stream, issue))) {
          bad[issue.index] = true;
        }
      }
    }
    return bad;
  }
  // A store, or a load beside stores, outside the core's own section.
  static bool LeavesSection(const Issue& issue, int core) {
    if (issue.command->opcode != Opcode::kLoad &&
        issue.command->opcode != Opcode::kStore) {
      return false;
    }
    if (issue.command->operands.dma.reg != 1) return false;
    const MachineSize whole = SmallMachine(1);
    const Accesses accesses(issue, whole);
    for (const Access& a : accesses.all()) {
      const int64_t begin = int64_t{kSection} * core;
      if (a.space == Space::kRemote &&
          (a.low() < begin || a.high() > begin + kSection)) {
        return true;
      }
    }
    return false;
  }
  // kRequantize and kGather without the load of their table just before.
  bool LostTable(const Issue& issue) const {
    const Command& c = *issue.command;
    uint32_t table;
    if (c.opcode == Opcode::kRequantize) {
      table = c.operands.requantize.table;
    } else if (c.opcode == Opcode::kGather) {
      table = c.operands.dma.index;
      const int64_t stride = issue.dma->remote_stride1 != 0
                                 ? issue.dma->remote_stride1
                                 : int64_t{c.operands.dma.size0};
      if (issue.remote + std::min<int64_t>(0, kMostIndex * stride) < 0 ||
          issue.remote + std::max<int64_t>(0, kMostIndex * stride) +
                  c.operands.dma.size0 >
              4096) {
        return true;
      }
    } else {
      return false;
    }
    if (issue.index == 0) return true;
    const Command& before = commands_[issue.index - 1];
    const Dma& dma = before.operands.dma;
    return before.opcode != Opcode::kLoad || before.cores != 0 ||
           before.flags != 0 || dma.local != table || dma.size1 != 1 ||
           dma.size2 != 1 ||
           (c.opcode == Opcode::kRequantize
                ? dma.offset != 0 || dma.size0 < 8u * c.operands.requantize.cols
                : dma.offset != kTableBytes);
  }

  // Credits outside loops, each paid for before it is taken.
  void AddEvents() {
    std::array<int, kEvents> credits{};
    int depth = 0;
    for (Command& c : commands_) {
      if (c.opcode == Opcode::kLoop) ++depth;
      if (c.opcode == Opcode::kEnd) --depth;
      if (c.opcode == Opcode::kBarrier) credits = {};
      if (depth > 0 || c.cores != 0 ||
          InfoOf(c.opcode).queue == Queue::kFrontEnd) {
        continue;
      }
      const auto event = static_cast<uint8_t>(1 + rng_.Below(4));
      if (credits[event] > 0 && Chance(2)) {
        c.wait[rng_.Below(2)] = event;
        --credits[event];
      }
      if (Chance(2)) {
        const auto given = static_cast<uint8_t>(1 + rng_.Below(4));
        c.signal[rng_.Below(2)] = given;
        ++credits[given];
      }
    }
  }

  Rng rng_;
  int length_;
  MachineSize m_;
  bool may_store_ = false;
  std::vector<Command> commands_;
};

// Words of which most are normal f32, the others anything. Made once: fuzzers
// fill memories a thousand times a second.
std::span<const uint32_t> SomeWords() {
  static const std::vector<uint32_t> words = [] {
    Rng rng(99);
    std::vector<uint32_t> made(size_t{1} << 16);
    for (uint32_t& word : made) {
      word = rng.Below(4) != 0
                 ? std::bit_cast<uint32_t>(static_cast<float>(rng.Normal()))
                 : rng.Next();
    }
    return made;
  }();
  return words;
}

void Fill(std::span<std::byte> bytes, Rng& rng) {
  const auto words = std::as_bytes(SomeWords());
  size_t from = 4 * size_t{rng.Below(static_cast<uint32_t>(words.size() / 4))};
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), words.size() - from);
    std::memcpy(bytes.data(), words.data() + from, n);
    bytes = bytes.subspan(n);
    from = 0;
  }
}

}  // namespace

RandomStream MakeRandomStream(uint64_t seed, int length) {
  return Generator(seed, length).Make();
}

Image::Image(const MachineSize& machine, uint64_t seed)
    : cores_(machine.cores), memory_(machine) {
  Rng rng(seed, 1);
  for (int c = 0; c < cores_; ++c) {
    Fill(memory_.scratchpad(c), rng);
    Fill(memory_.accumulators(c), rng);
  }
  Fill(memory_.l2(), rng);
  for (size_t r = 0; r < kRegions; ++r) {
    regions_.emplace_back(static_cast<size_t>(machine.region_bytes[r]));
    Fill(regions_.back(), rng);
  }
  std::byte* constants =
      regions_[static_cast<size_t>(Region::kConstants)].data();
  for (uint32_t i = 0; i < kTableBytes; i += 8) {
    const auto shift = static_cast<int32_t>(rng.Below(63));
    std::memcpy(constants + i + 4, &shift, 4);
  }
  for (uint32_t i = 0; i < kIndexBytes; i += 4) {
    const auto index = static_cast<int32_t>(rng.Below(kMostIndex + 1));
    std::memcpy(constants + kTableBytes + i, &index, 4);
  }
  for (size_t r = 1; r < kRegions; ++r) {
    const auto region = static_cast<Region>(r);
    const bool shared =
        region == Region::kWeights || region == Region::kConstants;
    memory_.Bind(region, {shared ? ReadOnlyPiece(0, regions_[r])
                                 : WritablePiece(0, regions_[r])});
  }
}

std::vector<std::byte> Image::Contents() const {
  std::vector<std::byte> all;
  const auto append = [&](std::span<const std::byte> bytes) {
    all.insert(all.end(), bytes.begin(), bytes.end());
  };
  for (int c = 0; c < cores_; ++c) {
    append(memory_.scratchpad(c));
    append(memory_.accumulators(c));
  }
  append(memory_.l2());
  for (const auto& region : regions_) append(region);
  return all;
}

}  // namespace triptych::npu
