// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/base/formats.h"
#include "kernels/base/rng.h"
#include "kernels/guarded_matrix.h"
#include "kernels/matmul/quantized.h"
#include "kernels/matmul/variants.h"

namespace triptych {
namespace {

constexpr double kRounding = 0x1p-24;

GuardedMatrix<float> Normals(size_t rows, size_t cols, Rng rng) {
  GuardedMatrix<float> m(rows, cols);
  for (size_t r = 0; r < rows; ++r) {
    for (float& x : m.view().row_span(r)) x = static_cast<float>(rng.Normal());
  }
  return m;
}

// A plain A; W in codes and scales drawn at random, so that what is expected
// comes from them and not from the packed form.
template <int kBits, size_t kGroup, bool kExtras, Activations kActivations>
class QuantizedTrial : public Trial {
 public:
  QuantizedTrial(const ProblemShape& shape, uint64_t seed)
      : m_(shape[0]),
        n_(shape[1]),
        k_(shape[2]),
        a_(Normals(m_, k_, Rng(seed, 0))),
        packed_(n_, k_, {.bits = kBits, .group = kGroup}),
        codes_(n_ * k_),
        scales_(n_ * packed_.groups()),
        w_scale_(n_),
        extras_(Normals(1 + m_, n_, Rng(seed, 1))),
        c_(m_, n_) {
    // Sabotage() must show: the last of A is the largest of its row.
    for (size_t r = 0; r < m_ && k_ > 0; ++r) a_.view()(r, k_ - 1) = 5;
    Rng rng(seed, 2);
    for (int8_t& code : codes_) {
      code =
          static_cast<int8_t>(static_cast<int8_t>(rng.Next()) >> (8 - kBits));
    }
    for (float& s : scales_) s = RoundToF16(static_cast<float>(rng.Uniform()));
    for (float& s : w_scale_) s = static_cast<float>(rng.Normal());
    Pack();
  }

  void Run(int threads) override {
    QuantizedOptions options = {.threads = threads,
                                .activations = kActivations};
    if (kExtras) {
      options.bias = extras_.view().row_span(0);
      options.residual = extras_.view().Rows(1, m_);
    }
    Matmul(a_.view(), packed_, c_.view(), options);
  }

  size_t rows() const override { return m_; }
  std::vector<double> Output(size_t row) const override {
    const auto c = c_.view().row_span(row);
    return {c.begin(), c.end()};
  }
  std::vector<Expected> Reference(size_t row) const override {
    const auto a = a_.view().row_span(row);
    std::vector<int8_t> codes(k_);
    const float a_scale = QuantizeRowInt<int8_t>(a, 8, codes);
    std::vector<Expected> expected;
    for (size_t j = 0; j < n_; ++j) {
      const double w_scale = w_scale_[j];
      expected.push_back(
          kActivations == Activations::kInt8
              ? Finished(Chain(codes, j), a_scale * w_scale, row, j)
              : Finished(Bf16Chain(a, j), w_scale, row, j));
    }
    return expected;
  }
  bool GuardsIntact() const override { return c_.Intact(); }

  // The last term of every sum is lost.
  bool Sabotage() override {
    if (m_ == 0 || n_ == 0 || k_ == 0) return false;
    const std::vector<int8_t> whole = codes_;
    bool damaged = false;
    for (size_t j = 0; j < n_; ++j) {
      int8_t& code = codes_[j * k_ + k_ - 1];
      damaged |= code != 0 && scales_[(j + 1) * packed_.groups() - 1] > 0;
      code = 0;
    }
    Pack();
    codes_ = whole;
    return damaged;
  }

 private:
  void Pack() {
    packed_.SetRows(0, ConstMatView<int8_t>(codes_.data(), n_, k_),
                    {scales_.data(), n_, packed_.groups()}, w_scale_);
  }

  // The sum over groups, exact, and how far the kernel's may be off.
  Expected Chain(std::span<const int8_t> a, size_t j) const {
    std::vector<double> terms;
    double sum = 0, conversions = 0;
    for (size_t g = 0; g < packed_.groups(); ++g) {
      int64_t dot = 0;
      for (size_t k = g * packed_.group();
           k < std::min(k_, (g + 1) * packed_.group()); ++k) {
        dot += int64_t{a[k]} * codes_[j * k_ + k];
      }
      const double scale = scales_[j * packed_.groups() + g];
      terms.push_back(static_cast<double>(dot) * scale);
      sum += terms.back();
      // An integer beyond 24 bits is rounded before it enters.
      if (std::abs(dot) > (int64_t{1} << 24)) {
        conversions += std::abs(terms.back()) * kRounding;
      }
    }
    return {sum, ChainBound(0, terms, kRounding) + conversions};
  }

