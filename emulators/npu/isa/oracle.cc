// The scalar machine: each command in a few plain lines, written from isa.h.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "emulators/npu/isa/functional.h"
#include "emulators/npu/isa/functions.h"
#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/requantize.h"
#include "emulators/npu/isa/run.h"
#include "kernels/base/formats.h"

namespace triptych::npu {
namespace {

float Max(float a, float b) {
  if (a != a || b != b) return OneNan(a + b);
  return OrderOf(a) > OrderOf(b) ? a : b;
}
float Min(float a, float b) {
  if (a != a || b != b) return OneNan(a + b);
  return OrderOf(a) < OrderOf(b) ? a : b;
}

// Sixteen partial sums, then pairs.
class Sum {
 public:
  void Add(size_t c, float x) { partial_[c % 16] += x; }
  float Total() {
    for (size_t half = 8; half > 0; half /= 2) {
      for (size_t i = 0; i < half; ++i) partial_[i] += partial_[i + half];
    }
    return OneNan(partial_[0]);
  }

 private:
  std::array<float, 16> partial_{};
};

class ScalarCore {
 public:
  ScalarCore(const Stream& stream, Memory& memory, int core)
      : stream_(&stream), memory_(&memory), core_(core) {}
  void BeforeWrite(LocalRange) {}

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
  // ---- Words of local memory ----
  template <class T>
  T Get(uint32_t base, int64_t offset) const {
    T value;
    std::memcpy(&value, memory_->Local(core_, base) + offset, sizeof(T));
    return value;
  }
  template <class T>
  void Put(uint32_t base, int64_t offset, T value) {
    std::memcpy(memory_->Local(core_, base) + offset, &value, sizeof(T));
  }
  float GetF32(uint32_t base, int64_t index) const {
    return Get<float>(base, 4 * index);
  }
  int32_t Acc(uint32_t row, int64_t col) const {
    int32_t value;
    std::memcpy(&value, memory_->AccumulatorRow(core_, row) + 4 * col, 4);
    return value;
  }
  // Bytes from row to row.
  static int64_t Stride(uint32_t stride, int64_t row_bytes) {
    return stride != 0 ? stride : row_bytes;
  }

  struct Plane {
    int64_t k = 0, n = 0;
    std::vector<int8_t> w;  // [n][k]
  };

