// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "emulators/optical/array/cost.h"
#include "emulators/optical/array/machine.h"
#include "kernels/base/aligned.h"
#include "kernels/base/parallel.h"
#include "kernels/base/rng.h"
#include "models/ops/op.h"

namespace triptych::optical::array {
namespace {

uint64_t Count(int64_t n) { return static_cast<uint64_t>(n); }

std::array<uint32_t, 2> RunKey(const StepContext& ctx) {
  const auto words =
      Rng(ctx.seed, /*stream=*/0x6172726179 /* "array" */).At(ctx.position);
  return {words[0], words[1]};
}

class ArrayStep : public Step {
 public:
  explicit ArrayStep(std::shared_ptr<const Machine> machine)
      : machine_(std::move(machine)), p_(machine_->params) {}

  Picos Run(const StepContext& ctx) const override {
    if (ctx.values) Compute(ctx);
    return Charge(ctx, DemandOf(p_, ctx.graph, ctx.node, ctx.binding));
  }

 protected:
  virtual void Compute(const StepContext& ctx) const = 0;
  const std::shared_ptr<const Machine> machine_;
  const Params& p_;

 private:
  // What comes from memory is known before: it is fetched while light flows,
  // and so are operations on what left the converters.
  Picos Charge(const StepContext& ctx, const Demand& d) const {
    const Ids& id = machine_->ids;
    const Picos begin = ctx.begin;
    const Picos light = begin + FromSeconds(ArraySeconds(p_, d));
    const Picos fetched = begin + FromSeconds(DramSeconds(p_, d));
    const Picos worked =
        begin + FromSeconds(static_cast<double>(d.vector_flops) /
                            (p_.digital_gops * 1e9));
    const Picos end = std::max({light, fetched, worked});
    const int64_t symbols = d.cycles * machine_->has.modulators();

    ctx.Charge(id.light, id.mac, Count(d.macs), begin, light);
    const auto with_light = [&](ActionId action, int64_t count) {
      ctx.Charge(id.light, action, Count(count), begin, light, true);
    };
    with_light(id.padding_mac, d.padding_macs);
    with_light(id.slot, d.cycles);
    with_light(id.lane, d.cycles);
    with_light(id.symbol, symbols);
    with_light(id.dac, symbols);
    ctx.Charge(id.converters, id.adc, Count(d.samples), begin, light);
    ctx.Charge(id.converters, id.tia, Count(d.samples), begin, light, true);
    ctx.Charge(id.memory, id.operand_byte,
               Count(CeilDiv(symbols * p_.bits, int64_t{8})), begin, light);
    ctx.Charge(id.memory, id.sram_byte, Count(CeilDiv(d.sram_bits, int64_t{8})),
               begin, light, true);
    ctx.Charge(id.memory, id.static_ns,
               Count(CeilDiv((end - begin).value, int64_t{1000})), begin, end,
               true);
    ctx.Charge(id.dram, id.dram_byte, Count(CeilDiv(d.dram_bits, int64_t{8})),
               begin, fetched);
    ctx.Charge(id.digital, id.digital_op, Count(d.vector_flops), begin, worked);
    return end;
  }
};

class MatmulStep : public ArrayStep {
 public:
  MatmulStep(std::shared_ptr<const Machine> machine, const Node& node,
             const Weights* weights)
      : ArrayStep(std::move(machine)) {
    if (weights == nullptr) return;
    weights_ = machine_->weights.Get(*weights, node.inputs[1], [&] {
      const WeightRows rows = weights->Rows(node.inputs[1]);
      WeightRows::Tile tile;
      return Encode(p_, rows.Read(0, rows.rows(), tile));
    });
    if (node.inputs.size() == 3) {
      bias_ = weights->Rows(node.inputs[2]).vector();
    }
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    Multiply(p_, ctx.inputs[0], *weights_, {RunKey(ctx), ctx.node.id, 0},
             ctx.threads, ctx.output);
    if (bias_.empty()) return;
    for (size_t i = 0; i < ctx.output.rows(); ++i) {
      for (size_t j = 0; j < bias_.size(); ++j) ctx.output(i, j) += bias_[j];
    }
  }

