// Choosing experts. The vector unit has no comparison; what it has makes a row
// that is 1 where another one has its maximum and 0 elsewhere:
//
//   d = x - max x             0 at the maxima, else below
//   d = exp(d * 2^254)        1 there, else 0: no difference is too small
//   d = d * (n, n-1, .. 1)    of equal ones the first is the largest
//   d = exp((d - max d) * 2^127)
//
// The chosen one is then put below all others and the next one sought.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "emulators/npu/compile/lower.h"
#include "emulators/npu/compile/rows.h"
#include "models/ops/op.h"

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = 4;
constexpr int64_t kMost = 65535;
constexpr float kHuge = 0x1p127f;
constexpr float kChosen = -0x1p126f;  // what ranks of chosen ones go down by

// Matrices [rows][cols] of f32 without gaps, worked on by one block's commands.
struct Rows {
  uint32_t at;
  int64_t rows, cols;
};

class Chooser {
 public:
  // `countdown` is a row of cols, cols - 1 ... at least; `scalars` has room for
  // a number a row.
  Chooser(Builder& b, uint32_t countdown, uint32_t scalars)
      : b_(b), countdown_(countdown), scalars_(scalars) {}

  // The first command that follows waits so.
  void Begin(const Sync& sync) { sync_ = sync; }

  void Immediate(VectorOp op, const Rows& x, float number,
                 const Sync& sync = {}) {
    Apply(op, x, std::bit_cast<uint32_t>(number), x.at, Operand::kImmediate,
          sync);
  }
  // In place, or to `to`.
  void Unary(VectorOp op, const Rows& x, uint32_t to) {
    Apply(op, x, 0, to, Operand::kFull);
  }
  void With(VectorOp op, const Rows& x, uint32_t other, Operand operand,
            const Sync& sync = {}) {
    Apply(op, x, other, x.at, operand, sync);
  }
  void Reduce(ReduceOp op, const Rows& x, uint32_t to) {
    b_.Reduce({.src = x.at,
               .dst = to,
               .rows = static_cast<uint16_t>(x.rows),
               .cols = static_cast<uint16_t>(x.cols),
               .op = op},
              0, Take({}));
  }
  void Softmax(const Rows& x) {
    b_.Softmax({.src = x.at,
                .dst = x.at,
                .sums = kNoOperand,
                .visible = static_cast<uint32_t>(x.cols),
                .step = 0,
                .rows = static_cast<uint16_t>(x.rows),
                .cols = static_cast<uint16_t>(x.cols),
                .zero = 0},
               true, {}, Take({}));
  }
  // `to` = 1 at the first maximum of each row of x, else 0.
  void FirstMaximum(const Rows& x, uint32_t to) {
    const Rows d{to, x.rows, x.cols};
    Unary(VectorOp::kCopy, x, to);
    BelowMaximum(d);
    Immediate(VectorOp::kMul, d, kHuge);
    Unary(VectorOp::kExp, d, to);
    With(VectorOp::kMul, d, countdown_, Operand::kPerColumn);
    BelowMaximum(d);
    Unary(VectorOp::kExp, d, to);
  }
  // `chosen` = 1 at the `count` largest of each row of `rank`, else 0. `one`
  // is room for as many; `rank` is spoilt.
  void Choose(const Rows& rank, int64_t count, uint32_t one, uint32_t chosen) {
    for (int64_t i = 0; i < count; ++i) {
      const Rows d{one, rank.rows, rank.cols};
      FirstMaximum(rank, one);
      if (i == 0) {
        Unary(VectorOp::kCopy, d, chosen);
      } else {
        With(VectorOp::kAdd, {chosen, rank.rows, rank.cols}, one,
             Operand::kFull);
      }
      if (i + 1 == count) return;
      Immediate(VectorOp::kMul, d, kChosen);
      With(VectorOp::kAdd, rank, one, Operand::kFull);
    }
  }

 private:
  // x = (x - max x) * 2^127: 0, or at least 1 below if differences are.
  void BelowMaximum(const Rows& x) {
    Reduce(ReduceOp::kMax, x, scalars_);
    With(VectorOp::kSub, x, scalars_, Operand::kPerRow);
    Immediate(VectorOp::kMul, x, kHuge);
  }
  void Apply(VectorOp op, const Rows& x, uint32_t src1, uint32_t to,
             Operand operand, const Sync& sync = {}) {
    b_.Vector({.src0 = x.at,
               .src1 = src1,
               .dst = to,
               .rows = static_cast<uint16_t>(x.rows),
               .cols = static_cast<uint16_t>(x.cols),
               .op = op,
               .operand = operand},
              {}, Take(sync));
  }
  Sync Take(Sync sync) {
    sync.wait = sync_.wait;
    sync_ = {};
    return sync;
  }

  Builder& b_;
  uint32_t countdown_, scalars_;
  Sync sync_;
};

// Attributes as models/ops/moe.cc has them.
struct Routing {
  int64_t experts, top_k, groups, groups_used;
  bool sigmoid, normalize;
  float scale;

  Routing(const Node& node, int64_t cols)
      : experts(cols),
        top_k(node.attributes.Int("top_k")),
        groups(node.attributes.Int("groups", 1)),
        groups_used(node.attributes.Int("groups_used", 1)),
        sigmoid(node.attributes.Int("sigmoid") != 0),
        normalize(node.attributes.Int("normalize") != 0),
        scale(static_cast<float>(node.attributes.Get("scale", 1.0))) {}
  bool all_groups() const { return groups_used >= groups; }
};