  const Stream* stream_;
  Memory* memory_;
  int core_;
  Plane weights_, shadow_;
};

Status ScalarCore::Load(const Issue& issue) {
  const Dma& dma = issue.command->operands.dma;
  const auto region = static_cast<Region>(dma.region);
  const bool unpack = (issue.command->flags & kUnpack4) != 0;
  const DmaRows rows(issue);
  for (int64_t j = 0; j < dma.size2; ++j) {
    for (int64_t i = 0; i < dma.size1; ++i) {
      const int64_t remote =
          issue.remote + j * rows.remote_stride2 + i * rows.remote_stride1;
      const std::byte* from = memory_->At(region, remote, dma.size0, false);
      if (from == nullptr) return NoPiece(*stream_, issue, remote);
      const int64_t to = j * rows.local_stride2 + i * rows.local_stride1;
      for (int64_t b = 0; b < dma.size0; ++b) {
        const auto byte = static_cast<uint8_t>(from[b]);
        if (!unpack) {
          Put<uint8_t>(dma.local, to + b, byte);
          continue;
        }
        for (int64_t nibble = 0; nibble < 2; ++nibble) {
          const int code = byte >> (4 * nibble) & 15;
          Put(dma.local, to + 2 * b + nibble,
              static_cast<int8_t>(code >= 8 ? code - 16 : code));
        }
      }
    }
  }
  return {};
}

Status ScalarCore::Gather(const Issue& issue) {
  const Dma& dma = issue.command->operands.dma;
  const DmaRows rows(issue);
  for (int64_t j = 0; j < dma.size2; ++j) {
    for (int64_t i = 0; i < dma.size1; ++i) {
      const auto index = Get<int32_t>(dma.index, 4 * (j * dma.size1 + i));
      const int64_t remote = issue.remote + index * rows.remote_stride1;
      const std::byte* from = memory_->At(static_cast<Region>(dma.region),
                                          remote, dma.size0, false);
      if (from == nullptr) return NoPiece(*stream_, issue, remote);
      const int64_t to = j * rows.local_stride2 + i * rows.local_stride1;
      for (int64_t b = 0; b < dma.size0; ++b) Put(dma.local, to + b, from[b]);
    }
  }
  return {};
}

Status ScalarCore::Store(const Issue& issue) {
  const Dma& dma = issue.command->operands.dma;
  const DmaRows rows(issue);
  for (int64_t j = 0; j < dma.size2; ++j) {
    for (int64_t i = 0; i < dma.size1; ++i) {
      const int64_t remote =
          issue.remote + j * rows.remote_stride2 + i * rows.remote_stride1;
      std::byte* to =
          memory_->At(static_cast<Region>(dma.region), remote, dma.size0, true);
      if (to == nullptr) return NoPiece(*stream_, issue, remote);
      const int64_t from = j * rows.local_stride2 + i * rows.local_stride1;
      for (int64_t b = 0; b < dma.size0; ++b) {
        to[b] = Get<std::byte>(dma.local, from + b);
      }
    }
  }
  return {};
}

void ScalarCore::LoadWeights(const npu::LoadWeights& x, bool transposed) {
  const int64_t stride = Stride(x.stride, transposed ? x.n : x.k);
  shadow_.k = x.k;
  shadow_.n = x.n;
  shadow_.w.clear();
  for (int64_t j = 0; j < x.n; ++j) {
    for (int64_t i = 0; i < x.k; ++i) {
      const int64_t at = transposed ? i * stride + j : j * stride + i;
      shadow_.w.push_back(Get<int8_t>(x.local, at));
    }
  }
}

void ScalarCore::Matmul(const npu::Matmul& x, const Issue& issue) {
  const uint8_t flags = issue.command->flags;
  if ((flags & kSwap) != 0) {
    weights_ = shadow_;
    shadow_ = {};
  }
  const Plane& w = weights_;
  const int64_t stride = Stride(x.stride, w.k);
  for (int64_t r = 0; r < x.rows; ++r) {
    std::byte* acc =
        memory_->AccumulatorRow(core_, x.acc_row + static_cast<uint32_t>(r));
    for (int64_t j = 0; j < w.n; ++j) {
      uint32_t sum = 0;  // modulo 2^32
      if ((flags & kAccumulate) != 0) std::memcpy(&sum, acc + 4 * j, 4);
      for (int64_t i = 0; i < w.k; ++i) {
        const int product = Get<int8_t>(x.a, r * stride + i) *
                            w.w[static_cast<size_t>(j * w.k + i)];
        sum += static_cast<uint32_t>(product);
      }
      std::memcpy(acc + 4 * j, &sum, 4);
    }
  }
}

void ScalarCore::Dequantize(const npu::Dequantize& x, uint8_t flags) {
  const int64_t stride = Stride(x.dst_stride, 4 * x.cols);
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t j = 0; j < x.cols; ++j) {
      const int64_t to = r * stride + 4 * j;
      auto y = static_cast<float>(Acc(x.acc_row + static_cast<uint32_t>(r), j));
      if (x.scales != kNoOperand) y *= GetF32(x.scales, j);
      if ((flags & kAccumulate) != 0) y += Get<float>(x.dst, to);
      if ((flags & kRowScale) != 0) y *= GetF32(x.row_scales, r);
      Put(x.dst, to, OneNan(y));
    }
  }
}

