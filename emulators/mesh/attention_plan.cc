// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/attention_plan.h"

#include <algorithm>
#include <cmath>

#include "emulators/mesh/matmul_plan.h"
#include "emulators/mesh/noc.h"
#include "emulators/mesh/tile.h"
#include "kernels/base/check.h"

namespace triptych::mesh {
namespace {

// Widths in tiles, bytes of tiles, and times of one tile of scores: its
// products, its part of the softmax, and the unpacking for both.
struct Tile {
  double dt, vt;  // tiles of a key and of a value
  double read;    // of both, that are not the same
  double q_bytes, kv_bytes;
  double multiply, soften, unpack, pack;
  // The FPU and the SFPU take turns under one thread.
  double math() const { return multiply + soften; }
  double compute() const { return std::max({math(), unpack, pack}); }
};

Tile TileOf(const Params& p, const AttentionProblem& a, double score_tiles) {
  Tile t{};
  t.dt = static_cast<double>(Tiles(a.head_dim));
  t.vt = static_cast<double>(Tiles(a.v_dim));
  t.read = a.values_in_keys ? std::max(t.dt, t.vt) : t.dt + t.vt;
  t.q_bytes = static_cast<double>(TileBytes(a.activations)) * p.tile_share();
  t.kv_bytes = static_cast<double>(TileBytes(a.cache));
  t.multiply = (t.dt + t.vt) * TileProductCycles(p, a.phases);
  // A vector operation on a tile takes as long for few rows as for all.
  t.soften =
      std::max(a.vector_flops / score_tiles,
               5.0 * static_cast<double>(kTileElements) * p.tile_share()) /
      p.sfpu_lanes;
  // An operand of each product comes anew; the other stays for a run of 8.
  const double moved = (t.dt + t.vt) * (t.kv_bytes + t.q_bytes / 8);
  t.unpack = (moved + t.q_bytes) / p.unpack_bytes_per_cycle +
             (t.dt + t.vt) * p.unpack_tile_cycles;
  t.pack = 2 * (t.q_bytes / p.pack_bytes_per_cycle + p.pack_tile_cycles);
  return t;
}

// Of one head: tiles of scores that chunks of qc x kc compute, and tiles of
// keys that pass by.
struct Coverage {
  double scores = 0, keys = 0;
};
Coverage Cover(const AttentionProblem& a, int64_t qt, int64_t qc, int64_t kc) {
  Coverage cover;
  for (int64_t q = 0; q < qt; q += qc) {
    const int64_t rows = std::min(qc, qt - q);
    const int64_t tiles = KeyTilesSeen(a, q, rows, kc);
    cover.scores += static_cast<double>(rows * tiles);
    cover.keys += static_cast<double>(tiles);
  }
  return cover;
}

// What both schedules share: the count of everything, from the tiles of
// scores computed, of keys read from DRAM, and of keys that reach a core.
Cost Counts(const Params& p, const Tile& t, double score_tiles,
            double keys_read, double keys_received, double q_tiles) {
  Cost cost;
  cost.launch = p.launch_cycles;
  cost.macs = std::llround(score_tiles * (t.dt + t.vt)) * kTileMacs *
              p.tile_rows / kTile;
  const double kv = keys_read * t.read * t.kv_bytes;
  cost.dram_bytes = std::llround(kv);
  cost.dram = kv / p.dram_peak();
  const double q_and_out = q_tiles * (t.dt + t.vt) * t.q_bytes;
  cost.noc_bytes =
      std::llround(keys_received * t.read * t.kv_bytes + q_and_out);
  // Scores are packed, unpacked for the softmax, and packed again.
  cost.unpack_bytes = std::llround(
      score_tiles * ((t.dt + t.vt) * (t.kv_bytes + t.q_bytes / 8) + t.q_bytes));
  cost.pack_bytes = std::llround(score_tiles * 2 * t.q_bytes);
  return cost;
}

AttentionPlan Prefill(const Params& p, const AttentionProblem& a,
                      int64_t q_chunk, int64_t k_chunk, bool share) {
  const int64_t qt = p.RowTiles(a.queries), kt = Tiles(a.keys);
  const int64_t head_chunks = CeilDiv(qt, q_chunk);
  const int64_t chunks = a.batch * a.heads * head_chunks;
  const auto heads = static_cast<double>(a.batch * a.heads);
  const Coverage one = Cover(a, qt, q_chunk, k_chunk);
  const double scores = heads * one.scores, keys = heads * one.keys;
  const Tile t = TileOf(p, a, scores);

  AttentionPlan plan{.q_chunk = q_chunk, .k_chunk = k_chunk};
  plan.cores_a_head = share ? std::min(head_chunks, p.cores()) : 1;
  const auto sharing = static_cast<double>(plan.cores_a_head);
  const double read =
      heads * std::max(one.keys / sharing, static_cast<double>(kt));
  Cost cost = Counts(p, t, scores, read, keys, heads * static_cast<double>(qt));
  // Chunks of one head differ in length under a causal mask; long and short
  // ones are paired, so a core's share is even up to whole chunks.
  const double mine = static_cast<double>(CeilDiv(chunks, p.cores())) /
                      static_cast<double>(chunks);
  const double step_tiles = static_cast<double>(k_chunk) * t.read;
  const double fetch_step =
      ReadPagesCycles(p, step_tiles, t.kv_bytes) +
      (share ? MulticastCycles(p, step_tiles * t.kv_bytes) : 0.0);
  const double steps = keys * mine / static_cast<double>(k_chunk);
  const double fetch = std::max(
      steps * fetch_step, static_cast<double>(cost.dram_bytes) / p.dram_rate());
  const double compute = scores * mine * t.compute();
  cost.fill = fetch_step;
  cost.noc = static_cast<double>(cost.noc_bytes) * mine / p.noc_bytes_per_cycle;
  cost.total = cost.launch + cost.fill + std::max({compute, fetch, cost.noc});
  cost.fpu = scores * mine * t.multiply;
  cost.sfpu = scores * mine * t.soften;
  cost.unpack = scores * mine * t.unpack;
  cost.pack = scores * mine * t.pack;
  plan.cost = cost;
  return plan;
}

AttentionPlan Decode(const Params& p, const AttentionProblem& a,
                     int64_t k_chunk) {
  const int64_t rows = p.RowTiles(a.queries * (a.heads / a.kv_heads));
  const int64_t kt = Tiles(a.keys);
  const int64_t groups = a.batch * a.kv_heads;
  AttentionPlan plan{.split_keys = true, .q_chunk = rows, .k_chunk = k_chunk};
  plan.cores_a_head = std::clamp<int64_t>(
      p.cores() / groups, 1, std::min(p.cores_per_head, CeilDiv(kt, k_chunk)));
  const double turns =
      static_cast<double>(CeilDiv(groups * plan.cores_a_head, p.cores()));
  const auto all = static_cast<double>(groups);
  const double scores = all * static_cast<double>(rows * kt);
  const double keys = all * static_cast<double>(kt);
  const Tile t = TileOf(p, a, scores);

  Cost cost = Counts(p, t, scores, keys, keys, all * static_cast<double>(rows));
  const double mine =
      turns * static_cast<double>(CeilDiv(kt, plan.cores_a_head));
  const double my_scores = mine * static_cast<double>(rows);
  const double step =
      std::min(mine, static_cast<double>(k_chunk));  // tiles of keys
  const double fetch_step = ReadPagesCycles(p, step * t.read, t.kv_bytes);
  const double fetch =
      std::max(mine / step * fetch_step,
               static_cast<double>(cost.dram_bytes) / p.dram_rate());
  // Merging: output, maximum and sum of one partner a level.
  const double levels =
      std::ceil(std::log2(static_cast<double>(plan.cores_a_head)));
  const double partial = static_cast<double>(rows) * (t.vt + 2);
  const double merge =
      levels * turns *
      (RoundTrip(p, true) + partial * t.q_bytes / p.noc_bytes_per_cycle +
       partial * 3 * static_cast<double>(kTileElements) * p.tile_share() /
           p.sfpu_lanes);
  cost.fill = fetch_step;
  cost.total =
      cost.launch + cost.fill +
      std::max(my_scores * (t.compute() + p.decode_tile_cycles), fetch) + merge;
  cost.fpu = my_scores * t.multiply;
  cost.sfpu = my_scores * (t.soften + p.decode_tile_cycles);
  cost.unpack = my_scores * t.unpack;
  cost.pack = my_scores * t.pack;
  cost.noc = mine * t.read * t.kv_bytes / p.noc_bytes_per_cycle;
  plan.cost = cost;
  return plan;
}

// Queries and their output, two chunks of keys and values, one of scores.
int64_t L1Bytes(const AttentionProblem& a, const AttentionPlan& plan) {
  const int64_t width = Tiles(a.head_dim) + Tiles(a.v_dim);
  const int64_t act = TileBytes(a.activations);
  return plan.q_chunk * (width + Tiles(a.v_dim) + 4) * act +
         2 * plan.k_chunk * width * TileBytes(a.cache) +
         plan.q_chunk * plan.k_chunk * act;
}

}  // namespace

int64_t KeyTilesSeen(const AttentionProblem& a, int64_t q, int64_t rows,
                     int64_t k_chunk) {
  const int64_t past = a.keys - a.queries;
  // Keys that the last query of the chunk sees (of whole tiles; more than
  // those of lower ones).
  const int64_t seen =
      a.causal ? std::min(a.keys, past + (q + rows) * kTile) : a.keys;
  return std::min(Tiles(a.keys), RoundUp(Tiles(seen), k_chunk));
}

AttentionPlan PlanAttention(const Params& p, const AttentionProblem& a) {
  TRIPTYCH_CHECK(a.queries > 0 && a.keys >= a.queries * (a.causal ? 1 : 0) &&
                     a.heads % a.kv_heads == 0,
                 "queries", a.queries, "keys", a.keys, "heads", a.heads,
                 "kv heads", a.kv_heads);
  AttentionPlan best;
  bool found = false;
  const auto consider = [&](AttentionPlan plan) {
    plan.l1_bytes = L1Bytes(a, plan);
    if (plan.l1_bytes > p.l1_free() && found) return;
    if (found && plan.cost.total >= best.cost.total) return;
    best = plan;
    found = true;
  };
  // One tile of queries a head is nothing to divide: only its keys are.
  const bool few = a.queries * (a.heads / a.kv_heads) <= kTile;
  for (const int64_t k_chunk : {1, 2, 4, 8, 16}) {
    for (const int64_t q_chunk : {1, 2, 4, 8}) {
      if (few) continue;
      for (const bool share : {false, true}) {
        consider(Prefill(p, a, q_chunk, k_chunk, share));
      }
    }
    consider(Decode(p, a, k_chunk));
  }
  return best;
}

}  // namespace triptych::mesh
