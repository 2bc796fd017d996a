// SPDX-License-Identifier: Apache-2.0
#include "kernels/activation/variants.h"

#include "kernels/activation/activation.h"
#include "kernels/ref/activation.h"
#include "kernels/row_trial.h"

namespace triptych {
namespace {

double Sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

// The error of x / (1 + exp(-z)), in units of its size, when z is off by
// `z_error`: exp is off by that and 2 units, in the proportion
// exp(-z) / (1 + exp(-z)) in which it enters the sum; a sum, a quotient.
double GatedRelative(double z, double z_error) {
  return (z_error + 2 * kUnit) * Sigmoid(-z) + 2.1 * kUnit;
}

struct SiluCase {
  static constexpr size_t kInputs = 1;
  static void Kernel(std::span<const float> x, std::span<const float>,
                     std::span<float> out, int threads) {
    Silu(x, out, threads);
  }
  static void Plain(std::span<const double> x, std::span<const double>,
                    std::span<double> out) {
    ref::Silu(x, out);
  }
  static double Bound(double x, double, double y) {
    return std::abs(y) * GatedRelative(x, 0);
  }
};

struct GeluTanhCase : SiluCase {
  static void Kernel(std::span<const float> x, std::span<const float>,
                     std::span<float> out, int threads) {
    GeluTanh(x, out, threads);
  }
  static void Plain(std::span<const double> x, std::span<const double>,
                    std::span<double> out) {
    ref::GeluTanh(x, out);
  }
  // z = a x (1 + c x^2): two roundings of constants, five of products and
  // sums, none of which cancels.
  static double Bound(double x, double, double y) {
    const double z = 1.5957691216057308 * x * (1 + 0.044715 * x * x);
    return std::abs(y) * GatedRelative(z, 7 * kUnit * std::abs(z));
  }
};

struct GeluErfCase : SiluCase {
  static void Kernel(std::span<const float> x, std::span<const float>,
                     std::span<float> out, int threads) {
    GeluErf(x, out, threads);
  }
  static void Plain(std::span<const double> x, std::span<const double>,
                    std::span<double> out) {
    ref::GeluErf(x, out);
  }
  // The tail's error (NormalTail), then a difference and a product.
  static double Bound(double x, double, double y) {
    const double tail = std::erfc(std::abs(x) * 0.70710678118654752) / 2;
    return (std::abs(x) * tail * (x * x / 2 + 25) + 2.1 * std::abs(y)) * kUnit;
  }
};

struct SiluMulCase {
  static constexpr size_t kInputs = 2;
  static void Kernel(std::span<const float> gate, std::span<const float> up,
                     std::span<float> out, int threads) {
    SiluMul(gate, up, out, threads);
  }
  static void Plain(std::span<const double> gate, std::span<const double> up,
                    std::span<double> out) {
    ref::SiluMul(gate, up, out);
  }
  static double Bound(double gate, double up, double y) {
    // What the kernel flushes is multiplied by `up` afterwards.
    return std::abs(y) * (GatedRelative(gate, 0) + kUnit) +
           std::abs(gate * up) * kSmallestNormal;
  }
};

// A spread of 8: both saturated ends and the middle.
template <class Case, bool kInPlace>
class ActivationTrial : public RowTrial {
 public:
  ActivationTrial(const ProblemShape& shape, uint64_t seed)
      : RowTrial(shape, seed, Case::kInputs, 8) {}
  void Run(int threads) override {
    const ConstMatView<float> x = kInPlace ? InPlace() : in(0);
    for (size_t r = 0; r < rows(); ++r) {
      Case::Kernel(x.row_span(r), in(Case::kInputs - 1).row_span(r),
                   out().row_span(r), threads);
    }
  }
  std::vector<Expected> Reference(size_t row) const override {
    const std::vector<double> x = Row(0, row), z = Row(Case::kInputs - 1, row);
    std::vector<double> y(x.size());
    Case::Plain(x, z, y);
    std::vector<Expected> expected;
    for (size_t c = 0; c < x.size(); ++c) {
      expected.push_back(
          {y[c], Case::Bound(x[c], z[c], y[c]) + 128 * kSmallestNormal});
    }
    return expected;
  }
};

std::vector<ProblemShape> BenchShapes() {
  return {{1, 2048}, {1, 8192}, {1, 1 << 18}, {1, 1 << 22}};
}

template <class Case, bool kInPlace, size_t kFlops>
constexpr Variant Row(std::string_view op, std::string_view name) {
  return {op,
          name,
          DType::kF32,
          "rows cols",
          RowTestShapes,
          BenchShapes,
          RowWork<kFlops, Case::kInputs + 1>,
          MakeTrial<ActivationTrial<Case, kInPlace>>};
}

constexpr Variant kVariants[] = {
    Row<SiluCase, false, 4>("silu", "f32"),
    Row<SiluCase, true, 4>("silu", "f32_in_place"),
    Row<GeluTanhCase, false, 9>("gelu_tanh", "f32"),
    Row<GeluErfCase, false, 5>("gelu_erf", "f32"),
    Row<SiluMulCase, false, 5>("silu_mul", "f32"),
    Row<SiluMulCase, true, 5>("silu_mul", "f32_in_place"),
};

}  // namespace

std::span<const Variant> ActivationVariants() { return kVariants; }

}  // namespace triptych
