// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/machine/rules.h"

#include <algorithm>
#include <bit>

#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::npu {
namespace {

constexpr int64_t kPartialSums = 16;

// Operations an element of each VectorOp, in its order.
struct Function {
  VectorOp op;
  int plain, special;
};
constexpr Function kFunctions[] = {
    {VectorOp::kCopy, 1, 0},
    {VectorOp::kAdd, 1, 0},
    {VectorOp::kSub, 1, 0},
    {VectorOp::kMul, 1, 0},
    {VectorOp::kMax, 1, 0},
    {VectorOp::kMin, 1, 0},
    {VectorOp::kExp, 0, 1},
    // x / (1 + exp(-x))
    {VectorOp::kSilu, 1, 2},
    // x / (1 + exp(-2 (a x + b x^3))): square, cube, scale, sum; as kSilu
    {VectorOp::kGeluTanh, 5, 2},
    // x (1 + erf(x / sqrt 2)) / 2: scale, square, a polynomial of 5 steps of
    // two, exp, and two more
    {VectorOp::kGeluErf, 14, 2},
    // 1 - 2 / (1 + exp(2 x))
    {VectorOp::kTanh, 2, 2},
    {VectorOp::kReciprocal, 0, 1},
    {VectorOp::kRsqrt, 0, 1},
};
static_assert(std::size(kFunctions) == kVectorOps);

class Coster {
 public:
  explicit Coster(const VectorUnit& unit) : unit_(unit) {}

  // Passes over rows x cols elements, a cycle each.
  void Pass(int64_t rows, int64_t cols, int64_t plain, int64_t special = 0) {
    cost_.cycles += rows * CeilDiv(cols, unit_.lanes) * (plain + special);
    Count(rows * cols, plain, special);
  }
  // A pipeline's pass: `plain` operations an element in one cycle.
  void Pipeline(int64_t rows, int64_t cols, int64_t plain, int64_t special) {
    cost_.cycles += rows * CeilDiv(cols, unit_.lanes);
    Count(rows * cols, plain, special);
  }
  void Sum(int64_t rows, int64_t cols, int64_t plain) {
    cost_.cycles += SumCycles(rows, cols, unit_);
    Count(rows * cols, plain, 0);
  }
  void Max(int64_t rows, int64_t cols) {
    Pass(rows, cols, 1);
    cost_.cycles += Log2Lanes();
  }
  // One value a row.
  void PerRow(int64_t rows, int64_t plain, int64_t special) {
    Pass(1, rows, plain, special);
  }
  VectorCost Done() {
    cost_.cycles += unit_.latency;
    return cost_;
  }

 private:
  void Count(int64_t elements, int64_t plain, int64_t special) {
    cost_.plain += static_cast<uint64_t>(elements * plain);
    cost_.special += static_cast<uint64_t>(elements * special);
  }
  int64_t Log2Lanes() const {
    return static_cast<int64_t>(
        std::bit_width(static_cast<uint64_t>(unit_.lanes - 1)));
  }
  const VectorUnit& unit_;
  VectorCost cost_;
};

void CostSoftmax(const Softmax& s, uint8_t flags, Coster& coster) {
  // Masked elements are written, not computed; rows of one length at once.
  for (int64_t r = 0; r < s.rows; ++r) {
    const int64_t seen =
        std::min<int64_t>(s.cols, int64_t{s.visible} + r * s.step);
    const int64_t same = s.step == 0 || seen == s.cols ? s.rows - r : 1;
    coster.Pass(same, seen, 2, 1);  // maximum, difference, exponential
    if ((flags & kNormalize) != 0) coster.Pass(same, seen, 1);
    r += same - 1;
  }
  const int64_t longest =
      std::min<int64_t>(s.cols, int64_t{s.visible} + (s.rows - 1) * s.step);
  coster.Sum(s.rows, longest, 1);
  if ((flags & kNormalize) != 0) coster.PerRow(s.rows, 0, 1);
}

void CostNorm(const Norm& n, uint8_t flags, Coster& coster) {
  const bool layer = (flags & kLayer) != 0;
  if (layer) {
    coster.Sum(n.rows, n.cols, 1);
    coster.Pass(n.rows, n.cols, 1);  // less the mean
  }
  coster.Sum(n.rows, n.cols, 2);  // of squares
  coster.PerRow(n.rows, 2, 1);
  coster.Pass(n.rows, n.cols,
              1 + (n.weight != kNoOperand) + (layer && n.bias != kNoOperand));
}

}  // namespace

int64_t SumCycles(int64_t rows, int64_t cols, const VectorUnit& unit) {
  const int64_t groups = CeilDiv(kPartialSums * rows, unit.lanes);
  return CeilDiv(cols, kPartialSums) * std::max(unit.add_latency, groups) +
         4 * unit.add_latency;
}

VectorCost CostOf(const Issue& issue, const VectorUnit& unit) {
  const Command& command = *issue.command;
  const Operands& o = command.operands;
  Coster coster(unit);
  switch (command.opcode) {
    case Opcode::kDequantize: {
      const Dequantize& q = o.dequantize;
      const int64_t steps = 1 + (q.scales != kNoOperand) +
                            ((command.flags & kAccumulate) != 0) +
                            ((command.flags & kRowScale) != 0);
      coster.Pipeline(q.rows, q.cols, steps, 0);
      break;
    }
    case Opcode::kRequantize:  // multiply, shift, clamp
      coster.Pipeline(o.requantize.rows, o.requantize.cols, 3, 0);
      break;
    case Opcode::kQuantize: {
      const Quantize& q = o.quantize;
      coster.Max(q.rows, q.cols);
      coster.PerRow(q.rows, 1, 2);  // the scale, and what to multiply by
      coster.Pipeline(q.rows, q.cols, 2, 0);
      break;
    }
    case Opcode::kVector: {
      const Vector& v = o.vector;
      const Function& f = kFunctions[static_cast<size_t>(v.op)];
      coster.Pass(v.rows, v.cols, f.plain, f.special);
      break;
    }
    case Opcode::kReduce: {
      const Reduce& r = o.reduce;
      if (r.op == ReduceOp::kSum || r.op == ReduceOp::kSumOfSquares) {
        coster.Sum(r.rows, r.cols, r.op == ReduceOp::kSum ? 1 : 2);
      } else {
        coster.Max(r.rows, r.cols);
      }
      break;
    }
    case Opcode::kNorm:
      CostNorm(o.norm, command.flags, coster);
      break;
    case Opcode::kSoftmax:
      CostSoftmax(o.softmax, command.flags, coster);
      break;
    case Opcode::kRope:
      // Two products each, and their difference or sum: 6 a pair.
      coster.Pass(o.rope.rows, int64_t{o.rope.heads} * o.rope.pairs, 6);
      break;
    default:
      TRIPTYCH_CHECK(false, "not a command of the vector queue");
  }
  return coster.Done();
}

}  // namespace triptych::npu
