// SPDX-License-Identifier: Apache-2.0
#include "models/weight_rows.h"

#include "kernels/base/check.h"

namespace triptych {

ConstMatView<float> WeightRows::Read(size_t first, size_t count,
                                     Tile& tile) const {
  TRIPTYCH_CHECK(first + count <= rows_, "rows from", first, "count", count,
                 "of", rows_);
  if (!make_) return memory_.Rows(first, count);
  if (tile.size() < count * cols_) tile.resize(count * cols_);
  const MatView<float> made(tile.data(), count, cols_);
  make_(first, made);
  return made;
}

WeightRows WeightRows::Rows(size_t first, size_t count) const {
  TRIPTYCH_CHECK(first + count <= rows_, "rows from", first, "count", count,
                 "of", rows_);
  if (!make_) return memory_.Rows(first, count);
  return WeightRows(count, cols_,
                    [make = make_, first](size_t row, MatView<float> out) {
                      make(first + row, out);
                    });
}

void WeightRows::CopyTo(size_t first, MatView<float> out) const {
  TRIPTYCH_CHECK(first + out.rows() <= rows_ && out.cols() == cols_,
                 "rows from", first, "count", out.rows(), "x", out.cols(), "of",
                 rows_, "x", cols_);
  if (make_) return make_(first, out);
  for (size_t r = 0; r < out.rows(); ++r) {
    std::copy_n(memory_.row(first + r), cols_, out.row(r));
  }
}

std::span<const float> WeightRows::vector() const {
  TRIPTYCH_CHECK(!make_ && memory_.contiguous(), "a weight of", rows_, "x",
                 cols_, "is not in memory");
  return {memory_.data(), memory_.size()};
}

WeightRows WeightRows::Changed(
    std::function<void(MatView<float>)> change) const {
  return WeightRows(rows_, cols_,
                    [from = *this, change = std::move(change)](
                        size_t first, MatView<float> out) {
                      from.CopyTo(first, out);
                      change(out);
                    });
}

PackedWeights PackRows(const WeightRows& w, DType as, int threads) {
  static_assert(WeightRows::kTileRows % PackedWeights::kPanelOutputs == 0);
  PackedWeights packed(w.rows(), w.cols(), as);
  ForEachTile(w, threads, [&](size_t first, ConstMatView<float> rows) {
    packed.SetRows(first, StridedView<float>(rows));
  });
  return packed;
}

}  // namespace triptych