Status ScalarCore::Requantize(const npu::Requantize& x, const Issue& issue) {
  const bool twice = (issue.command->flags & kDoubleRounding) != 0;
  const int64_t stride = Stride(x.dst_stride, x.cols);
  for (int64_t j = 0; j < x.cols; ++j) {
    const auto shift = Get<int32_t>(x.table, 8 * j + 4);
    if (!ShiftAllowed(shift)) return BadShift(*stream_, issue, j, shift);
  }
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t j = 0; j < x.cols; ++j) {
      const int32_t acc = Acc(x.acc_row + static_cast<uint32_t>(r), j);
      const auto multiplier = Get<int32_t>(x.table, 8 * j);
      const auto shift = Get<int32_t>(x.table, 8 * j + 4);
      const int64_t y =
          x.zero_point + (twice ? ScaleTwice(acc, multiplier, shift)
                                : ScaleOnce(acc, multiplier, shift));
      Put(x.dst, r * stride + j,
          static_cast<int8_t>(std::clamp<int64_t>(y, x.low, x.high)));
    }
  }
  return {};
}

void ScalarCore::Quantize(const npu::Quantize& x, int bits,
                          const VectorConfig& v) {
  const auto cols = static_cast<size_t>(x.cols);
  std::vector<float> row(cols);
  std::vector<int8_t> codes(cols);
  for (int64_t r = 0; r < x.rows; ++r) {
    const int64_t from = r * Stride(v.src0_stride, 4 * x.cols);
    const int64_t to = r * Stride(x.dst_stride, x.cols);
    for (int64_t c = 0; c < x.cols; ++c) {
      row[static_cast<size_t>(c)] = Get<float>(x.src, from + 4 * c);
    }
    const float scale = QuantizeRowInt<int8_t>(row, bits, codes);
    Put(x.scales, 4 * r, OneNan(scale * x.multiplier));
    for (int64_t c = 0; c < x.cols; ++c) {
      Put(x.dst, to + c, codes[static_cast<size_t>(c)]);
    }
  }
}

float Apply(VectorOp op, float a, float b) {
  switch (op) {
    case VectorOp::kAdd:
      return OneNan(a + b);
    case VectorOp::kSub:
      return OneNan(a - b);
    case VectorOp::kMul:
      return OneNan(a * b);
    case VectorOp::kMax:
      return Max(a, b);
    case VectorOp::kMin:
      return Min(a, b);
    default:
      return Function(op, a);
  }
}

void ScalarCore::VectorOperation(const Vector& x, const VectorConfig& v) {
  const int64_t row_bytes = 4 * x.cols;
  for (int64_t r = 0; r < x.rows; ++r) {
    const int64_t from0 = r * Stride(v.src0_stride, row_bytes);
    const int64_t from1 = r * Stride(v.src1_stride, row_bytes);
    const int64_t to = r * Stride(v.dst_stride, row_bytes);
    for (int64_t c = 0; c < x.cols; ++c) {
      if (x.op == VectorOp::kCopy) {
        Put(x.dst, to + 4 * c, Get<uint32_t>(x.src0, from0 + 4 * c));
        continue;
      }
      float b = 0;
      if (IsBinary(x.op)) {
        switch (x.operand) {
          case Operand::kFull:
            b = Get<float>(x.src1, from1 + 4 * c);
            break;
          case Operand::kPerColumn:
            b = GetF32(x.src1, c);
            break;
          case Operand::kPerRow:
            b = GetF32(x.src1, r);
            break;
          case Operand::kImmediate:
            b = std::bit_cast<float>(x.src1);
            break;
        }
      }
      Put(x.dst, to + 4 * c, Apply(x.op, Get<float>(x.src0, from0 + 4 * c), b));
    }
  }
}

void ScalarCore::Reduce(const npu::Reduce& x, const VectorConfig& v) {
  for (int64_t r = 0; r < x.rows; ++r) {
    const int64_t from = r * Stride(v.src0_stride, 4 * x.cols);
    Sum sum, squares;
    float max = 0, absmax = 0;
    for (int64_t c = 0; c < x.cols; ++c) {
      const auto value = Get<float>(x.src, from + 4 * c);
      sum.Add(static_cast<size_t>(c), value);
      squares.Add(static_cast<size_t>(c), value * value);
      max = c == 0 ? OneNan(value) : Max(max, value);
      absmax = Max(absmax, std::abs(value));
    }
    const float results[] = {sum.Total(), max, absmax, squares.Total()};
    Put(x.dst, 4 * r, results[static_cast<int>(x.op)]);
  }
}

