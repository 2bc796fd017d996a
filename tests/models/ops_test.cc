// Values and work of every operator that is no product, against what a reader
// of its definition (models/ops/*.cc) would work out: by hand, or in the
// plainest loops.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <numbers>
#include <string_view>

#include "tests/models/op_rig.h"

namespace triptych {
namespace {

// ---- Tables and positions ----

void Embed() {
  const Matrix table = Draw(4, 3, 0);
  const Matrix ids(kRows, 1, {3, 0, 2, 3, 1, 1});
  const OpRig rig = OpRig("embed", kTwo).Input(ids).Weight(table);
  rig.Check(Make(kRows, 3, [&](size_t r, size_t c) {
    return table(static_cast<size_t>(ids(r, 0)), c);
  }));
  // Six tokens cannot touch more than the four rows there are.
  CHECK(rig.work().weight_elements == 4 * 3);
  CHECK(rig.work().output_elements == kRows * 3);
  CHECK(rig.work().flops() == 0);
}

void PosEmbed() {
  const Matrix x = Draw(kRows, 4, 0), table = Draw(5, 4, 1);
  const OpRig rig = OpRig("pos_embed", kTwo).Input(x).Weight(table);
  rig.Check(Make(kRows, 4, [&](size_t r, size_t c) {
    return x(r, c) + table(2 + r % 3, c);
  }));
  CHECK(rig.work().vector_flops == kRows * 4);
  CHECK(rig.work().weight_elements == 3 * 4);  // both sequences' the same
}

void PosSinusoid() {
  const Matrix x = Draw(kRows, 4, 0);
  const OpRig rig = OpRig("pos_sinusoid", kTwo).Input(x, RowsPerSequence(3));
  // Two sines, of wavelengths 2 pi and 2 pi 10000, and their cosines.
  rig.Check(Make(kRows, 4,
                 [&](size_t r, size_t c) {
                   const auto p = static_cast<double>(r % 3);
                   const double wave[] = {std::sin(p), std::sin(p * 1e-4),
                                          std::cos(p), std::cos(p * 1e-4)};
                   return x(r, c) + wave[c];
                 }),
            {2, 5});
  CHECK(rig.work().vector_flops == kRows * 4);
}

void AddRows() {
  const Matrix x = Draw(kRows, 4, 0), one = Draw(1, 4, 1), each = Draw(3, 4, 2);
  const OpRig all = OpRig("add_rows", kTwo).Input(x).Weight(one);
  all.Check(
      Make(kRows, 4, [&](size_t r, size_t c) { return x(r, c) + one(0, c); }));
  const OpRig own =
      OpRig("add_rows", kTwo).Input(x, RowsPerSequence(3)).Weight(each);
  own.Check(Make(kRows, 4,
                 [&](size_t r, size_t c) { return x(r, c) + each(r % 3, c); }));
  CHECK(own.work().vector_flops == kRows * 4);
  CHECK(own.work().weight_elements == 3 * 4);
}

void Rotate(Matrix& x, size_t row, size_t first, size_t second, double angle) {
  const double a = x(row, first), b = x(row, second);
  x(row, first) = a * std::cos(angle) - b * std::sin(angle);
  x(row, second) = a * std::sin(angle) + b * std::cos(angle);
}

// The kernels take frequencies in f32.
double AsFloat(double x) { return static_cast<float>(x); }

constexpr Bound kTurned{4, 8};  // two products and a sum of |x| <= 4 each

// Two heads of 6: features 2..5 turn, at positions 2, 3, 4 of each sequence.
void RopePartOfAHead() {
  const Matrix x = Draw(kRows, 12, 0);
  for (const bool half : {false, true}) {
    const OpRig rig = OpRig("rope", kTwo,
                            {{"heads", 2},
                             {"head_dim", 6},
                             {"dim", 4},
                             {"offset", 2},
                             {"theta", 100.0},
                             {"half", half ? 1.0 : 0.0}})
                          .Input(x);
    Matrix y = x;
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t head : {0, 6}) {
        const auto p = static_cast<double>(2 + r % 3);
        const size_t at = head + 2;
        Rotate(y, r, at, at + (half ? 2 : 1), p);  // 100^0 a token
        Rotate(y, r, at + (half ? 1 : 2), at + 3, p * AsFloat(0.1));
      }
    }
    rig.Check(y, kTurned);
    CHECK(rig.work().vector_flops == 3 * kRows * 2 * 4);
  }
}

