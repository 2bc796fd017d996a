// SPDX-License-Identifier: Apache-2.0
#include "emulators/gpu/gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "emulators/gpu/formats.h"
#include "emulators/gpu/params.h"
#include "emulators/kv_cache.h"
#include "emulators/packed_once.h"
#include "emulators/placement.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"
#include "kernels/matmul/matmul.h"
#include "models/ops/op.h"

namespace triptych::gpu {
namespace {

constexpr double kActivationBytes = 2;  // between kernels

struct Ids {
  UnitId sm, hbm;
  ActionId matrix_flop, vector_flop, padding_flop, hbm_byte, board_ns;
};

// One kernel, as the model sees it.
struct Kernel {
  double flops = 0;  // padding included
  double bytes = 0;
};

// How long the kernel keeps the machine's parts, and how long it takes.
struct KernelTime {
  double compute = 0, memory = 0, total = 0;
};

KernelTime TimeOfKernel(const Kernel& kernel, const KernelModel& model,
                        double peak, double bandwidth, double overhead_us) {
  KernelTime time;
  time.compute = kernel.flops / (model.compute_fraction * peak);
  time.memory = kernel.bytes / (model.bandwidth_fraction * bandwidth);
  const double p = model.sharpness;
  time.total =
      overhead_us * 1e-6 +
      std::pow(std::pow(time.compute, p) + std::pow(time.memory, p), 1 / p);
  return time;
}

class Gpu : public Target {
 public:
  Gpu(std::string_view preset, ParamSet set, const Params& params)
      : Target("gpu", preset, std::move(set), params.host),
        params_(params),
        format_(FormatOf(params.dtype)),
        kv_(KvFormatOf(params.kv_dtype)) {
    ids_.sm = AddUnit("sm");
    ids_.hbm = AddUnit("hbm");
    const auto free = [&](const char* name, ActionClass kind, uint64_t flops,
                          uint64_t bytes) {
      return AddAction({name, kind, Joules(0), flops, Bytes(bytes),
                        Basis::kDerived, "its energy is in board.ns"});
    };
    ids_.matrix_flop = free("sm.matrix_flop", ActionClass::kMatrix, 1, 0);
    ids_.vector_flop = free("sm.vector_flop", ActionClass::kVector, 1, 0);
    ids_.padding_flop = free("sm.padding_flop", ActionClass::kPadding, 1, 0);
    ids_.hbm_byte = free("hbm.byte", ActionClass::kOffChip, 0, 1);
    // At its power limit all the time: an upper bound.
    ids_.board_ns = AddAction("board.ns", ActionClass::kOther, "board_w",
                              params.board_w * 1e3);
  }

  Roofline roofline() const override {
    // Attention runs at the bf16 rate and products at theirs; no run beats
    // the faster of the two.
    return {.matrix = FlopsPerSecond(
                std::max(Gemm().peak_tflops, params_.bf16.peak_tflops) * 1e12),
            .off_chip = BytesPerSecond(Bandwidth()),
            .weight_bits = format_.bits,
            .cache_bits = kv_.element_bits,
            .capacity = Bytes(static_cast<uint64_t>(params_.hbm_gb * 1e9))};
  }
  Hertz clock() const override { return params_.clock; }
  Precision precision() const override {
    return {.activation = format_.rounding,
            .weight = format_.rounding,
            .output = {.of_itself = 0x1p-8}};
  }
  std::span<const MoreOf> resources() const override {
    static constexpr MoreOf kResources[] = {
        {"hbm_gb_per_s", 2},         {"bf16.peak_tflops", 2},
        {"bf16.overhead_us", 0.5},   {"attention.overhead_us", 0.5},
        {"vector.overhead_us", 0.5},
    };
    return kResources;
  }
  Support Supports(const Graph&, const Node&) const override {
    return Support::kNative;
  }
  Result<std::unique_ptr<Step>> Lower(const Graph& graph, const Node& node,
                                      const Weights* weights) const override;
  Result<Prediction> Predict(std::string_view kind,
                             const OpSpec& spec) const override;