// Room beside a block of `rows` rows.
struct Room {
  uint32_t rank, one, chosen;            // [rows][experts]
  uint32_t scalars;                      // [rows][groups]
  uint32_t group_rank, group_one, kept;  // [rows][groups]

  static int64_t Bytes(const Routing& s, int64_t rows) {
    return rows * kF32 * (3 * s.experts + 4 * s.groups) + 7 * 64;
  }
  Room(const Routing& s, int64_t rows, Builder& b) {
    const int64_t experts = rows * s.experts * kF32;
    const int64_t groups = rows * s.groups * kF32;
    for (uint32_t* at : {&rank, &one, &chosen}) *at = b.Local(experts);
    for (uint32_t* at : {&scalars, &group_rank, &group_one, &kept}) {
      *at = b.Local(groups);
    }
  }
};

// Ranks outside the best groups go down below all others. A group's rank is
// the sum of its two best.
void KeepBestGroups(const Routing& s, const Room& room, int64_t rows,
                    Chooser& c) {
  const int64_t size = s.experts / s.groups;
  const Rows members{room.rank, rows * s.groups, size};
  const Rows ranks{room.group_rank, rows, s.groups};
  c.Reduce(ReduceOp::kMax, members, room.group_rank);
  if (size > 1) {
    const Rows others{room.one, members.rows, size};
    c.FirstMaximum(members, room.one);
    c.Immediate(VectorOp::kMul, others, kChosen);
    c.With(VectorOp::kAdd, others, room.rank, Operand::kFull);
    c.Reduce(ReduceOp::kMax, others, room.group_one);
    c.With(VectorOp::kAdd, ranks, room.group_one, Operand::kFull);
  }
  c.Choose(ranks, s.groups_used, room.group_one, room.kept);
  const Rows kept{room.kept, rows, s.groups};
  c.Immediate(VectorOp::kSub, kept, 1);
  c.Immediate(VectorOp::kMul, kept, kHuge);
  c.With(VectorOp::kAdd, members, room.kept, Operand::kPerRow);
}

void RouteBlock(const Routing& s, const Room& room, const RowBlock& block,
                uint32_t bias, Chooser& c) {
  const Rows score{block.in[0], block.rows, s.experts};
  const Rows rank{room.rank, block.rows, s.experts};
  c.Begin(block.first);
  // Scores rise with logits: where nothing else counts, those tell more apart.
  const bool by_logits = bias == kNoOperand && s.all_groups();
  if (by_logits) c.Unary(VectorOp::kCopy, score, rank.at);
  if (s.sigmoid) {
    c.Immediate(VectorOp::kMul, score, -1);
    c.Unary(VectorOp::kExp, score, score.at);
    c.Immediate(VectorOp::kAdd, score, 1);
    c.Unary(VectorOp::kReciprocal, score, score.at);
  } else {
    c.Softmax(score);
  }
  if (!by_logits) c.Unary(VectorOp::kCopy, score, rank.at);
  if (bias != kNoOperand) {
    c.With(VectorOp::kAdd, rank, bias, Operand::kPerColumn);
  }
  if (!s.all_groups()) KeepBestGroups(s, room, block.rows, c);
  c.Choose(rank, s.top_k, room.one, room.chosen);
  c.With(VectorOp::kMul, score, room.chosen, Operand::kFull);
  if (s.normalize) {
    c.Reduce(ReduceOp::kSum, score, room.scalars);
    c.Unary(VectorOp::kReciprocal, {room.scalars, 1, block.rows}, room.scalars);
    c.With(VectorOp::kMul, score, room.scalars, Operand::kPerRow);
  }
  c.Immediate(VectorOp::kMul, score, s.scale, block.last);
}

}  // namespace

Status LowerMoeRoute(const LowerRequest& r, Builder& b) {
  const Shape& x = r.graph.value(r.node.inputs[0]).shape;
  const Routing s(r.node, x.cols);
  const int64_t rows = x.rows.Bind(r.binding), row = s.experts * kF32;
  b.OnCores(RowCores(b, rows));
  // A quarter of the scratchpad for rows beside those that come and go.
  int64_t most = std::min(rows, kMost / s.groups);
  while (most > 1 && Room::Bytes(s, most) > b.size().scratchpad_bytes / 4) {
    most /= 2;
  }
  const int64_t constants = 2 * RoundUp(row, int64_t{64});
  if (s.experts > kMost ||
      constants + Room::Bytes(s, most) > b.size().scratchpad_bytes / 2) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: {} experts do not fit half a scratchpad "
                    "({} bytes) five times",
                    r.node.name, s.experts, b.size().scratchpad_bytes));
  }
  const uint32_t countdown = LoadConstant(b, r.place.tables, row);
  const uint32_t bias = r.node.inputs.size() > 1
                            ? LoadConstant(b, r.place.inputs[1].data, row)
                            : kNoOperand;
  const Room room(s, most, b);
  Chooser chooser(b, countdown, room.scalars);
  return EmitRows(r,
                  {.rows = rows,
                   .most_rows = most,
                   .in = {{r.place.inputs[0].data, row, row}},
                   .out = {r.place.output.data, row, row},
                   .change =
                       [&](const RowBlock& block) {
                         RouteBlock(s, room, block, bias, chooser);
                       }},
                  b);
}

}  // namespace triptych::npu
