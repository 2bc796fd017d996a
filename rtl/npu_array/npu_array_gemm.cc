// SPDX-License-Identifier: Apache-2.0
#include "rtl/npu_array/npu_array_gemm.h"

#include <algorithm>

#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::rtl {
namespace {

// Calls visit(first row of C, rows) for each block of rows.
template <class Visit>
void ForEachBlock(const NpuArrayShape& shape, const NpuGemm& gemm,
                  const Visit& visit) {
  const int64_t most = shape.depth / 2;
  for (int64_t first = 0; first < gemm.m; first += most) {
    visit(first, std::min(most, gemm.m - first));
  }
}

// The program as it is written.
class Writer {
 public:
  Writer(const NpuArrayShape& shape, const NpuGemm& gemm,
         std::span<const int8_t> a, std::span<const int8_t> w)
      : shape_(shape), gemm_(gemm), a_(a), w_(w) {}

  // One tile of columns, from column n of C on, with the parameters of `set`.
  void Columns(int64_t n, int set) {
    ForEachBlock(shape_, gemm_, [&](int64_t first, int64_t rows) {
      const int base = half_ ? shape_.depth / 2 : 0;
      half_ = !half_;
      const auto count = static_cast<int>(rows);
      for (int64_t k = 0; k < gemm_.k; k += shape_.rows) {
        Weights(k, n);
        Activations(first, rows, k);
        program_.commands.push_back({.op = NpuOp::kLoad});
        program_.commands.push_back({.op = NpuOp::kMatmul,
                                     .rows = count,
                                     .base = base,
                                     .swap = true,
                                     .accumulate = k > 0});
      }
      program_.commands.push_back(
          {.op = NpuOp::kDrain, .rows = count, .base = base, .set = set});
    });
  }

  NpuProgram program_;

 private:
  void Weights(int64_t k0, int64_t n0) {
    for (int64_t k = k0 + shape_.rows - 1; k >= k0; --k) {
      for (int64_t n = n0; n < n0 + shape_.cols; ++n) {
        const bool inside = k < gemm_.k && n < gemm_.n;
        program_.weights.push_back(
            inside ? w_[static_cast<size_t>(k * gemm_.n + n)] : int8_t{0});
      }
    }
  }

  void Activations(int64_t first, int64_t rows, int64_t k0) {
    for (int64_t m = first; m < first + rows; ++m) {
      for (int64_t k = k0; k < k0 + shape_.rows; ++k) {
        program_.activations.push_back(
            k < gemm_.k ? a_[static_cast<size_t>(m * gemm_.k + k)] : int8_t{0});
      }
    }
  }

  const NpuArrayShape& shape_;
  const NpuGemm& gemm_;
  const std::span<const int8_t> a_, w_;
  bool half_ = false;  // of the accumulators, to be filled next
};

}  // namespace

NpuProgram NpuGemmProgram(const NpuArrayShape& shape, const NpuGemm& gemm,
                          std::span<const int8_t> a, std::span<const int8_t> w,
                          std::span<const NpuRequant> params) {
  const int64_t tiles = CeilDiv(gemm.n, int64_t{shape.cols});
  TRIPTYCH_CHECK(gemm.m > 0 && gemm.n > 0 && gemm.k > 0 && tiles <= shape.sets,
                 "m", gemm.m, "n", gemm.n, "k", gemm.k);
  TRIPTYCH_CHECK(std::ssize(a) == gemm.m * gemm.k &&
                     std::ssize(w) == gemm.k * gemm.n &&
                     std::ssize(params) == gemm.n,
                 "a", a.size(), "w", w.size(), "params", params.size());
  Writer writer(shape, gemm, a, w);
  for (int64_t tile = 0; tile < tiles; ++tile) {
    writer.Columns(tile * shape.cols, static_cast<int>(tile));
  }
  // Columns beyond n: a sum of 0, a code of 0.
  writer.program_.params.assign(params.begin(), params.end());
  writer.program_.params.resize(static_cast<size_t>(tiles * shape.cols));
  return std::move(writer.program_);
}

std::vector<int8_t> NpuGemmResult(const NpuArrayShape& shape,
                                  const NpuGemm& gemm,
                                  std::span<const int8_t> codes) {
  std::vector<int8_t> c(static_cast<size_t>(gemm.m * gemm.n));
  size_t next = 0;
  for (int64_t n0 = 0; n0 < gemm.n; n0 += shape.cols) {
    const int64_t cols = std::min<int64_t>(shape.cols, gemm.n - n0);
    for (int64_t m = 0; m < gemm.m; ++m) {
      TRIPTYCH_CHECK(next + static_cast<size_t>(shape.cols) <= codes.size(),
                     "codes", codes.size());
      std::ranges::copy(codes.subspan(next, static_cast<size_t>(cols)),
                        c.begin() + m * gemm.n + n0);
      next += static_cast<size_t>(shape.cols);
    }
  }
  return c;
}

NpuGemmCycles NpuGemmTime(const NpuArrayShape& shape, const NpuGemm& gemm) {
  TRIPTYCH_CHECK(shape.depth >= 2 && gemm.m > 0 && gemm.n > 0 && gemm.k > 0,
                 "depth", shape.depth, "m", gemm.m, "n", gemm.n, "k", gemm.k);
  const int64_t rows = shape.rows, cols = shape.cols;
  const int64_t block = std::min<int64_t>(shape.depth / 2, gemm.m);
  const int64_t blocks = CeilDiv(gemm.m, block);
  const int64_t last = gemm.m - (blocks - 1) * block;
  const int64_t tiles = CeilDiv(gemm.n, cols) * CeilDiv(gemm.k, rows);
  const int64_t last_slot = std::max(last, rows);
  const int64_t slots = (blocks - 1) * std::max(block, rows) + last_slot;
  return {.fill = rows + 1,
          .stream = tiles * slots - last_slot + last,
          .drain = rows + cols + 5};
}

}  // namespace triptych::rtl
