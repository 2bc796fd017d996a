// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/layout.h"

#include "emulators/kv_cache.h"
#include "emulators/npu/compile/matmul.h"
#include "emulators/npu/machine/timing.h"
#include "kernels/base/units.h"
#include "models/ops/op.h"
#include "models/ops/ops.h"

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = 4;
constexpr int64_t kAlign = 64;
constexpr int64_t kCapacityStep = 256;

Extent CacheExtent(int64_t batch, int64_t heads, int64_t capacity,
                   int64_t dim) {
  return {batch * heads * capacity * dim, batch * heads * capacity * kF32};
}

Extent MatmulExtent(const Params& params, const Graph& graph, const Node& node,
                    const Binding& binding) {
  const MatmulSize s = MatmulSizeOf(params, graph, node, binding);
  return {s.layout(SizeOf(params, {})).bytes(), s.groups() * s.n * kF32};
}

}  // namespace

int64_t CacheCapacity(const Value& cache, const Binding& binding) {
  const int64_t rows = cache.shape.rows.Bind(binding) / binding.batch;
  return cache.shape.rows.total ? RoundUp(rows, kCapacityStep) : rows;
}

int64_t OnChipLimit(const MachineSize& machine) {
  return machine.l2_bytes / 4 / kAlign * kAlign;
}

Extent ExtentOf(const Params& params, const Graph& graph, const Node& node,
                const Binding& binding, size_t slot) {
  const ValueId id =
      slot < node.inputs.size() ? node.inputs[slot] : node.output;
  const Value& value = graph.value(id);
  const int64_t rows = value.shape.rows.Bind(binding);
  if (value.kind == ValueKind::kCache) {
    const int64_t dim = CacheHeadDim(graph, id);
    return CacheExtent(binding.batch, value.shape.cols / dim,
                       CacheCapacity(value, binding), dim);
  }
  if (value.kind == ValueKind::kWeight && node.op->name == "matmul" &&
      slot == 1) {
    return MatmulExtent(params, graph, node, binding);
  }
  return {rows * value.shape.cols * kF32, 0};
}

int64_t TableBytes(const Graph& graph, const Node& node,
                   const Binding& binding) {
  const Shape& x = graph.value(node.inputs[0]).shape;
  if (node.op->name == "im2col") return x.cols * kF32;
  if (node.op->name != "rope") return 0;
  int64_t pairs = 0;
  for (const RopeTurn& turn : RopeTurns(node, {.batch = 1}, 1)) {
    pairs += static_cast<int64_t>(turn.inverse_frequency.size());
  }
  return x.rows.Bind(binding) * pairs * 2 * kF32;
}

Extent ScratchExtent(const Graph& graph, const Node& node,
                     const Binding& binding, size_t slot) {
  const Value& value = graph.value(node.inputs[slot]);
  if (node.op->name != "attention" || value.kind == ValueKind::kCache) {
    return {};
  }
  const int64_t heads = node.attributes.Int("kv_heads");
  return CacheExtent(binding.batch, heads,
                     value.shape.rows.Bind(binding) / binding.batch,
                     value.shape.cols / heads);
}

Remote Regions::Take(Region region, int64_t bytes) {
  int64_t& used = bytes_[static_cast<size_t>(region)];
  const Remote at{region, used};
  used += RoundUp(bytes, kAlign);
  return at;
}

NodeLayout LayoutOf(const Params& params, const MachineSize& machine,
                    const Graph& graph, const Node& node,
                    const Binding& binding) {
  Regions regions;
  NodeLayout layout;
  const auto on_chip = [&](int64_t bytes) {
    return bytes <= OnChipLimit(machine) ? Region::kL2 : Region::kActivations;
  };
  const auto place = [&](size_t slot, ValueId id) {
    const Value& value = graph.value(id);
    const Extent extent = ExtentOf(params, graph, node, binding, slot);
    Location at;
    if (value.kind == ValueKind::kWeight) {
      const bool codes = extent.scales > 0;
      at.data = regions.Take(codes ? Region::kWeights : Region::kConstants,
                             extent.data);
      if (codes) at.scales = regions.Take(Region::kConstants, extent.scales);
    } else if (value.kind == ValueKind::kCache) {
      at.data = regions.Take(Region::kCache, extent.data);
      at.scales = regions.Take(Region::kCache, extent.scales);
      at.capacity = CacheCapacity(value, binding);
    } else {
      at.data = regions.Take(on_chip(extent.data), extent.data);
    }
    return at;
  };
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    layout.place.inputs.push_back(place(i, node.inputs[i]));
  }
  const Value& output = graph.value(node.output);
  layout.place.output = output.kind == ValueKind::kCache
                            ? layout.place.inputs[1]
                            : place(node.inputs.size(), node.output);
  layout.place.tables =
      regions.Take(Region::kConstants, TableBytes(graph, node, binding));
  if (node.op->name == "attention") {
    // Whole on the chip if there is room left.
    const Extent k = ScratchExtent(graph, node, binding, 1);
    const Extent v = ScratchExtent(graph, node, binding, 2);
    const int64_t need = k.data + k.scales + v.data + v.scales + 4 * kAlign;
    const bool fits = regions.bytes()[0] + need <= machine.l2_bytes;
    const Region region = fits ? Region::kL2 : Region::kActivations;
    const auto scratch = [&](const Extent& extent, size_t slot) {
      Location at;
      at.data = regions.Take(region, extent.data);
      at.scales = regions.Take(region, extent.scales);
      at.capacity = graph.value(node.inputs[slot]).shape.rows.Bind(binding) /
                    binding.batch;
      return at;
    };
    layout.place.scratch_keys = scratch(k, 1);
    layout.place.scratch_values = scratch(v, 2);
  }
  layout.region_bytes = regions.bytes();
  return layout;
}

}  // namespace triptych::npu
