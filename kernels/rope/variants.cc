// SPDX-License-Identifier: Apache-2.0
#include "kernels/rope/variants.h"

#include "kernels/ref/rope.h"
#include "kernels/rope/rope.h"
#include "kernels/row_trial.h"

namespace triptych {
namespace {

// x[tokens, heads * head_dim], of which `rotated` features a head turn.
template <RopeStyle kStyle>
class RopeTrial : public RowTrial {
 public:
  RopeTrial(const ProblemShape& s, uint64_t seed)
      : RowTrial({s[0], s[1] * s[2]}, seed, 1, 1),
        heads_(s[1]),
        head_dim_(s[2]),
        inv_freq_(InverseFrequencies(s[3], {.theta = 500000})) {
    // Anywhere up to a million tokens, and the first few exactly.
    Rng rng(seed, 7);
    for (size_t t = 0; t < s[0]; ++t) {
      positions_.push_back(
          static_cast<int32_t>(t < 3 ? t : rng.Below(1 << 20)));
    }
    clean_positions_ = positions_;
  }

  void Run(int threads) override {
    Rope(InPlace(), heads_, head_dim_, inv_freq_, positions_, kStyle, threads);
  }

  // Sine and cosine are off by 4 units (rest of the angle 2, polynomial 2),
  // products and sum by another 2, and the angle by its two roundings in f64.
  std::vector<Expected> Reference(size_t row) const override {
    const std::vector<double> x = Row(0, row);
    std::vector<double> y = x;
    const std::span<const int32_t> position(clean_positions_.data() + row, 1);
    ref::Rope(MatView<double>(y.data(), 1, y.size()), heads_, head_dim_,
              inv_freq_, position, kStyle);
    std::vector<Expected> expected(y.size());
    for (size_t c = 0; c < y.size(); ++c) expected[c] = {y[c], 0};
    const size_t pairs = inv_freq_.size();
    for (size_t i = 0; i < pairs; ++i) {
      const bool half = kStyle == RopeStyle::kHalf;
      const double angle = double(position[0]) * double{inv_freq_[i]};
      for (size_t h = 0; h < heads_; ++h) {
        const size_t a = h * head_dim_ + (half ? i : 2 * i);
        const size_t b = half ? a + pairs : a + 1;
        const double bound =
            (std::abs(x[a]) + std::abs(x[b])) * (6 * kUnit + angle * 0x1p-51);
        expected[a].bound = expected[b].bound = bound;
      }
    }
    return expected;
  }

  // One token is taken for the next.
  bool Sabotage() override {
    if (rows() == 0 || heads_ == 0 || inv_freq_.empty()) return false;
    ++positions_.back();
    return true;
  }

 private:
  size_t heads_, head_dim_;
  std::vector<float> inv_freq_;
  std::vector<int32_t> positions_, clean_positions_;
};

std::vector<ProblemShape> TestShapes() {
  std::vector<ProblemShape> shapes = {{0, 2, 8, 8}, {2, 0, 8, 8}, {2, 3, 5, 0}};
  for (size_t rotated = 2; rotated <= 70; rotated += 2) {
    shapes.push_back({5, 3, rotated + rotated % 3, rotated});
  }
  shapes.push_back({40, 8, 128, 128});
  return shapes;
}

// Queries of a 1B-parameter and an 8B-parameter Llama.
std::vector<ProblemShape> BenchShapes() {
  return {{1, 32, 64, 64},
          {1, 32, 128, 128},
          {64, 32, 64, 64},
          {512, 32, 64, 64},
          {512, 32, 128, 128}};
}

ProblemWork RopeWork(const ProblemShape& s) {
  return {Flops(3 * s[0] * s[1] * s[3]), Bytes(8 * s[0] * s[1] * s[2])};
}

template <RopeStyle kStyle>
constexpr Variant Row(std::string_view name) {
  return {"rope",     name,        DType::kF32, "tokens heads head_dim rotated",
          TestShapes, BenchShapes, RopeWork,    MakeTrial<RopeTrial<kStyle>>};
}

constexpr Variant kVariants[] = {
    Row<RopeStyle::kInterleaved>("interleaved"),
    Row<RopeStyle::kHalf>("half"),
};

}  // namespace

std::span<const Variant> RopeVariants() { return kVariants; }

}  // namespace triptych