 private:
  std::shared_ptr<const Encoded> weights_;
  std::span<const float> bias_;
};

// Both products of every head on the array, softmax in f32 between them.
class AttentionStep : public ArrayStep {
 public:
  AttentionStep(std::shared_ptr<const Machine> machine, const Node& node)
      : ArrayStep(std::move(machine)),
        heads_(Size(node, "heads")),
        kv_heads_(Size(node, "kv_heads")),
        dim_(Size(node, "head_dim")),
        v_dim_(static_cast<size_t>(
            node.attributes.Int("v_dim", node.attributes.Int("head_dim")))),
        causal_(node.attributes.Int("causal") != 0),
        scale_(static_cast<float>(node.attributes.Get(
            "scale", 1 / std::sqrt(static_cast<double>(dim_))))) {}

 protected:
  void Compute(const StepContext& ctx) const override {
    const Shape& cache = ctx.graph.value(ctx.node.inputs[1]).shape;
    const auto batch = static_cast<size_t>(ctx.binding.batch);
    const size_t queries = ctx.output.rows() / batch;
    const auto keys = static_cast<size_t>(cache.rows.Bind(ctx.binding)) / batch;
    const size_t stride =
        cache.rows.total ? static_cast<size_t>(ctx.capacity) : keys;
    const std::array<uint32_t, 2> run = RunKey(ctx);
    ParallelFor(batch * kv_heads_, ctx.threads, [&](size_t task) {
      const size_t s = task / kv_heads_, h = task % kv_heads_;
      const auto k = ctx.inputs[1].Rows(s * stride, keys).Cols(h * dim_, dim_);
      const auto v =
          ctx.inputs[2].Rows(s * stride, keys).Cols(h * v_dim_, v_dim_);
      const size_t group = heads_ / kv_heads_;
      for (size_t g = 0; g < group; ++g) {
        const size_t head = h * group + g;
        const NoiseKey key{run, ctx.node.id,
                           static_cast<uint32_t>(2 * (s * heads_ + head))};
        Head(ctx.inputs[0].Rows(s * queries, queries).Cols(head * dim_, dim_),
             k, v, key,
             ctx.output.Rows(s * queries, queries).Cols(head * v_dim_, v_dim_));
      }
    });
  }

 private:
  static size_t Size(const Node& node, std::string_view name) {
    return static_cast<size_t>(node.attributes.Int(name));
  }

  void Head(ConstMatView<float> q, ConstMatView<float> k, ConstMatView<float> v,
            NoiseKey key, MatView<float> out) const {
    const size_t keys = k.rows();
    AlignedVector<float> scores(q.rows() * keys), columns(v_dim_ * keys);
    const MatView<float> p(scores.data(), q.rows(), keys);
    Multiply(p_, q, Encode(p_, k), key, 1, p);
    for (size_t i = 0; i < p.rows(); ++i) {
      Softmax(p.row_span(i), causal_ ? keys - q.rows() + i + 1 : keys);
    }
    const MatView<float> vt(columns.data(), v_dim_, keys);
    for (size_t t = 0; t < keys; ++t) {
      for (size_t d = 0; d < v_dim_; ++d) vt(d, t) = v(t, d);
    }
    ++key.product;
    Multiply(p_, p, Encode(p_, vt), key, 1, out);
  }

  // Of the first `visible`; the others become 0.
  void Softmax(std::span<float> row, size_t visible) const {
    const auto seen = row.first(visible);
    const float top = *std::ranges::max_element(seen);
    double sum = 0;
    for (float& x : seen) {
      x = static_cast<float>(std::exp(double{scale_} * (x - top)));
      sum += x;
    }
    for (float& x : seen) x = static_cast<float>(x / sum);
    std::ranges::fill(row.subspan(visible), 0.0f);
  }

  size_t heads_, kv_heads_, dim_, v_dim_;
  bool causal_;
  float scale_;
};

}  // namespace

std::unique_ptr<Step> MakeStep(std::shared_ptr<const Machine> machine,
                               const Node& node, const Weights* weights) {
  if (node.op->name == "attention") {
    return std::make_unique<AttentionStep>(std::move(machine), node);
  }
  return std::make_unique<MatmulStep>(std::move(machine), node, weights);
}

}  // namespace triptych::optical::array
