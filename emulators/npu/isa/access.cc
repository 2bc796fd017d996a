// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/access.h"

#include <algorithm>

#include "emulators/npu/isa/opcodes.h"

namespace triptych::npu {
namespace {

// The most a row can be away from the first, on either side.
int64_t Reach(const Access& a, bool up) {
  const int64_t r1 = (a.rows1 - 1) * a.stride1;
  const int64_t r2 = (a.rows2 - 1) * a.stride2;
  return up ? std::max<int64_t>(0, r1) + std::max<int64_t>(0, r2)
            : std::min<int64_t>(0, r1) + std::min<int64_t>(0, r2);
}

constexpr int64_t kF32 = 4;

// Rows of local memory; a stride of 0: without gaps.
Access Local(uint32_t address, int64_t rows, int64_t row_bytes,
             uint32_t stride = 0) {
  Access a;
  a.space =
      (address & kAccBit) != 0 ? Space::kAccumulators : Space::kScratchpad;
  a.begin = address & ~kAccBit;
  a.rows1 = rows;
  a.row_bytes = row_bytes;
  a.stride1 = rows > 1 && stride != 0 ? stride : row_bytes;
  a.stride2 = a.stride1 * rows;
  a.read = true;
  return a;
}

Access Floats(uint32_t address, int64_t rows, int64_t cols,
              uint32_t stride = 0) {
  Access a = Local(address, rows, cols * kF32, stride);
  a.align = kF32;
  return a;
}

Access AccRows(uint32_t row, int64_t rows, int64_t cols,
               const MachineSize& machine) {
  const int64_t row_bytes = machine.array_cols * kF32;
  Access a = Local(kAccBit, rows, cols * kF32);
  a.begin = row * row_bytes;
  a.stride1 = row_bytes;
  a.stride2 = rows * row_bytes;
  return a;
}

// Of the memories' two sides of a transfer.
Access Rows2(Access a, const Dma& dma, int64_t row_bytes, int64_t stride1,
             int64_t stride2) {
  a.rows1 = dma.size1;
  a.rows2 = dma.size2;
  a.row_bytes = row_bytes;
  a.stride1 = stride1 != 0 ? stride1 : row_bytes;
  a.stride2 = stride2 != 0 ? stride2 : a.stride1 * a.rows1;
  return a;
}

Access RemoteSide(const Issue& issue) {
  const Dma& dma = issue.command->operands.dma;
  Access a;
  a.space = Space::kRemote;
  a.region = static_cast<Region>(dma.region);
  a.begin = issue.remote;
  a.read = true;
  return Rows2(a, dma, dma.size0, issue.dma->remote_stride1,
               issue.dma->remote_stride2);
}

Access LocalSide(const Issue& issue) {
  const Dma& dma = issue.command->operands.dma;
  const bool unpack = issue.command->opcode == Opcode::kLoad &&
                      (issue.command->flags & kUnpack4) != 0;
  return Rows2(Local(dma.local, 1, 0), dma,
               unpack ? int64_t{2} * dma.size0 : int64_t{dma.size0},
               issue.dma->local_stride1, issue.dma->local_stride2);
}

Access Written(Access a, bool read_too = false) {
  a.read = read_too;
  a.write = true;
  return a;
}

Access InPlace(Access a) {
  a.in_place = true;
  return a;
}

}  // namespace

int64_t Access::low() const { return begin + Reach(*this, false); }
int64_t Access::high() const { return begin + Reach(*this, true) + row_bytes; }

Access& Accesses::Add(const Access& access) {
  return accesses_[static_cast<size_t>(count_++)] = access;
}

Accesses::Accesses(const Issue& issue, const MachineSize& machine) {
  const Command& command = *issue.command;
  const Operands& o = command.operands;
  switch (command.opcode) {
    case Opcode::kLoad:
      Add(RemoteSide(issue));
      Add(Written(LocalSide(issue)));
      break;
    case Opcode::kGather: {
      const int64_t count = int64_t{o.dma.size1} * o.dma.size2;
      Add(Floats(o.dma.index, 1, count));
      Add(Written(LocalSide(issue)));
      break;
    }
    case Opcode::kStore:
      Add(LocalSide(issue));
      Add(Written(RemoteSide(issue)));
      break;
    case Opcode::kLoadWeights: {
      const LoadWeights& w = o.load_weights;
      const bool transposed = (command.flags & kTransposed) != 0;
      Add(transposed ? Local(w.local, w.k, w.n, w.stride)
                     : Local(w.local, w.n, w.k, w.stride));
      break;
    }
    case Opcode::kMatmul:
      Add(Local(o.matmul.a, o.matmul.rows, issue.k, o.matmul.stride));
      Add(Written(AccRows(o.matmul.acc_row, o.matmul.rows, issue.n, machine),
                  (command.flags & kAccumulate) != 0));
      break;
    default:
      AddVectors(issue, machine);
      break;
  }
}

void Accesses::AddVectors(const Issue& issue, const MachineSize& machine) {
  const Command& command = *issue.command;
  const Operands& o = command.operands;
  const VectorConfig& v = *issue.vector;
  switch (command.opcode) {
    case Opcode::kDequantize: {
      const Dequantize& q = o.dequantize;
      Add(AccRows(q.acc_row, q.rows, q.cols, machine));
      if (q.scales != kNoOperand) Add(Floats(q.scales, 1, q.cols));
      if ((command.flags & kRowScale) != 0) {
        Add(Floats(q.row_scales, 1, q.rows));
      }
      Add(Written(Floats(q.dst, q.rows, q.cols, q.dst_stride),
                  (command.flags & kAccumulate) != 0));
      break;
    }
    case Opcode::kRequantize: {
      const Requantize& q = o.requantize;
      Add(AccRows(q.acc_row, q.rows, q.cols, machine));
      Add(Floats(q.table, 1, 2 * q.cols));
      Add(Written(Local(q.dst, q.rows, q.cols, q.dst_stride)));
      break;
    }
    case Opcode::kQuantize: {
      const Quantize& q = o.quantize;
      Add(Floats(q.src, q.rows, q.cols, v.src0_stride));
      Add(Written(Floats(q.scales, 1, q.rows)));
      Add(Written(Local(q.dst, q.rows, q.cols, q.dst_stride)));
      break;
    }
    case Opcode::kVector: {
      const Vector& x = o.vector;
      Add(InPlace(Floats(x.src0, x.rows, x.cols, v.src0_stride)));
      if (IsBinary(x.op)) {
        switch (x.operand) {
          case Operand::kFull:
            Add(Floats(x.src1, x.rows, x.cols, v.src1_stride));
            break;
          case Operand::kPerColumn:
            Add(Floats(x.src1, 1, x.cols));
            break;
          case Operand::kPerRow:
            Add(Floats(x.src1, 1, x.rows));
            break;
          case Operand::kImmediate:
            break;
        }
      }
      Add(Written(Floats(x.dst, x.rows, x.cols, v.dst_stride)));
      break;
    }
    case Opcode::kReduce:
      Add(Floats(o.reduce.src, o.reduce.rows, o.reduce.cols, v.src0_stride));
      Add(Written(Floats(o.reduce.dst, 1, o.reduce.rows)));
      break;
    case Opcode::kNorm: {
      const Norm& x = o.norm;
      Add(InPlace(Floats(x.src, x.rows, x.cols, v.src0_stride)));
      if (x.weight != kNoOperand) Add(Floats(x.weight, 1, x.cols));
      if (x.bias != kNoOperand) Add(Floats(x.bias, 1, x.cols));
      Add(Written(Floats(x.dst, x.rows, x.cols, v.dst_stride)));
      break;
    }
    case Opcode::kSoftmax: {
      const Softmax& x = o.softmax;
      Add(InPlace(Floats(x.src, x.rows, x.cols, v.src0_stride)));
      if (x.sums != kNoOperand) Add(Written(Floats(x.sums, 1, x.rows)));
      Add(Written(Floats(x.dst, x.rows, x.cols, v.dst_stride)));
      break;
    }
    case Opcode::kRope: {
      const Rope& x = o.rope;
      Add(Floats(x.table, 1, int64_t{2} * x.rows * x.pairs));
      // Up to the last feature that turns: src may be inside a row.
      const int64_t tight = int64_t{x.heads} * x.head_dim * 4;
      const int64_t reach =
          int64_t{x.heads - 1} * x.head_dim + int64_t{2} * x.pairs;
      Add(Written(Floats(x.src, x.rows, reach,
                         v.src0_stride != 0 ? v.src0_stride
                                            : static_cast<uint32_t>(tight)),
                  true));
      break;
    }
    default:
      break;
  }
}

bool Overlap(const Access& a, const Access& b) {
  if (a.space != b.space || a.region != b.region) return false;
  if (a.high() <= b.low() || b.high() <= a.low()) return false;
  if (a.rows2 != 1 || b.rows2 != 1) return true;
  const int64_t stride = std::max(a.stride1, b.stride1);
  if ((a.rows1 > 1 && a.stride1 != stride) ||
      (b.rows1 > 1 && b.stride1 != stride) || a.row_bytes > stride ||
      b.row_bytes > stride) {
    return true;
  }
  const int64_t apart = ((b.begin - a.begin) % stride + stride) % stride;
  return apart < a.row_bytes || apart + b.row_bytes > stride;
}

}  // namespace triptych::npu
