// SPDX-License-Identifier: Apache-2.0
#include "kernels/activation/variants.h"

#include "kernels/activation/activation.h"
#include "kernels/quant/quantized_trial.h"
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

template <class GateCase>
struct GluCase {
  static void Plain(std::span<const double> gate, std::span<const double> up,
                    std::span<double> out) {
    GateCase::Plain(gate, gate, out);
    for (size_t i = 0; i < out.size(); ++i) out[i] *= up[i];
  }
  // A product more; and what the gate flushes is multiplied by `up`.
  static double Bound(double gate, double up, double y) {
    const double f = up == 0 ? 0 : y / up;
    return std::abs(up) *
               (GateCase::Bound(gate, 0, f) + 128 * kSmallestNormal) *
               (1 + kUnit) +
           std::abs(y) * kUnit;
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

// Gate and up: two matrices, or the halves of one.
enum class Gates : uint8_t { kApart, kHalves };

template <Glu kF, class GateCase, Gates kGates>
class GluTrial : public RowTrial {
 public:
  GluTrial(const ProblemShape& shape, uint64_t seed)
      : RowTrial(shape, seed, 2, 8),
        halves_(MatrixOf<float>(kGates == Gates::kHalves ? shape[0] : 0,
                                2 * shape[1])) {
    for (size_t r = 0; r < halves_.view().rows(); ++r) {
      for (const size_t i : {0, 1}) {
        std::copy_n(clean(i).row(r), cols(), Half(i).row(r));
      }
    }
  }
  void Run(int threads) override { Call(out(), threads); }
  std::vector<Expected> Reference(size_t row) const override {
    const std::vector<double> gate = Row(0, row), up = Row(1, row);
    std::vector<double> y(gate.size());
    GluCase<GateCase>::Plain(gate, up, y);
    std::vector<Expected> expected;
    for (size_t c = 0; c < y.size(); ++c) {
      expected.push_back({y[c], GluCase<GateCase>::Bound(gate[c], up[c], y[c]) +
                                    kSmallestNormal});
    }
    return expected;
  }
  bool GuardsIntact() const override {
    return halves_.Intact() && RowTrial::GuardsIntact();
  }

 protected:
  void Call(const RowOutput& output, int threads) {
    GatedUnit(kF, mutable_in(0), mutable_in(1), output, threads);
  }
  MatView<float> mutable_in(size_t i) override {
    return kGates == Gates::kHalves ? Half(i) : RowTrial::mutable_in(i);
  }

 private:
  MatView<float> Half(size_t i) {
    return halves_.view().Cols(i * cols(), cols());
  }

  GuardedMatrix<float> halves_;
};

std::vector<ProblemShape> BenchShapes() {
  return {{1, 2048}, {1, 8192}, {1, 1 << 18}, {1, 1 << 22}};
}

template <class Case, bool kInPlace, size_t kFlops>
constexpr Variant Row(std::string_view op, std::string_view name) {
  constexpr RowPasses kPasses = {
      .flops = kFlops, .reads = Case::kInputs, .writes = 1};
  return {op,
          name,
          DType::kF32,
          "rows cols",
          RowTestShapes,
          BenchShapes,
          RowWork < kInPlace ? kPasses.BehindCopy() : kPasses >,
          MakeTrial<ActivationTrial<Case, kInPlace>>};
}

template <class T, bool kQuantized, size_t kFlops>
constexpr Variant GluRow(std::string_view name) {
  constexpr RowPasses kPasses = {.flops = kFlops, .reads = 2, .writes = 1};
  return {"gated_unit",
          name,
          DType::kF32,
          "rows cols",
          RowTestShapes,
          RowBenchShapes,
          RowWork < kQuantized ? kPasses.Quantized() : kPasses >,
          kQuantized ? MakeTrial<QuantizedTrial<T>> : MakeTrial<T>};
}

// One comparison each with exp and the quotient. The tanh form has four
// products more; the other the two polynomials of the tail (nine), the square,
// its half, the two products behind them and a comparison.
constexpr size_t kSiluFlops = kExpFlops + kQuotientFlops + 2;
constexpr size_t kGeluTanhFlops = kSiluFlops + 8;
constexpr size_t kGeluErfFlops = kSiluFlops + 28;

template <Gates kGates>
using SwiGlu = GluTrial<Glu::kSilu, SiluCase, kGates>;
template <Gates kGates>
using GeGluTanh = GluTrial<Glu::kGeluTanh, GeluTanhCase, kGates>;
template <Gates kGates>
using GeGluErf = GluTrial<Glu::kGeluErf, GeluErfCase, kGates>;

constexpr Variant kVariants[] = {
    Row<SiluCase, false, kSiluFlops>("silu", "f32"),
    Row<SiluCase, true, kSiluFlops>("silu", "f32_in_place"),
    Row<GeluTanhCase, false, kGeluTanhFlops>("gelu_tanh", "f32"),
    Row<GeluErfCase, false, kGeluErfFlops>("gelu_erf", "f32"),
    Row<SiluMulCase, false, kSiluFlops + 2>("silu_mul", "f32"),
    Row<SiluMulCase, true, kSiluFlops + 2>("silu_mul", "f32_in_place"),
    GluRow<SwiGlu<Gates::kApart>, false, kSiluFlops + 2>("swiglu_f32"),
    GluRow<SwiGlu<Gates::kHalves>, false, kSiluFlops + 2>("swiglu_f32_halves"),
    GluRow<SwiGlu<Gates::kApart>, true, kSiluFlops + 2>("swiglu_i8"),
    GluRow<GeGluTanh<Gates::kApart>, false, kGeluTanhFlops + 2>(
        "geglu_tanh_f32"),
    GluRow<GeGluTanh<Gates::kHalves>, true, kGeluTanhFlops + 2>(
        "geglu_tanh_i8_halves"),
    GluRow<GeGluErf<Gates::kApart>, false, kGeluErfFlops + 2>("geglu_erf_f32"),
    GluRow<GeGluErf<Gates::kApart>, true, kGeluErfFlops + 2>("geglu_erf_i8"),
};

}  // namespace

std::span<const Variant> ActivationVariants() { return kVariants; }

}  // namespace triptych
