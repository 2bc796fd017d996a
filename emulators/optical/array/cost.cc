// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/array/cost.h"

#include <algorithm>

#include "emulators/optical/array/inventory.h"
#include "kernels/base/units.h"
#include "models/ops/op.h"

namespace triptych::optical::array {
namespace {

double Number(int64_t n) { return static_cast<double>(n); }

// Cycles in which the shared modulators give every column its own operand.
int64_t CyclesOfSlot(const Params& p) {
  if (p.shared_channels == 0) return 1;
  return CeilDiv(p.cols * p.wavelengths, p.shared_channels);
}

Demand MatmulDemand(const Params& p, const Graph& graph, const Node& node,
                    const Work& work) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  const int64_t n = w.rows.coefficient, k = w.cols;
  Demand d = DemandOf(p, {.m = work.matrix_flops / (2 * n * k),
                          .k = k,
                          .n = n,
                          .times = 1,
                          .weights = true});
  d.dram_bits = d.sram_bits = work.weight_elements * p.bits;  // biases too
  return d;
}

// Query heads that share keys are rows of one product.
Demand AttentionDemand(const Params& p, const Graph& graph, const Node& node,
                       const Binding& b, const Work& work) {
  const Attributes& a = node.attributes;
  const int64_t heads = a.Int("heads"), kv_heads = a.Int("kv_heads");
  const int64_t dim = a.Int("head_dim"), v_dim = a.Int("v_dim", dim);
  const int64_t queries =
      graph.value(node.inputs[0]).shape.rows.Bind(b) / b.batch;
  const int64_t rows = queries * (heads / kv_heads);
  const int64_t scores = work.matrix_flops / (2 * (dim + v_dim));
  const int64_t keys = CeilDiv(scores, b.batch * heads * queries);
  const int64_t times = b.batch * kv_heads;
  Demand d = DemandOf(p, {.m = rows, .k = dim, .n = keys, .times = times});
  d += DemandOf(p, {.m = rows, .k = keys, .n = v_dim, .times = times});
  // The mean of the keys was rounded up: what is too much is padding.
  const int64_t slots = d.macs + d.padding_macs;
  d.macs = work.matrix_flops / 2;
  d.padding_macs = std::max<int64_t>(0, slots - d.macs);
  d.dram_bits = d.sram_bits = work.cache_read_elements * p.bits;
  return d;
}

}  // namespace

Demand& Demand::operator+=(const Demand& o) {
  macs += o.macs;
  padding_macs += o.padding_macs;
  cycles += o.cycles;
  samples += o.samples;
  sram_bits += o.sram_bits;
  dram_bits += o.dram_bits;
  vector_flops += o.vector_flops;
  return *this;
}

int64_t TermsOfSample(const Params& p) {
  return p.accumulate * p.wavelengths * p.cores;
}

Demand DemandOf(const Params& p, const Product& product) {
  const int64_t blocks =
      product.times * CeilDiv(product.m, p.rows) * CeilDiv(product.n, p.cols);
  const int64_t slots = CeilDiv(product.k, p.wavelengths * p.cores);
  Demand d;
  d.macs = product.times * product.m * product.k * product.n;
  d.cycles = CeilDiv(blocks * slots, p.tiles) * CyclesOfSlot(p);
  d.samples = blocks * CeilDiv(slots, p.accumulate) * p.rows * p.cols;
  d.padding_macs =
      CeilDiv(blocks * slots, p.tiles) * InventoryOf(p).lanes - d.macs;
  if (product.weights) {
    d.dram_bits = product.times * product.k * product.n * p.bits;
    d.sram_bits = d.dram_bits;
  }
  return d;
}

bool IsNative(const Node& node) {
  return node.op->name == "matmul" || node.op->name == "attention";
}

Demand DemandOf(const Params& p, const Graph& graph, const Node& node,
                const Binding& binding) {
  const Work work = WorkOf(graph, node, binding);
  Demand d = node.op->name == "matmul"
                 ? MatmulDemand(p, graph, node, work)
                 : AttentionDemand(p, graph, node, binding, work);
  d.vector_flops = work.vector_flops;
  return d;
}

double ArraySeconds(const Params& p, const Demand& d) {
  return Number(d.cycles) / p.clock.value;
}
double DramSeconds(const Params& p, const Demand& d) {
  return Number(d.dram_bits) / 8 / (p.dram_gb_per_s * 1e9);
}

Energy EnergyOf(const Params& p, const Demand& d) {
  const Inventory has = InventoryOf(p);
  const Power power = PowerOf(p);
  const double seconds = ArraySeconds(p, d);
  // Of one conversion, amplifier with it: they rest while charges add up.
  const double sample_s = 1 / (Number(has.outputs) * p.clock.value);
  Energy e;
  e.modulator = power.modulator * seconds;
  e.dac = power.dac * seconds;
  e.light = (power.laser + power.detector) * seconds;
  e.lane_filter = power.lane_filter * seconds;
  e.receiver = (power.tia + power.adc) * sample_s * Number(d.samples);
  e.operands =
      Number(d.cycles * has.modulators() * p.bits) * p.operand_bit_fj * 1e-15;
  e.sram = Number(d.sram_bits) * p.sram_bit_fj * 1e-15;
  e.dram = Number(d.dram_bits) * p.dram_bit_pj * 1e-12;
  e.memory_static = p.memory_static_w * std::max(seconds, DramSeconds(p, d));
  return e;
}

}  // namespace triptych::optical::array
