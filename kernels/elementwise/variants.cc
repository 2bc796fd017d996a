// SPDX-License-Identifier: Apache-2.0
#include "kernels/elementwise/variants.h"

#include "kernels/elementwise/elementwise.h"
#include "kernels/ref/elementwise.h"
#include "kernels/row_trial.h"

namespace triptych {
namespace {

enum class Operator : uint8_t { kAdd, kMul, kScale };

constexpr float kFactor = 0.30000001f;

// Sums and products of two f32 are exact to within one rounding in double, so
// the reference, rounded to f32, is the only right answer.
template <Operator kOperator, bool kInPlace>
class ElementwiseTrial : public RowTrial {
 public:
  ElementwiseTrial(const ProblemShape& shape, uint64_t seed)
      : RowTrial(shape, seed, 2, 1) {}

  void Run(int threads) override {
    const ConstMatView<float> x = kInPlace ? InPlace() : in(0);
    for (size_t r = 0; r < rows(); ++r) {
      const auto a = x.row_span(r), b = in(1).row_span(r);
      switch (kOperator) {
        case Operator::kAdd:
          Add(a, b, out().row_span(r), threads);
          break;
        case Operator::kMul:
          Mul(a, b, out().row_span(r), threads);
          break;
        case Operator::kScale:
          Scale(a, kFactor, out().row_span(r), threads);
          break;
      }
    }
  }

  std::vector<Expected> Reference(size_t row) const override {
    const auto a = clean(0).row_span(row), b = clean(1).row_span(row);
    std::vector<float> y(a.size());
    switch (kOperator) {
      case Operator::kAdd:
        ref::Add<float>(a, b, y);
        break;
      case Operator::kMul:
        ref::Mul<float>(a, b, y);
        break;
      case Operator::kScale:
        ref::Scale<float>(a, kFactor, y);
        break;
    }
    std::vector<Expected> expected;
    for (float v : y) expected.push_back({v, 0});
    return expected;
  }
};

std::vector<ProblemShape> BenchShapes() {
  return {{1, 2048}, {1, 8192}, {1, 1 << 18}, {1, 1 << 22}};
}

template <Operator kOperator, bool kInPlace>
constexpr Variant Row(std::string_view op, std::string_view name) {
  constexpr RowPasses kPasses = {
      .flops = 2,
      .reads = kOperator == Operator::kScale ? size_t{1} : size_t{2},
      .writes = 1};
  return {op,
          name,
          DType::kF32,
          "rows cols",
          RowTestShapes,
          BenchShapes,
          RowWork < kInPlace ? kPasses.BehindCopy() : kPasses >,
          MakeTrial<ElementwiseTrial<kOperator, kInPlace>>};
}

constexpr Variant kVariants[] = {
    Row<Operator::kAdd, false>("add", "f32"),
    Row<Operator::kAdd, true>("add", "f32_in_place"),
    Row<Operator::kMul, false>("mul", "f32"),
    Row<Operator::kScale, false>("scale", "f32"),
};

}  // namespace

std::span<const Variant> ElementwiseVariants() { return kVariants; }

}  // namespace triptych
