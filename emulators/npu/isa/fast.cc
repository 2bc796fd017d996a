// The fast machine: whole rows at a time, by the host's SIMD.
// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cstring>
#include <utility>

#include "emulators/npu/isa/fast_ops.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/npu/isa/functions.h"
#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/planes.h"
#include "emulators/npu/isa/requantize.h"
#include "emulators/npu/isa/run.h"

namespace triptych::npu {
namespace {

size_t StrideOr(uint32_t stride, size_t row_bytes) {
  return stride != 0 ? stride : row_bytes;
}

class FastCore {
 public:
  FastCore(const Stream& stream, Memory& memory, int core)
      : stream_(&stream), memory_(&memory), ops_(&BestOps()), core_(core) {}
  // Weights that are about to be overwritten are saved.
  void BeforeWrite(LocalRange range);

  Status Load(const Issue& issue);
  Status Gather(const Issue& issue);
  Status Store(const Issue& issue);
  void LoadWeights(const npu::LoadWeights& x, bool transposed);
  void Matmul(const npu::Matmul& x, const Issue& issue);
  void Dequantize(const npu::Dequantize& x, uint8_t flags);
  Status Requantize(const npu::Requantize& x, const Issue& issue);
  void Quantize(const npu::Quantize& x, int bits, const VectorConfig& v);
  void VectorOperation(const Vector& x, const VectorConfig& v);
  void Reduce(const npu::Reduce& x, const VectorConfig& v);
  void Norm(const npu::Norm& x, bool layer, const VectorConfig& v);
  void Softmax(const npu::Softmax& x, bool normalize, const VectorConfig& v);
  void Rope(const npu::Rope& x, bool half, const VectorConfig& v);

 private:
  template <class T>
  T* At(uint32_t address) const {
    return reinterpret_cast<T*>(memory_->Local(core_, address));
  }
  // Row r of f32.
  float* Row(uint32_t address, size_t r, size_t stride) const {
    return reinterpret_cast<float*>(memory_->Local(core_, address) +
                                    r * stride);
  }
  int32_t* Acc(uint32_t row) const {
    return reinterpret_cast<int32_t*>(memory_->AccumulatorRow(core_, row));
  }

  template <class F>
  Status ForRows(const Issue& issue, const F& f);

