// SPDX-License-Identifier: Apache-2.0
#include "tests/emulators/fake_target.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "kernels/base/rng.h"
#include "kernels/matmul/matmul.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

constexpr double kRounding = 0x1p-9;

class Fake : public Target {
 public:
  Fake(ParamSet set, const FakeParams& params, Fault fault)
      : Target("fake", "test", std::move(set), params.host),
        params_(params),
        fault_(fault) {
    AddUnit("array");
    AddUnit("dram");
    matrix_flop_ =
        AddAction("array.matrix_flop", ActionClass::kMatrix,
                  "array.energy_flop_pj", params.energy_flop_pj, 1, 0);
    vector_flop_ =
        AddAction("array.vector_flop", ActionClass::kVector,
                  "array.energy_flop_pj", params.energy_flop_pj, 1, 0);
    Action byte{"dram.byte", ActionClass::kOffChip, Joules(1e-11),         0,
                Bytes(1),    Basis::kAssumed,       "a fake has no memory"};
    if (fault == Fault::kNoSource) byte.source.clear();
    dram_byte_ = AddAction(byte);
  }

  Roofline roofline() const override {
    return {.matrix = FlopsPerSecond(params_.gflops * 1e9),
            .off_chip = BytesPerSecond(params_.dram_gb_per_s * 1e9),
            .weight_bits = 32,
            .cache_bits = 32};
  }
  Hertz clock() const override { return Hertz(1e9); }
  Precision precision() const override {
    return {.activation = {.of_itself = kRounding}};
  }
  std::span<const MoreOf> resources() const override {
    static constexpr MoreOf kResources[] = {{"array.gflops", 2},
                                            {"dram.gb_per_s", 2},
                                            {"host.link_latency_us", 0.5}};
    return kResources;
  }
  Support Supports(const Graph&, const Node& node) const override {
    return node.op->name == "matmul" ? Support::kNative
                                     : Support::kHostFallback;
  }
  Result<std::unique_ptr<Step>> Lower(const Graph&, const Node& node,
                                      const Weights* weights) const override;

  FakeParams params_;
  Fault fault_;
  ActionId matrix_flop_, vector_flop_, dram_byte_;
};

class FakeStep : public Step {
 public:
  FakeStep(const Fake& fake, const Node& node, const Weights* weights)
      : fake_(fake) {
    if (weights == nullptr) return;
    packed_ = PackRows(weights->Rows(node.inputs[1]), DType::kF32, 1);
    if (node.inputs.size() == 3) {
      bias_ = weights->Rows(node.inputs[2]).vector();
    }
  }

  Picos Run(const StepContext& ctx) const override {
    if (ctx.values) Compute(ctx);
    return Charge(ctx, WorkOf(ctx.graph, ctx.node, ctx.binding));
  }

 private:
  bool Has(Fault fault) const { return fake_.fault_ == fault; }

  void Compute(const StepContext& ctx) const {
    const ConstMatView<float> a = ctx.inputs[0];
    static std::atomic<uint64_t> runs{0};
    const uint64_t extra = Has(Fault::kForgetsSeed) ? ++runs : 0;
    // Noise keyed by node and run, a draw an element.
    const Rng rng(ctx.seed + extra, ctx.node.id + (ctx.position << 32));
    AlignedVector<float> noisy(a.size());
    for (size_t i = 0; i < noisy.size(); ++i) {
      const double draw = 2 * ToUnit(rng.At(i)[0]) - 1;
      noisy[i] = a(i / a.cols(), i % a.cols()) *
                 static_cast<float>(1 + kRounding * draw);
    }
    Matmul(ConstMatView<float>(noisy.data(), a.rows(), a.cols()), packed_,
           ctx.output, {.threads = ctx.threads, .bias = bias_});
    if (Has(Fault::kWrongOutput)) {
      float& largest = *std::max_element(ctx.output.row(0),
                                         ctx.output.row(0) + ctx.output.cols());
      largest *= 1.05f;
    }
  }

  Picos Charge(const StepContext& ctx, const Work& work) const {
    const FakeParams& p = fake_.params_;
    auto flops = static_cast<uint64_t>(work.matrix_flops);
    auto bytes =
        static_cast<uint64_t>(4 * (work.weight_elements + work.input_elements +
                                   work.output_elements));
    double seconds =
        std::max(static_cast<double>(work.flops()) / (p.gflops * 1e9),
                 static_cast<double>(bytes) / (p.dram_gb_per_s * 1e9));
    if (Has(Fault::kTooFast)) seconds /= 10;
    if (Has(Fault::kMoreIsSlower)) {
      seconds *= p.dram_gb_per_s * p.dram_gb_per_s;
    }
    if (Has(Fault::kLostFlops)) flops -= 1;
    if (Has(Fault::kLostBytes)) bytes /= 4;
    if (Has(Fault::kTimingDiffers) && !ctx.values) flops += 1;
    if (Has(Fault::kThreadsMatter)) {
      bytes += static_cast<uint64_t>(ctx.threads);
    }
    const Picos end = ctx.begin + FromSeconds(seconds);
    ctx.Charge(kFakeArray, fake_.matrix_flop_, flops, ctx.begin, end);
    ctx.Charge(kFakeArray, fake_.vector_flop_,
               static_cast<uint64_t>(work.vector_flops), ctx.begin, end,
               /*concurrent=*/!Has(Fault::kOverlap));
    ctx.Charge(kFakeDram, fake_.dram_byte_, bytes, ctx.begin, end);
    if (Has(Fault::kBusyTwice)) {
      for (int i = 0; i < 100; ++i) {
        ctx.Charge(kFakeDram, fake_.dram_byte_, 1, Picos(0), end);
      }
    }
    return end;
  }

  const Fake& fake_;
  PackedWeights packed_;
  std::span<const float> bias_;
};

Result<std::unique_ptr<Step>> Fake::Lower(const Graph&, const Node& node,
                                          const Weights* weights) const {
  return std::make_unique<FakeStep>(*this, node, weights);
}

}  // namespace

std::string FakePreset() {
  std::string text = "target = \"fake\"\n";
  const Config empty;
  ParamLoader loader(empty);
  FakeParams params;
  FakeParams::Visit(params, loader);
  const auto set = std::move(loader).Finish();
  for (const ParamInfo& p : set->params()) {
    text += p.key + " = { value = " + p.value +
            ", basis = \"assumed\", source = \"made up\" }\n";
  }
  return text;
}

Result<std::unique_ptr<Target>> MakeFake(const Config& config, Fault fault) {
  FakeParams params;
  auto set = LoadParams(config, params);
  if (!set && fault == Fault::kTakesAnything) {
    params = FakeParams{};
    set = LoadParams(*Config::Parse(FakePreset(), "fake.toml"), params);
  }
  if (!set) return std::unexpected(std::move(set).error());
  return std::make_unique<Fake>(std::move(*set), params, fault);
}

}  // namespace triptych
