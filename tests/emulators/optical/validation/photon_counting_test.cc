// Counting photons: moments, and the accuracy of a network against light.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/validation/photon_counting.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "emulators/validate.h"
#include "kernels/base/aligned.h"
#include "tests/emulators/optical/validation/quantised_net.h"

namespace triptych::optical {
namespace {

TEST_CASE("mean and variance of counts, by small and by great means") {
  constexpr int kDraws = 1000000;
  for (const double mean : {0.05, 1.0, 9.0, 40.0, 200.0, 1000.0}) {
    CAPTURE(mean);
    Rng rng(11, static_cast<uint64_t>(mean * 100));
    double sum = 0, squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double count = Poisson(mean, rng);
      sum += count;
      squares += count * count;
    }
    const double m = sum / kDraws;
    CHECK(m == doctest::Approx(mean).epsilon(0.01));
    CHECK(squares / kDraws - m * m == doctest::Approx(mean).epsilon(0.01));
  }
}

TEST_CASE(
    "a product without noise is the product, and its noise is that of "
    "its light") {
  const size_t k = 50, n = 3;
  std::vector<float> w(n * k), x(k), y(n), clean(n);
  Rng rng(5);
  for (float& v : w) v = static_cast<float>(rng.Normal());
  for (float& v : x) v = static_cast<float>(rng.Uniform());
  const PhotonPlane plane(ConstMatView<float>(w.data(), n, k));
  plane.Multiply(x, 0, rng, clean);
  double light = 0, sum_x = 0, largest = 0;
  const auto [low, high] = std::ranges::minmax(w);
  for (size_t i = 0; i < k; ++i) {
    light += double{x[i]} * (w[i] - low) / (high - low);
    sum_x += x[i];
    largest = std::max(largest, double{x[i]});
  }
  double exact = 0;
  for (size_t i = 0; i < k; ++i) exact += double{w[i]} * x[i];
  CHECK(clean[0] == doctest::Approx(exact).epsilon(1e-5));

  // y = range * N mean(x) / n: variance range^2 mean(x) / n * light.
  const double photons = 2;
  double sum = 0, squares = 0;
  constexpr int kDraws = 200000;
  for (int i = 0; i < kDraws; ++i) {
    plane.Multiply(x, photons, rng, y);
    sum += y[0];
    squares += double{y[0]} * y[0];
  }
  const double mean = sum / kDraws;
  const double range = double{high} - low;
  CHECK(mean == doctest::Approx(exact).epsilon(0.01));
  CHECK(squares / kDraws - mean * mean ==
        doctest::Approx(range * range * light * (sum_x / k) / photons)
            .epsilon(0.01));
}

// Per cent of images that the network gets right with so many photons for
// each multiplication; 0: without noise.
double Accuracy(const std::vector<PhotonPlane>& planes, const Images& images,
                size_t count, double photons) {
  size_t right = 0;
  for (size_t i = 0; i < count; ++i) {
    Rng rng(17, i);
    std::vector<float> x(
        images.pixels.begin() + static_cast<ptrdiff_t>(i * Images::kPixels),
        images.pixels.begin() +
            static_cast<ptrdiff_t>((i + 1) * Images::kPixels));
    for (size_t l = 0; l < planes.size(); ++l) {
      QuantisedNet::RoundActivations(x);
      std::vector<float> y(QuantisedNet::kSizes[l + 1]);
      planes[l].Multiply(x, photons, rng, y);
      if (l + 1 < planes.size()) {
        for (float& v : y) v = std::max(v, 0.0f);
      }
      x = std::move(y);
    }
    const auto best = std::ranges::max_element(x) - x.begin();
    right += best == images.labels[i];
  }
  return 100 * static_cast<double>(right) / static_cast<double>(count);
}

// Where a rise passes one half, between two points in log photons.
struct Crossing {
  void Add(double photons, double rise) {
    if (half == 0 && rise >= 0.5) {
      const double part = (0.5 - rise_) / (rise - rise_);
      half = photons_ * std::pow(photons / photons_, part);
    }
    photons_ = photons;
    rise_ = rise;
  }
  double half = 0;

 private:
  double photons_ = 0, rise_ = 0;
};

// The published rise from chance to plateau, and ours, both as parts of it.
TEST_CASE("a Fashion-MNIST twin rises with light as the published network") {
  const Images train = LoadFashionMnist("train");
  const Images test = LoadFashionMnist("t10k");
  if (train.count() == 0 || test.count() == 0) return;
  QuantisedNet net(1);
  net.Train(train, 6);
  std::vector<PhotonPlane> planes;
  for (size_t l = 0; l < QuantisedNet::kLayers; ++l) {
    planes.emplace_back(net.Weights(l));
    std::printf("layer %zu: mean transmission %.2f\n", l,
                planes.back().mean_transmission());
  }
  constexpr size_t kImages = 2000;
  const double clean = Accuracy(planes, test, kImages, 0);
  std::printf("clean: %.2f %%\nphotons  ours %%  rise  published rise\n",
              clean);
  CHECK(clean > 84);

  const auto table =
      Table::Load("emulators/optical/validation/photon_sweep.csv");
  REQUIRE(table);
  double before = 0, plateau = 0;
  for (const Table::Row& row : table->rows) {
    if (row.fields[1] == "sim_clean") plateau = std::stod(row.fields[4]);
  }
  Crossing ours_at, published_at;
  for (const Table::Row& row : table->rows) {
    if (row.fields[1] != "sim_clean") continue;
    const double photons = std::stod(row.fields[3]);
    const double published = (std::stod(row.fields[4]) - 10) / (plateau - 10);
    const double ours = Accuracy(planes, test, kImages, photons);
    const double rise = (ours - 10) / (clean - 10);
    std::printf("%8.3g  %6.2f  %.3f  %.3f\n", photons, ours, rise, published);
    // Three deviations of the difference of two counts of 2,000.
    CHECK(ours > before - 3.4);
    if (photons < 0.05) CHECK(ours < 15);
    ours_at.Add(photons, rise);
    published_at.Add(photons, published);
    if (photons >= 10) CHECK(rise > 0.9);
    before = ours;
  }
  // Half of the rise comes with at most thrice the light: the task is harder.
  CHECK(ours_at.half > published_at.half);
  CHECK(ours_at.half < 3 * published_at.half);
}

}  // namespace
}  // namespace triptych::optical
