// SPDX-License-Identifier: Apache-2.0
#include "kernels/norm/variants.h"

#include "kernels/norm/norm.h"
#include "kernels/quant/quantized_trial.h"
#include "kernels/ref/norm.h"
#include "kernels/row_trial.h"

namespace triptych {
namespace {

constexpr float kEps = 1e-5f;

enum class From : uint8_t { kRows, kOutput, kResidual };

// Weights and biases are drawn whether a variant uses them or not. With a
// residual, a row of the output is the norm's, then the sum's.
template <From kFrom>
class NormTrial : public RowTrial {
 public:
  NormTrial(const ProblemShape& shape, uint64_t seed)
      : RowTrial(shape, seed, kAdds ? 2 : 1, 3),
        weight_(DrawMatrix(1, shape[1], Rng(seed, 2), 1)),
        bias_(DrawMatrix(1, shape[1], Rng(seed, 3), 1)),
        sum_(MatrixOf<float>(kAdds ? shape[0] : 0, shape[1])) {}

  std::vector<double> Output(size_t row) const override {
    std::vector<double> result = RowTrial::Output(row);
    if (kAdds) {
      const auto sum = sum_.view().row_span(row);
      result.insert(result.end(), sum.begin(), sum.end());
    }
    return result;
  }
  bool GuardsIntact() const override {
    return sum_.Intact() && RowTrial::GuardsIntact();
  }

 protected:
  std::span<const float> weight() const { return weight_.view().row_span(0); }
  std::span<const float> bias() const { return bias_.view().row_span(0); }

  NormInput Input() {
    if (kFrom == From::kOutput) return InPlace();
    if (kAdds) return {in(0), in(1), sum_.view()};
    return in(0);
  }
  // What gets normalised: a sum is rounded to f32 like the kernel's.
  std::vector<double> Source(size_t row) const {
    std::vector<double> x = Row(0, row);
    if (!kAdds) return x;
    const auto added = clean(1).row_span(row);
    for (size_t c = 0; c < x.size(); ++c) {
      x[c] = static_cast<float>(x[c] + added[c]);
    }
    return x;
  }
  void ExpectSum(size_t row, std::vector<Expected>* expected) const {
    if (!kAdds) return;
    for (const double v : Source(row)) expected->push_back({v, 0});
  }

 private:
  static constexpr bool kAdds = kFrom == From::kResidual;

  GuardedMatrix<float> weight_, bias_, sum_;
};

template <bool kWeighted, From kFrom>
class RmsNormTrial : public NormTrial<kFrom> {
 public:
  using NormTrial<kFrom>::NormTrial;
  void Run(int threads) override { Call(this->out(), threads); }
  // The relative errors add up: of the sum of squares, halved by the root;
  // of mean, eps, root and reciprocal; of two products.
  std::vector<Expected> Reference(size_t row) const override {
    std::vector<double> y = this->Source(row);
    const MatView<double> view(y.data(), 1, y.size());
    ref::RmsNorm<double>(view, Weight(), kEps, view);
    const double relative = (SumRoundings(y.size()) / 2 + 7) * kUnit;
    std::vector<Expected> expected;
    for (double v : y) {
      expected.push_back({v, std::abs(v) * relative + kSmallestNormal});
    }
    this->ExpectSum(row, &expected);
    return expected;
  }

 protected:
  void Call(const RowOutput& out, int threads) {
    RmsNorm(this->Input(), Weight(), kEps, out, threads);
  }

 private:
  std::span<const float> Weight() const {
    return kWeighted ? this->weight() : std::span<const float>();
  }
};

template <bool kWeighted, bool kBiased, From kFrom>
class LayerNormTrial : public NormTrial<kFrom> {
 public:
  using NormTrial<kFrom>::NormTrial;
  void Run(int threads) override { Call(this->out(), threads); }
  // The error of the mean shifts every element before it is scaled; it enters
  // the variance only squared. The rest is relative, as in RmsNorm.
  std::vector<Expected> Reference(size_t row) const override {
    const std::vector<double> x = this->Source(row);
    const auto n = static_cast<double>(x.size());
    double mean = 0, magnitude = 0, variance = 0;
    for (double v : x) mean += v / n;
    for (double v : x) magnitude += std::abs(v) / n;
    for (double v : x) variance += (v - mean) * (v - mean) / n;
    const double mean_error = (SumRoundings(x.size()) + 2) * kUnit * magnitude;
    const double shift = mean_error / std::sqrt(variance + kEps);
    const double relative =
        (SumRoundings(x.size()) / 2 + 9) * kUnit + shift * shift;

    std::vector<double> y = x;
    const MatView<double> view(y.data(), 1, y.size());
    ref::LayerNorm<double>(view, Weight(), Bias(), kEps, view);
    std::vector<Expected> expected;
    for (size_t c = 0; c < y.size(); ++c) {
      const double w = kWeighted ? std::abs(this->weight()[c]) : 1;
      const double scaled = std::abs(y[c] - (kBiased ? this->bias()[c] : 0));
      expected.push_back({y[c], w * shift * (1 + relative) + scaled * relative +
                                    std::abs(y[c]) * kUnit + kSmallestNormal});
    }
    this->ExpectSum(row, &expected);
    return expected;
  }

