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
  const std::string_view op = node.op->name;
  if (op == "im2col" || op == "moe_route") return x.cols * kF32;
  if (op == "pos_sinusoid") {
    return x.rows.Bind(binding) / binding.batch * x.cols * kF32;
  }
  if (op != "rope") return 0;
  int64_t pairs = 0;
  for (const RopeTurn& turn : RopeTurns(node, {.batch = 1}, 1)) {
    pairs += static_cast<int64_t>(turn.inverse_frequency.size());
  }
  return x.rows.Bind(binding) * pairs * 2 * kF32;
}

Extent ScratchExtent(const Graph& graph, const Node& node,
                     const Binding& binding, size_t slot) {
  const Value& value = graph.value(node.inputs[slot]);
  if (node.op->name == "matmul" && slot == 0) {
    const int64_t rows = value.shape.rows.Bind(binding);
    return {rows * value.shape.cols, rows * kF32};
  }
  if (node.op->name != "attention" || slot == 0 ||
      value.kind == ValueKind::kCache) {
    return {};
  }
  const int64_t heads = node.attributes.Int("kv_heads");
  return CacheExtent(binding.batch, heads,
                     value.shape.rows.Bind(binding) / binding.batch,
                     value.shape.cols / heads);
}

int64_t ScratchCapacity(const Graph& graph, const Node& node,
                        const Binding& binding, size_t slot) {
  const int64_t rows = graph.value(node.inputs[slot]).shape.rows.Bind(binding);
  return node.op->name == "matmul" ? rows : rows / binding.batch;
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
  // Each on the chip if there is room left.
  const auto scratch = [&](size_t slot) {
    Location at;
    const Extent extent = ScratchExtent(graph, node, binding, slot);
    if (extent.data == 0) return at;
    const int64_t need = extent.data + extent.scales + 2 * kAlign;
    const bool fits = regions.bytes()[0] + need <= machine.l2_bytes;
    const Region region = fits ? Region::kL2 : Region::kActivations;
    at.data = regions.Take(region, extent.data);
    at.scales = regions.Take(region, extent.scales);
    at.capacity = ScratchCapacity(graph, node, binding, slot);
    return at;
  };
  if (node.op->name == "matmul") layout.place.scratch[0] = scratch(0);
  if (node.op->name == "attention") {
    layout.place.scratch = {scratch(1), scratch(2)};
  }
  layout.region_bytes = regions.bytes();
  return layout;
}

}  // namespace triptych::npu