// Eight features at position 20: what their four frequencies come to.
void CheckScaled(Attributes attributes, const double (&frequency)[4]) {
  const Matrix x = Draw(1, 8, 0);
  Matrix y = x;
  for (size_t i = 0; i < 4; ++i) {
    Rotate(y, 0, 2 * i, 2 * i + 1, 20 * AsFloat(frequency[i]));
  }
  OpRig("rope", {.context = 20}, std::move(attributes))
      .Input(x)
      .Check(y, kTurned);
}

void RopeScaled() {
  // Wavelengths 6.3, 63, 628, 6283 tokens; Llama 3's rule leaves those below
  // 1000 / 4, divides those above 1000, and blends the third: it turns
  // 1000 / 628.3 = 1.5915 times, of which 0.5915 / 3 of the way is kept.
  const double kept = (1000 / (2 * std::numbers::pi / 0.01) - 1) / 3;
  CheckScaled({{"heads", 1},
               {"head_dim", 8},
               {"theta", 1e4},
               {"half", 0},
               {"scaling_factor", 8},
               {"scaling_low", 1},
               {"scaling_high", 4},
               {"scaling_context", 1000}},
              {1, 0.1, 0.01 * (kept + (1 - kept) / 8), 0.001 / 8});
  // YaRN: 32 turns are at pair 8 ln(1000 / 64 pi) / (2 ln 10000) = 0.70,
  // rounded down 0; one turn at 2.20, rounded up 3. The ramp between is 0,
  // 1/3, 2/3, 1 of the way to a fortieth.
  const auto blend = [](double slow) { return slow / 40 + 1 - slow; };
  CheckScaled({{"heads", 1},
               {"head_dim", 8},
               {"theta", 1e4},
               {"half", 0},
               {"yarn", 1},
               {"scaling_factor", 40},
               {"scaling_low", 1},
               {"scaling_high", 32},
               {"scaling_context", 1000}},
              {1, 0.1 * blend(1. / 3), 0.01 * blend(2. / 3), 0.001 / 40});
}

// 2 frames of 2 x 3 tokens: a head's three pairs turn with the frame, the
// row and the column.
void RopeVideo() {
  const Binding b{.batch = 2, .tokens = 12};
  const Matrix x = Draw(24, 6, 0);
  Matrix y = x;
  for (size_t r = 0; r < 24; ++r) {
    const size_t p = r % 12;
    Rotate(y, r, 0, 1, static_cast<double>(p / 6));
    Rotate(y, r, 2, 3, static_cast<double>(p / 3 % 2));
    Rotate(y, r, 4, 5, static_cast<double>(p % 3));
  }
  const OpRig rig = OpRig("rope", b,
                          {{"heads", 1},
                           {"head_dim", 6},
                           {"theta", 1e4},
                           {"half", 0},
                           {"frames", 2},
                           {"rows", 2},
                           {"columns", 3},
                           {"dim_frames", 2},
                           {"dim_rows", 2},
                           {"dim_columns", 2}})
                        .Input(x);
  rig.Check(y, kTurned);
  CHECK(rig.work().vector_flops == 3 * 24 * 6);
}

void Rope() {
  RopePartOfAHead();
  RopeScaled();
  RopeVideo();
}

// ---- Norms ----

constexpr double kEps = 0.125;

double RootMeanSquare(const Matrix& x, size_t r, size_t first, size_t count) {
  double sum = 0;
  for (size_t c = first; c < first + count; ++c) sum += x(r, c) * x(r, c);
  return std::sqrt(sum / static_cast<double>(count) + kEps);
}

// Results are at most sqrt(group) times the weight's 4.
constexpr Bound kNormed{8, 16};

