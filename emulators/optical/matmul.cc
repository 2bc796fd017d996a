// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/matmul.h"

#include <algorithm>
#include <utility>

#include "emulators/optical/counters.h"
#include "emulators/optical/detector.h"
#include "emulators/optical/drift.h"
#include "emulators/optical/meter.h"
#include "emulators/optical/receive.h"
#include "emulators/optical/schedule.h"
#include "kernels/base/parallel.h"

namespace triptych::optical {
namespace {

class MatmulStep : public Step {
 public:
  MatmulStep(std::shared_ptr<const Machine> machine, const Node& node,
             std::vector<Tile> tiles, const Weights* weights)
      : machine_(std::move(machine)),
        p_(machine_->params),
        encoding_(p_),
        tiles_(std::move(tiles)) {
    if (weights == nullptr) return;
    weights_ = machine_->planes.Get(*weights, node.inputs[1], [&] {
      return MakePlaneWeights(weights->Rows(node.inputs[1]), p_, tiles_,
                              MaxThreads());
    });
    for (size_t t = 0; t < tiles_.size(); ++t) {
      detectors_.emplace_back(p_, encoding_, tiles_[t], *weights_,
                              weights_->tiles[t]);
    }
    if (node.inputs.size() == 3) {
      bias_ = weights->Rows(node.inputs[2]).vector();
    }
  }

  Picos Run(const StepContext& ctx) const override {
    if (ctx.values) {
      if (Status status = Compute(ctx); !status) {
        ctx.Fail(std::move(status).error());
      }
    }
    const bool bias = ctx.node.inputs.size() == 3;
    const int64_t vectors =
        ctx.graph.value(ctx.node.output).shape.rows.Bind(ctx.binding);
    return ChargeTiles(*machine_, tiles_, vectors, bias, ctx);
  }

 private:
  // Tiles of the same inputs from the same sources get the same light. Kept
  // with the calling thread: fresh pages cost as much as a small product.
  struct Lights {
    std::vector<Light> all;       // as many as were ever needed
    std::vector<size_t> of_tile;  // index into these
  };

  // Errors: a boundary that is gone (Converters).
  Status Compute(const StepContext& ctx) const {
    const bool whole = p_.whole_periphery();
    std::unique_lock<std::mutex> held;
    if (whole) held = machine_->converters().Hold();
    const ConstMatView<float> a = ctx.inputs[0];
    const std::vector<float> scale = RowScales(a, ctx.threads);
    thread_local Lights of_thread;
    Lights& lights = of_thread;
    if (a.rows() == 0) return {};
    TRIPTYCH_TRY(ShineAll(a, scale, ctx.threads, lights));
    const NoiseKey key{.run = MakeRunKey(ctx.seed, ctx.position),
                       .node = ctx.node.id};
    std::vector<Drift> drifts;
    if (p_.drifts()) {
      for (const Tile& tile : tiles_) {
        drifts.push_back(DriftOf(p_, tile, ctx.seed, ctx.begin));
      }
    }
    // A whole periphery remembers: vectors go through it in order.
    const size_t most =
        whole ? std::max<size_t>(a.rows(), 1) : MostVectors(encoding_);
    const int threads = whole ? 1 : ctx.threads;
    Status lost;
    const size_t chunks = CeilDiv(a.rows(), most);
    // Counts are added up block by block, to the same bits for any number of
    // threads: whoever counts gets the blocks of one.
    const bool counted = !ctx.counters.empty();
    const std::vector<Block> blocks =
        Blocks(a.rows(), chunks, counted ? 1 : threads);
    std::vector<Counts> counts(counted ? blocks.size() * chunks : 0);
    // Vectors innermost: neighbours in time share their weights.
    ParallelFor(blocks.size() * chunks, threads, [&](size_t task) {
      const size_t chunk = task % chunks;
      const size_t first = chunk * a.rows() / chunks;
      const size_t count = (chunk + 1) * a.rows() / chunks - first;
      const Block& block = blocks[task / chunks];
      const MatView<float> out =
          ctx.output.Rows(first, count).Cols(block.col, block.cols);
      for (size_t t = block.first_tile; t < block.last_tile; ++t) {
        // What is lost stays lost: the rest would wait for it in vain.
        if (whole && !lost) return;
        const TileView tile{t,
                            tiles_[t],
                            *weights_,
                            weights_->tiles[t],
                            detectors_[t],
                            lights.all[lights.of_tile[t]],
                            drifts.empty() ? nullptr : &drifts[t]};
        NoiseKey of_tile = key;
        of_tile.tile_pass = static_cast<uint32_t>(2 * t);
        std::optional<BlockMeter> meter;
        if (!counts.empty()) {
          meter.emplace(p_, encoding_, tile, block, a, scale, counts[task]);
        }
        const Output output = {
            .out = out,
            .first_tile = t == block.first_tile,
            .last_tile = t + 1 == block.last_tile,
            .scale = std::span(scale).subspan(first, count),
            .row_scale = weights_->scale.data() + block.col,
            .bias = bias_.empty() ? nullptr : bias_.data() + block.col};
        const Status status =
            Receive(*machine_, encoding_, tile, block, first, of_tile, output,
                    meter ? &*meter : nullptr);
        // Only of a whole periphery, and so of one thread.
        if (whole) lost = status;
      }
    });
    for (const Counts& of_task : counts) {
      for (size_t i = 0; i < of_task.size(); ++i) {
        ctx.counters[i] += of_task[i];
      }
    }
    return lost;
  }

