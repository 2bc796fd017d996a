// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/cost.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "emulators/kv_cache.h"
#include "models/ops/ops.h"

namespace triptych::npu {
namespace {

// Bits of an element in memory; 0 in a parameter means f32.
double StoredBits(int64_t bits) {
  return bits == 0 ? 32 : static_cast<double>(bits);
}

// With the f32 scales that go with quantised weights; rows of k.
double WeightBits(const Params& p, int64_t k) {
  if (p.weight_bits == 0) return 32;
  const bool grouped = p.weight_group > 0 && k % p.weight_group == 0;
  const int64_t group = grouped ? p.weight_group : k;
  return static_cast<double>(p.weight_bits) + 32.0 / static_cast<double>(group);
}

// Of a cached key or value, with its share of the head's scale.
double CacheBits(const Params& p, int64_t head_dim) {
  if (p.attention_bits == 0) return 32;
  return static_cast<double>(p.attention_bits) +
         32.0 / static_cast<double>(head_dim);
}

// What the vector unit reads and writes is f32.
constexpr int64_t kVectorBytes = 4;

// Products that are not of integers do not fit the array.
void MoveToVectorUnit(Demand& d) {
  d.vector_macs += std::exchange(d.macs, 0);
  d.padding_macs = d.array_cycles = 0;
  d.scratchpad_bytes *= kVectorBytes;
}

bool IntegerProducts(const Params& p) {
  return p.weight_bits > 0 && p.activation_bits > 0;
}

int64_t BytesFor(double elements, double bits) {
  return static_cast<int64_t>(std::ceil(elements * bits / 8));
}

ArraySize ArrayOf(const Params& p) {
  return {p.array_rows, p.array_cols, p.fold_overlap};
}

int64_t OnChipBytes(const Params& p) {
  return 1024 * (p.l2_kib + p.cores * p.scratchpad_kib);
}

// Activations that do not fit beside each other on the chip go out to DRAM
// and come back.
int64_t SpillBytes(const Params& p, const Work& work) {
  const int64_t bytes =
      BytesFor(static_cast<double>(work.input_elements + work.output_elements),
               StoredBits(p.activation_bits));
  return bytes > OnChipBytes(p) ? bytes : 0;
}

// How often B is fetched: once for each block of A's rows that half of the
// scratchpads holds, unless B itself stays in the L2; or the other way round,
// whichever moves less.
int64_t WeightTraffic(const Params& p, const GemmSize& g, double bits) {
  const int64_t b_bytes = BytesFor(static_cast<double>(g.n * g.k), bits);
  const int64_t a_bytes =
      BytesFor(static_cast<double>(g.m * g.k), StoredBits(p.activation_bits));
  const int64_t half = 512 * p.cores * p.scratchpad_kib;
  const int64_t a_blocks = CeilDiv(a_bytes, std::max<int64_t>(half, 1));
  const int64_t b_blocks = CeilDiv(b_bytes, std::max<int64_t>(half, 1));
  const int64_t again =
      std::min((a_blocks - 1) * b_bytes, (b_blocks - 1) * a_bytes);
  const bool b_stays = b_bytes <= 512 * p.l2_kib;
  return b_bytes + (b_stays ? 0 : again);
}

Demand MatmulDemand(const Params& p, const Graph& graph, const Node& node,
                    const Work& work) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  const int64_t n = w.rows.coefficient, k = w.cols;
  const GemmSize gemm{work.matrix_flops / (2 * n * k), n, k};
  Demand d = GemmDemand(p, gemm, 1, true, WeightBits(p, k));
  if (!IntegerProducts(p)) MoveToVectorUnit(d);
  d.vector_ops = work.vector_flops;
  return d;
}

Demand ExpertDemand(const Params& p, const Graph& graph, const Node& node,
                    const Binding& b, const Work& work) {
  const int64_t rows = graph.value(node.inputs[0]).shape.rows.Bind(b);
  const int64_t k = graph.value(node.inputs[0]).shape.cols;
  const int64_t inner = graph.value(node.inputs[4]).shape.cols;
  const auto reached = std::max<int64_t>(
      1, static_cast<int64_t>(std::ceil(ExpertsReached(node, rows))));
  const int64_t m = CeilDiv(rows * node.attributes.Int("top_k"), reached);
  const double up_bits = WeightBits(p, k), down_bits = WeightBits(p, inner);
  const Demand up = GemmDemand(p, {m, 2 * inner, k}, reached, true, up_bits);
  const Demand down = GemmDemand(p, {m, k, inner}, reached, true, down_bits);
  Demand d;
  d.macs = work.matrix_flops / 2;
  d.padding_macs = std::max<int64_t>(
      0, up.macs + up.padding_macs + down.macs + down.padding_macs - d.macs);
  d.array_cycles = up.array_cycles + down.array_cycles;
  d.scratchpad_bytes = up.scratchpad_bytes + down.scratchpad_bytes;
  // Gate and up are two thirds of an expert's weights.
  const auto elements = static_cast<double>(work.weight_elements);
  d.dram_bytes =
      BytesFor(elements * 2 / 3, up_bits) + BytesFor(elements / 3, down_bits);
  if (!IntegerProducts(p)) MoveToVectorUnit(d);
  d.first_tile_bytes = up.first_tile_bytes;
  d.vector_ops = work.vector_flops;
  return d;
}

// Both products of attention. Masked tiles are skipped: the keys a query sees
// on average take the place of all keys.
Demand AttentionDemand(const Params& p, const Graph& graph, const Node& node,
                       const Binding& b, const Work& work) {
  const bool latent = node.op->name == "mla_attention";
  const Attributes& a = node.attributes;
  const int64_t heads = a.Int("heads");
  const int64_t dim =
      latent ? a.Int("kv_lora") + a.Int("rope_dim") : a.Int("head_dim");
  const int64_t queries =
      graph.value(node.inputs[0]).shape.rows.Bind(b) / b.batch;
  // Query heads that share keys stand in one product.
  const int64_t kv_heads = latent ? 1 : a.Int("kv_heads");
  const int64_t rows = queries * (heads / kv_heads);
  const int64_t keys =
      CeilDiv(work.matrix_flops / 2, 2 * b.batch * heads * queries * dim);
  const Demand qk =
      GemmDemand(p, {rows, keys, dim}, b.batch * kv_heads, false, 8);
  const Demand pv =
      GemmDemand(p, {rows, dim, keys}, b.batch * kv_heads, false, 8);
  Demand d;
  d.macs = work.matrix_flops / 2;
  d.array_cycles = qk.array_cycles + pv.array_cycles;
  d.padding_macs = std::max<int64_t>(
      0, qk.macs + qk.padding_macs + pv.macs + pv.padding_macs - d.macs);
  d.scratchpad_bytes = qk.scratchpad_bytes + pv.scratchpad_bytes;
  if (p.attention_bits == 0) MoveToVectorUnit(d);
  d.vector_ops = work.vector_flops;
  d.dram_bytes =
      BytesFor(static_cast<double>(work.cache_read_elements),
               CacheBits(p, dim)) +
      BytesFor(static_cast<double>(work.weight_elements), WeightBits(p, dim));
  return d;
}

}  // namespace

