// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/planes.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/units.h"
#include "kernels/matmul/block.h"
#include "kernels/matmul/matmul.h"

namespace triptych::npu {
namespace {

constexpr size_t kOutputs = PackedWeights::kPanelOutputs;
constexpr size_t kUnit = PackedWeights::kUnitBytes;
constexpr size_t kLine = PackedWeights::kLineBytes;
static_assert(kOutputs == 16 && kUnit == 4 && kLine == 64);  // fast_ops.h

// Up to here rows are cheaper one by one: packing costs as much as about
// eight of them save.
constexpr size_t kFewRows = 4;

// Bytes of `units` four-byte units, as an odd number of cache lines: neighbours
// then lie in different sets of the caches.
size_t OddLines(size_t units) {
  return (CeilDiv(units * kUnit, kCacheLine) | 1) * kCacheLine;
}

// Line l of a panel: k = 4 l .. 4 l + 3 of the outputs from `j` on.
void PackLine(const int8_t* w, size_t stride, size_t outputs, size_t bytes,
              std::byte* line) {
  for (size_t o = 0; o < outputs; ++o) {
    std::memcpy(line + o * kUnit, w + o * stride, bytes);
  }
}
void PackTransposedLine(const int8_t* w, size_t stride, size_t outputs,
                        size_t bytes, std::byte* line) {
  for (size_t i = 0; i < bytes; ++i) {
    for (size_t o = 0; o < outputs; ++o) {
      line[o * kUnit + i] = static_cast<std::byte>(w[i * stride + o]);
    }
  }
}

}  // namespace

void Plane::Set(const int8_t* w, size_t stride, size_t k, size_t n,
                bool transposed) {
  w_ = w;
  stride_ = stride;
  k_ = k;
  n_ = n;
  transposed_ = transposed;
  packed_ = false;
}

void Plane::BeforeWrite(const std::byte* low, const std::byte* high) {
  if (w_ == nullptr || packed_ || w_ == saved_.data()) return;
  const size_t rows = transposed_ ? k_ : n_, cols = transposed_ ? n_ : k_;
  const auto* from = reinterpret_cast<const std::byte*>(w_);
  const std::byte* to = from + (rows - 1) * stride_ + cols;
  if (high <= from || to <= low) return;
  int8_t* const copy = Room(saved_, rows * cols);
  for (size_t r = 0; r < rows; ++r) {
    std::memcpy(copy + r * cols, w_ + r * stride_, cols);
  }
  w_ = copy;
  stride_ = cols;
}

void Plane::Pack(const FastOps& ops) {
  const size_t lines = CeilDiv(k_, kUnit), stride = OddLines(lines * kOutputs);
  const size_t panels = CeilDiv(n_, kOutputs);
  std::byte* const to = Room(panels_, panels * stride);
  int32_t* const correction = Room(correction_, panels * kOutputs);
  for (size_t p = 0; p < panels; ++p) {
    const size_t j = p * kOutputs, outputs = std::min(kOutputs, n_ - j);
    std::byte* const panel = to + p * stride;
    if (outputs < kOutputs || k_ % kUnit != 0) {
      std::memset(panel, 0, lines * kLine);
    }
    size_t l = 0;
    if (!transposed_ && outputs == kOutputs) {
      for (; (l + 4) * kUnit <= k_; l += 4) {
        ops.units(w_ + j * stride_ + l * kUnit, stride_, panel + l * kLine);
      }
    }
    for (; l < lines; ++l) {
      const size_t i = l * kUnit, bytes = std::min(kUnit, k_ - i);
      if (transposed_ && outputs == kOutputs && bytes == kUnit) {
        ops.interleave4(w_ + i * stride_ + j, stride_, panel + l * kLine);
      } else if (transposed_) {
        PackTransposedLine(w_ + i * stride_ + j, stride_, outputs, bytes,
                           panel + l * kLine);
      } else if (bytes == kUnit) {
        PackLine(w_ + j * stride_ + i, stride_, outputs, kUnit,
                 panel + l * kLine);
      } else {
        PackLine(w_ + j * stride_ + i, stride_, outputs, bytes,
                 panel + l * kLine);
      }
    }
    ops.unit_sums(panel, lines, correction + j);
  }
  packed_ = true;
}

void Plane::MultiplyRow(const FastOps& ops, const int8_t* a, int32_t* c,
                        bool accumulate) {
  const int8_t* row = a;
  if (k_ % kCacheLine != 0) {
    auto* const copy =
        reinterpret_cast<int8_t*>(Room(rows_, RoundUp(k_, kCacheLine)));
    std::memcpy(copy, a, k_);
    std::memset(copy + k_, 0, RoundUp(k_, kCacheLine) - k_);
    row = copy;
  }
  ops.dot({.a = row,
           .w = w_,
           .w_stride = stride_,
           .k = k_,
           .n = n_,
           .c = c,
           .accumulate = accumulate});
}

void Plane::Multiply(const FastOps& ops, const int8_t* a, size_t a_stride,
                     size_t rows, int32_t* c, size_t c_stride,
                     bool accumulate) {
  if (rows <= kFewRows && !transposed_ && !packed_) {
    for (size_t r = 0; r < rows; ++r) {
      MultiplyRow(ops, a + r * a_stride, c + r * c_stride, accumulate);
    }
    return;
  }
  if (!packed_) Pack(ops);
  const size_t lines = CeilDiv(k_, kUnit),
               w_stride = OddLines(lines * kOutputs);
  const size_t row_bytes = OddLines(lines);
  const matmul::BlockFunction block_function = matmul::BlockI8();
  for (size_t first = 0; first < rows; first += matmul::kMc) {
    const size_t count = std::min(matmul::kMc, rows - first);
    uint8_t* const packed = Room(rows_, count * row_bytes);
    for (size_t r = 0; r < count; ++r) {
      ops.bias(a + (first + r) * a_stride, packed + r * row_bytes, k_);
      int32_t* const to = c + (first + r) * c_stride;
      // Signed a as a + 128: what that adds to the sums comes off first.
      if (accumulate) ops.add(correction_.data(), to, n_);
    }
    for (size_t j = 0; j < n_; j += matmul::kNc) {
      int32_t* const to = c + first * c_stride + j;
      block_function({.a = reinterpret_cast<const std::byte*>(packed),
                      .a_stride = row_bytes,
                      .a_step = kUnit,
                      .w = panels_.data() + j / kOutputs * w_stride,
                      .w_stride = w_stride,
                      .lines = lines,
                      .start = accumulate ? to : correction_.data() + j,
                      .start_stride = accumulate ? c_stride : 0,
                      .c = to,
                      .c_stride = c_stride,
                      .rows = count,
                      .cols = std::min(matmul::kNc, n_ - j)});
    }
  }
}

}  // namespace triptych::npu
