// Weight-stationary products. Tiles of weights stream through a ring of
// buffers while the array works on the ones before and the vector unit on the
// sums of the ones before those:
//
//   load    A rows ..  | W tile 0 | W tile 1 | W tile 2 | ...
//   vector  quantise A |          |          scale 0    | scale 1 | ...
//   matrix             |          | tile 0   | tile 1   | ...
//   store                                         C tile 0 | ...
//
// A tile is n_tile rows of W. Its sums are taken over groups of k that share
// a scale. Here is which core makes which tiles in which order.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/product/product.h"

#include <algorithm>

#include "emulators/npu/compile/product/tiles.h"

namespace triptych::npu {
namespace {

class Emitter {
 public:
  Emitter(std::span<const ProductWork> works, const ProductInput& input,
          const MatmulPlan& plan, Builder& b)
      : works_(works),
        plan_(plan),
        b_(OnCores(b, plan)),
        job_(works[0], input, plan, b),
        pieces_(job_) {}

  void Run() {
    pieces_.sums.Loop(plan_.blocks.parts, [&] { Block(); });
  }

 private:
  using At = TileCursor::At;

  static Builder& OnCores(Builder& b, const MatmulPlan& plan) {
    b.OnCores(Cores(0, plan.cores()));
    return b;
  }

  void Block() {
    pieces_.a.LoadBlock();
    for (const ProductWork& work : works_) {
      job_.Use(work);
      if (plan_.together) {
        EmitTogether(pieces_);
      } else {
        AllTiles();
      }
      pieces_.cursor.GoTo({});
    }
    if (plan_.blocks.parts == 1) return;
    pieces_.a.NextBlock();
    pieces_.cursor.NextBlock();
  }

  void Tile(int64_t i, int64_t n) {
    const auto h = static_cast<size_t>(i % 2);
    if (plan_.looped) {
      EmitLoopedTile(pieces_, h, n);
    } else {
      EmitTile(pieces_, h, n);
    }
  }

  // `count` whole tiles, each `by` after the one before.
  void Tiles(int64_t count, const At& by) {
    const int64_t bodies = plan_.bodies;
    const auto tile = [&](int64_t i) {
      Tile(i, job_.n_tile);
      pieces_.cursor.Advance(by);
    };
    pieces_.sums.Loop(count / bodies, [&] {
      for (int64_t i = 0; i < bodies; ++i) tile(i);
    });
    if (count >= bodies) {
      pieces_.cursor.Moved(by, (count / bodies - 1) * bodies);
    }
    if (count % bodies != 0) tile(0);
  }

  // Whole tiles, a core's each in turn; then what is left, in equal parts.
  void AllTiles() {
    const RowOrder& order = job_.layout.order;
    const int64_t share = plan_.split_rows ? 1 : plan_.cores();
    const int64_t step = share * job_.n_tile;
    const int64_t tiles = job_.size.n / step, left = job_.size.n % step;
    pieces_.weights.Alternate(order.ways);
    if (order.mixed == 0) {
      const int64_t core = share > 1 ? job_.n_tile : 0;
      pieces_.cursor.GoTo({0, core, 0, core});
      Tiles(tiles, {step, 0, step, 0});
    } else if (!plan_.split_rows) {
      pieces_.cursor.GoTo({0, job_.n_tile, 0, 1});
      Tiles(tiles, {step, 0, step, 0});
    } else {
      SharedTiles();
    }
    // In their order again.
    pieces_.weights.Alternate(1);
    const int64_t done = tiles * step;
    if (plan_.split_rows) return Rest(order.mixed == 0 ? done : order.mixed);
    if (left > 0) Leftover(done, left, tiles % plan_.bodies);
  }

  // `count` columns from `from` on, fewer than a tile for each core. Equal
  // parts are one body of commands: the last core makes some columns again
  // that the one before it makes.
  void Leftover(int64_t from, int64_t count, int64_t buffers) {
    const int64_t n = CeilDiv(count, plan_.cores());
    const int64_t parts = CeilDiv(count, n), twice = parts * n - count;
    const CoreMask last = Cores(parts - 1, 1);
    pieces_.cursor.GoTo({from, n, from, n});
    const int64_t slot = pieces_.sums.slot();
    b_.OnCores(Cores(0, parts));
    pieces_.cursor.StepBack(last, twice);
    pieces_.out.Yield(last, twice);
    Tile(buffers, n);
    pieces_.out.Yield(last, 0);
    pieces_.cursor.StepBack(last, -twice);
    if (parts == plan_.cores()) return;
    // Cores that had none stay where they are in the ring of sums: the others
    // go back there.
    const bool ends = plan_.blocks.parts == 1 && job_.work == &works_.back();
    if (ends) {
      pieces_.sums.Set(slot);
    } else {
      pieces_.sums.ReturnTo(slot);
    }
    b_.OnCores(Cores(0, plan_.cores()));
  }

  // All cores take all tiles, whose rows alternate.
  void SharedTiles() {
    const RowOrder& order = job_.layout.order;
    const int64_t group = order.ways * job_.n_tile;
    const int64_t groups = order.mixed / group;
    TileCursor& cursor = pieces_.cursor;
    cursor.GoTo({});
    const At before = cursor.at();
    pieces_.sums.Loop(groups, [&] {
      Tiles(order.ways, {job_.n_tile, 0, 1, 0});
      cursor.Advance({0, 0, group - order.ways, 0});
    });
    cursor.Forget(before);
    cursor.Moved({group, 0, group, 0}, groups);
  }

  // All cores take the columns from `from` on.
  void Rest(int64_t from) {
    for (int64_t i = 0; from < job_.size.n; ++i) {
      const int64_t n = std::min(job_.n_tile, job_.size.n - from);
      pieces_.cursor.GoTo({from, 0, from, 0});
      Tile(i, n);
      from += n;
    }
  }

  std::span<const ProductWork> works_;
  const MatmulPlan& plan_;
  Builder& b_;
  ProductJob job_;
  ProductPieces pieces_;
};

}  // namespace

void EmitProducts(std::span<const ProductWork> works, const ProductInput& input,
                  const MatmulPlan& plan, Builder& builder) {
  // Rows of a block or a core are as far apart as the output is wide.
  const bool apart = plan.blocks.parts > 1 || plan.split_rows;
  if (!apart || works.size() == 1) {
    Emitter(works, input, plan, builder).Run();
    return;
  }
  for (size_t i = 0; i < works.size(); ++i) {
    if (i > 0) builder.Barrier();
    Emitter(works.subspan(i, 1), input, plan, builder).Run();
  }
}

}  // namespace triptych::npu