void RmsNorm() {
  const Matrix x = Draw(kRows, 8, 0), all = Draw(1, 8, 1),
               three = Draw(1, 3, 2);
  const OpRig whole =
      OpRig("rmsnorm", kTwo, {{"eps", kEps}}).Input(x).Weight(all);
  whole.Check(Make(kRows, 8,
                   [&](size_t r, size_t c) {
                     return x(r, c) / RootMeanSquare(x, r, 0, 8) * all(0, c);
                   }),
              kNormed);
  CHECK(whole.work().vector_flops == kRows * (4 * 8 + 4));
  // Two heads of three, and two columns that pass.
  const OpRig heads =
      OpRig("rmsnorm", kTwo, {{"eps", kEps}, {"group", 3}, {"width", 6}})
          .Input(x)
          .Weight(three);
  heads.Check(Make(kRows, 8,
                   [&](size_t r, size_t c) {
                     if (c >= 6) return x(r, c);
                     return x(r, c) / RootMeanSquare(x, r, c / 3 * 3, 3) *
                            three(0, c % 3);
                   }),
              kNormed);
  CHECK(heads.work().vector_flops == kRows * (4 * 6 + 2 * 4));
}

void LayerNorm() {
  Matrix x = Draw(kRows, 8, 0);
  for (size_t c = 0; c < 8; ++c) x(0, c) = 3;  // no variance at all
  const Matrix w = Draw(1, 8, 1), b = Draw(1, 8, 2);
  const auto normal = [&](size_t r, size_t c) {
    double mean = 0, variance = 0;
    for (size_t i = 0; i < 8; ++i) mean += x(r, i) / 8;
    for (size_t i = 0; i < 8; ++i) {
      variance += (x(r, i) - mean) * (x(r, i) - mean) / 8;
    }
    return (x(r, c) - mean) / std::sqrt(variance + kEps);
  };
  const Attributes eps{{"eps", kEps}};
  const OpRig plain = OpRig("layernorm", kTwo, eps).Input(x);
  plain.Check(Make(kRows, 8, normal), kNormed);
  CHECK(plain.work().vector_flops == kRows * (5 * 8 + 5));
  const OpRig weighted = OpRig("layernorm", kTwo, eps).Input(x).Weight(w);
  weighted.Check(
      Make(kRows, 8,
           [&](size_t r, size_t c) { return normal(r, c) * w(0, c); }),
      kNormed);
  const OpRig affine =
      OpRig("layernorm", kTwo, eps).Input(x).Weight(w).Weight(b);
  affine.Check(Make(kRows, 8,
                    [&](size_t r, size_t c) {
                      return normal(r, c) * w(0, c) + b(0, c);
                    }),
               kNormed);
  CHECK(affine.work().vector_flops == kRows * (7 * 8 + 5));
}

// ---- Element by element ----

void CheckUnary(const char* op, double (*f)(double), int64_t flops) {
  Matrix x = Draw(kRows, 9, 0);
  x(0, 0) = 0;
  x(0, 1) = -30;  // where exp overflows nothing and tanh is -1
  x(0, 2) = 30;
  const OpRig rig = OpRig(op, kTwo).Input(x);
  rig.Check(Make(kRows, 9, [&](size_t r, size_t c) { return f(x(r, c)); }),
            {4, 30});
  CHECK(rig.work().vector_flops == flops * static_cast<int64_t>(kRows * 9));
}

void Silu() {
  CheckUnary(
      "silu", [](double x) { return x / (1 + std::exp(-x)); }, 4);
}
void GeluTanh() {
  CheckUnary(
      "gelu_tanh",
      [](double x) {
        const double slope = std::sqrt(2 / std::numbers::pi);
        return x / 2 * (1 + std::tanh(slope * (x + 0.044715 * x * x * x)));
      },
      9);
}
void GeluErf() {
  CheckUnary(
      "gelu_erf",
      [](double x) { return x / 2 * (1 + std::erf(x / std::numbers::sqrt2)); },
      5);
}
void Tanh() {
  CheckUnary(
      "tanh", [](double x) { return std::tanh(x); }, 1);
}

void Softmax() {
  Matrix x = Draw(kRows, 5, 0);
  for (size_t c = 0; c < 5; ++c) x(1, c) += 200;  // beyond exp's range in f32
  const OpRig rig = OpRig("softmax", kTwo).Input(x);
  rig.Check(Make(kRows, 5,
                 [&](size_t r, size_t c) {
                   double sum = 0;
                   for (size_t t = 0; t < 5; ++t) {
                     sum += std::exp(x(r, t) - x(r, c));
                   }
                   return 1 / sum;
                 }),
            {5, 1});
  CHECK(rig.work().vector_flops == 5 * kRows * 5);
}

