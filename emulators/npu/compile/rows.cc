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
// Bytes of a block: enough for DRAM to stream, few enough that the first one's
// loading and the last one's storing, which nothing hides, are short.
constexpr int64_t kBlockBytes = 32768;
// Blocks under way: two being loaded, one computed, one stored.
constexpr int64_t kMostBuffers = 4;

// How the rows are cut: `rounds` times a block of `rows` for each core, then
// an equal part of what is left for each core, then a row for some.
struct Blocks {
  int64_t cores = 1, rows = 0, rounds = 0, part = 0, over = 0;
  int64_t buffers = 1;
  int64_t done() const { return rounds * cores * rows; }
};

int64_t LocalBytes(const RowWork& work, int64_t rows) {
  int64_t bytes = 0;
  for (const RowStream& in : work.in) {
    bytes += RoundUp(rows * in.bytes, int64_t{64});
  }
  for (const RowStream& out : work.outs) {
    bytes += RoundUp(rows * out.bytes, int64_t{64});
  }
  return bytes;
}

// rows == 0: not even one row fits.
Blocks CutRows(const RowWork& work, int64_t cores, int64_t room) {
  Blocks blocks{.cores = std::min(work.rows, cores)};
  blocks.buffers = kMostBuffers;
  while (blocks.buffers > 1 && blocks.buffers * LocalBytes(work, 1) > room) {
    --blocks.buffers;
  }
  if (LocalBytes(work, 1) > room) return blocks;
  int64_t most = std::min(
      {kBlockBytes / work.in[0].bytes, work.rows / blocks.cores, kMostRows});
  if (work.most_rows > 0) most = std::min(most, work.most_rows);
  most = std::max<int64_t>(most, 1);
  while (blocks.buffers * LocalBytes(work, most) > room) most = (most + 1) / 2;
  // Nothing is left over if a size not much smaller sees to that.
  blocks.rows = most;
  for (int64_t rows = most; rows > most / 2; --rows) {
    if (work.rows % (blocks.cores * rows) != 0) continue;
    blocks.rows = rows;
    break;
  }
  blocks.rounds = work.rows / (blocks.cores * blocks.rows);
  const int64_t left = work.rows - blocks.done();
  blocks.part = left / blocks.cores;
  blocks.over = left % blocks.cores;
  const int64_t used = blocks.rounds + (blocks.part > 0) + (blocks.over > 0);
  blocks.buffers = std::min(blocks.buffers, used);
  return blocks;
}

class Emitter {
 public:
  Emitter(const RowWork& work, const Blocks& blocks, Builder& b)
      : work_(work), blocks_(blocks), b_(b) {
    for (const RowStream& in : work.in) in_.push_back(Reserve(in));
    for (const RowStream& out : work.outs) out_.push_back(Reserve(out));
    if (work.outs.empty()) {
      out_.push_back({work.out, b.NewRegister(), in_[0].at});
    }
    for (int64_t h = 0; h < blocks.buffers; ++h) {
      free_.push_back(b.NewCredits(1));
      full_.push_back(b.NewEvent());
      done_.push_back(work.change ? b.NewEvent() : full_.back());
    }
  }

  // Cores take blocks in turn: what they move at a time lies side by side.
  void Run() {
    const int64_t step = blocks_.cores * blocks_.rows;
    Advance(0, blocks_.rows);
    const auto block = [&](int64_t h) {
      Block(static_cast<size_t>(h), blocks_.rows);
      Advance(step, 0);
    };
    b_.Repeat(blocks_.rounds / blocks_.buffers, [&] {
      for (int64_t h = 0; h < blocks_.buffers; ++h) block(h);
    });
    int64_t h = 0;
    while (h < blocks_.rounds % blocks_.buffers) block(h++);
    if (blocks_.part > 0) {
      Advance(0, blocks_.part - blocks_.rows);
      Block(static_cast<size_t>(h++ % blocks_.buffers), blocks_.part);
      Advance(blocks_.cores * blocks_.part, 1 - blocks_.part);
    } else if (blocks_.over > 0) {
      Advance(0, 1 - blocks_.rows);
    }
    if (blocks_.over > 0) {
      b_.OnCores(Cores(0, blocks_.over));
      Block(static_cast<size_t>(h % blocks_.buffers), 1);
    }
  }