 protected:
  void Call(const RowOutput& out, int threads) {
    LayerNorm(this->Input(), Weight(), Bias(), kEps, out, threads);
  }

 private:
  std::span<const float> Weight() const {
    return kWeighted ? this->weight() : std::span<const float>();
  }
  std::span<const float> Bias() const {
    return kBiased ? this->bias() : std::span<const float>();
  }
};

using enum From;

template <class T>
constexpr Variant Row(std::string_view op, std::string_view name,
                      ProblemWork (*work)(const ProblemShape&)) {
  return {op,          name,          DType::kF32,
          "rows cols", RowTestShapes, RowBenchShapes,
          work,        MakeTrial<T>};
}
// The row, then the row again to write it; LayerNorm goes over it once more
// in between. A residual is read with the row, and the sum is written.
constexpr RowPasses Passes(bool layer, size_t vectors, bool products,
                           From from) {
  RowPasses p = {.flops = products ? size_t{6} : size_t{4},
                 .reads = 1,
                 .writes = 1,
                 .vectors = vectors,
                 .again_reads = layer ? size_t{2} : size_t{1}};
  if (from == kResidual) {
    ++p.reads;
    ++p.writes;
  }
  return from == kOutput ? p.BehindCopy() : p;
}

template <bool kWeighted, From kFrom>
constexpr RowPasses kRmsPasses = Passes(false, kWeighted ? 1 : 0, kWeighted,
                                        kFrom);
template <bool kWeighted, bool kBiased, From kFrom>
constexpr RowPasses kLayerPasses =
    Passes(true, (kWeighted ? 1 : 0) + (kBiased ? 1 : 0), kWeighted, kFrom);

template <bool kWeighted, From kFrom>
constexpr Variant Rms(std::string_view name) {
  return Row<RmsNormTrial<kWeighted, kFrom>>(
      "rmsnorm", name, RowWork<kRmsPasses<kWeighted, kFrom>>);
}
template <bool kWeighted, From kFrom>
constexpr Variant RmsI8(std::string_view name) {
  return Row<QuantizedTrial<RmsNormTrial<kWeighted, kFrom>>>(
      "rmsnorm", name, RowWork<kRmsPasses<kWeighted, kFrom>.Quantized()>);
}
template <bool kWeighted, bool kBiased, From kFrom>
constexpr Variant Layer(std::string_view name) {
  return Row<LayerNormTrial<kWeighted, kBiased, kFrom>>(
      "layernorm", name, RowWork<kLayerPasses<kWeighted, kBiased, kFrom>>);
}
template <bool kWeighted, bool kBiased, From kFrom>
constexpr Variant LayerI8(std::string_view name) {
  return Row<QuantizedTrial<LayerNormTrial<kWeighted, kBiased, kFrom>>>(
      "layernorm", name,
      RowWork<kLayerPasses<kWeighted, kBiased, kFrom>.Quantized()>);
}

constexpr Variant kVariants[] = {
    Rms<true, kRows>("f32"),
    Rms<true, kOutput>("f32_in_place"),
    Rms<false, kRows>("f32_plain"),
    Rms<true, kResidual>("residual_f32"),
    RmsI8<true, kRows>("f32_i8"),
    RmsI8<false, kRows>("f32_plain_i8"),
    RmsI8<true, kResidual>("residual_i8"),
    Layer<true, true, kRows>("f32"),
    Layer<true, true, kOutput>("f32_in_place"),
    Layer<false, false, kOutput>("f32_plain"),
    Layer<true, false, kRows>("f32_weight"),
    Layer<false, true, kOutput>("f32_bias"),
    Layer<true, true, kResidual>("residual_f32"),
    LayerI8<true, true, kRows>("f32_i8"),
    LayerI8<true, false, kRows>("f32_weight_i8"),
    LayerI8<false, true, kRows>("f32_bias_i8"),
    LayerI8<false, false, kRows>("f32_plain_i8"),
    LayerI8<true, true, kResidual>("residual_i8"),
};

}  // namespace

std::span<const Variant> NormVariants() { return kVariants; }

}  // namespace triptych
