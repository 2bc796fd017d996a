// SPDX-License-Identifier: Apache-2.0
#include "emulators/cpu/cpu.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "emulators/cpu/params.h"
#include "emulators/cpu/rates.h"
#include "emulators/kv_cache.h"
#include "emulators/packed_once.h"
#include "emulators/placement.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"
#include "kernels/matmul/matmul.h"
#include "kernels/matmul/quantized.h"
#include "models/ops/op.h"

namespace triptych::cpu {
namespace {

// How a product is computed. Formats that the kernels do not multiply in are
// rounded to and then multiplied in f32: the values are those of a machine
// that has them.
enum class Kernel : uint8_t { kF32, kBf16, kRounded, kCodes };

struct Format {
  std::string_view name;
  Kernel kernel;
  double bits;  // of a weight, with its share of the scales
  Rounding activation, weight;
  // Rounds one row of either; null: f32.
  void (*round_activation)(std::span<float>) = nullptr;
  void (*round_weight)(std::span<float>) = nullptr;
  CodeFormat codes = {};
};

template <float (*kRound)(float)>
void RoundEach(std::span<float> row) {
  std::ranges::transform(row, row.begin(), kRound);
}

constexpr CodeFormat kInt8Rows{.bits = 8, .group = CodeFormat::kWholeRow};
constexpr CodeFormat kInt4Groups{.bits = 4, .group = 32};

template <int kBits>
void RoundRow(std::span<float> row) {
  std::vector<int8_t> codes(row.size());
  const float scale = QuantizeRowInt<int8_t>(row, kBits, codes);
  for (size_t i = 0; i < row.size(); ++i) row[i] = scale * codes[i];
}
void RoundInt4Groups(std::span<float> row) {
  for (; !row.empty();
       row = row.subspan(std::min(kInt4Groups.group, row.size()))) {
    RoundRow<4>(row.first(std::min(kInt4Groups.group, row.size())));
  }
}

constexpr Rounding OfItself(double half_ulp) { return {.of_itself = half_ulp}; }
// Half a step, and what rounding the step itself to f16 adds.
constexpr Rounding OfMax(double qmax) {
  return {.of_itself = 0x1p-10, .of_max = 0.5 / qmax};
}

constexpr Format kFormats[] = {
    {"f32", Kernel::kF32, 32, {}, {}},
    {"bf16", Kernel::kBf16, 16, OfItself(0x1p-8), OfItself(0x1p-8),
     RoundEach<RoundToBf16>, RoundEach<RoundToBf16>},
    {"f16", Kernel::kRounded, 16, OfItself(0x1p-11), OfItself(0x1p-11),
     RoundEach<RoundToF16>, RoundEach<RoundToF16>},
    {"fp8_e4m3", Kernel::kRounded, 8, OfItself(0x1p-4), OfItself(0x1p-4),
     RoundEach<RoundToFp8E4m3>, RoundEach<RoundToFp8E4m3>},
    {"int8", Kernel::kCodes, 8, OfMax(127), OfMax(127), RoundRow<8>,
     RoundRow<8>, kInt8Rows},
    {"int4_g32", Kernel::kCodes, 4.5, OfMax(127), OfMax(7), RoundRow<8>,
     RoundInt4Groups, kInt4Groups},
};

const Format& FormatOf(std::string_view name) {
  return *std::ranges::find(kFormats, name, &Format::name);
}

AlignedVector<float> Rounded(ConstMatView<float> from, const Format& format) {
  AlignedVector<float> to(from.size());
  const MatView<float> rows(to.data(), from.rows(), from.cols());
  for (size_t r = 0; r < from.rows(); ++r) {
    std::ranges::copy(from.row_span(r), rows.row(r));
    format.round_activation(rows.row_span(r));
  }
  return to;
}

// The same of a weight, whenever it is read.
WeightRows RoundedRows(const WeightRows& from, const Format& format) {
  return from.Changed([round = format.round_weight](MatView<float> rows) {
    for (size_t r = 0; r < rows.rows(); ++r) round(rows.row_span(r));
  });
}

struct Ids {
  UnitId cores, dram;
  ActionId matrix_flop, vector_flop, dram_byte;
};

// Rates of one thread, and of the memory that all share.
struct Peak {
  double matrix, vector, dram;
};

class Cpu : public Target {
 public:
  Cpu(std::string_view preset, ParamSet set, const Params& params)
      : Target("cpu", preset, std::move(set), HostParams{}),
        params_(params),
        format_(FormatOf(params.dtype)),
        kv_(KvFormatOf(params.kv_dtype)) {
    ids_.cores = AddUnit("cores");
    ids_.dram = AddUnit("dram");
    ids_.matrix_flop =
        AddAction("core.matrix_flop", ActionClass::kMatrix,
                  "energy_matrix_flop_pj", params.energy_matrix_flop_pj, 1, 0);
    ids_.vector_flop =
        AddAction("core.vector_flop", ActionClass::kVector,
                  "energy_vector_flop_pj", params.energy_vector_flop_pj, 1, 0);
    ids_.dram_byte =
        AddAction("dram.byte", ActionClass::kOffChip, "energy_dram_byte_pj",
                  params.energy_dram_byte_pj, 0, 1);
  }

