// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/base/rng.h"
#include "tests/tools/analysis_results.h"
#include "tools/analysis/effects.h"
#include "tools/analysis/sobol.h"
#include "tools/analysis/sobol_sequence.h"

namespace triptych::analysis {
namespace {

using sweep::Role;
constexpr double kPi = std::numbers::pi;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> BasePoints(size_t n, int inputs, uint64_t seed) {
  const SobolSequence sequence(2 * inputs, seed);
  const auto width = static_cast<size_t>(2 * inputs);
  std::vector<double> base(n * width);
  for (size_t i = 0; i < n; ++i) {
    sequence.Point(i, std::span(base).subspan(i * width, width));
  }
  return base;
}

// T. Ishigami and T. Homma, ISUMA 1990, with a = 7 and b = 0.1.
double Ishigami(std::span<const double> u) {
  const auto x = [&](size_t i) { return kPi * (2 * u[i] - 1); };
  return std::sin(x(0)) + 7 * std::pow(std::sin(x(1)), 2) +
         0.1 * std::pow(x(2), 4) * std::sin(x(0));
}
struct Truth {
  double first, total;
};
std::vector<Truth> IshigamiTruth() {
  const double a = 7, b = 0.1, pi4 = std::pow(kPi, 4), pi8 = pi4 * pi4;
  const double v1 = std::pow(1 + b * pi4 / 5, 2) / 2;
  const double v2 = a * a / 8;
  const double v13 = b * b * pi8 * (1.0 / 18 - 1.0 / 50);
  const double v = v1 + v2 + v13;
  return {{v1 / v, (v1 + v13) / v}, {v2 / v, v2 / v}, {0, v13 / v}};
}

std::vector<double> Evaluate(std::span<const double> design, size_t inputs,
                             double (*f)(std::span<const double>)) {
  std::vector<double> outputs;
  for (size_t i = 0; i < design.size(); i += inputs) {
    outputs.push_back(f(design.subspan(i, inputs)));
  }
  return outputs;
}

TEST_CASE("Saltelli's design, by hand") {
  const std::vector<double> base = {1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(SaltelliDesign(base, 2) == std::vector<double>{1, 2, 3, 4, 3, 2, 1,
                                                       4,  //
                                                       5, 6, 7, 8, 7, 6, 5, 8});
}

TEST_CASE("Ishigami: within 2 % of the analytic indices at 2^14 samples") {
  const auto truth = IshigamiTruth();
  CHECK(truth[0].first == doctest::Approx(0.3139).epsilon(0.001));
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{2}}) {
    const auto design = SaltelliDesign(BasePoints(1 << 14, 3, seed), 3);
    const auto indices = EstimateSobol(Evaluate(design, 3, Ishigami), 3);
    CHECK(indices.base_points == 1 << 14);
    CHECK(indices.left_out == 0);
    CHECK(indices.mean == doctest::Approx(3.5).epsilon(0.001));
    double worst = 0;
    for (size_t i = 0; i < 3; ++i) {
      const SobolIndex& got = indices.of_input[i];
      // The first index of x3 is 0: there 2 % is of the whole variance.
      const double scale = truth[i].first > 0 ? truth[i].first : 1;
      worst = std::max({worst, std::abs(got.first - truth[i].first) / scale,
                        std::abs(got.total / truth[i].total - 1)});
      CHECK(got.first_low < got.first);
      CHECK(got.first < got.first_high);
      CHECK(got.total_low < got.total);
      CHECK(got.total < got.total_high);
      MESSAGE("seed ", seed, ", x", i + 1, ": first ", got.first, " [",
              got.first_low, ", ", got.first_high, "] of ", truth[i].first,
              ", total ", got.total, " [", got.total_low, ", ", got.total_high,
              "] of ", truth[i].total);
    }
    MESSAGE("largest error: ", 100 * worst, " %");
    CHECK(worst < 0.02);
  }
}

TEST_CASE("Intervals hold the truth as often as they say") {
  // Random base points: the bootstrap's own assumption. 60 studies of 6
  // intervals each; the coverage of a percentile bootstrap at n = 256 is a
  // little below 95 %.
  const auto truth = IshigamiTruth();
  int held = 0;
  for (uint64_t study = 0; study < 60; ++study) {
    Rng rng(99, study);
    std::vector<double> base(256 * 6);
    for (double& x : base) x = rng.Uniform();
    const auto indices = EstimateSobol(
        Evaluate(SaltelliDesign(base, 3), 3, Ishigami), 3, {200, study});
    for (size_t i = 0; i < 3; ++i) {
      const SobolIndex& got = indices.of_input[i];
      held +=
          got.first_low <= truth[i].first && truth[i].first <= got.first_high;
      held +=
          got.total_low <= truth[i].total && truth[i].total <= got.total_high;
    }
  }
  MESSAGE("held: ", held, " of 360");
  CHECK(held > 320);
  CHECK(held < 358);
}

TEST_CASE("The same seed gives the same intervals; outputs may be missing") {
  const auto design = SaltelliDesign(BasePoints(256, 3, 0), 3);
  auto outputs = Evaluate(design, 3, Ishigami);
  const auto one = EstimateSobol(outputs, 3), two = EstimateSobol(outputs, 3);
  CHECK(one.of_input[0].first_low == two.of_input[0].first_low);
  CHECK(EstimateSobol(outputs, 3, {500, 9}).of_input[0].first_low !=
        one.of_input[0].first_low);
  outputs[7] = kNan;
  const auto fewer = EstimateSobol(outputs, 3);
  CHECK(fewer.base_points == 255);
  CHECK(fewer.left_out == 1);
  const auto none = EstimateSobol(std::vector<double>(10, 4.0), 3);
  CHECK(none.of_input[1].total == 0);
  CHECK(EstimateSobol({}, 3).base_points == 0);
}

// y = a + 2 b + a b over a in {-1, 1}, b in {-1, 1}, c in {-1, 0, 1}: the
// variances of the three terms are 1, 4 and 1, that of c nothing.
sweep::Results Grid() {
  std::vector<double> a, b, y;
  std::vector<std::string> c;
  for (const double va : {-1.0, 1.0}) {
    for (const double vb : {-1.0, 1.0}) {
      for (const char* vc : {"x", "y", "z"}) {
        a.push_back(va);
        b.push_back(vb);
        c.push_back(vc);
        y.push_back(va + 2 * vb + va * vb);
      }
    }
  }
  return MakeResults(
      {Numbers("a", Role::kAxis, a), Texts("c", Role::kAxis, c),
       Numbers("b", Role::kAxis, b), Numbers("y", Role::kMeasure, y)},
      {});
}

TEST_CASE("Exact indices of a grid, by hand") {
  const auto sobol = SobolOfGrid(Grid(), "y");
  REQUIRE(sobol);
  CHECK(sobol->axes == std::vector<std::string>{"a", "c", "b"});
  const auto& of = sobol->indices.of_input;
  CHECK(sobol->indices.variance == doctest::Approx(6));
  CHECK(of[0].first == doctest::Approx(1 / 6.0));
  CHECK(of[0].total == doctest::Approx(2 / 6.0));
  CHECK(of[1].first == doctest::Approx(0));
  CHECK(of[1].total == doctest::Approx(0));
  CHECK(of[2].first == doctest::Approx(4 / 6.0));
  CHECK(of[2].total == doctest::Approx(5 / 6.0));
  // The same as the share of a main effect.
  const auto effects = MainEffects(Grid(), "y");
  CHECK((*effects)[0].variance_share == doctest::Approx(of[2].first));
}

TEST_CASE("A grid with a hole, a repeat or a failure has no exact indices") {
  auto hole = Grid();
  hole.points = 11;
  for (auto& column : hole.columns) {
    if (column.is_text()) column.texts.pop_back();
    if (!column.is_text()) column.numbers.pop_back();
  }
  CHECK(SobolOfGrid(hole, "y").error().message.find("11 points") !=
        std::string::npos);
  auto repeat = Grid();
  repeat.columns[0].numbers[0] = 1;
  CHECK(!SobolOfGrid(repeat, "y"));
  auto failed = Grid();
  failed.columns[3].numbers[4] = kNan;
  CHECK(!SobolOfGrid(failed, "y"));
  CHECK(SobolOfGrid(Grid(), "z").error().code == ErrorCode::kNotFound);
}

}  // namespace
}  // namespace triptych::analysis