void AddAndMul(const char* op, double (*f)(double, double)) {
  const Matrix a = Draw(kRows, 7, 0), b = Draw(kRows, 7, 1);
  const OpRig rig = OpRig(op, kTwo).Input(a).Input(b);
  rig.Check(
      Make(kRows, 7, [&](size_t r, size_t c) { return f(a(r, c), b(r, c)); }));
  CHECK(rig.work().vector_flops == kRows * 7);
  CHECK(rig.work().input_elements == 2 * kRows * 7);
}
void Add() {
  AddAndMul("add", [](double a, double b) { return a + b; });
}
void Mul() {
  AddAndMul("mul", [](double a, double b) { return a * b; });
}

void Modulate() {
  const Matrix x = Draw(kRows, 4, 0);
  const Matrix shift = Draw(2, 12, 1), scale = Draw(2, 8, 2);
  const OpRig rig = OpRig("modulate", kTwo, {{"shift", 2}, {"scale", 1}})
                        .Input(x)
                        .Input(shift, kBatchRows)
                        .Input(scale, kBatchRows);
  rig.Check(Make(kRows, 4, [&](size_t r, size_t c) {
    return x(r, c) * (1 + scale(r / 3, 4 + c)) + shift(r / 3, 8 + c);
  }));
  CHECK(rig.work().vector_flops == 3 * kRows * 4);
  CHECK(rig.work().input_elements == kRows * 4 + 2 * (4 + 4));
}

void GatedAdd() {
  const Matrix x = Draw(kRows, 4, 0), y = Draw(kRows, 4, 1), m = Draw(2, 12, 2);
  const OpRig rig = OpRig("gated_add", kTwo, {{"gate", 1}})
                        .Input(x)
                        .Input(y)
                        .Input(m, kBatchRows);
  rig.Check(Make(kRows, 4, [&](size_t r, size_t c) {
    return x(r, c) + y(r, c) * m(r / 3, 4 + c);
  }));
  CHECK(rig.work().vector_flops == 2 * kRows * 4);
  CHECK(rig.work().input_elements == 2 * kRows * 4 + 2 * 4);
}

// ---- Experts ----

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Eight experts in four pairs, of which the best two pairs are searched for
// three experts. Scores are 0.88 0.05, 0.73 0.62, 0.50 0.56, 0.82 0.02. The
// bias lifts the third pair: by the sum of two, pairs 1 (1.35) and 2 (2.06)
// win; by the best one it would be pairs 0 and 2, and without groups expert
// 0. Expert 3 has the least rank of the four, the others are weighed by
// their scores without bias.
void RouteInGroups() {
  const Matrix logits(1, 8, {2, -3, 1, 0.5, 0, 0.25, 1.5, -4});
  const Matrix bias(1, 8, {0, 0, 0, 0, 0.5, 0.5, 0, 0});
  const OpRig rig = OpRig("moe_route", {},
                          {{"top_k", 3},
                           {"sigmoid", 1},
                           {"groups", 4},
                           {"groups_used", 2},
                           {"normalize", 1},
                           {"scale", 2.5}})
                        .Input(logits)
                        .Weight(bias);
  const double sum = Sigmoid(1) + Sigmoid(0) + Sigmoid(0.25);
  const double unit = 2.5 / sum;
  rig.Check({1,
             8,
             {0, 0, unit * Sigmoid(1), 0, unit * Sigmoid(0),
              unit * Sigmoid(0.25), 0, 0}});
  // 4 for a sigmoid, the bias, a comparison; sum and scale of three.
  CHECK(rig.work().vector_flops == 8 * (4 + 1 + 1) + 3 * 2);
}

void MoeRoute() {
  RouteInGroups();
  // The first of equals, and weights that keep their softmax.
  const Matrix logits(2, 4, {1, 3, 3, 3, 0, 0, 0, 2});
  const double a = std::exp(-2) + 3, b = std::exp(2) + 3;
  const OpRig plain = OpRig("moe_route", {.tokens = 2},
                            {{"top_k", 2}, {"sigmoid", 0}, {"normalize", 0}})
                          .Input(logits);
  plain.Check({2, 4, {0, 1 / a, 1 / a, 0, 1 / b, 0, 0, std::exp(2) / b}});
  CHECK(plain.work().vector_flops == 8 * (5 + 1) + 2 * 2 * 2);
}

