// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/variants.h"

#include <cmath>
#include <limits>

#include "kernels/base/formats.h"
#include "kernels/base/rng.h"
#include "kernels/guarded_matrix.h"
#include "kernels/matmul/matmul.h"
#include "kernels/ref/matmul.h"

namespace triptych {

double ChainBound(double start, std::span<const double> terms, double unit) {
  double sum = start, steps = 0;
  for (const double term : terms) {
    steps += std::abs(sum) + 2 * std::abs(term);
    sum += term;
  }
  const double second_order = 2 * static_cast<double>(terms.size()) * unit;
  return steps * unit / (1 - second_order);
}

std::vector<ProblemShape> ProductBenchShapes() {
  std::vector<ProblemShape> shapes;
  for (const size_t s : {64, 128, 256, 512, 1024, 2048}) {
    shapes.push_back({s, s, s});
  }
  for (const size_t s : {63, 100, 193, 1000}) shapes.push_back({s, s, s});
  const std::vector<ProblemShape> layers = {{3072, 2048},  {2048, 2048},
                                            {16384, 2048}, {2048, 8192},
                                            {768, 768},    {288, 288}};
  for (const ProblemShape& nk : layers) {
    for (const size_t m : {1, 2, 4, 8, 16, 64, 512}) {
      shapes.push_back({m, nk[0], nk[1]});
    }
  }
  return shapes;
}

namespace {

// How a row of the table asks for its operands.
enum class Order : uint8_t { kNormal, kTransposed };
enum class From : uint8_t { kZero, kBias, kC };

template <class T>
T Draw(Rng& rng) {
  if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(rng.Normal());
  } else if constexpr (std::is_same_v<T, uint16_t>) {  // a bf16
    return Bf16FromF32(static_cast<float>(rng.Normal()));
  } else {
    return static_cast<T>(rng.Next());  // all 256 values
  }
}

template <class T>
void DrawAll(MatView<T> m, Rng rng) {
  for (size_t r = 0; r < m.rows(); ++r) {
    for (T& x : m.row_span(r)) x = Draw<T>(rng);
  }
}

// The view a kernel gets: of the matrix itself, or of one stored transposed.
template <class T>
StridedView<T> Ordered(ConstMatView<T> m, Order order) {
  if (order == Order::kTransposed) return Transposed(m);
  return m;
}

template <class T>
GuardedMatrix<T> Stored(size_t rows, size_t cols, Order order) {
  if (order == Order::kTransposed) std::swap(rows, cols);
  return GuardedMatrix<T>(rows, cols);
}

// A, W and C of one product, and what its kind shares.
template <class A, class W, class C, Order kOrder>
class ProductTrial : public Trial {
 public:
  ProductTrial(const ProblemShape& shape, uint64_t seed)
      : m_(shape[0]),
        n_(shape[1]),
        k_(shape[2]),
        stored_a_(Stored<A>(m_, k_, kOrder)),
        stored_w_(Stored<W>(n_, k_, kOrder)),
        c_(m_, n_) {
    DrawAll(stored_a_.view(), Rng(seed, 0));
    DrawAll(stored_w_.view(), Rng(seed, 1));
  }
  size_t rows() const override { return m_; }
  std::vector<double> Output(size_t row) const override {
    const auto c = c_.view().row_span(row);
    return {c.begin(), c.end()};
  }
  bool GuardsIntact() const override { return c_.Intact(); }

 protected:
  StridedView<A> a() const { return Ordered<A>(stored_a_.view(), kOrder); }
  StridedView<W> w() const { return Ordered<W>(stored_w_.view(), kOrder); }
  // W with its last column zero: a kernel that loses the last term.
  GuardedMatrix<W> Spoiled() const {
    GuardedMatrix<W> spoiled = stored_w_;
    for (size_t j = 0; j < n_; ++j) {
      if (kOrder == Order::kTransposed) {
        spoiled.view()(k_ - 1, j) = 0;
      } else {
        spoiled.view()(j, k_ - 1) = 0;
      }
    }
    return spoiled;
  }

