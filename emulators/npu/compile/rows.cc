// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "kernels/base/check.h"

namespace triptych::npu {
namespace {

constexpr int64_t kMostCols = 65535;
constexpr int64_t kMostRows = 65535;
// Blocks of a core, if rows are long enough to be worth commands of their
// own: the first and the last are not hidden behind others.
constexpr int64_t kBlocks = 4, kWorthwhileBytes = 16384;

int64_t LocalBytes(const RowWork& work, int64_t rows) {
  int64_t bytes = 0;
  for (const RowStream& in : work.in) {
    bytes += 2 * RoundUp(rows * in.bytes, int64_t{64});
  }
  return bytes;
}

// Rows of a block: some blocks for a core, if they are long enough.
int64_t BlockRows(const RowWork& work, int64_t rows, int64_t room) {
  const int64_t bytes = work.in[0].bytes;
  const int64_t wanted =
      std::max(CeilDiv(rows, kBlocks), CeilDiv(kWorthwhileBytes, bytes));
  int64_t block = std::min({wanted, rows, kMostRows});
  while (block > 0 && LocalBytes(work, block) > room) {
    block = block == 1 ? 0 : (block + 1) / 2;
  }
  return block;
}

class Emitter {
 public:
  // Core c has rows from first + c * step on.
  Emitter(const RowWork& work, int64_t first, int64_t step, const Share& blocks,
          Builder& b)
      : work_(work), blocks_(blocks), b_(b) {
    for (const RowStream& in : work.in) {
      at_.push_back(
          {b.Local(blocks.count * in.bytes), b.Local(blocks.count * in.bytes)});
      registers_.push_back(Register(in, first, step));
    }
    out_ = Register(work.out, first, step);
    for (size_t h = 0; h < 2; ++h) {
      free_[h] = b.NewCredits(1);
      full_[h] = b.NewEvent();
      done_[h] = work.change ? b.NewEvent() : full_[h];
    }
  }

  void Run() {
    b_.Repeat(blocks_.parts / 2, [&] {
      Block(0);
      Block(1);
    });
    if (blocks_.parts % 2 != 0) Block(0);
  }

 private:
  uint8_t Register(const RowStream& stream, int64_t first, int64_t step) {
    const uint8_t reg = b_.NewRegister();
    if (first != 0) b_.Add(reg, first * stream.stride);
    b_.AddCore(reg, step * stream.stride);
    return reg;
  }

  Copy CopyOf(const RowStream& stream, uint8_t reg, uint32_t local) const {
    Copy copy{.remote = stream.at.With(reg), .local = local};
    copy.bytes = stream.bytes;
    copy.rows = blocks_.count;
    copy.remote_row = stream.stride;
    return copy;
  }

  void Load(size_t h) {
    for (size_t i = 0; i < work_.in.size(); ++i) {
      const RowStream& in = work_.in[i];
      const bool first = i == 0, last = i + 1 == work_.in.size();
      const Sync sync = {.wait = {first ? free_[h] : uint8_t{0}},
                         .signal = {last ? full_[h] : uint8_t{0}}};
      b_.Load(CopyOf(in, registers_[i], at_[i][h]), sync);
      b_.Add(registers_[i], blocks_.step * in.stride);
    }
  }

  void Block(size_t h) {
    Load(h);
    if (work_.change) {
      RowBlock block{.rows = blocks_.count,
                     .first = {.wait = {full_[h]}},
                     .last = {.signal = {done_[h]}}};
      for (size_t i = 0; i < at_.size(); ++i) block.in[i] = at_[i][h];
      work_.change(block);
    }
    b_.Store(CopyOf(work_.out, out_, at_[0][h]),
             {.wait = {done_[h]}, .signal = {free_[h]}});
    b_.Add(out_, blocks_.step * work_.out.stride);
  }

  const RowWork& work_;
  const Share& blocks_;
  Builder& b_;
  std::vector<std::array<uint32_t, 2>> at_;
  std::vector<uint8_t> registers_;
  uint8_t out_ = 0;
  std::array<uint8_t, 2> free_{}, full_{}, done_{};
};

}  // namespace

CoreMask RowCores(const Builder& builder, int64_t rows) {
  return Cores(0, std::min<int64_t>(rows, builder.cores()));
}

Status EmitRows(const LowerRequest& request, const RowWork& work,
                Builder& builder) {
  TRIPTYCH_CHECK(!work.in.empty() && work.in.size() <= kMostStreams,
                 work.in.size());
  const Cut cores = CutOf(work.rows, builder.cores());
  const int64_t last = cores.rest > 0 ? LocalBytes(work, 1) : 0;
  const int64_t room =
      builder.size().scratchpad_bytes - builder.local_used() - last;
  const int64_t block = BlockRows(work, cores.count, room);
  if (block == 0) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: a row of {} bytes does not fit the scratchpad "
                    "({} bytes) twice",
                    request.node.name, LocalBytes(work, 1) / 2,
                    builder.size().scratchpad_bytes));
  }
  builder.OnCores(Cores(0, cores.parts));
  const Share blocks = ShareOfAtMost(cores.count, block);
  Emitter(work, 0, cores.count, blocks, builder).Run();
  if (cores.rest > 0) {
    builder.OnCores(Cores(0, cores.rest));
    const Share one{1, 1, 0};
    Emitter(work, cores.whole(), 1, one, builder).Run();
  }
  return {};
}

Flat Flatten(int64_t rows, int64_t cols, int64_t cores) {
  Flat flat{rows, cols};
  for (int64_t pieces = 1; pieces <= 1024; ++pieces) {
    if (cols % pieces != 0) continue;
    flat = {rows * pieces, cols / pieces};
    if (flat.rows >= cores && flat.cols <= kMostCols) break;
  }
  return flat;
}

uint32_t LoadConstant(Builder& builder, const Remote& from, int64_t bytes,
                      uint8_t ready) {
  const uint32_t local = builder.Local(bytes);
  builder.Load({.remote = from,
                .local = local,
                .bytes = bytes,
                .multicast = std::popcount(builder.mask()) > 1},
               {.signal = {ready}});
  return local;
}

}  // namespace triptych::npu
