// One weight as rows of f32, wherever they come from.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_WEIGHT_ROWS_H_
#define TRIPTYCH_MODELS_WEIGHT_ROWS_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/dtype.h"
#include "kernels/base/mat_view.h"
#include "kernels/base/parallel.h"
#include "kernels/matmul/matmul.h"

namespace triptych {

// W[n,k] that lies in memory, or whose rows are made when somebody reads
// them: dequantised from a mapped file, drawn by a random generator, rounded
// from another weight's. Who works through a weight reads a tile of rows
// after the other and keeps what its own format needs; the whole in f32 is
// nowhere, unless a file is just that.
//
// Cheap to copy; reading is thread-safe. What it reads from must outlive it.
class WeightRows {
 public:
  // Fills `out` with rows from `first` on, the same whatever is asked for
  // together. Called from any number of threads at once.
  using Maker = std::function<void(size_t first, MatView<float> out)>;
  // Where rows that are made go; one for each thread.
  using Tile = AlignedVector<float>;
  // Rows that make a good tile: whole panels and blocks of every format.
  static constexpr size_t kTileRows = 32;

  WeightRows() = default;  // no weight
  WeightRows(ConstMatView<float> memory)
      : rows_(memory.rows()), cols_(memory.cols()), memory_(memory) {}
  WeightRows(size_t rows, size_t cols, Maker make)
      : rows_(rows), cols_(cols), make_(std::move(make)) {}

  size_t rows() const { return rows_; }
  size_t cols() const { return cols_; }
  size_t size() const { return rows_ * cols_; }

  // `count` rows from `first`, as a weight.
  WeightRows Rows(size_t first, size_t count) const;
  // Rows [first, first + count): the memory itself, or `tile` with them in
  // it, valid until the tile is used again.
  ConstMatView<float> Read(size_t first, size_t count, Tile& tile) const;
  std::span<const float> ReadRow(size_t row, Tile& tile) const {
    return Read(row, 1, tile).row_span(0);
  }
  // The same into out[count, cols].
  void CopyTo(size_t first, MatView<float> out) const;

  // All of a weight that lies in memory, as those of one row always do
  // (checks): norms and biases.
  std::span<const float> vector() const;

  // These rows after `change`, which takes each row for itself.
  WeightRows Changed(std::function<void(MatView<float>)> change) const;

 private:
  size_t rows_ = 0, cols_ = 0;
  ConstMatView<float> memory_;
  Maker make_;
};

// Calls body(first, rows) on all of `w`, a tile after the other, on up to
// `threads` threads; `rows` is valid inside the call.
template <class Body>
void ForEachTile(const WeightRows& w, int threads, const Body& body) {
  constexpr size_t kRows = WeightRows::kTileRows;
  std::vector<WeightRows::Tile> tiles(
      static_cast<size_t>(std::max(threads, 1)));
  ParallelFor((w.rows() + kRows - 1) / kRows, threads, [&](size_t i) {
    WeightRows::Tile& mine = tiles[threads <= 1 ? 0 : ThisThread()];
    const size_t first = i * kRows;
    body(first, w.Read(first, std::min(kRows, w.rows() - first), mine));
  });
}

// W in panels of a product (kF32 or kBf16).
PackedWeights PackRows(const WeightRows& w, DType as, int threads);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_WEIGHT_ROWS_H_
