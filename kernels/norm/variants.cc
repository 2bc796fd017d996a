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
template <class T>
constexpr Variant QuantizedRow(std::string_view op, std::string_view name,
                               ProblemWork (*work)(const ProblemShape&)) {
  return Row<QuantizedTrial<T>>(op, name, work);
}

template <From kFrom>
using Rms = RmsNormTrial<true, kFrom>;
template <From kFrom>
using Layer = LayerNormTrial<true, true, kFrom>;

constexpr Variant kVariants[] = {
    Row<Rms<kRows>>("rmsnorm", "f32", RowWork<6, 2, 1>),
    Row<Rms<kOutput>>("rmsnorm", "f32_in_place", RowWork<6, 2, 1>),
    Row<RmsNormTrial<false, kRows>>("rmsnorm", "f32_plain", RowWork<4, 2>),
    Row<Rms<kResidual>>("rmsnorm", "residual_f32", RowWork<6, 4, 1>),
    QuantizedRow<Rms<kRows>>("rmsnorm", "f32_i8", QuantizedRowWork<6, 1, 1>),
    QuantizedRow<RmsNormTrial<false, kRows>>("rmsnorm", "f32_plain_i8",
                                             QuantizedRowWork<4, 1>),
    QuantizedRow<Rms<kResidual>>("rmsnorm", "residual_i8",
                                 QuantizedRowWork<6, 3, 1>),
    Row<Layer<kRows>>("layernorm", "f32", RowWork<6, 2, 2>),
    Row<Layer<kOutput>>("layernorm", "f32_in_place", RowWork<6, 2, 2>),
    Row<LayerNormTrial<false, false, kOutput>>("layernorm", "f32_plain",
                                               RowWork<4, 2>),
    Row<LayerNormTrial<true, false, kRows>>("layernorm", "f32_weight",
                                            RowWork<6, 2, 1>),
    Row<LayerNormTrial<false, true, kOutput>>("layernorm", "f32_bias",
                                              RowWork<4, 2, 1>),
    Row<Layer<kResidual>>("layernorm", "residual_f32", RowWork<6, 4, 2>),
    QuantizedRow<Layer<kRows>>("layernorm", "f32_i8",
                               QuantizedRowWork<6, 1, 2>),
    QuantizedRow<LayerNormTrial<true, false, kRows>>(
        "layernorm", "f32_weight_i8", QuantizedRowWork<6, 1, 1>),
    QuantizedRow<LayerNormTrial<false, true, kRows>>("layernorm", "f32_bias_i8",
                                                     QuantizedRowWork<4, 1, 1>),
    QuantizedRow<LayerNormTrial<false, false, kRows>>(
        "layernorm", "f32_plain_i8", QuantizedRowWork<4, 1>),
    QuantizedRow<Layer<kResidual>>("layernorm", "residual_i8",
                                   QuantizedRowWork<6, 3, 2>),
};

}  // namespace

std::span<const Variant> NormVariants() { return kVariants; }

}  // namespace triptych