  size_t m_, n_, k_;
  GuardedMatrix<A> stored_a_;
  GuardedMatrix<W> stored_w_;
  GuardedMatrix<C> c_;
  PackedWeights packed_;
};

// A is float, or uint16_t for rows that are bf16 before they are multiplied.
template <DType kDType, Order kOrder, From kFrom, class A = float>
class FloatTrial : public ProductTrial<A, float, float, kOrder> {
 public:
  FloatTrial(const ProblemShape& shape, uint64_t seed)
      : ProductTrial<A, float, float, kOrder>(shape, seed),
        start_(kFrom == From::kC ? this->m_ : 1, this->n_) {
    DrawAll(start_.view(), Rng(seed, 2));
    this->packed_ = Pack(this->w(), kDType);
    w_.reserve(this->n_ * this->k_);
    for (size_t j = 0; j < this->n_; ++j) {
      for (size_t k = 0; k < this->k_; ++k) {
        w_.push_back(Rounded(*this->w().at(j, k)));
      }
    }
  }

  void Run(int threads) override {
    MatmulOptions options = {.threads = threads};
    if (kFrom == From::kBias) options.bias = start_.view().row_span(0);
    if (kFrom == From::kC) {
      options.accumulate = true;
      for (size_t r = 0; r < this->m_; ++r) {
        const auto start = start_.view().row_span(r);
        std::copy(start.begin(), start.end(), this->c_.view().row(r));
      }
    }
    Matmul(this->a(), this->packed_, this->c_.view(), options);
  }

  std::vector<Expected> Reference(size_t row) const override {
    std::vector<double> a(this->k_), c(this->n_);
    for (size_t k = 0; k < this->k_; ++k) {
      a[k] = Rounded(*this->a().at(row, k));
    }
    ref::Matmul(ConstMatView<double>(a.data(), 1, this->k_),
                ConstMatView<float>(w_.data(), this->n_, this->k_),
                MatView<double>(c.data(), 1, this->n_));
    std::vector<Expected> expected(this->n_);
    std::vector<double> terms(this->k_);
    for (size_t j = 0; j < this->n_; ++j) {
      for (size_t k = 0; k < this->k_; ++k) {
        terms[k] = a[k] * w_[j * this->k_ + k];
      }
      const double start = Start(row, j);
      expected[j] = {start + c[j], Bound(start, terms)};
    }
    return expected;
  }

  bool Sabotage() override {
    if (this->m_ == 0 || this->n_ == 0 || this->k_ == 0) return false;
    const GuardedMatrix<float> spoiled = this->Spoiled();
    this->packed_ = Pack(Ordered<float>(spoiled.view(), kOrder), kDType);
    return true;
  }

 private:
  static float Rounded(uint16_t bf16) { return F32FromBf16(bf16); }
  static float Rounded(float x) {
    return kDType == DType::kBf16 ? RoundToBf16(x) : x;
  }
  double Start(size_t row, size_t col) const {
    switch (kFrom) {
      case From::kZero:
        return 0;
      case From::kBias:
        return start_.view()(0, col);
      case From::kC:
        return start_.view()(row, col);
    }
    return 0;
  }
  // bf16 products are exact in f32 (8 + 8 bits). A dot instruction that does
  // not round to nearest (Arm's rounds to odd) is off by up to two units, and
  // x86's flushes what is below the normal range.
  static double Bound(double start, std::span<const double> terms) {
    constexpr double kUnit = 0x1p-24, kSmallestNormal = 0x1p-126;
    if (kDType == DType::kF32) return ChainBound(start, terms, kUnit);
    return ChainBound(start, terms, 2 * kUnit) +
           static_cast<double>(terms.size()) * kSmallestNormal;
  }