  Roofline roofline() const override {
    const Peak peak = PeakRates();
    return {.matrix = FlopsPerSecond(peak.matrix * MaxThreads()),
            .off_chip = BytesPerSecond(peak.dram),
            .weight_bits = format_.bits,
            .cache_bits = kv_.element_bits};
  }
  Hertz clock() const override { return params_.clock; }
  bool measured() const override { return true; }
  bool is_host() const override { return true; }
  Precision precision() const override {
    return {.activation = format_.activation, .weight = format_.weight};
  }
  Support Supports(const Graph&, const Node&) const override {
    return Support::kNative;
  }
  Result<std::unique_ptr<Step>> Lower(const Graph& graph, const Node& node,
                                      const Weights* weights) const override;

  const Ids& ids() const { return ids_; }
  const Format& format() const { return format_; }
  const KvFormat& kv() const { return kv_; }
  // Panels for the kernel of this format; not for Kernel::kCodes.
  std::shared_ptr<const PackedWeights> Packed(const Weights& weights,
                                              ValueId weight) const {
    return packed_.Get(weights, weight, [&] {
      const WeightRows& w = weights.Rows(weight);
      if (format_.kernel == Kernel::kRounded) {
        return PackRows(RoundedRows(w, format_), DType::kF32, MaxThreads());
      }
      const bool f32 = format_.kernel == Kernel::kF32;
      return PackRows(w, f32 ? DType::kF32 : DType::kBf16, MaxThreads());
    });
  }
  // For Kernel::kCodes.
  std::shared_ptr<const QuantizedWeights> Quantized(const Weights& weights,
                                                    ValueId weight) const {
    return quantized_.Get(weights, weight, [&] {
      const WeightRows& w = weights.Rows(weight);
      QuantizedWeights codes(w.rows(), w.cols(), format_.codes);
      ForEachTile(w, MaxThreads(), [&](size_t first, ConstMatView<float> rows) {
        codes.SetRows(first, StridedView<float>(rows));
      });
      return codes;
    });
  }
  Peak PeakRates() const {
    const auto or_measured = [](double given, auto measured) {
      return given > 0 ? given * 1e9 : measured();
    };
    return {or_measured(params_.matrix_gflops,
                        [&] {
                          const Rates& rates = MeasuredRates();
                          switch (format_.kernel) {
                            case Kernel::kBf16:
                              return rates.bf16.value;
                            case Kernel::kCodes:
                              return rates.int8.value;
                            default:
                              return rates.f32.value;
                          }
                        }),
            or_measured(params_.vector_gflops,
                        [] { return MeasuredRates().f32.value / 2; }),
            or_measured(params_.dram_gb_per_s,
                        [] { return MeasuredRates().dram.value; })};
  }

 private:
  Params params_;
  const Format& format_;
  const KvFormat& kv_;
  Ids ids_;
  mutable PackedOnce<PackedWeights> packed_;
  mutable PackedOnce<QuantizedWeights> quantized_;
};

// ---- Steps ----

// Times what a derived class computes, or predicts it by the roofline.
class CpuStep : public Step {
 public:
  CpuStep(const Cpu& cpu, const Graph& graph, const Node& node) : cpu_(cpu) {
    const Value* cache = CacheOf(graph, node);
    if (cache == nullptr) return;
    head_dim_ = CacheHeadDim(graph, cache->id);
    cache_bits_ = cpu.kv().bits(head_dim_);
  }

  Picos Run(const StepContext& ctx) const override {
    const Work work = WorkOf(ctx.graph, ctx.node, ctx.binding);
    const uint64_t bytes = DramBytes(work);
    if (!ctx.values) return Charge(ctx, work, bytes, Predict(ctx, work, bytes));
    const auto begin = std::chrono::steady_clock::now();
    Compute(ctx);
    const std::chrono::nanoseconds spent =
        std::chrono::steady_clock::now() - begin;
    // One reading of the clock: who waited for whom is not known.
    const Picos time(spent.count() * 1000);
    return Charge(ctx, work, bytes, {time, time});
  }

 protected:
  virtual void Compute(const StepContext& ctx) const = 0;
  const Cpu& cpu_;
  int64_t head_dim_ = 1;  // of the node's cache

 private:
  // Every operand crosses the memory bus once: weights and caches in their
  // formats, everything else in f32.
  uint64_t DramBytes(const Work& work) const {
    const auto cached = static_cast<double>(work.cache_read_elements +
                                            work.cache_write_elements);
    const double weights =
        static_cast<double>(work.weight_elements) * cpu_.format().bits;
    return static_cast<uint64_t>(
        static_cast<int64_t>(std::ceil(weights / 8)) +
        4 * (work.input_elements + work.output_elements) +
        static_cast<int64_t>(std::ceil(cached * cache_bits_ / 8)));
  }

