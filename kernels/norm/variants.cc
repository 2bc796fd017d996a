// SPDX-License-Identifier: Apache-2.0
#include "kernels/norm/variants.h"

#include "kernels/norm/norm.h"
#include "kernels/ref/norm.h"
#include "kernels/row_trial.h"

namespace triptych {
namespace {

constexpr float kEps = 1e-5f;

enum class Place : uint8_t { kOut, kIn };

// Weights and biases are drawn whether a variant uses them or not.
class NormTrial : public RowTrial {
 public:
  NormTrial(const ProblemShape& shape, uint64_t seed)
      : RowTrial(shape, seed, 1, 3),
        weight_(DrawMatrix(1, shape[1], Rng(seed, 1), 1)),
        bias_(DrawMatrix(1, shape[1], Rng(seed, 2), 1)) {}

 protected:
  std::span<const float> weight() const { return weight_.view().row_span(0); }
  std::span<const float> bias() const { return bias_.view().row_span(0); }
  ConstMatView<float> Source(Place place) {
    return place == Place::kIn ? ConstMatView<float>(InPlace()) : in(0);
  }

 private:
  GuardedMatrix<float> weight_, bias_;
};

template <bool kWeighted, Place kPlace>
class RmsNormTrial : public NormTrial {
 public:
  using NormTrial::NormTrial;
  void Run(int threads) override {
    RmsNorm(Source(kPlace), Weight(), kEps, out(), threads);
  }
  // The relative errors add up: of the sum of squares, halved by the root;
  // of mean, eps, root and reciprocal; of two products.
  std::vector<Expected> Reference(size_t row) const override {
    std::vector<double> y = Row(0, row);
    const MatView<double> view(y.data(), 1, y.size());
    ref::RmsNorm<double>(view, Weight(), kEps, view);
    const double relative = (SumRoundings(y.size()) / 2 + 7) * kUnit;
    std::vector<Expected> expected;
    for (double v : y) {
      expected.push_back({v, std::abs(v) * relative + kSmallestNormal});
    }
    return expected;
  }

 private:
  std::span<const float> Weight() const {
    return kWeighted ? weight() : std::span<const float>();
  }
};

template <bool kWeighted, bool kBiased, Place kPlace>
class LayerNormTrial : public NormTrial {
 public:
  using NormTrial::NormTrial;
  void Run(int threads) override {
    LayerNorm(Source(kPlace), Weight(), Bias(), kEps, out(), threads);
  }
  // The error of the mean shifts every element before it is scaled; it enters
  // the variance only squared. The rest is relative, as in RmsNorm.
  std::vector<Expected> Reference(size_t row) const override {
    const std::vector<double> x = Row(0, row);
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
      const double w = kWeighted ? std::abs(weight()[c]) : 1;
      const double scaled = std::abs(y[c] - (kBiased ? bias()[c] : 0));
      expected.push_back({y[c], w * shift * (1 + relative) + scaled * relative +
                                    std::abs(y[c]) * kUnit + kSmallestNormal});
    }
    return expected;
  }

 private:
  std::span<const float> Weight() const {
    return kWeighted ? weight() : std::span<const float>();
  }
  std::span<const float> Bias() const {
    return kBiased ? bias() : std::span<const float>();
  }
};

using enum Place;

template <class T>
constexpr Variant Row(std::string_view op, std::string_view name,
                      ProblemWork (*work)(const ProblemShape&)) {
  return {op,          name,          DType::kF32,
          "rows cols", RowTestShapes, RowBenchShapes,
          work,        MakeTrial<T>};
}

constexpr Variant kVariants[] = {
    Row<RmsNormTrial<true, kOut>>("rmsnorm", "f32", RowWork<4, 2>),
    Row<RmsNormTrial<true, kIn>>("rmsnorm", "f32_in_place", RowWork<4, 2>),
    Row<RmsNormTrial<false, kOut>>("rmsnorm", "f32_plain", RowWork<3, 2>),
    Row<LayerNormTrial<true, true, kOut>>("layernorm", "f32", RowWork<7, 2>),
    Row<LayerNormTrial<true, true, kIn>>("layernorm", "f32_in_place",
                                         RowWork<7, 2>),
    Row<LayerNormTrial<false, false, kIn>>("layernorm", "f32_plain",
                                           RowWork<5, 2>),
    Row<LayerNormTrial<true, false, kOut>>("layernorm", "f32_weight",
                                           RowWork<6, 2>),
    Row<LayerNormTrial<false, true, kIn>>("layernorm", "f32_bias",
                                          RowWork<6, 2>),
};

}  // namespace

std::span<const Variant> NormVariants() { return kVariants; }

}  // namespace triptych
