// What the trials of operators that work on rows have in common: f32 inputs
// of one shape, drawn at random, and an f32 result of that shape.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_ROW_TRIAL_H_
#define TRIPTYCH_KERNELS_ROW_TRIAL_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/base/mat_view.h"
#include "kernels/base/rng.h"
#include "kernels/guarded_matrix.h"
#include "kernels/variants.h"

namespace triptych {

// One rounding of f32, relative.
inline constexpr double kUnit = 0x1p-24;
// What flushing results below the normal range of f32 may cost.
inline constexpr double kSmallestNormal = 0x1p-126;
// Roundings on the path of one term through a sum of n (SumOf in
// kernels/simd/math-inl.h), counting a product as another.
inline double SumRoundings(size_t n) { return static_cast<double>(n) / 4 + 9; }

// A matrix whose rows start on cache lines where they are whole lines long, as
// they do in a model, and wherever else.
template <class T>
GuardedMatrix<T> MatrixOf(size_t rows, size_t cols) {
  constexpr size_t kLine = kCacheLine / sizeof(T);
  return GuardedMatrix<T>(rows, cols, cols % kLine == 0 ? kLine : 3);
}

// Normal numbers times `spread`.
inline GuardedMatrix<float> DrawMatrix(size_t rows, size_t cols, Rng rng,
                                       double spread) {
  GuardedMatrix<float> m = MatrixOf<float>(rows, cols);
  for (size_t r = 0; r < rows; ++r) {
    for (float& x : m.view().row_span(r)) {
      x = static_cast<float>(spread * rng.Normal());
    }
  }
  return m;
}

// The shape's first two sizes are rows and columns. A derived trial says how
// to Run and what to expect; it runs on in(i) and expects from clean(i).
class RowTrial : public Trial {
 public:
  RowTrial(const ProblemShape& shape, uint64_t seed, size_t inputs,
           double spread)
      : out_(MatrixOf<float>(shape[0], shape[1])) {
    for (size_t i = 0; i < inputs; ++i) {
      clean_.push_back(DrawMatrix(shape[0], shape[1], Rng(seed, i), spread));
    }
    inputs_ = clean_;
  }

  size_t rows() const override { return out_.view().rows(); }
  std::vector<double> Output(size_t row) const override {
    const auto result = out_.view().row_span(row);
    return {result.begin(), result.end()};
  }
  bool GuardsIntact() const override { return out_.Intact(); }

  // The last element of row 0 is taken for its neighbour, as a tail that is
  // loaded one off would do.
  bool Sabotage() override {
    const size_t cols = out_.view().cols();
    if (rows() == 0 || cols < 2) return false;
    const MatView<float> x = mutable_in(0);
    x(0, cols - 1) = x(0, cols - 2);
    return true;
  }

 protected:
  // Where the kernel reads input i.
  virtual MatView<float> mutable_in(size_t i) { return inputs_[i].view(); }
  ConstMatView<float> in(size_t i) const { return inputs_[i].view(); }
  ConstMatView<float> clean(size_t i) const { return clean_[i].view(); }
  MatView<float> out() { return out_.view(); }
  size_t cols() const { return out_.view().cols(); }

  // For kernels that work in place: the result's memory, filled with input 0.
  MatView<float> InPlace() {
    for (size_t r = 0; r < rows(); ++r) {
      std::copy_n(in(0).row(r), cols(), out().row(r));
    }
    return out();
  }
  // Input i of the reference, in double, one row.
  std::vector<double> Row(size_t i, size_t row) const {
    const auto x = clean(i).row_span(row);
    return {x.begin(), x.end()};
  }

 private:
  std::vector<GuardedMatrix<float>> clean_, inputs_;
  GuardedMatrix<float> out_;
};

// No rows, one, some; every tail of every vector length up to 16 lanes, and
// of four vectors at once.
inline std::vector<ProblemShape> RowTestShapes() {
  std::vector<ProblemShape> shapes = {{0, 5}, {2, 0}};
  for (size_t cols = 1; cols <= 40; ++cols) shapes.push_back({2, cols});
  for (const size_t cols : {63, 64, 65, 100, 127, 129, 255, 1000}) {
    shapes.push_back({3, cols});
  }
  shapes.push_back({70, 513});  // several runs of rows for two threads
  return shapes;
}

// A decode step, a small batch and a prefill of 512 tokens, at the widths of
// Llamas of 1B, 8B and 70B parameters.
inline std::vector<ProblemShape> RowBenchShapes() {
  std::vector<ProblemShape> shapes;
  for (const size_t rows : {1, 16, 512}) {
    for (const size_t cols : {2048, 4096, 8192}) shapes.push_back({rows, cols});
  }
  return shapes;
}

// What an operator does to each of rows x cols elements, and the f32 arrays of
// that shape that it goes over.
//
// Flops are counted as the peak they are compared with counts them: two for a
// slot of the multiply-add unit, whatever fills it. On Zen 4 those are, beside
// multiply-adds and products, comparisons and shifts, but not sums and maxima;
// a quotient fills three. So the roof is a lower bound of the time for what
// exp and its like bind, too.
struct RowPasses {
  size_t flops;
  size_t reads, writes;    // arrays, from and to wherever they are
  size_t vectors = 0;      // of one row, read for every row
  size_t again_reads = 0;  // arrays, from L1: see ProblemWork
  size_t again_writes = 0;
  bool codes = false;  // int8 codes are another output

  // The same with int8 codes instead of an f32 result, which waits in L1.
  constexpr RowPasses Quantized() const {
    RowPasses p = *this;
    p.flops += 2;
    --p.writes;
    ++p.again_reads;
    ++p.again_writes;
    p.codes = true;
    return p;
  }
  // The same behind RowTrial::InPlace(), which is timed with it: input 0 is
  // copied, and found where the copy went.
  constexpr RowPasses BehindCopy() const {
    RowPasses p = *this;
    ++p.again_reads;
    ++p.again_writes;
    return p;
  }
};

template <RowPasses kRow>
ProblemWork RowWork(const ProblemShape& s) {
  const size_t cells = s[0] * s[1], codes = kRow.codes ? cells : 0;
  const size_t later_rows = s[0] > 0 ? s[0] - 1 : 0;
  return {.flops = Flops(kRow.flops * cells),
          .bytes = Bytes(
              4 * ((kRow.reads + kRow.writes) * cells + kRow.vectors * s[1]) +
              codes),
          .written = Bytes(4 * kRow.writes * cells + codes),
          .again = Bytes(4 * ((kRow.again_reads + kRow.again_writes) * cells +
                              kRow.vectors * s[1] * later_rows)),
          .again_written = Bytes(4 * kRow.again_writes * cells)};
}
// ExpInRange of kernels/simd/math-inl.h: nine multiply-adds or products and a
// shift. Alone it takes 9.7 cycles a vector; each comparison adds one.
inline constexpr size_t kExpFlops = 20;
inline constexpr size_t kQuotientFlops = 6;

template <class T>
std::unique_ptr<Trial> MakeTrial(const ProblemShape& shape, uint64_t seed) {
  return std::make_unique<T>(shape, seed);
}

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_ROW_TRIAL_H_