  const Params& parameters() const { return params_; }
  const Ids& ids() const { return ids_; }
  const Format& format() const { return format_; }
  const KvFormat& kv() const { return kv_; }
  // All formats are summed in f32; products of bf16 or less are exact in it.
  std::shared_ptr<const PackedWeights> Packed(const Weights& weights,
                                              ValueId weight) const;
  double Bandwidth() const { return params_.hbm_gb_per_s * 1e9; }
  const KernelModel& Gemm() const {
    if (params_.dtype == "fp8") return params_.fp8;
    if (params_.dtype == "nvfp4") return params_.nvfp4;
    return params_.bf16;
  }

 private:
  Params params_;
  const Format& format_;
  const KvFormat& kv_;
  Ids ids_;
  mutable PackedOnce<PackedWeights> packed_;
};

// Engines join neighbours into one launch: products of one input (Q, K and V;
// gate and up), and runs of elementwise work (residual and norm; rotation
// and append). The first of a run pays the overhead.
bool Launches(const Graph& graph, const Node& node) {
  if (node.id == 0) return true;
  const Node& before = graph.node(node.id - 1);
  switch (node.op->kind) {
    case OpKind::kMatmul:
      return before.op != node.op || before.inputs[0] != node.inputs[0];
    case OpKind::kVector:
    case OpKind::kData:
      return before.op->kind != OpKind::kVector &&
             before.op->kind != OpKind::kData;
    case OpKind::kAttention:
      return true;
  }
  return true;
}

// ---- Steps ----

class GpuStep : public Step {
 public:
  GpuStep(const Gpu& gpu, const Graph& graph, const Node& node)
      : gpu_(gpu), launches_(Launches(graph, node)) {
    const Value* cache = CacheOf(graph, node);
    if (cache == nullptr) return;
    head_dim_ = CacheHeadDim(graph, cache->id);
    cache_bits_ = gpu.kv().bits(head_dim_);
  }

  Picos Run(const StepContext& ctx) const override {
    if (ctx.values && WritesCache(ctx.graph, ctx.node)) {
      AppendHeads(ctx, head_dim_, gpu_.kv().round);
    } else if (ctx.values) {
      Compute(ctx);
      // What a kernel leaves in memory is bf16, except the entry's output.
      const Entry& entry = *ctx.graph.FindEntry(ctx.phase);
      if (ctx.node.output != entry.output) RoundOutput(ctx);
    }
    return Charge(ctx, WorkOf(ctx.graph, ctx.node, ctx.binding));
  }

 protected:
  virtual void Compute(const StepContext& ctx) const = 0;
  const Gpu& gpu_;

 private:
  static void RoundOutput(const StepContext& ctx) {
    ParallelFor(ctx.output.rows(), ctx.threads, [&](size_t r) {
      for (float& x : ctx.output.row_span(r)) x = RoundToBf16(x);
    });
  }

  // The padding of a product's rows; 0 for everything else.
  int64_t PaddingFlops(const StepContext& ctx, const Work& work) const {
    if (ctx.node.op->name != "matmul") return 0;
    const int64_t rows =
        ctx.graph.value(ctx.node.output).shape.rows.Bind(ctx.binding);
    const int64_t padded = RoundUp(rows, gpu_.parameters().row_quantum);
    return work.matrix_flops / rows * (padded - rows);
  }

  int64_t BytesOf(const StepContext& ctx, const Work& work) const {
    const bool gemm = ctx.node.op->kind == OpKind::kMatmul;
    const double weight_bytes = gemm ? gpu_.format().bits / 8 : 2;
    // Products read A in their format, after it was rounded to it.
    const double input_bytes =
        gemm ? gpu_.format().bits / 8 + 2 * gpu_.Gemm().requantise_elements
             : kActivationBytes;
    const double bytes =
        static_cast<double>(work.weight_elements) * weight_bytes +
        static_cast<double>(work.input_elements) * input_bytes +
        static_cast<double>(work.output_elements) * kActivationBytes +
        static_cast<double>(work.cache_read_elements +
                            work.cache_write_elements) *
            cache_bits_ / 8;
    return static_cast<int64_t>(std::ceil(bytes));
  }