  // As products of bf16 weights (variants.cc): exact products, sums off by up
  // to two units a step, subnormals flushed.
  Expected Bf16Chain(std::span<const float> a, size_t j) const {
    std::vector<double> terms;
    double sum = 0;
    for (size_t k = 0; k < k_; ++k) {
      const float scale = scales_[j * packed_.groups() + k / packed_.group()];
      const double w = RoundToBf16(codes_[j * k_ + k] * scale);
      terms.push_back(RoundToBf16(a[k]) * w);
      sum += terms.back();
    }
    return {sum, ChainBound(0, terms, 2 * kRounding) +
                     static_cast<double>(terms.size()) * 0x1p-126};
  }

  // Times the scale (two roundings), plus what comes after (one each).
  Expected Finished(Expected chain, double scale, size_t row, size_t j) const {
    double value = chain.value * scale;
    double bound = std::abs(scale) *
                   (chain.bound + 2.01 * kRounding * std::abs(chain.value));
    if (kExtras) {
      for (const size_t extra : {size_t{0}, row + 1}) {
        value += extras_.view()(extra, j);
        bound += kRounding * (std::abs(value) + bound);
      }
    }
    return {value, bound};
  }

  size_t m_, n_, k_;
  GuardedMatrix<float> a_;
  QuantizedWeights packed_;
  std::vector<int8_t> codes_;    // [n, k]
  std::vector<float> scales_;    // [n, groups]
  std::vector<float> w_scale_;   // [n]
  GuardedMatrix<float> extras_;  // bias, then the residual
  GuardedMatrix<float> c_;
};

// Around every edge: rows of a tile (2, 6) and of a task (120); panels (16)
// and tiles (32, 64) of columns; octets, groups and steps of k.
std::vector<ProblemShape> TestShapes() {
  std::vector<ProblemShape> shapes = {{0, 3, 3}, {3, 0, 3}, {3, 3, 0}};
  for (const size_t m : {1, 2, 3, 6, 7, 13}) {
    for (const size_t n : {1, 15, 16, 17, 33, 64, 113}) {
      for (const size_t k : {1, 7, 8, 9, 31, 33, 128, 259}) {
        shapes.push_back({m, n, k});
      }
    }
  }
  shapes.insert(shapes.end(), {{121, 67, 40},
                               {247, 300, 70},
                               {3, 521, 130},
                               {1, 96, 2049},
                               {9, 80, 4099},
                               {2, 16, 6000}});
  return shapes;
}

// A read, W in its codes and scales, C written.
template <int kBits, size_t kGroup>
ProblemWork Work(const ProblemShape& s) {
  const size_t m = s[0], n = s[1], k = s[2];
  const size_t scales =
      kGroup == CodeFormat::kWholeRow ? 4 * n : 2 * n * CeilDiv(k, kGroup);
  return {Flops(2 * m * n * k),
          Bytes(4 * m * k + n * k * kBits / 8 + scales + 4 * m * n)};
}

template <int kBits, size_t kGroup, bool kExtras = false,
          Activations kActivations = Activations::kInt8>
constexpr Variant Row(std::string_view name) {
  constexpr DType kArithmetic =
      kActivations == Activations::kInt8 ? DType::kI8 : DType::kBf16;
  return {
      "matmul",
      name,
      kArithmetic,
      "m n k",
      TestShapes,
      ProductBenchShapes,
      Work<kBits, kGroup>,
      [](const ProblemShape& shape, uint64_t seed) -> std::unique_ptr<Trial> {
        return std::make_unique<
            QuantizedTrial<kBits, kGroup, kExtras, kActivations>>(shape, seed);
      }};
}

constexpr Variant kVariants[] = {
    Row<8, CodeFormat::kWholeRow>("int8"),
    Row<8, CodeFormat::kWholeRow, true>("int8_bias_residual"),
    Row<8, 32>("int8_g32"),
    Row<4, 32>("int4_g32"),
    Row<4, 64>("int4_g64"),
    Row<4, 128>("int4_g128"),
    Row<4, CodeFormat::kWholeRow>("int4"),
    Row<8, CodeFormat::kWholeRow, true, Activations::kBf16>("bf16_int8"),
    Row<4, 32, false, Activations::kBf16>("bf16_int4_g32"),
};

}  // namespace

std::span<const Variant> QuantizedMatmulVariants() { return kVariants; }

}  // namespace triptych