void ScalarCore::Norm(const npu::Norm& x, bool layer, const VectorConfig& v) {
  const auto cols = static_cast<float>(x.cols);
  for (int64_t r = 0; r < x.rows; ++r) {
    const int64_t from = r * Stride(v.src0_stride, 4 * x.cols);
    const int64_t to = r * Stride(v.dst_stride, 4 * x.cols);
    const auto at = [&](int64_t c) { return Get<float>(x.src, from + 4 * c); };
    float mean = 0;
    if (layer) {
      Sum sum;
      for (int64_t c = 0; c < x.cols; ++c) {
        sum.Add(static_cast<size_t>(c), at(c));
      }
      mean = sum.Total() / cols;
    }
    Sum squares;
    for (int64_t c = 0; c < x.cols; ++c) {
      const float d = layer ? at(c) - mean : at(c);
      squares.Add(static_cast<size_t>(c), d * d);
    }
    const float scale = Rsqrt(squares.Total() / cols + x.eps);
    for (int64_t c = 0; c < x.cols; ++c) {
      float y = (layer ? at(c) - mean : at(c)) * scale;
      if (x.weight != kNoOperand) y *= GetF32(x.weight, c);
      if (x.bias != kNoOperand) y += GetF32(x.bias, c);
      Put(x.dst, to + 4 * c, OneNan(y));
    }
  }
}

void ScalarCore::Softmax(const npu::Softmax& x, bool normalize,
                         const VectorConfig& v) {
  for (int64_t r = 0; r < x.rows; ++r) {
    const int64_t from = r * Stride(v.src0_stride, 4 * x.cols);
    const int64_t to = r * Stride(v.dst_stride, 4 * x.cols);
    const auto visible =
        static_cast<int64_t>(VisibleOf(x, static_cast<size_t>(r)));
    float max = OneNan(Get<float>(x.src, from));
    for (int64_t c = 1; c < visible; ++c) {
      max = Max(max, Get<float>(x.src, from + 4 * c));
    }
    Sum sum;
    for (int64_t c = 0; c < x.cols; ++c) {
      const float e =
          c < visible ? Exp(Get<float>(x.src, from + 4 * c) - max) : 0;
      sum.Add(static_cast<size_t>(c), e);
      Put(x.dst, to + 4 * c, e);
    }
    const float total = sum.Total();
    if (!normalize) {
      Put(x.sums, 4 * r, total);
      continue;
    }
    const float scale = Reciprocal(total);
    for (int64_t c = 0; c < x.cols; ++c) {
      const auto e = Get<float>(x.dst, to + 4 * c);
      Put(x.dst, to + 4 * c, c < visible ? OneNan(e * scale) : 0.f);
    }
  }
}

void ScalarCore::Rope(const npu::Rope& x, bool half, const VectorConfig& v) {
  const int64_t row_bytes = int64_t{4} * x.heads * x.head_dim;
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t h = 0; h < x.heads; ++h) {
      const int64_t head =
          r * Stride(v.src0_stride, row_bytes) + 4 * h * x.head_dim;
      for (int64_t i = 0; i < x.pairs; ++i) {
        const int64_t at_a = head + 4 * (half ? i : 2 * i);
        const int64_t at_b = head + 4 * (half ? i + x.pairs : 2 * i + 1);
        const auto a = Get<float>(x.src, at_a), b = Get<float>(x.src, at_b);
        const float c = GetF32(x.table, 2 * (r * x.pairs + i));
        const float s = GetF32(x.table, 2 * (r * x.pairs + i) + 1);
        Put(x.src, at_a, OneNan(a * c - b * s));
        Put(x.src, at_b, OneNan(a * s + b * c));
      }
    }
  }
}

}  // namespace

Status ExecuteScalar(const Stream& stream, Memory& memory) {
  return RunCores<ScalarCore>(stream, memory, 1);
}

}  // namespace triptych::npu