 private:
  // A stream with its place in remote memory and its buffers.
  struct Buffered {
    RowStream stream;
    uint8_t reg = 0;
    std::vector<uint32_t> at;
  };
  Buffered Reserve(const RowStream& stream) {
    Buffered buffered{stream, b_.NewRegister(), {}};
    for (int64_t h = 0; h < blocks_.buffers; ++h) {
      buffered.at.push_back(b_.Local(blocks_.rows * stream.bytes));
    }
    return buffered;
  }

  // By rows, of all cores, and more for each core before this one.
  void Advance(int64_t all, int64_t by_core) {
    for (const auto* streams : {&in_, &out_}) {
      for (const Buffered& s : *streams) {
        if (all != 0) b_.Add(s.reg, all * s.stream.stride);
        if (by_core != 0) b_.AddCore(s.reg, by_core * s.stream.stride);
      }
    }
  }

  static Copy CopyOf(const Buffered& s, size_t h, int64_t rows) {
    Copy copy{.remote = s.stream.at.With(s.reg), .local = s.at[h]};
    copy.bytes = s.stream.bytes / s.stream.pieces;
    copy.rows = rows;
    copy.remote_row = s.stream.stride;
    if (s.stream.pieces == 1) return copy;
    copy.blocks = s.stream.pieces;
    copy.remote_block = s.stream.piece_stride;
    copy.local_row = s.stream.bytes;
    copy.local_block = copy.bytes;
    return copy;
  }

  void Block(size_t h, int64_t rows) {
    for (size_t i = 0; i < in_.size(); ++i) {
      const bool first = i == 0, last = i + 1 == in_.size();
      b_.Load(CopyOf(in_[i], h, rows),
              {.wait = {first ? free_[h] : uint8_t{0}},
               .signal = {last ? full_[h] : uint8_t{0}}});
    }
    if (work_.change) {
      RowBlock block{.rows = rows,
                     .first = {.wait = {full_[h]}},
                     .last = {.signal = {done_[h]}}};
      for (size_t i = 0; i < in_.size(); ++i) block.in[i] = in_[i].at[h];
      for (size_t i = 0; i < out_.size(); ++i) block.out[i] = out_[i].at[h];
      work_.change(block);
    }
    for (size_t i = 0; i < out_.size(); ++i) {
      const bool first = i == 0, last = i + 1 == out_.size();
      b_.Store(CopyOf(out_[i], h, rows),
               {.wait = {first ? done_[h] : uint8_t{0}},
                .signal = {last ? free_[h] : uint8_t{0}}});
    }
  }

  const RowWork& work_;
  const Blocks& blocks_;
  Builder& b_;
  std::vector<Buffered> in_, out_;
  std::vector<uint8_t> free_, full_, done_;
};

}  // namespace

CoreMask RowCores(const Builder& builder, int64_t rows) {
  return Cores(0, std::min<int64_t>(rows, builder.cores()));
}

Status EmitRows(const LowerRequest& request, const RowWork& work,
                Builder& builder) {
  TRIPTYCH_CHECK(!work.in.empty() && work.in.size() <= kMostStreams &&
                     work.outs.size() <= kMostStreams,
                 work.in.size(), work.outs.size());
  const int64_t room = builder.size().scratchpad_bytes - builder.local_used();
  const Blocks blocks = CutRows(work, builder.cores(), room);
  if (blocks.rows == 0) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: a row of {} bytes does not fit the scratchpad "
                    "({} bytes)",
                    request.node.name, LocalBytes(work, 1),
                    builder.size().scratchpad_bytes));
  }
  builder.OnCores(Cores(0, blocks.cores));
  Emitter(work, blocks, builder).Run();
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