// ---- Rows that move ----

void KvAppend() {
  const Matrix x = Draw(kRows, 4, 0), cache = DrawCache(4, 2, 1);
  const OpRig growing = OpRig("kv_append", kTwo).Input(x).Cache(cache);
  growing.Check(Make(12, 4, [&](size_t r, size_t c) {
    const size_t token = r % 6;
    return token < 2 || token > 4 ? cache(r, c) : x(r / 6 * 3 + token - 2, c);
  }));
  CHECK(growing.work().cache_write_elements == kRows * 4);
  CHECK(growing.work().flops() == 0);
  const OpRig fixed = OpRig("kv_append", kTwo)
                          .Input(x, RowsPerSequence(3))
                          .Cache(Draw(kRows, 4, 1), RowsPerSequence(3));
  fixed.Check(x);
}

void SelectRows() {
  const Matrix x = Draw(kRows, 4, 0);
  for (const size_t last : {0, 1}) {
    const OpRig rig =
        OpRig("select_rows", kTwo, {{"last", static_cast<double>(last)}})
            .Input(x);
    rig.Check(
        Make(2, 4, [&](size_t r, size_t c) { return x(3 * r + 2 * last, c); }));
    CHECK(rig.work().input_elements == 2 * 4);
    CHECK(rig.work().flops() == 0);
  }
}

void MeanPool() {
  const Matrix x = Draw(kRows, 4, 0);
  const OpRig rig = OpRig("mean_pool", kTwo).Input(x);
  rig.Check(Make(2, 4,
                 [&](size_t r, size_t c) {
                   return (x(3 * r, c) + x(3 * r + 1, c) + x(3 * r + 2, c)) / 3;
                 }),
            {3, 4});
  CHECK(rig.work().vector_flops == kRows * 4);
  CHECK(rig.work().output_elements == 2 * 4);
}

void ConcatRows() {
  const Matrix x = Draw(kRows, 4, 0), head = Draw(2, 4, 1);
  const OpRig rig =
      OpRig("concat_rows", kTwo).Input(x, RowsPerSequence(3)).Weight(head);
  rig.Check(Make(10, 4, [&](size_t r, size_t c) {
    const size_t i = r % 5;
    return i < 2 ? head(i, c) : x(r / 5 * 3 + i - 2, c);
  }));
  CHECK(rig.work().output_elements == 10 * 4);
  CHECK(rig.work().flops() == 0);
}

// Three rows a sequence, windows of three: the first and the last see a zero
// row. With stride 2 they are at rows 0 and 2.
void Im2Col() {
  const Matrix x = Draw(kRows, 2, 0);
  for (const size_t stride : {1, 2}) {
    const size_t windows = stride == 1 ? 3 : 2;
    const OpRig rig =
        OpRig("im2col", kTwo,
              {{"kernel", 3}, {"stride", static_cast<double>(stride)}})
            .Input(x, RowsPerSequence(3));
    rig.Check(Make(2 * windows, 6, [&](size_t r, size_t c) {
      const size_t at = r % windows * stride + c / 2;  // from the zero row on
      if (at == 0 || at == 4) return 0.0;
      return x(r / windows * 3 + at - 1, c % 2);
    }));
    CHECK(rig.work().output_elements == static_cast<int64_t>(2 * windows * 6));
    CHECK(rig.work().input_elements == kRows * 2);
  }
}

void SliceCols() {
  const Matrix x = Draw(kRows, 5, 0);
  const OpRig rig =
      OpRig("slice_cols", kTwo, {{"first", 1}, {"count", 3}}).Input(x);
  rig.Check(Make(kRows, 3, [&](size_t r, size_t c) { return x(r, c + 1); }));
  CHECK(rig.work().input_elements == kRows * 3);
}

