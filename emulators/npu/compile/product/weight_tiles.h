// Tiles of weights through a ring of buffers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_WEIGHT_TILES_H_
#define TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_WEIGHT_TILES_H_

#include <cstdint>
#include <vector>

#include "emulators/npu/compile/product/job.h"
#include "emulators/npu/compile/product/tile_cursor.h"

namespace triptych::npu {

class WeightTiles {
 public:
  struct Buffer {
    uint32_t at;  // [n][local_row(k)] codes, a byte each
    uint8_t free, full;
  };

  explicit WeightTiles(ProductJob& job) : job_(job) {
    for (int64_t i = 0; i < job.plan.buffers; ++i) {
      const int64_t bytes =
          job.plan.n_tile * job.size.local_row(job.plan.k_chunk);
      const uint32_t at = job.b.Local(bytes);
      const uint8_t free = job.b.NewCredits(1);
      buffers_.push_back({at, free, job.b.NewEvent()});
    }
  }

  const Buffer& operator[](int64_t i) const {
    return buffers_[static_cast<size_t>(i % job_.plan.buffers)];
  }
  // Rows of codes from a tile's row to its next: those of several cores
  // alternate (RowOrder).
  void Alternate(int64_t ways) { ways_ = ways; }

  // The cursor's tile of n outputs, `row` rows of codes further: part i of its
  // factors' parts of k, one factor after the other.
  void LoadPart(const TileCursor& cursor, const Buffer& to, int64_t i,
                int64_t n, int64_t row = 0) {
    const auto f = static_cast<size_t>(i / job_.part_count());
    const KPart& part = job_.parts[static_cast<size_t>(i % job_.part_count())];
    const WeightLayout& layout = job_.layout;
    const int64_t chunk = part.first / layout.chunk;
    const int64_t in = part.first % layout.chunk;
    const int64_t skip = (chunk * layout.n + row) * layout.row_bytes() +
                         (layout.packed() ? in / 2 : in);
    Load(cursor, to, job_.work->factors[f].weight.data + skip, part.k, n,
         to.free);
  }

  // In two transfers, of every other row each: a core has several under way
  // at once, which then stay side by side.
  void Load(const TileCursor& cursor, const Buffer& to, const Remote& from,
            int64_t k, int64_t n, uint8_t wait) {
    constexpr int64_t kWorthTwo = 8192;  // bytes
    const bool packed = job_.size.packed();
    const int64_t parts = n * k >= kWorthTwo && n > 1 ? 2 : 1;
    const int64_t remote_row = ways_ * job_.layout.row_bytes();
    const int64_t local_row = job_.size.local_row(k);
    for (int64_t i = 0; i < parts; ++i) {
      job_.b.Load({.remote = (from + i * remote_row).With(cursor.weights()),
                   .local = to.at + ProductJob::U32(i * local_row),
                   .bytes = packed ? (k + 1) / 2 : k,
                   .rows = (n + parts - 1 - i) / parts,
                   .remote_row = parts * remote_row,
                   .local_row = parts * local_row,
                   .unpack4 = packed,
                   .multicast = job_.same_weights()},
                  {.wait = {ProductJob::If(i == 0, wait)},
                   .signal = {ProductJob::If(i + 1 == parts, to.full)}});
    }
  }

 private:
  ProductJob& job_;
  std::vector<Buffer> buffers_;
  int64_t ways_ = 1;
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_COMPILE_PRODUCT_WEIGHT_TILES_H_