  // How long each part works.
  struct Times {
    Picos cores, dram;
  };
  Times Predict(const StepContext& ctx, const Work& work,
                uint64_t bytes) const {
    const Peak peak = cpu_.PeakRates();
    const double cores =
        (static_cast<double>(work.matrix_flops) / peak.matrix +
         static_cast<double>(work.vector_flops) / peak.vector) /
        ctx.threads;
    return {FromSeconds(cores),
            FromSeconds(static_cast<double>(bytes) / peak.dram)};
  }

  Picos Charge(const StepContext& ctx, const Work& work, uint64_t bytes,
               const Times& times) const {
    const Ids& ids = cpu_.ids();
    const Picos computed = ctx.begin + times.cores;
    const Picos moved = ctx.begin + times.dram;
    const auto charge_cores = [&](ActionId action, int64_t flops,
                                  bool concurrent) {
      if (flops == 0) return;
      ctx.Charge(ids.cores, action, static_cast<uint64_t>(flops), ctx.begin,
                 computed, concurrent);
    };
    // The two kinds of work share the interval.
    charge_cores(ids.matrix_flop, work.matrix_flops, false);
    charge_cores(ids.vector_flop, work.vector_flops, work.matrix_flops > 0);
    ctx.Charge(ids.dram, ids.dram_byte, bytes, ctx.begin, moved);
    return std::max(computed, moved);
  }

  double cache_bits_ = 0;  // of an element
};

class MatmulStep : public CpuStep {
 public:
  MatmulStep(const Cpu& cpu, const Graph& graph, const Node& node,
             const Weights* weights)
      : CpuStep(cpu, graph, node) {
    if (weights == nullptr) return;
    if (cpu.format().kernel == Kernel::kCodes) {
      quantized_ = cpu.Quantized(*weights, node.inputs[1]);
    } else {
      packed_ = cpu.Packed(*weights, node.inputs[1]);
    }
    if (node.inputs.size() == 3) {
      bias_ = weights->Rows(node.inputs[2]).vector();
    }
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    const MatmulOptions options{.threads = ctx.threads, .bias = bias_};
    const ConstMatView<float> a = ctx.inputs[0];
    if (quantized_ != nullptr) {
      Matmul(a, *quantized_, ctx.output,
             {.threads = ctx.threads, .bias = bias_});
      return;
    }
    if (cpu_.format().kernel != Kernel::kRounded) {
      Matmul(a, *packed_, ctx.output, options);
      return;
    }
    const AlignedVector<float> rounded = Rounded(a, cpu_.format());
    Matmul(ConstMatView<float>(rounded.data(), a.rows(), a.cols()), *packed_,
           ctx.output, options);
  }

 private:
  std::shared_ptr<const PackedWeights> packed_;  // one of the two
  std::shared_ptr<const QuantizedWeights> quantized_;
  std::span<const float> bias_;
};

// Any other operator, by its kernel. Those that multiply by weights (experts)
// get weights and inputs in the target's format.
class HostOpStep : public CpuStep {
 public:
  HostOpStep(const Cpu& cpu, const Graph& graph, const Node& node,
             const Weights* weights)
      : CpuStep(cpu, graph, node),
        rounds_(node.op->kind == OpKind::kMatmul &&
                cpu.format().kernel != Kernel::kF32),
        weights_(node.inputs.size()) {
    if (weights == nullptr) return;
    weights_ = weights->InputsOf(graph, node);
    if (!rounds_) return;
    for (WeightRows& w : weights_) w = RoundedRows(w, cpu.format());
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    std::vector<ConstMatView<float>> inputs(ctx.inputs.begin(),
                                            ctx.inputs.end());
    AlignedVector<float> rounded;
    if (rounds_) {
      rounded = Rounded(inputs[0], cpu_.format());
      inputs[0] = {rounded.data(), inputs[0].rows(), inputs[0].cols()};
    }
    if (WritesCache(ctx.graph, ctx.node) && cpu_.kv().round != nullptr) {
      AppendHeads(ctx, head_dim_, cpu_.kv().round);
      return;
    }
    ctx.node.op->host({ctx.graph, ctx.node, ctx.binding, inputs, weights_,
                       ctx.output, ctx.capacity, ctx.threads});
  }

 private:
  bool rounds_;
  std::vector<WeightRows> weights_;  // by input slot
};

Result<std::unique_ptr<Step>> Cpu::Lower(const Graph& graph, const Node& node,
                                         const Weights* weights) const {
  if (node.op->name == "matmul") {
    return std::make_unique<MatmulStep>(*this, graph, node, weights);
  }
  return std::make_unique<HostOpStep>(*this, graph, node, weights);
}

}  // namespace

Result<std::unique_ptr<Target>> MakeCpu(std::string_view preset,
                                        const Config& config) {
  Params params;
  TRIPTYCH_ASSIGN(ParamSet set, LoadParams(config, params));
  return std::make_unique<Cpu>(preset, std::move(set), params);
}

}  // namespace triptych::cpu