  KernelTime TimeOf(const StepContext& ctx, const Kernel& kernel) const {
    const Params& p = gpu_.parameters();
    const auto time = [&](const KernelModel& model, double peak_tflops) {
      return TimeOfKernel(kernel, model, peak_tflops * 1e12, gpu_.Bandwidth(),
                          launches_ ? model.overhead_us : 0);
    };
    switch (ctx.node.op->kind) {
      case OpKind::kMatmul:
        return time(gpu_.Gemm(), gpu_.Gemm().peak_tflops);
      case OpKind::kAttention:
        return time(p.attention, p.bf16.peak_tflops);
      case OpKind::kVector:
      case OpKind::kData:
        break;
    }
    // No matrix flops: only the bytes take time.
    return time({.bandwidth_fraction = p.vector_bandwidth_fraction,
                 .overhead_us = p.vector_overhead_us,
                 .sharpness = 1},
                p.bf16.peak_tflops);
  }

  // Each part is charged for the time it works; what is left of the kernel is
  // launch, and fill and drain.
  Picos Charge(const StepContext& ctx, const Work& work) const {
    const Ids& ids = gpu_.ids();
    const int64_t padding = PaddingFlops(ctx, work);
    const int64_t bytes = BytesOf(ctx, work);
    const KernelTime time =
        TimeOf(ctx, {static_cast<double>(work.matrix_flops + padding),
                     static_cast<double>(bytes)});
    const Picos spent = FromSeconds(time.total);
    const Picos end = ctx.begin + spent;
    const Picos computed =
        ctx.begin + std::min(spent, FromSeconds(time.compute));
    const Picos moved = ctx.begin + std::min(spent, FromSeconds(time.memory));
    ctx.Charge(ids.sm, ids.matrix_flop,
               static_cast<uint64_t>(work.matrix_flops), ctx.begin, computed);
    ctx.Charge(ids.sm, ids.padding_flop, static_cast<uint64_t>(padding),
               ctx.begin, computed, /*concurrent=*/true);
    ctx.Charge(ids.sm, ids.vector_flop,
               static_cast<uint64_t>(work.vector_flops), ctx.begin, end,
               /*concurrent=*/true);
    ctx.Charge(ids.hbm, ids.hbm_byte, static_cast<uint64_t>(bytes), ctx.begin,
               moved);
    ctx.Charge(ids.hbm, ids.board_ns,
               static_cast<uint64_t>(CeilDiv(spent.value, int64_t{1000})),
               ctx.begin, end, /*concurrent=*/true);
    return end;
  }

  bool launches_;
  int64_t head_dim_ = 1;   // of the node's cache
  double cache_bits_ = 0;  // of an element of it
};

// Each row under a scale of its own, as inference engines scale tokens.
AlignedVector<float> RoundedByRow(ConstMatView<float> from,
                                  const Format& format, int threads) {
  AlignedVector<float> to(from.size());
  ParallelFor(from.rows(), threads, [&](size_t r) {
    const auto row = std::span(to).subspan(r * from.cols(), from.cols());
    std::ranges::copy(from.row_span(r), row.begin());
    format.round(row, AbsMax(row));
  });
  return to;
}

// A weight whenever it is read, under one scale for the whole matrix, which
// is looked for at once; blocks of nvfp4 do not cross rows.
WeightRows RoundedByMatrix(const WeightRows& from, const Format& format) {
  std::vector<float> largest(from.rows());  // by row
  if (format.scaled) {
    ForEachTile(from, MaxThreads(),
                [&](size_t first, ConstMatView<float> rows) {
                  for (size_t r = 0; r < rows.rows(); ++r) {
                    largest[first + r] = AbsMax(rows.row_span(r));
                  }
                });
  }
  return from.Changed(
      [round = format.round, scale_max = AbsMax(largest)](MatView<float> rows) {
        for (size_t r = 0; r < rows.rows(); ++r)
          round(rows.row_span(r), scale_max);
      });
}

std::shared_ptr<const PackedWeights> Gpu::Packed(const Weights& weights,
                                                 ValueId weight) const {
  return packed_.Get(weights, weight, [&] {
    return PackRows(RoundedByMatrix(weights.Rows(weight), format_), DType::kF32,
                    MaxThreads());
  });
}

class MatmulStep : public GpuStep {
 public:
  MatmulStep(const Gpu& gpu, const Graph& graph, const Node& node,
             const Weights* weights)
      : GpuStep(gpu, graph, node) {
    if (weights == nullptr) return;
    packed_ = gpu.Packed(*weights, node.inputs[1]);
    if (node.inputs.size() == 3) {
      bias_ = weights->Rows(node.inputs[2]).vector();
    }
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    const ConstMatView<float> a = ctx.inputs[0];
    const AlignedVector<float> rounded =
        RoundedByRow(a, gpu_.format(), ctx.threads);
    Matmul(ConstMatView<float>(rounded.data(), a.rows(), a.cols()), *packed_,
           ctx.output, {.threads = ctx.threads, .bias = bias_});
  }

