// SPDX-License-Identifier: Apache-2.0
#include "emulators/kv_cache.h"

#include <algorithm>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

void RoundBf16(std::span<float> head) {
  std::ranges::transform(head, head.begin(), RoundToBf16);
}

void RoundInt8(std::span<float> head) {
  std::vector<int8_t> codes(head.size());
  const float scale = QuantizeRowInt<int8_t>(head, 8, codes);
  for (size_t i = 0; i < head.size(); ++i) {
    head[i] = static_cast<float>(codes[i]) * scale;
  }
}

constexpr KvFormat kFormats[] = {
    {"f32", 32, 0, nullptr},
    {"bf16", 16, 0, RoundBf16},
    {"int8", 8, 32, RoundInt8},
};

}  // namespace

const KvFormat& KvFormatOf(std::string_view name) {
  const auto* found = std::ranges::find(kFormats, name, &KvFormat::name);
  TRIPTYCH_CHECK(found != std::end(kFormats), "no cache format", name);
  return *found;
}

int64_t CacheHeadDim(const Graph& graph, ValueId cache) {
  for (const Node& node : graph.nodes()) {
    if (node.op->name != "attention") continue;
    const int64_t head_dim = node.attributes.Int("head_dim");
    if (node.inputs[1] == cache) return head_dim;
    if (node.inputs[2] == cache) return node.attributes.Int("v_dim", head_dim);
  }
  return graph.value(cache).shape.cols;
}

const Value* CacheOf(const Graph& graph, const Node& node) {
  for (const ValueId input : node.inputs) {
    const Value& value = graph.value(input);
    if (value.kind == ValueKind::kCache) return &value;
  }
  return nullptr;
}

void AppendHeads(const StepContext& ctx, int64_t head_dim,
                 const std::function<void(std::span<float> head)>& round) {
  const bool growing = ctx.graph.value(ctx.node.output).shape.rows.total;
  const auto batch = static_cast<size_t>(ctx.binding.batch);
  const size_t rows = ctx.inputs[0].rows() / batch;
  const size_t stride = growing ? static_cast<size_t>(ctx.capacity) : rows;
  const size_t first = growing ? static_cast<size_t>(ctx.binding.context) : 0;
  const auto dim = static_cast<size_t>(head_dim);
  for (size_t r = 0; r < ctx.inputs[0].rows(); ++r) {
    const auto to = ctx.output.row_span(r / rows * stride + first + r % rows);
    std::ranges::copy(ctx.inputs[0].row_span(r), to.begin());
    for (size_t c = 0; c < to.size(); c += dim) {
      round(to.subspan(c, std::min(dim, to.size() - c)));
    }
  }
}

}  // namespace triptych
