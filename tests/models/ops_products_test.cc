// Values and work of the operators that are products, as in ops_test.cc.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <functional>

#include "tests/models/op_rig.h"

namespace triptych {
namespace {

void Matmul() {
  const Matrix a = Draw(kRows, 5, 0), w = Draw(4, 5, 1), bias = Draw(1, 4, 2);
  const auto product = [&](size_t r, size_t n) {
    double sum = 0;
    for (size_t k = 0; k < 5; ++k) sum += a(r, k) * w(n, k);
    return sum;
  };
  const OpRig plain = OpRig("matmul", kTwo).Input(a).Weight(w);
  plain.Check(Make(kRows, 4, product), {5, 5 * 16});
  CHECK(plain.work().matrix_flops == 2 * kRows * 5 * 4);
  CHECK(plain.work().vector_flops == 0);
  const OpRig biased = OpRig("matmul", kTwo).Input(a).Weight(w).Weight(bias);
  biased.Check(
      Make(kRows, 4,
           [&](size_t r, size_t n) { return product(r, n) + bias(0, n); }),
      {6, 5 * 16 + 4});
  CHECK(biased.work().vector_flops == kRows * 4);
  CHECK(biased.work().weight_elements == 4 * 5 + 4);
}

// sum over t of softmax_t(score(t)) value(t), for t < keys.
double Attended(size_t keys, const std::function<double(size_t)>& score,
                const std::function<double(size_t)>& value) {
  double top = score(0), sum = 0, result = 0;
  for (size_t t = 1; t < keys; ++t) top = std::max(top, score(t));
  for (size_t t = 0; t < keys; ++t) sum += std::exp(score(t) - top);
  for (size_t t = 0; t < keys; ++t) {
    result += std::exp(score(t) - top) / sum * value(t);
  }
  return result;
}

// Four heads in two pairs, each pair on one KV head; keys of 3, values of 2.
Matrix ExpectedAttention(const Matrix& q, const Matrix& k, const Matrix& v,
                         size_t stride, double scale,
                         const std::function<size_t(size_t)>& keys) {
  return Make(kRows, 8, [&](size_t r, size_t c) {
    const size_t head = c / 2, pair = head / 2, first = r / 3 * stride;
    return Attended(
        keys(r % 3),
        [&](size_t t) {
          double dot = 0;
          for (size_t i = 0; i < 3; ++i) {
            dot += q(r, head * 3 + i) * k(first + t, pair * 3 + i);
          }
          return scale * dot;
        },
        [&](size_t t) { return v(first + t, pair * 2 + c % 2); });
  });
}

// An error e in a score changes a weight by the factor e: |score| <= 48 scale.
constexpr Bound kAttended{8, 4 * (1 + 48)};

void Attention() {
  const Matrix q = Draw(kRows, 12, 0);
  const Matrix k = DrawCache(6, 5, 1), v = DrawCache(4, 5, 2);
  const OpRig causal = OpRig("attention", kTwo,
                             {{"heads", 4},
                              {"kv_heads", 2},
                              {"head_dim", 3},
                              {"v_dim", 2},
                              {"causal", 1},
                              {"scale", 0.25}})
                           .Input(q)
                           .Cache(k)
                           .Cache(v);
  causal.Check(ExpectedAttention(q, k, v, 6, 0.25,
                                 [](size_t token) { return token + 3; }),
               kAttended);
  // Keys seen by the queries of both sequences: 2 (3 + 4 + 5), by 4 heads.
  CHECK(causal.work().matrix_flops == 2 * 24 * 4 * (3 + 2));
  CHECK(causal.work().vector_flops == 5 * 24 * 4 + kRows * 8);
  CHECK(causal.work().cache_read_elements == 2 * 5 * (6 + 4));
  CHECK(causal.work().input_elements == kRows * 12);

  // Everyone sees four keys, of a memory of its own; scale by default.
  const Matrix k4 = Draw(8, 6, 3), v4 = Draw(8, 4, 4);
  const OpRig cross = OpRig("attention", kTwo,
                            {{"heads", 4},
                             {"kv_heads", 2},
                             {"head_dim", 3},
                             {"v_dim", 2},
                             {"causal", 0}})
                          .Input(q)
                          .Input(k4, RowsPerSequence(4))
                          .Input(v4, RowsPerSequence(4));
  cross.Check(ExpectedAttention(q, k4, v4, 4, 1 / std::sqrt(3.0),
                                [](size_t) { return 4; }),
              kAttended);
  CHECK(cross.work().matrix_flops == 2 * 2 * 3 * 4 * 4 * (3 + 2));
  CHECK(cross.work().input_elements == kRows * 12 + 8 * (6 + 4));
}

// The expanded order: every key and value made from its latent row first.
// Two heads: 2 features without and 2 with rotation, values of 3, latent 4.
void MlaAttention() {
  const Matrix q = Draw(kRows, 2 * (2 + 2), 0);
  const Matrix cache = DrawCache(4 + 2, 5, 1), up = Draw(2 * (2 + 3), 4, 2);
  const auto expand = [&](size_t row, size_t of_latent) {
    double sum = 0;
    for (size_t j = 0; j < 4; ++j) sum += up(of_latent, j) * cache(row, j);
    return sum;
  };
  const OpRig rig = OpRig("mla_attention", kTwo,
                          {{"heads", 2},
                           {"kv_lora", 4},
                           {"nope_dim", 2},
                           {"rope_dim", 2},
                           {"v_dim", 3},
                           {"scale", 0.0625}})
                        .Input(q)
                        .Cache(cache)
                        .Weight(up);
  rig.Check(Make(kRows, 6,
                 [&](size_t r, size_t c) {
                   const size_t head = c / 3, first = r / 3 * 6;
                   return Attended(
                       r % 3 + 3,
                       [&](size_t t) {
                         double dot = 0;
                         for (size_t i = 0; i < 2; ++i) {
                           dot += q(r, head * 4 + i) *
                                  expand(first + t, head * 5 + i);
                           dot +=
                               q(r, head * 4 + 2 + i) * cache(first + t, 4 + i);
                         }
                         return 0.0625 * dot;
                       },
                       [&](size_t t) {
                         return expand(first + t, head * 5 + 2 + c % 3);
                       });
                 }),
            {32, 64 * (1 + 0.0625 * (2 * 4 * 64 + 2 * 16))});
  // 2 heads of 24 visible keys. Absorbed: 6 tokens through 2 x 4 x 5 weights,
  // scores and sums over 2 x 4 + 2 features. Expanded: 10 keys through the
  // weights, 2 + 2 + 3 features a score.
  const int64_t absorbed = 2 * (6 * 40 + 48 * 10);
  const int64_t expanded = 2 * (10 * 40 + 48 * 7);
  CHECK(rig.work().matrix_flops == std::min(absorbed, expanded));
  CHECK(rig.work().vector_flops == 5 * 48 + kRows * 6);
  CHECK(rig.work().weight_elements == 10 * 4);
  CHECK(rig.work().cache_read_elements == 2 * 5 * 6);
}

// Three experts of 2 inside, on 4 features; a token may skip any of them.
void MoeFfn() {
  const Matrix x = Draw(kRows, 4, 0);
  Matrix routing = Draw(kRows, 3, 1);
  for (size_t r = 0; r < kRows; ++r) routing(r, r % 3) = 0;
  const Matrix gate = Draw(6, 4, 2), up = Draw(6, 4, 3), down = Draw(12, 2, 4);
  const auto through = [&](const Matrix& w, size_t r, size_t n) {
    double sum = 0;
    for (size_t k = 0; k < 4; ++k) sum += x(r, k) * w(n, k);
    return sum;
  };
  const OpRig rig = OpRig("moe_ffn", kTwo, {{"experts", 3}, {"top_k", 2}})
                        .Input(x)
                        .Input(routing)
                        .Weight(gate)
                        .Weight(up)
                        .Weight(down);
  rig.Check(Make(kRows, 4,
                 [&](size_t r, size_t c) {
                   double sum = 0;
                   for (size_t e = 0; e < 3; ++e) {
                     for (size_t f = 2 * e; f < 2 * e + 2; ++f) {
                       const double g = through(gate, r, f);
                       sum += routing(r, e) * down(4 * e + c, f - 2 * e) * g /
                              (1 + std::exp(-g)) * through(up, r, f);
                     }
                   }
                   return sum;
                 }),
            {16, 4 * 2 * 2 * 4 * 64. * 64});
  CHECK(rig.work().matrix_flops == 6 * (kRows * 2) * 4 * 2);
  CHECK(rig.work().vector_flops == kRows * 2 * (5 * 2 + 2 * 4));
  // A token misses an expert with 1/3; six tokens all miss it with 1/729.
  CHECK(rig.work().weight_elements ==
        std::llround(3 * (1 - 1. / 729) * 3 * 4 * 2));
  CHECK(rig.work().input_elements == kRows * (4 + 3));
}

constexpr OpCase kCases[] = {
    {"matmul", Matmul},
    {"attention", Attention},
    {"mla_attention", MlaAttention},
    {"moe_ffn", MoeFfn},
};

TEST_CASE("products have the values and the work of their definition") {
  RunCases(kCases, {OpKind::kMatmul, OpKind::kAttention});
}

}  // namespace
}  // namespace triptych