  GuardedMatrix<float> start_;  // bias, or what C holds before
  std::vector<float> w_;        // as the kernel rounds it, in plain order
};

template <class A>
class IntegerTrial : public ProductTrial<A, int8_t, int32_t, Order::kNormal> {
 public:
  IntegerTrial(const ProblemShape& shape, uint64_t seed)
      : ProductTrial<A, int8_t, int32_t, Order::kNormal>(shape, seed) {
    this->packed_ = Pack(this->w());
  }
  void Run(int threads) override {
    MatmulI8(this->a(), this->packed_, this->c_.view(), threads);
  }
  std::vector<Expected> Reference(size_t row) const override {
    std::vector<int32_t> want(this->n_);
    ref::MatmulI8(ConstMatView<A>(this->stored_a_.view()).Rows(row, 1),
                  ConstMatView<int8_t>(this->stored_w_.view()),
                  MatView<int32_t>(want.data(), 1, this->n_));
    std::vector<Expected> expected;
    for (const int32_t value : want) expected.push_back({double(value), 0});
    return expected;
  }
  bool Sabotage() override {
    if (this->m_ == 0 || this->n_ == 0 || this->k_ == 0) return false;
    const GuardedMatrix<int8_t> spoiled = this->Spoiled();
    this->packed_ = Pack(spoiled.view());
    return true;
  }
};

template <class T>
std::unique_ptr<Trial> Make(const ProblemShape& shape, uint64_t seed) {
  return std::make_unique<T>(shape, seed);
}

// Around every edge there is: rows of a register tile (6), of a task (120);
// panels (16), tiles (64) and tasks (256) of columns; units (1, 2, 4) and
// steps (512 lines) of k.
std::vector<ProblemShape> TestShapes() {
  std::vector<ProblemShape> shapes;
  for (const size_t m : {0, 1, 2, 5, 6, 7, 13}) {
    for (const size_t n : {0, 1, 7, 8, 15, 16, 17, 33, 64, 65, 113}) {
      for (const size_t k : {0, 1, 2, 3, 4, 5, 7, 31, 64, 259}) {
        shapes.push_back({m, n, k});
      }
    }
  }
  shapes.insert(shapes.end(), {{121, 67, 33},
                               {247, 300, 70},
                               {3, 521, 130},
                               {1, 96, 1027},
                               {9, 80, 2051},
                               {2, 16, 5003}});
  return shapes;
}

template <size_t kABytes, size_t kWBytes>
ProblemWork ProductWork(const ProblemShape& s) {
  const size_t m = s[0], n = s[1], k = s[2];
  return {Flops(2 * m * n * k),
          Bytes(kABytes * m * k + kWBytes * n * k + 4 * m * n)};
}

using enum Order;
using enum From;

constexpr Variant kVariants[] = {
    {"matmul", "f32", DType::kF32, "m n k", TestShapes, ProductBenchShapes,
     ProductWork<4, 4>, Make<FloatTrial<DType::kF32, kNormal, kZero>>},
    {"matmul", "f32_bias", DType::kF32, "m n k", TestShapes, ProductBenchShapes,
     ProductWork<4, 4>, Make<FloatTrial<DType::kF32, kNormal, kBias>>},
    {"matmul", "f32_transposed_accumulate", DType::kF32, "m n k", TestShapes,
     ProductBenchShapes, ProductWork<4, 4>,
     Make<FloatTrial<DType::kF32, kTransposed, kC>>},
    {"matmul", "bf16", DType::kBf16, "m n k", TestShapes, ProductBenchShapes,
     ProductWork<4, 2>, Make<FloatTrial<DType::kBf16, kNormal, kZero>>},
    {"matmul", "bf16_from_bf16", DType::kBf16, "m n k", TestShapes,
     ProductBenchShapes, ProductWork<2, 2>,
     Make<FloatTrial<DType::kBf16, kNormal, kZero, uint16_t>>},
    {"matmul", "bf16_transposed_bias_from_bf16", DType::kBf16, "m n k",
     TestShapes, ProductBenchShapes, ProductWork<2, 2>,
     Make<FloatTrial<DType::kBf16, kTransposed, kBias, uint16_t>>},
    {"matmul", "bf16_transposed_bias", DType::kBf16, "m n k", TestShapes,
     ProductBenchShapes, ProductWork<4, 2>,
     Make<FloatTrial<DType::kBf16, kTransposed, kBias>>},
    {"matmul", "u8s8", DType::kI8, "m n k", TestShapes, ProductBenchShapes,
     ProductWork<1, 1>, Make<IntegerTrial<uint8_t>>},
    {"matmul", "s8s8", DType::kI8, "m n k", TestShapes, ProductBenchShapes,
     ProductWork<1, 1>, Make<IntegerTrial<int8_t>>},
};

}  // namespace

std::span<const Variant> MatmulVariants() { return kVariants; }

}  // namespace triptych
