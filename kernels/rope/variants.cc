// SPDX-License-Identifier: Apache-2.0
#include "kernels/rope/variants.h"

#include <type_traits>

#include "kernels/base/formats.h"
#include "kernels/ref/rope.h"
#include "kernels/rope/rope.h"
#include "kernels/row_trial.h"

namespace triptych {
namespace {

// Anywhere up to a million tokens, and the first few exactly.
std::vector<int32_t> DrawPositions(size_t tokens, uint64_t seed) {
  Rng rng(seed, 7);
  std::vector<int32_t> positions;
  for (size_t t = 0; t < tokens; ++t) {
    positions.push_back(static_cast<int32_t>(t < 3 ? t : rng.Below(1 << 20)));
  }
  return positions;
}

struct Heads {
  size_t count, dim;
  std::span<const float> inv_freq;
  RopeStyle style;
};

// What the heads in x[0, heads.count * heads.dim) are when they have turned.
// Sine and cosine are off by 4 units (rest of the angle 2, polynomial 2),
// products and sum by another 2, and the angle by its two roundings in f64.
std::vector<Expected> ExpectedTurn(std::span<const double> x,
                                   const Heads& heads, int32_t position) {
  std::vector<double> y(x.begin(), x.end());
  ref::Rope(MatView<double>(y.data(), 1, y.size()), heads.count, heads.dim,
            heads.inv_freq, {&position, 1}, heads.style);
  std::vector<Expected> expected(y.size());
  for (size_t c = 0; c < y.size(); ++c) expected[c] = {y[c], 0};
  const size_t pairs = heads.inv_freq.size();
  const bool half = heads.style == RopeStyle::kHalf;
  for (size_t i = 0; i < pairs; ++i) {
    const double angle = double(position) * double{heads.inv_freq[i]};
    for (size_t h = 0; h < heads.count; ++h) {
      const size_t a = h * heads.dim + (half ? i : 2 * i);
      const size_t b = half ? a + pairs : a + 1;
      const double bound =
          (std::abs(x[a]) + std::abs(x[b])) * (6 * kUnit + angle * 0x1p-51);
      expected[a].bound = expected[b].bound = bound;
    }
  }
  return expected;
}

// x[tokens, heads * head_dim], of which `rotated` features a head turn.
template <RopeStyle kStyle, bool kInPlace>
class RopeTrial : public RowTrial {
 public:
  RopeTrial(const ProblemShape& s, uint64_t seed)
      : RowTrial({s[0], s[1] * s[2]}, seed, 1, 1),
        heads_(s[1]),
        head_dim_(s[2]),
        inv_freq_(InverseFrequencies(s[3], {.theta = 500000})),
        positions_(DrawPositions(s[0], seed)),
        clean_positions_(positions_) {}

