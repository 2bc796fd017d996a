// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax/variants.h"

#include <limits>

#include "kernels/ref/softmax.h"
#include "kernels/row_trial.h"
#include "kernels/softmax/softmax.h"

namespace triptych {
namespace {

enum class Form : uint8_t { kOut, kInPlace, kMasked };

// A spread of 20: most of a row is far below its maximum, some of it below
// what f32 can hold.
template <Form kForm>
class SoftmaxTrial : public RowTrial {
 public:
  SoftmaxTrial(const ProblemShape& shape, uint64_t seed)
      : RowTrial(shape, seed, 1, 20) {}

  void Run(int threads) override {
    if (kForm == Form::kInPlace) return Softmax(InPlace(), out(), threads);
    if (kForm == Form::kOut) return Softmax(in(0), out(), threads);
    const MatView<float> x = InPlace();
    for (size_t r = 0; r < x.rows(); ++r) Mask(x.row_span(r));
    Softmax(x, out(), threads);
  }

  // exp is off by 2 units and by the rounding of its argument, which is one
  // unit of the argument's size; so is the sum, on average; then the sum's
  // own roundings, the reciprocal and the product.
  std::vector<Expected> Reference(size_t row) const override {
    std::vector<double> x = Row(0, row);
    if (kForm == Form::kMasked) Mask(std::span(x));
    std::vector<double> p = x;
    ref::Softmax(MatView<double>(p.data(), 1, p.size()));
    if (x.empty()) return {};
    const double max = *std::max_element(x.begin(), x.end());
    const auto exponent = [&](size_t c) {
      return p[c] == 0 ? 0 : std::abs(x[c] - max);
    };
    double average = 0;
    for (size_t c = 0; c < x.size(); ++c) average += p[c] * exponent(c);
    std::vector<Expected> expected;
    for (size_t c = 0; c < x.size(); ++c) {
      const double relative =
          (exponent(c) + average + 4 + SumRoundings(x.size()) + 2) * kUnit;
      expected.push_back({p[c], p[c] * relative + kSmallestNormal});
    }
    return expected;
  }

  // The largest element is missed.
  bool Sabotage() override {
    if (rows() == 0 || cols() == 0) return false;
    const auto row = mutable_in(0).row_span(0);
    std::vector<float> visible(row.begin(), row.end());
    if (kForm == Form::kMasked) Mask(std::span(visible));
    row[std::max_element(visible.begin(), visible.end()) - visible.begin()] =
        -std::numeric_limits<float>::infinity();
    return true;
  }

 private:
  // Every third element, but never all.
  template <class T>
  static void Mask(std::span<T> row) {
    for (size_t c = 1; c < row.size(); c += 3) {
      row[c] = -std::numeric_limits<T>::infinity();
    }
  }
};

std::vector<ProblemShape> BenchShapes() {
  std::vector<ProblemShape> shapes = RowBenchShapes();
  shapes.push_back({1, 128256});  // the vocabulary of Llama 3
  return shapes;
}

// The maximum, then exp and its sum, then the shares.
constexpr RowPasses kPasses = {.flops = kExpFlops + 4,
                               .reads = 1,
                               .writes = 1,
                               .again_reads = 2,
                               .again_writes = 1};

template <Form kForm>
constexpr Variant Row(std::string_view name) {
  return {"softmax",
          name,
          DType::kF32,
          "rows cols",
          RowTestShapes,
          BenchShapes,
          RowWork < kForm == Form::kOut ? kPasses : kPasses.BehindCopy() >,
          MakeTrial<SoftmaxTrial<kForm>>};
}

constexpr Variant kVariants[] = {
    Row<Form::kOut>("f32"),
    Row<Form::kInPlace>("f32_in_place"),
    Row<Form::kMasked>("f32_masked"),
};

}  // namespace

std::span<const Variant> SoftmaxVariants() { return kVariants; }

}  // namespace triptych
