// SPDX-License-Identifier: Apache-2.0
#include "emulators/cpu/cpu.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "emulators/cpu/params.h"
#include "emulators/cpu/rates.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"
#include "kernels/matmul/matmul.h"
#include "models/ops/op.h"

namespace triptych::cpu {
namespace {

// Formats that the kernels do not multiply in are rounded to and then
// multiplied in f32: the values are those of a machine that has them.
struct Format {
  std::string_view name;
  int bits;
  double half_ulp;                  // relative rounding error
  float (*round)(float) = nullptr;  // null: f32
  bool has_kernel = false;
};
constexpr Format kFormats[] = {
    {"f32", 32, 0, nullptr, true},
    {"bf16", 16, 0x1p-8, RoundToBf16, true},
    {"f16", 16, 0x1p-11, RoundToF16, false},
    {"fp8_e4m3", 8, 0x1p-4, RoundToFp8E4m3, false},
};

const Format& FormatOf(std::string_view name) {
  return *std::ranges::find(kFormats, name, &Format::name);
}

AlignedVector<float> Rounded(ConstMatView<float> from, const Format& format) {
  AlignedVector<float> to(from.size());
  for (size_t r = 0; r < from.rows(); ++r) {
    std::transform(from.row(r), from.row(r) + from.cols(),
                   to.begin() + static_cast<ptrdiff_t>(r * from.cols()),
                   format.round);
  }
  return to;
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
        format_(FormatOf(params.dtype)) {
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
            .weight_bits = static_cast<double>(format_.bits),
            .cache_bits = 32};
  }
  Hertz clock() const override { return params_.clock; }
  bool measured() const override { return true; }
  bool is_host() const override { return true; }
  Precision precision() const override {
    const Rounding input{.of_itself = format_.half_ulp};
    return {.activation = input, .weight = input};
  }
  Support Supports(const Graph&, const Node&) const override {
    return Support::kNative;
  }
  Result<std::unique_ptr<Step>> Lower(const Graph& graph, const Node& node,
                                      const Weights* weights) const override;

  const Ids& ids() const { return ids_; }
  const Format& format() const { return format_; }
  Peak PeakRates() const {
    const auto or_measured = [](double given, auto measured) {
      return given > 0 ? given * 1e9 : measured();
    };
    return {or_measured(params_.matrix_gflops,
                        [&] {
                          const Rates& rates = MeasuredRates();
                          const bool bf16 = format_.name == "bf16";
                          return (bf16 ? rates.bf16 : rates.f32).value;
                        }),
            or_measured(params_.vector_gflops,
                        [] { return MeasuredRates().f32.value / 2; }),
            or_measured(params_.dram_gb_per_s,
                        [] { return MeasuredRates().dram.value; })};
  }

 private:
  Params params_;
  const Format& format_;
  Ids ids_;
};

// ---- Steps ----

// Times what a derived class computes, or predicts it by the roofline.
class CpuStep : public Step {
 public:
  explicit CpuStep(const Cpu& cpu) : cpu_(cpu) {}

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

 private:
  // Every operand crosses the memory bus once: weights in their format,
  // everything else in f32.
  uint64_t DramBytes(const Work& work) const {
    const int64_t elements = work.cache_read_elements +
                             work.cache_write_elements + work.input_elements +
                             work.output_elements;
    return static_cast<uint64_t>(
        CeilDiv(work.weight_elements * cpu_.format().bits, int64_t{8}) +
        4 * elements);
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
};

class MatmulStep : public CpuStep {
 public:
  MatmulStep(const Cpu& cpu, const Graph& graph, const Node& node,
             const Weights* weights)
      : CpuStep(cpu) {
    if (weights == nullptr) return;
    const Format& format = cpu.format();
    const ConstMatView<float> w = weights->F32(node.inputs[1]);
    if (format.has_kernel) {
      packed_ = Pack(w, format.round == nullptr ? DType::kF32 : DType::kBf16,
                     MaxThreads());
    } else {
      const AlignedVector<float> rounded = Rounded(w, format);
      packed_ = Pack(ConstMatView<float>(rounded.data(), w.rows(), w.cols()),
                     DType::kF32, MaxThreads());
    }
    if (node.inputs.size() == 3) {
      const ConstMatView<float> bias = weights->F32(node.inputs[2]);
      bias_.assign(bias.data(), bias.data() + bias.size());
    }
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    const MatmulOptions options{.threads = ctx.threads, .bias = bias_};
    const ConstMatView<float> a = ctx.inputs[0];
    if (cpu_.format().has_kernel) {
      Matmul(a, packed_, ctx.output, options);
      return;
    }
    const AlignedVector<float> rounded = Rounded(a, cpu_.format());
    Matmul(ConstMatView<float>(rounded.data(), a.rows(), a.cols()), packed_,
           ctx.output, options);
  }

 private:
  PackedWeights packed_;
  std::vector<float> bias_;
};

// Any other operator, by its kernel. Those that multiply by weights (experts)
// get weights and inputs in the target's format.
class HostOpStep : public CpuStep {
 public:
  HostOpStep(const Cpu& cpu, const Graph& graph, const Node& node,
             const Weights* weights)
      : CpuStep(cpu),
        rounds_(node.op->kind == OpKind::kMatmul &&
                cpu.format().round != nullptr),
        views_(node.inputs.size()),
        copies_(node.inputs.size()) {
    if (weights == nullptr) return;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (graph.value(node.inputs[i]).kind != ValueKind::kWeight) continue;
      views_[i] = weights->F32(node.inputs[i]);
      if (rounds_) views_[i] = RoundInto(copies_[i], views_[i]);
    }
  }

 protected:
  void Compute(const StepContext& ctx) const override {
    std::vector<ConstMatView<float>> inputs(ctx.inputs.begin(),
                                            ctx.inputs.end());
    AlignedVector<float> rounded;
    if (rounds_) inputs[0] = RoundInto(rounded, inputs[0]);
    ctx.node.op->host({ctx.graph, ctx.node, ctx.binding, inputs, views_,
                       ctx.output, ctx.capacity, ctx.threads});
  }

 private:
  ConstMatView<float> RoundInto(AlignedVector<float>& copy,
                                ConstMatView<float> from) const {
    copy = Rounded(from, cpu_.format());
    return {copy.data(), from.rows(), from.cols()};
  }

  bool rounds_;
  std::vector<ConstMatView<float>> views_;
  std::vector<AlignedVector<float>> copies_;
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