 private:
  std::shared_ptr<const PackedWeights> packed_;
  std::span<const float> bias_;
};

// Everything else: the host's kernels between bf16 operands; experts have
// weights and inputs in the format of products.
class OtherStep : public GpuStep {
 public:
  OtherStep(const Gpu& gpu, const Graph& graph, const Node& node,
            const Weights* weights)
      : GpuStep(gpu, graph, node),
        multiplies_(node.op->kind == OpKind::kMatmul),
        weights_(node.inputs.size()) {
    if (weights == nullptr) return;
    weights_ = weights->InputsOf(graph, node);
    const Format& format = multiplies_ ? gpu.format() : FormatOf("bf16");
    vectors_.reserve(weights_.size());  // they are pointed into
    for (WeightRows& w : weights_) {
      w = RoundedByMatrix(w, format);
      if (w.rows() != 1) continue;
      AlignedVector<float>& vector = vectors_.emplace_back(w.cols());
      const MatView<float> view(vector.data(), 1, vector.size());
      w.CopyTo(0, view);
      w = WeightRows(view);
    }
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    std::vector<ConstMatView<float>> inputs(ctx.inputs.begin(),
                                            ctx.inputs.end());
    AlignedVector<float> rounded;
    if (multiplies_) {
      const ConstMatView<float> a = inputs[0];
      rounded = RoundedByRow(a, gpu_.format(), ctx.threads);
      inputs[0] = ConstMatView<float>(rounded.data(), a.rows(), a.cols());
    }
    ctx.node.op->host({ctx.graph, ctx.node, ctx.binding, inputs, weights_,
                       ctx.output, ctx.capacity, ctx.threads});
  }

 private:
  bool multiplies_;
  std::vector<WeightRows> weights_;            // by input slot
  std::vector<AlignedVector<float>> vectors_;  // those of one row
};

Result<std::unique_ptr<Step>> Gpu::Lower(const Graph& graph, const Node& node,
                                         const Weights* weights) const {
  if (node.op->name == "matmul") {
    return std::make_unique<MatmulStep>(*this, graph, node, weights);
  }
  return std::make_unique<OtherStep>(*this, graph, node, weights);
}

Status CheckFormat(const Params& params, std::string_view where) {
  std::string allowed;
  const std::pair<std::string_view, double> peaks[] = {
      {"bf16", params.bf16.peak_tflops},
      {"fp8", params.fp8.peak_tflops},
      {"nvfp4", params.nvfp4.peak_tflops}};
  for (const auto& [name, peak] : peaks) {
    if (peak <= 0) continue;
    if (params.dtype == name) return {};
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", name);
  }
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{}: dtype: \"{}\" is not in this GPU; allowed "
                               "{}",
                               where, params.dtype, allowed));
}

Result<Prediction> Gpu::Predict(std::string_view kind,
                                const OpSpec& spec) const {
  const auto dtype = spec.find("dtype");
  if (kind == "matmul" && dtype != spec.end() &&
      dtype->second != params_.dtype) {
    // The same machine in another format.
    TRIPTYCH_ASSIGN(Config config,
                    Config::Parse(params().Effective(), "effective"));
    TRIPTYCH_TRY(config.Set("dtype=" + dtype->second));
    TRIPTYCH_ASSIGN(const auto other, MakeGpu(preset(), config));
    return other->Predict(kind, spec);
  }
  TRIPTYCH_ASSIGN(Prediction prediction, Target::Predict(kind, spec));
  prediction["us"] = prediction["seconds"] * 1e6;
  return prediction;
}

}  // namespace

Result<std::unique_ptr<Target>> MakeGpu(std::string_view preset,
                                        const Config& config) {
  Params params;
  TRIPTYCH_ASSIGN(ParamSet set, LoadParams(config, params));
  const Config::Entry* dtype = config.Find("dtype");
  TRIPTYCH_TRY(
      CheckFormat(params, dtype == nullptr ? config.file() : dtype->where));
  return std::make_unique<Gpu>(preset, std::move(set), params);
}

}  // namespace triptych::gpu