  Status ShineAll(ConstMatView<float> a, std::span<const float> scale,
                  int threads, Lights& lights) const {
    lights.of_tile.clear();
    const Converters* const converters =
        encoding_.converted ? &machine_->converters() : nullptr;
    std::vector<size_t> tile_of;  // by light, a tile that uses it
    for (size_t t = 0; t < tiles_.size(); ++t) {
      const auto same = [&](size_t other) {
        const Tile &x = tiles_[t], &y = tiles_[other];
        return x.k0 == y.k0 && x.row == y.row && x.copies == y.copies;
      };
      const auto at = std::ranges::find_if(tile_of, same) - tile_of.begin();
      lights.of_tile.push_back(static_cast<size_t>(at));
      if (lights.of_tile.back() < tile_of.size()) continue;
      tile_of.push_back(t);
      if (lights.all.size() < tile_of.size()) lights.all.emplace_back();
      TRIPTYCH_TRY(Shine(p_, converters, encoding_, tiles_[t], t, a, scale,
                         threads, lights.all[tile_of.size() - 1]));
    }
    return {};
  }

  // Outputs that go through the chain together: strips, or all of a tile
  // where an output needs to know the others.
  std::vector<Block> Blocks(size_t vectors, size_t chunks, int threads) const {
    std::vector<Block> blocks;
    for (size_t t = 0; t < tiles_.size();) {
      const Tile& tile = tiles_[t];
      size_t end = t;
      while (end < tiles_.size() && tiles_[end].n0 == tile.n0) ++end;
      const auto n = static_cast<size_t>(tile.n);
      const size_t width =
          NeedsWholeRows(p_) ? n : StripOutputs(n, vectors, chunks, threads);
      for (size_t from = 0; from < n; from += width) {
        blocks.push_back({.first_tile = t,
                          .last_tile = end,
                          .from = from,
                          .col = static_cast<size_t>(tile.n0) + from,
                          .cols = std::min(width, n - from)});
      }
      t = end;
    }
    return blocks;
  }

  // Long strips: more outputs share what a row of one costs beside them, and
  // a vector alone reads memory in long runs. Not so long that sums leave L2
  // (480 KiB of int32), nor that threads have too few of them to take for all
  // to end together: with four each, one waits for a quarter of its work at
  // most. `chunks` of vectors.
  size_t StripOutputs(size_t n, size_t vectors, size_t chunks,
                      int threads) const {
    constexpr size_t kMostSums = 120 * 1024, kStripsPerThread = 4;
    const size_t rows = CeilDiv(vectors, chunks) *
                        static_cast<size_t>(encoding_.passes()) *
                        encoding_.digits;
    const size_t strips =
        threads > 1
            ? CeilDiv(kStripsPerThread * static_cast<size_t>(threads), chunks)
            : 1;
    const size_t outputs = std::min(kMostSums / rows, n / strips);
    return std::max<size_t>(outputs / kStripOutputs, 1) * kStripOutputs;
  }

  std::shared_ptr<const Machine> machine_;
  const Params& p_;
  Encoding encoding_;
  std::vector<Tile> tiles_;
  std::vector<Detector> detectors_;  // by tile
  std::shared_ptr<const PlaneWeights> weights_;
  std::span<const float> bias_;
};

}  // namespace

std::unique_ptr<Step> MakeMatmulStep(std::shared_ptr<const Machine> machine,
                                     const Node& node, std::vector<Tile> tiles,
                                     const Weights* weights) {
  return std::make_unique<MatmulStep>(std::move(machine), node,
                                      std::move(tiles), weights);
}

}  // namespace triptych::optical