  const Stream* stream_;
  Memory* memory_;
  const FastOps* ops_;
  int core_;
  Plane weights_, shadow_;
};

// Calls f(region's bytes, local bytes, count) for rows, or for all rows of
// one j at once where neither side has gaps and one piece has them all.
template <class F>
Status FastCore::ForRows(const Issue& issue, const F& f) {
  const Dma& dma = issue.command->operands.dma;
  const auto region = static_cast<Region>(dma.region);
  const bool write = issue.command->opcode == Opcode::kStore;
  const DmaRows rows(issue);
  std::byte* const local = At<std::byte>(dma.local);
  const bool close = rows.remote_stride1 == dma.size0 &&
                     rows.local_stride1 == rows.local_bytes;
  for (int64_t j = 0; j < dma.size2; ++j) {
    const int64_t first = issue.remote + j * rows.remote_stride2;
    std::byte* const row = local + j * rows.local_stride2;
    const int64_t bytes = int64_t{dma.size0} * dma.size1;
    if (std::byte* all =
            close ? memory_->At(region, first, bytes, write) : nullptr) {
      f(all, row, static_cast<size_t>(bytes));
      continue;
    }
    for (int64_t i = 0; i < dma.size1; ++i) {
      const int64_t remote = first + i * rows.remote_stride1;
      std::byte* one = memory_->At(region, remote, dma.size0, write);
      if (one == nullptr) return NoPiece(*stream_, issue, remote);
      f(one, row + i * rows.local_stride1, size_t{dma.size0});
    }
  }
  return {};
}

Status FastCore::Load(const Issue& issue) {
  if ((issue.command->flags & kUnpack4) == 0) {
    return ForRows(issue, [](const std::byte* from, std::byte* to,
                             size_t bytes) { std::memcpy(to, from, bytes); });
  }
  return ForRows(issue,
                 [this](const std::byte* from, std::byte* to, size_t bytes) {
                   ops_->unpack4(reinterpret_cast<const uint8_t*>(from),
                                 reinterpret_cast<int8_t*>(to), bytes);
                 });
}

Status FastCore::Gather(const Issue& issue) {
  const Dma& dma = issue.command->operands.dma;
  const DmaRows rows(issue);
  const int32_t* index = At<int32_t>(dma.index);
  std::byte* const local = At<std::byte>(dma.local);
  for (int64_t j = 0; j < dma.size2; ++j) {
    for (int64_t i = 0; i < dma.size1; ++i) {
      const int64_t remote = issue.remote + *index++ * rows.remote_stride1;
      const std::byte* from = memory_->At(static_cast<Region>(dma.region),
                                          remote, dma.size0, false);
      if (from == nullptr) return NoPiece(*stream_, issue, remote);
      std::memcpy(local + j * rows.local_stride2 + i * rows.local_stride1, from,
                  dma.size0);
    }
  }
  return {};
}

Status FastCore::Store(const Issue& issue) {
  return ForRows(issue, [](std::byte* to, const std::byte* from, size_t bytes) {
    std::memcpy(to, from, bytes);
  });
}

void FastCore::LoadWeights(const npu::LoadWeights& x, bool transposed) {
  shadow_.Set(At<int8_t>(x.local), StrideOr(x.stride, transposed ? x.n : x.k),
              x.k, x.n, transposed);
}

void FastCore::Matmul(const npu::Matmul& x, const Issue& issue) {
  if ((issue.command->flags & kSwap) != 0) {
    std::swap(weights_, shadow_);
    shadow_.Clear();
  }
  weights_.Multiply(*ops_, At<int8_t>(x.a), StrideOr(x.stride, issue.k), x.rows,
                    Acc(x.acc_row),
                    static_cast<size_t>(stream_->machine().array_cols),
                    (issue.command->flags & kAccumulate) != 0);
}

void FastCore::Dequantize(const npu::Dequantize& x, uint8_t flags) {
  const size_t stride = StrideOr(x.dst_stride, 4 * x.cols);
  for (uint32_t r = 0; r < x.rows; ++r) {
    ops_->dequantize(
        {.acc = Acc(x.acc_row + r),
         .scales = x.scales == kNoOperand ? nullptr : At<float>(x.scales),
         .row_scale =
             (flags & kRowScale) != 0 ? At<float>(x.row_scales) + r : nullptr,
         .dst = Row(x.dst, r, stride),
         .n = x.cols,
         .accumulate = (flags & kAccumulate) != 0});
  }
}

Status FastCore::Requantize(const npu::Requantize& x, const Issue& issue) {
  const size_t stride = StrideOr(x.dst_stride, x.cols);
  const int32_t* table = At<int32_t>(x.table);
  for (int64_t j = 0; j < x.cols; ++j) {
    const int32_t shift = table[2 * j + 1];
    if (!ShiftAllowed(shift)) return BadShift(*stream_, issue, j, shift);
  }
  for (uint32_t r = 0; r < x.rows; ++r) {
    ops_->requantize({.acc = Acc(x.acc_row + r),
                      .table = table,
                      .dst = At<int8_t>(x.dst) + r * stride,
                      .n = x.cols,
                      .zero_point = x.zero_point,
                      .low = x.low,
                      .high = x.high,
                      .twice = (issue.command->flags & kDoubleRounding) != 0});
  }
  return {};
}

void FastCore::Quantize(const npu::Quantize& x, int bits,
                        const VectorConfig& v) {
  const size_t from = StrideOr(v.src0_stride, 4 * x.cols);
  const size_t to = StrideOr(x.dst_stride, x.cols);
  float* const scales = At<float>(x.scales);
  for (size_t r = 0; r < x.rows; ++r) {
    const float scale = ops_->quantize(Row(x.src, r, from), bits,
                                       At<int8_t>(x.dst) + r * to, x.cols);
    scales[r] = OneNan(scale * x.multiplier);
  }
}

void FastCore::VectorOperation(const Vector& x, const VectorConfig& v) {
  const size_t row_bytes = size_t{4} * x.cols;
  const size_t from0 = StrideOr(v.src0_stride, row_bytes);
  const size_t from1 = StrideOr(v.src1_stride, row_bytes);
  const size_t to = StrideOr(v.dst_stride, row_bytes);
  const auto number = std::bit_cast<float>(x.src1);
  for (size_t r = 0; r < x.rows; ++r) {
    const float* a = Row(x.src0, r, from0);
    float* out = Row(x.dst, r, to);
    if (x.op == VectorOp::kCopy) {
      std::memmove(out, a, row_bytes);
    } else if (!IsBinary(x.op)) {
      ops_->function(x.op, a, out, x.cols);
    } else {
      const float* b = &number;
      switch (x.operand) {
        case Operand::kFull:
          b = Row(x.src1, r, from1);
          break;
        case Operand::kPerColumn:
          b = At<float>(x.src1);
          break;
        case Operand::kPerRow:
          b = At<float>(x.src1) + r;
          break;
        case Operand::kImmediate:
          break;
      }
      const bool one =
          x.operand == Operand::kPerRow || x.operand == Operand::kImmediate;
      ops_->binary(x.op, a, b, one, out, x.cols);
    }
  }
}

void FastCore::Reduce(const npu::Reduce& x, const VectorConfig& v) {
  const size_t stride = StrideOr(v.src0_stride, 4 * x.cols);
  float* const out = At<float>(x.dst);
  for (size_t r = 0; r < x.rows; ++r) {
    out[r] = ops_->reduce(x.op, Row(x.src, r, stride), x.cols);
  }
}

void FastCore::Norm(const npu::Norm& x, bool layer, const VectorConfig& v) {
  const size_t from = StrideOr(v.src0_stride, 4 * x.cols);
  const size_t to = StrideOr(v.dst_stride, 4 * x.cols);
  for (size_t r = 0; r < x.rows; ++r) {
    ops_->norm(
        {.src = Row(x.src, r, from),
         .weight = x.weight == kNoOperand ? nullptr : At<float>(x.weight),
         .bias = x.bias == kNoOperand ? nullptr : At<float>(x.bias),
         .dst = Row(x.dst, r, to),
         .n = x.cols,
         .eps = x.eps,
         .layer = layer});
  }
}

void FastCore::Softmax(const npu::Softmax& x, bool normalize,
                       const VectorConfig& v) {
  const size_t from = StrideOr(v.src0_stride, 4 * x.cols);
  const size_t to = StrideOr(v.dst_stride, 4 * x.cols);
  for (size_t r = 0; r < x.rows; ++r) {
    const float sum = ops_->softmax({.src = Row(x.src, r, from),
                                     .dst = Row(x.dst, r, to),
                                     .n = x.cols,
                                     .visible = VisibleOf(x, r),
                                     .normalize = normalize});
    if (!normalize) At<float>(x.sums)[r] = sum;
  }
}

void FastCore::Rope(const npu::Rope& x, bool half, const VectorConfig& v) {
  const size_t stride =
      StrideOr(v.src0_stride, size_t{4} * x.heads * x.head_dim);
  for (size_t r = 0; r < x.rows; ++r) {
    for (size_t h = 0; h < x.heads; ++h) {
      ops_->rope({.x = Row(x.src, r, stride) + h * x.head_dim,
                  .table = At<float>(x.table) + 2 * r * x.pairs,
                  .pairs = x.pairs,
                  .half = half});
    }
  }
}

void FastCore::BeforeWrite(LocalRange range) {
  const std::byte* base = memory_->scratchpad(core_).data();
  weights_.BeforeWrite(base + range.low, base + range.high);
  shadow_.BeforeWrite(base + range.low, base + range.high);
}

}  // namespace

Status Execute(const Stream& stream, Memory& memory,
               const ExecuteOptions& options) {
  return RunCores<FastCore>(stream, memory, options.threads);
}

}  // namespace triptych::npu
