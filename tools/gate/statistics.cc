// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include "kernels/base/check.h"

namespace triptych::gate {
namespace {

// The x with tail(x) == p, for a tail that falls from 1 to 0.
template <class Tail>
double Invert(double p, const Tail& tail) {
  TRIPTYCH_CHECK(p > 0 && p < 1, "p", p);
  double low = -1, high = 1;
  while (tail(high) > p) high *= 2;
  while (tail(low) < p) low *= 2;
  while (true) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;
    (tail(middle) > p ? low : high) = middle;
  }
}

// The continued fraction of the incomplete beta function (DLMF 8.17.22), by
// Lentz's method.
double BetaFraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  double c = 1;
  double d = 1 / (1 - (a + b) * x / (a + 1));
  double value = d;
  for (int m = 1; m < 1000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd =
        -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      c = 1 + term / c;
      d = 1 / (d == 0 ? kTiny : d);
      if (c == 0) c = kTiny;
      value *= c * d;
    }
    if (std::abs(c * d - 1) < 1e-15) break;
  }
  return value;
}

// I_x(a, b), the regularised incomplete beta function.
double IncompleteBeta(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
               a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * BetaFraction(x, a, b) / a;
  return 1 - front * BetaFraction(1 - x, b, a) / b;
}

// P(U <= u) where no value is there twice: all orders of m + n values are
// equally likely. Counts of orders by U, one more value of `a` at a time.
double ExactLowerTail(size_t m, size_t n, size_t u) {
  // ways[j][k]: orders of i values of a and j of b with U = k.
  const size_t most = m * n;
  std::vector<std::vector<double>> ways(n + 1,
                                        std::vector<double>(most + 1, 0.0));
  for (auto& row : ways) row[0] = 1;  // of no values of a
  for (size_t i = 1; i <= m; ++i) {
    // The largest of all is of a (all j of b are smaller: U counts pairs in
    // which b is the larger, so nothing) or of b (it is larger than all i).
    for (size_t j = 1; j <= n; ++j) {
      for (size_t k = most + 1; k-- > 0;) {
        ways[j][k] += k >= i ? ways[j - 1][k - i] : 0.0;
      }
    }
  }
  double below = 0, all = 0;
  for (size_t k = 0; k <= most; ++k) {
    all += ways[n][k];
    if (k <= u) below += ways[n][k];
  }
  return below / all;
}

constexpr size_t kMostExact = 50;

}  // namespace

double NormalTail(double z) { return std::erfc(z / std::numbers::sqrt2) / 2; }

double NormalQuantile(double upper_tail) {
  return Invert(upper_tail, NormalTail);
}

double StudentTail(double t, double freedom) {
  const double tail =
      IncompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
  return t >= 0 ? tail : 1 - tail;
}

double StudentQuantile(double upper_tail, double freedom) {
  return Invert(upper_tail, [&](double t) { return StudentTail(t, freedom); });
}

double Mean::HalfWidth(double level) const {
  if (count < 2) return 0;
  return stderr_of_mean *
         StudentQuantile((1 - level) / 2, static_cast<double>(count - 1));
}

Mean MeanOf(std::span<const double> values) {
  Mean m{.count = values.size()};
  if (values.empty()) return m;
  const auto n = static_cast<double>(values.size());
  for (const double v : values) m.mean += v / n;
  double squares = 0;
  for (const double v : values) squares += (v - m.mean) * (v - m.mean);
  if (values.size() > 1) m.stderr_of_mean = std::sqrt(squares / (n - 1) / n);
  return m;
}

MannWhitney MannWhitneyTest(std::span<const double> a,
                            std::span<const double> b) {
  MannWhitney test;
  if (a.empty() || b.empty()) return test;
  for (const double x : a) {
    for (const double y : b) test.u += y > x ? 1 : y == x ? 0.5 : 0;
  }
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  std::ranges::sort(all);
  const auto m = static_cast<double>(a.size());
  const auto n = static_cast<double>(b.size());
  double ties = 0;  // sum of t^3 - t over groups of t equal values
  for (size_t i = 0; i < all.size();) {
    size_t end = i;
    while (end < all.size() && all[end] == all[i]) ++end;
    const auto t = static_cast<double>(end - i);
    ties += t * t * t - t;
    i = end;
  }
  if (ties == 0 && a.size() <= kMostExact && b.size() <= kMostExact) {
    const double smaller = std::min(test.u, m * n - test.u);
    test.p = std::min(1.0, 2 * ExactLowerTail(a.size(), b.size(),
                                              static_cast<size_t>(smaller)));
    return test;
  }
  const double total = m + n;
  const double variance =
      m * n / 12 * (total + 1 - ties / (total * (total - 1)));
  if (variance <= 0) return test;  // all are equal
  const double off = std::abs(test.u - m * n / 2);
  test.p = std::min(
      1.0, 2 * NormalTail(std::max(0.0, off - 0.5) / std::sqrt(variance)));
  return test;
}

double Median(std::span<const double> values) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const size_t middle = sorted.size() / 2;
  if (sorted.size() % 2 == 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace triptych::gate
