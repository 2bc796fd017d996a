// What becomes of a tile's sums: scaled, added up over groups, changed element
// by element, stored. Two sets of buffers; a set is free when what was made in
// it has been stored.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_TILE_OUTPUT_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_TILE_OUTPUT_H_

#include <array>
#include <cstdint>

#include "emulators/npu/compile/product/job.h"
#include "emulators/npu/compile/product/sum_ring.h"
#include "emulators/npu/compile/product/tile_cursor.h"

namespace triptych::npu {

class TileOutput {
 public:
  explicit TileOutput(ProductJob& job);

  // From now on the first `columns` of `cores`' tiles are another core's to
  // read what they are added to, and to store; 0: none are.
  void Yield(CoreMask cores, int64_t columns) { yielded_ = {cores, columns}; }

  // What a tile needs beside weights: scales, bias, what is added at the end.
  // A set of buffers `h` of two, a tile of n columns.
  void LoadTail(const TileCursor& cursor, size_t h, int64_t n);

  // The sums of `group` of factor f, at the ring's place, which goes on.
  void Scale(SumRing& sums, uint32_t row_scales, size_t h, int64_t f,
             int64_t group, int64_t n);

  // [rows][n] of factor f, for whoever else makes it.
  uint32_t at(int64_t f, size_t h) const {
    return out_[static_cast<size_t>(f)][h];
  }
  // Events to wait for before the first number of factor f is written, and to
  // signal with its last one; 0: none.
  uint8_t BeforeFirst(size_t h, int64_t f) const;
  uint8_t AfterLast(size_t h, int64_t f) const;

  // Everything behind the sums.
  void Finish(const TileCursor& cursor, size_t h, int64_t n);

 private:
  // Columns of f32 that come with a tile, of a factor.
  int64_t TailColumns() const;
  uint32_t Scales(size_t h, int64_t f, int64_t n) const;
  uint32_t Bias(size_t h, int64_t f, int64_t n) const;
  // Commands on a tile that follow its sums.
  int64_t Steps() const;
  // What a tile's owners do: calls of(first column), on all cores with 0, or
  // on those that yield some with what is left to them.
  template <class Of>
  void EachOwner(const Of& of);
  void LoadResidual(const TileCursor& cursor, size_t h, int64_t n,
                    const Sync& sync);
  // `rows` rows of the tile from column `skip` on.
  void Store(const TileCursor& cursor, size_t h, int64_t n, int64_t rows,
             int64_t skip);

  ProductJob& job_;
  DoubleBuffer tail_;  // scales and bias of all factors
  std::array<std::array<uint32_t, 2>, 2> out_{};  // by factor
  std::array<uint32_t, 2> residual_{};
  std::array<uint8_t, 2> out_full_{};
  struct {
    CoreMask cores = 0;
    int64_t columns = 0;
  } yielded_;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_TILE_OUTPUT_H_