double DramBytesPerSecond(const DramParams& dram) {
  const double pins = dram.peak_gb_per_s * 1e9;
  const double available = 1 - dram.refresh_ns / dram.refresh_every_ns;
  const double rows = dram.row_bytes * static_cast<double>(dram.banks) *
                      static_cast<double>(dram.channels) /
                      (dram.row_cycle_ns * 1e-9);
  return std::min(pins, rows) * std::max(available, 0.0);
}

Dataflow DataflowOf(std::string_view name, const GemmSize& gemm,
                    const ArraySize& array) {
  if (name == "os") return Dataflow::kOutput;
  if (name == "ws") return Dataflow::kWeight;
  if (name == "is") return Dataflow::kInput;
  return FastestDataflow(gemm, array);
}

Demand GemmDemand(const Params& p, const GemmSize& gemm, int64_t count,
                  bool weights, double bits) {
  const ArraySize array = ArrayOf(p);
  // Cores that share one product, and products one after the other.
  const int64_t share = std::max<int64_t>(1, p.cores / count);
  const int64_t rounds = CeilDiv(count, p.cores);
  const GemmSize by_n{gemm.m, CeilDiv(gemm.n, share), gemm.k};
  const GemmSize by_m{CeilDiv(gemm.m, share), gemm.n, gemm.k};
  const auto cycles = [&](const GemmSize& g) {
    return ArrayCycles(DataflowOf(p.dataflow, g, array), g, array);
  };
  const GemmSize& part = cycles(by_m) < cycles(by_n) ? by_m : by_n;
  const Dataflow flow = DataflowOf(p.dataflow, part, array);

  Demand d;
  d.macs = count * gemm.m * gemm.n * gemm.k;
  const int64_t filled =
      PaddingMacs(flow, part, array) + part.m * part.n * part.k;
  d.padding_macs = std::max<int64_t>(0, count * share * filled - d.macs);
  d.array_cycles = rounds * cycles(part);
  // A streams past every fold of columns, B is read once, sums go out once.
  const int64_t passes = CeilDiv(gemm.n, p.array_cols);
  d.scratchpad_bytes =
      count * (gemm.m * gemm.k * passes + gemm.n * gemm.k + gemm.m * gemm.n);
  if (weights) {
    d.dram_bytes = count * WeightTraffic(p, gemm, bits);
    const int64_t fold =
        std::min(gemm.k, p.array_rows) * std::min(gemm.n, p.array_cols);
    d.first_tile_bytes =
        BytesFor(static_cast<double>(fold * std::min(share, p.cores)), bits);
  }
  return d;
}

Demand DemandOf(const Params& p, const Graph& graph, const Node& node,
                const Binding& binding) {
  const Work work = WorkOf(graph, node, binding);
  Demand d;
  if (node.op->name == "matmul") {
    d = MatmulDemand(p, graph, node, work);
  } else if (node.op->name == "moe_ffn") {
    d = ExpertDemand(p, graph, node, binding, work);
  } else if (node.op->kind == OpKind::kAttention) {
    d = AttentionDemand(p, graph, node, binding, work);
  } else {
    d.vector_ops = work.vector_flops;
    d.dram_bytes = BytesFor(static_cast<double>(work.weight_elements), 32);
    d.scratchpad_bytes =
        kVectorBytes * (work.input_elements + work.output_elements);
  }
  d.dram_bytes += SpillBytes(p, work);
  if (work.cache_write_elements > 0) {
    d.dram_bytes += BytesFor(static_cast<double>(work.cache_write_elements),
                             CacheBits(p, CacheHeadDim(graph, node.output)));
  }
  return d;
}

}  // namespace triptych::npu