  void Run(int threads) override {
    const ConstMatView<float> x = kInPlace ? InPlace() : in(0);
    Rope(x, heads_, head_dim_, inv_freq_, positions_, kStyle, out(), threads);
  }
  std::vector<Expected> Reference(size_t row) const override {
    return ExpectedTurn(Row(0, row), {heads_, head_dim_, inv_freq_, kStyle},
                        clean_positions_[row]);
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

double Decode(float x) { return x; }
double Decode(uint16_t code) { return F32FromBf16(code); }

// One rounding to the format of a cache, of what is known to within a bound.
Expected Rounded(const Expected& e, float) { return e; }
Expected Rounded(const Expected& e, uint16_t) {
  return {e.value, e.bound + (std::abs(e.value) + e.bound) * 0x1p-8};
}

// qkv[tokens, (heads + 2 * kv_heads) * head_dim]; a row of the output is that
// of q, of k and of v.
template <RopeStyle kStyle, class T>
class RopeAppendTrial : public RowTrial {
 public:
  RopeAppendTrial(const ProblemShape& s, uint64_t seed)
      : RowTrial({s[0], (s[1] + 2 * s[2]) * s[3]}, seed, 1, 1),
        heads_(s[1]),
        kv_heads_(s[2]),
        head_dim_(s[3]),
        inv_freq_(InverseFrequencies(s[4], {.theta = 500000})),
        positions_(DrawPositions(s[0], seed)),
        clean_positions_(positions_),
        k_(MatrixOf<T>(s[0], s[2] * s[3])),
        v_(MatrixOf<T>(s[0], s[2] * s[3])) {}

  void Run(int threads) override {
    RopeAppend(in(0), head_dim_, inv_freq_, positions_, kStyle,
               out().Cols(0, heads_ * head_dim_), k_.view(), v_.view(),
               threads);
  }
  std::vector<double> Output(size_t row) const override {
    std::vector<double> result = RowTrial::Output(row);
    result.resize(heads_ * head_dim_);
    for (const T e : k_.view().row_span(row)) result.push_back(Decode(e));
    for (const T e : v_.view().row_span(row)) result.push_back(Decode(e));
    return result;
  }
  std::vector<Expected> Reference(size_t row) const override {
    const std::vector<double> all = Row(0, row);
    const size_t kv_cols = kv_heads_ * head_dim_;
    const std::span qk = std::span(all).first(all.size() - kv_cols);
    std::vector<Expected> expected =
        ExpectedTurn(qk, {heads_ + kv_heads_, head_dim_, inv_freq_, kStyle},
                     clean_positions_[row]);
    for (size_t c = heads_ * head_dim_; c < expected.size(); ++c) {
      expected[c] = Rounded(expected[c], T{});
    }
    for (const double v : std::span(all).last(kv_cols)) {
      const auto exact = static_cast<float>(v);
      expected.push_back(
          {std::is_same_v<T, float> ? exact : RoundToBf16(exact), 0});
    }
    return expected;
  }
  bool GuardsIntact() const override {
    return k_.Intact() && v_.Intact() && RowTrial::GuardsIntact();
  }

  // One token is taken for the next.
  bool Sabotage() override {
    if (rows() == 0 || heads_ == 0 || inv_freq_.empty()) return false;
    ++positions_.back();
    return true;
  }

 private:
  size_t heads_, kv_heads_, head_dim_;
  std::vector<float> inv_freq_;
  std::vector<int32_t> positions_, clean_positions_;
  GuardedMatrix<T> k_, v_;
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

// In place: behind the copy that is timed with it (RowTrial::InPlace).
template <bool kInPlace>
ProblemWork RopeWork(const ProblemShape& s) {
  const Bytes array(4 * s[0] * s[1] * s[2]), copy(kInPlace ? array.value : 0);
  return {.flops = Flops(4 * s[0] * s[1] * s[3]),
          .bytes = array + array,
          .written = array,
          .again = copy + copy,
          .again_written = copy};
}

std::vector<ProblemShape> AppendTestShapes() {
  std::vector<ProblemShape> shapes = {
      {0, 2, 1, 8, 8}, {2, 0, 1, 8, 8}, {2, 2, 0, 8, 8}, {2, 3, 1, 5, 0}};
  for (size_t rotated = 2; rotated <= 70; rotated += 4) {
    shapes.push_back({5, 4, 2, rotated + rotated % 3, rotated});
  }
  shapes.push_back({40, 8, 2, 128, 128});
  return shapes;
}

// Layers of Llamas of 1B, 8B and 70B parameters.
std::vector<ProblemShape> AppendBenchShapes() {
  std::vector<ProblemShape> shapes;
  for (const size_t tokens : {1, 16, 512}) {
    shapes.push_back({tokens, 32, 8, 64, 64});
    shapes.push_back({tokens, 32, 8, 128, 128});
    shapes.push_back({tokens, 64, 8, 128, 128});
  }
  return shapes;
}

// The product's row is read, q is written as f32, k and v as the cache has it.
template <class T>
ProblemWork AppendWork(const ProblemShape& s) {
  const size_t q = s[0] * s[1] * s[3], kv = 2 * s[0] * s[2] * s[3];
  return {.flops = Flops(4 * s[0] * (s[1] + s[2]) * s[4]),
          .bytes = Bytes(4 * (q + kv) + 4 * q + sizeof(T) * kv),
          .written = Bytes(4 * q + sizeof(T) * kv)};
}

// The last two sizes are head_dim and rotated.
std::string_view Refuses(const ProblemShape& s) {
  const size_t head_dim = s[s.size() - 2], rotated = s.back();
  if (rotated > head_dim) return "rotated must not exceed head_dim";
  if (rotated % 2 != 0) return "rotated must be even: features turn in pairs";
  return {};
}

template <RopeStyle kStyle, bool kInPlace>
constexpr Variant Row(std::string_view name) {
  return {"rope",
          name,
          DType::kF32,
          "tokens heads head_dim rotated",
          TestShapes,
          BenchShapes,
          RopeWork<kInPlace>,
          MakeTrial<RopeTrial<kStyle, kInPlace>>,
          Refuses};
}
template <RopeStyle kStyle, class T>
constexpr Variant AppendRow(std::string_view name) {
  return {"rope_append",    name,
          DType::kF32,      "tokens heads kv_heads head_dim rotated",
          AppendTestShapes, AppendBenchShapes,
          AppendWork<T>,    MakeTrial<RopeAppendTrial<kStyle, T>>,
          Refuses};
}

using enum RopeStyle;

constexpr Variant kVariants[] = {
    Row<kInterleaved, false>("interleaved"),
    Row<kInterleaved, true>("interleaved_in_place"),
    Row<kHalf, false>("half"),
    Row<kHalf, true>("half_in_place"),
    AppendRow<kInterleaved, float>("interleaved_f32"),
    AppendRow<kHalf, float>("half_f32"),
    AppendRow<kInterleaved, uint16_t>("interleaved_bf16"),
    AppendRow<kHalf, uint16_t>("half_bf16"),
};

}  // namespace

std::span<const Variant> RopeVariants() { return kVariants; }

}  // namespace triptych
