// The plain twins against values worked out by hand or by another formula:
// everything fast is held to them, so they are held to mathematics.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "kernels/ref/activation.h"
#include "kernels/ref/attention.h"
#include "kernels/ref/elementwise.h"
#include "kernels/ref/norm.h"
#include "kernels/ref/rope.h"
#include "kernels/ref/softmax.h"

namespace triptych {
namespace {

using doctest::Approx;
using Doubles = std::vector<double>;

MatView<double> View(Doubles& values, size_t rows) {
  return {values.data(), rows, values.size() / rows};
}

TEST_CASE("RmsNorm: 3 and 4 have a root mean square of sqrt(12.5)") {
  Doubles x = {3, 4};
  const float weight[] = {1, 10};
  ref::RmsNorm<double>(View(x, 1), weight, 0, View(x, 1));
  CHECK(x[0] == Approx(3 / std::sqrt(12.5)));
  CHECK(x[1] == Approx(40 / std::sqrt(12.5)));

  Doubles zero = {0, 0};
  ref::RmsNorm<double>(View(zero, 1), {}, 1e-5, View(zero, 1));
  CHECK(zero[0] == 0);
}

TEST_CASE("LayerNorm leaves a mean of bias and a deviation of weight") {
  Doubles x = {1, 2, 3, 4, 10, 20, 30, 40};
  const float weight[] = {2, 2, 2, 2}, bias[] = {5, 5, 5, 5};
  ref::LayerNorm<double>(View(x, 2), weight, bias, 0, View(x, 2));
  for (size_t r = 0; r < 2; ++r) {
    double mean = 0, variance = 0;
    for (size_t c = 0; c < 4; ++c) mean += x[4 * r + c] / 4;
    for (size_t c = 0; c < 4; ++c) {
      variance += (x[4 * r + c] - mean) * (x[4 * r + c] - mean) / 4;
    }
    CHECK(mean == Approx(5));
    CHECK(variance == Approx(4));
  }
}

TEST_CASE("Softmax: shares, shifts, large arguments, masks") {
  Doubles x = {0, std::log(3.0)};
  ref::Softmax<double>(View(x, 1));
  CHECK(x[0] == Approx(0.25));
  CHECK(x[1] == Approx(0.75));
  Doubles large = {1000, 1000 + std::log(3.0), -INFINITY};
  ref::Softmax<double>(View(large, 1));
  CHECK(large[1] == Approx(0.75));
  CHECK(large[2] == 0);
}

TEST_CASE("Activations: tabled values, symmetry, far tails") {
  const Doubles x = {1, -1, 0, 30, -30};
  Doubles y(5);
  ref::Silu<double>(x, y);
  CHECK(y[0] == Approx(0.7310585786300049));
  CHECK(y[0] + -y[1] == Approx(1));  // silu(x) - silu(-x) = x
  CHECK(y[2] == 0);
  CHECK(y[3] == Approx(30));
  ref::GeluErf<double>(x, y);
  CHECK(y[0] == Approx(0.8413447460685429));  // the normal distribution at 1
  CHECK(y[0] - y[1] == Approx(1));
  CHECK(y[4] < 0);  // tiny, but not cancelled away
  ref::GeluTanh<double>(x, y);
  CHECK(y[0] == Approx(0.8411919906082768));
  CHECK(y[1] == Approx(-0.15880800939172324));
  Doubles gated(5);
  ref::SiluMul<double>(x, x, gated);
  CHECK(gated[0] == Approx(0.7310585786300049));
}

TEST_CASE("Elementwise in place") {
  Doubles a = {1, 2, 3};
  const Doubles b = {10, 20, 30};
  ref::Add<double>(a, b, a);
  CHECK(a == Doubles{11, 22, 33});
  ref::Mul<double>(a, b, a);
  CHECK(a == Doubles{110, 440, 990});
  ref::Scale<double>(a, 0.5f, a);
  CHECK(a == Doubles{55, 220, 495});
}

TEST_CASE("Rope: a quarter turn, and which features turn together") {
  const float quarter[] = {static_cast<float>(std::acos(0.0)), 0.f};
  const int32_t position[] = {1};
  Doubles x = {1, 2, 3, 4, 5};  // the fifth feature is not rotated
  ref::Rope<double>(View(x, 1), 1, 5, quarter, position,
                    RopeStyle::kInterleaved);
  CHECK(x[0] == Approx(-2));
  CHECK(x[1] == Approx(1));
  CHECK(x[2] == 3);
  CHECK(x[4] == 5);
  Doubles y = {1, 2, 3, 4};
  ref::Rope<double>(View(y, 1), 1, 4, quarter, position, RopeStyle::kHalf);
  CHECK(y[0] == Approx(-3));
  CHECK(y[2] == Approx(1));
  CHECK(y[1] == 2);
}

TEST_CASE("Rope: scores depend on the distance alone") {
  const std::vector<float> inv_freq = InverseFrequencies(8, {});
  const auto score = [&](int32_t q_at, int32_t k_at) {
    Doubles qk = {1, 2, 3, 4, 5, 6, 7, 8, 8, 1, 7, 2, 6, 3, 5, 4};
    const int32_t positions[] = {q_at, k_at};
    ref::Rope<double>(View(qk, 2), 1, 8, inv_freq, positions, RopeStyle::kHalf);
    double dot = 0;
    for (size_t i = 0; i < 8; ++i) dot += qk[i] * qk[8 + i];
    return dot;
  };
  CHECK(score(5, 2) == Approx(score(105, 102)));
  CHECK(score(5, 2) != Approx(score(6, 2)));
}

TEST_CASE("Inverse frequencies, and Llama 3's stretching of the slow ones") {
  const double theta = 500000;
  const std::vector<float> plain = InverseFrequencies(128, {.theta = theta});
  CHECK(plain.size() == 64);
  CHECK(plain[0] == 1.f);
  CHECK(plain[32] == Approx(1 / std::sqrt(theta)));
  RopeFrequencies llama{.theta = theta, .factor = 8, .original_context = 8192};
  const std::vector<float> f = InverseFrequencies(128, llama);
  CHECK(f[0] == plain[0]);                // 6 tokens a turn: fast, stays
  CHECK(f[63] == Approx(plain[63] / 8));  // 2.5 million tokens: stretched
  // Two turns in the original context are a third of the way from 1 to 4.
  llama.original_context = 2 * 2 * std::acos(-1.0) / double{plain[20]};
  CHECK(InverseFrequencies(128, llama)[20] ==
        Approx(plain[20] * (1.0 / 3 + 2.0 / 3 / 8)));
}

TEST_CASE("Attention: equal scores average, one sharp score selects") {
  Doubles q = {0, 0}, k = {1, 2, 3, 4, 5, 6}, v = {1, 10, 100}, out(1);
  AttentionShape shape{.head_dim = 2, .v_dim = 1, .causal = false};
  ref::Attention<double>(shape, View(q, 1), View(k, 3), View(v, 3),
                         View(out, 1));
  CHECK(out[0] == Approx(37));
  q = {1000, 0};
  ref::Attention<double>(shape, View(q, 1), View(k, 3), View(v, 3),
                         View(out, 1));
  CHECK(out[0] == Approx(100));
}

TEST_CASE("Attention: causal sees past + t keys, groups share a KV head") {
  Doubles q(2 * 4, 0), k(3 * 2, 0), v = {1, -1, 2, -2, 6, -6}, out(2 * 4);
  const AttentionShape shape{
      .heads = 4, .kv_heads = 2, .head_dim = 1, .v_dim = 1, .past = 1};
  ref::Attention<double>(shape, View(q, 2), View(k, 3), View(v, 3),
                         View(out, 2));
  CHECK(out == Doubles{1.5, 1.5, -1.5, -1.5, 3, 3, -3, -3});
}

}  // namespace
}  // namespace triptych