constexpr OpCase kCases[] = {
    {"embed", Embed},
    {"pos_embed", PosEmbed},
    {"pos_sinusoid", PosSinusoid},
    {"add_rows", AddRows},
    {"rmsnorm", RmsNorm},
    {"layernorm", LayerNorm},
    {"rope", Rope},
    {"kv_append", KvAppend},
    {"softmax", Softmax},
    {"silu", Silu},
    {"gelu_tanh", GeluTanh},
    {"gelu_erf", GeluErf},
    {"tanh", Tanh},
    {"add", Add},
    {"mul", Mul},
    {"modulate", Modulate},
    {"gated_add", GatedAdd},
    {"moe_route", MoeRoute},
    {"select_rows", SelectRows},
    {"mean_pool", MeanPool},
    {"concat_rows", ConcatRows},
    {"im2col", Im2Col},
    {"slice_cols", SliceCols},
};

TEST_CASE("vector and data operators have the values of their definition") {
  RunCases(kCases, {OpKind::kVector, OpKind::kData});
}

TEST_CASE("operands that do not fit are refused") {
  const Matrix x = Draw(kRows, 4, 0);
  const auto refused = [](const OpRig& rig, std::string_view what) {
    const std::string complaint = rig.Complaint();
    CAPTURE(complaint);
    CHECK(complaint.find(what) != std::string::npos);
  };
  refused(OpRig("add", kTwo).Input(x), "takes 2 to 2 inputs, not 1");
  refused(OpRig("matmul", kTwo).Input(x).Input(x), "must be a weight");
  refused(OpRig("add_rows", kTwo).Input(x).Weight(Draw(3, 4, 1)),
          "w must have one row");
  refused(OpRig("pos_embed", kTwo)
              .Input(x, RowsPerSequence(3))
              .Weight(Draw(2, 4, 1)),
          "a row for each position");
  refused(OpRig("pos_sinusoid", kTwo).Input(Draw(kRows, 3, 0)), "even");
  refused(OpRig("rmsnorm", kTwo, {{"eps", 1}, {"group", 3}})
              .Input(x)
              .Weight(Draw(1, 3, 1)),
          "whole groups");
  refused(OpRig("rope", kTwo,
                {{"heads", 1},
                 {"head_dim", 4},
                 {"dim", 3},
                 {"theta", 1e4},
                 {"half", 0}})
              .Input(x),
          "pairs inside a head");
  refused(OpRig("rope", kTwo,
                {{"heads", 1}, {"head_dim", 4}, {"theta", 1}, {"half", 0}})
              .Input(x),
          "theta");
  refused(OpRig("kv_append", kTwo).Input(x).Input(x), "must be a cache");
  refused(OpRig("kv_append", kTwo)
              .Input(x, RowsPerSequence(3))
              .Cache(x, RowsPerSequence(2)),
          "has the rows of the input");
  refused(OpRig("attention", kTwo,
                {{"heads", 1}, {"kv_heads", 0}, {"head_dim", 4}, {"causal", 0}})
              .Input(x)
              .Input(x)
              .Input(x),
          "kv_heads must divide heads");
  refused(OpRig("attention", kTwo,
                {{"heads", 1}, {"kv_heads", 1}, {"head_dim", 4}, {"causal", 0}})
              .Input(x)
              .Input(x)
              .Input(x, RowsPerSequence(3)),
          "the same rows");
  refused(OpRig("gated_add", kTwo, {{"gate", 1}})
              .Input(x)
              .Input(x)
              .Input(Draw(2, 4, 1), kBatchRows),
          "part gate is outside");
  refused(OpRig("modulate", kTwo, {{"shift", 0}, {"scale", 0}})
              .Input(x)
              .Input(x)
              .Input(x),
          "one row a sequence");
  refused(OpRig("moe_route", kTwo,
                {{"top_k", 3}, {"sigmoid", 0}, {"normalize", 0}, {"groups", 2}})
              .Input(x),
          "in the groups used");
  refused(OpRig("im2col", kTwo, {{"kernel", 2}, {"stride", 1}})
              .Input(x, RowsPerSequence(3)),
          "kernel odd");
  refused(OpRig("concat_rows", kTwo).Input(x).Weight(Draw(1, 4, 1)),
          "fixed number of rows");
  refused(OpRig("slice_cols", kTwo, {{"first", 2}, {"count", 3}}).Input(x),
          "outside the input");
  refused(OpRig("embed", kTwo).Input(Draw(kRows, 1, 0)).Weight(Draw(0, 4, 1)),
          "sizes must be 1 or more");
}

}  // namespace
}  // namespace triptych
