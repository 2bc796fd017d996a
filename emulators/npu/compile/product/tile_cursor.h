// Where the tile in hand lies in remote memory, as registers that go from one
// tile to the next.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_TILE_CURSOR_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_TILE_CURSOR_H_

#include <algorithm>
#include <cstdint>

#include "emulators/npu/compile/product/job.h"

namespace triptych::npu {

class TileCursor {
 public:
  // Columns of C (and scales), and rows of codes; of all cores, and more for
  // each core before this one.
  struct At {
    int64_t column = 0, column_core = 0, row = 0, row_core = 0;
  };

  explicit TileCursor(ProductJob& job)
      : job_(job),
        out_(job.b.NewRegister()),
        weights_(job.b.NewRegister()),
        column_(job.b.NewRegister()),
        panel_(RowsInPanels() > 0 ? job.b.NewRegister() : uint8_t{0}) {
    if (job.plan.split_rows) {
      job.b.AddCore(out_, job.plan.rows.step * job.work->out.stride);
    }
  }

  uint8_t out() const { return out_; }          // rows of C
  uint8_t panel() const { return panel_; }      // C's in panels; 0: none are
  uint8_t column() const { return column_; }    // scales and bias
  uint8_t weights() const { return weights_; }  // codes
  const At& at() const { return at_; }

  void GoTo(const At& to) {
    Advance({to.column - at_.column, to.column_core - at_.column_core,
             to.row - at_.row, to.row_core - at_.row_core});
  }
  void Advance(const At& by) {
    constexpr int64_t kF32 = ProductJob::kF32;
    Builder& b = job_.b;
    const int64_t panel = kF32 * RowsInPanels();
    const int64_t row = job_.layout.row_bytes();
    if (by.column != 0) {
      b.Add(out_, by.column * kF32);
      b.Add(column_, by.column * kF32);
      if (panel_ != 0) b.Add(panel_, by.column * panel);
    }
    if (by.row != 0) b.Add(weights_, by.row * row);
    if (by.column_core != 0) {
      b.AddCore(out_, by.column_core * kF32);
      b.AddCore(column_, by.column_core * kF32);
      if (panel_ != 0) b.AddCore(panel_, by.column_core * panel);
    }
    if (by.row_core != 0) b.AddCore(weights_, by.row_core * row);
    Moved(by);
  }
  // What a loop adds up to beyond its first round.
  void Moved(const At& by, int64_t times = 1) {
    at_.column += times * by.column;
    at_.column_core += times * by.column_core;
    at_.row += times * by.row;
    at_.row_core += times * by.row_core;
  }
  // What was advanced since `before` counts for nothing.
  void Forget(const At& before) { at_ = before; }

  // `cores` go back by `columns` of a tile whose rows of codes do not
  // alternate; on with a negative number.
  void StepBack(CoreMask cores, int64_t columns) {
    if (columns == 0) return;
    job_.b.AddOn(cores, out_, -columns * ProductJob::kF32);
    job_.b.AddOn(cores, column_, -columns * ProductJob::kF32);
    job_.b.AddOn(cores, weights_, -columns * job_.layout.row_bytes());
  }

  // Within a tile: `parts` parts of k further, of a looped plan.
  void SkipParts(int64_t parts) {
    job_.b.Add(weights_, parts * job_.layout.n * job_.layout.row_bytes());
    if (!job_.scales_by_part()) return;
    job_.b.Add(column_,
               parts * job_.part_groups() * job_.size.n * ProductJob::kF32);
  }
  void NextBlock() {
    job_.b.Add(out_, job_.plan.blocks.step * job_.work->out.stride);
  }

 private:
  // Rows of the output that lie in panels.
  int64_t RowsInPanels() const {
    const SplitRows& out = job_.work->out;
    return out.panel > 0 ? std::max<int64_t>(job_.rows - out.near, 0) : 0;
  }

  ProductJob& job_;
  uint8_t out_, weights_, column_, panel_;
  At at_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_TILE_CURSOR_H_
