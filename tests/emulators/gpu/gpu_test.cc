// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "emulators/gpu/formats.h"
#include "emulators/target.h"
#include "emulators/validate.h"
#include "kernels/base/formats.h"
#include "kernels/base/rng.h"

namespace triptych {
namespace {

TEST_CASE("e2m1: the nearest of its eight magnitudes, ties to even") {
  constexpr float kValues[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  // A block whose largest is 6 has the scale 1; the matrix' largest too.
  const auto& format = gpu::FormatOf("nvfp4");
  for (int i = -1000; i <= 1000; ++i) {
    const float x = static_cast<float>(i) * 0.006f;
    std::vector<float> block = {x, 6.0f};
    format.round(block, 6.0f);
    float best = std::numeric_limits<float>::infinity();
    for (const float v : kValues) {
      best = std::min(best, std::abs(std::abs(x) - v));
    }
    CHECK(std::abs(block[0] - x) == doctest::Approx(best).epsilon(1e-5));
    CHECK(block[1] == doctest::Approx(6.0f));
  }
  std::vector<float> ties = {0.25f, 0.75f, 2.5f, 3.5f, 5.0f, 6.0f};
  format.round(ties, 6.0f);
  CHECK(ties == std::vector<float>{0, 1, 2, 4, 4, 6});
}

TEST_CASE("every format stays within the rounding it states") {
  const Rng rng(5);
  for (const char* name : {"bf16", "fp8", "nvfp4"}) {
    const auto& format = gpu::FormatOf(name);
    for (uint64_t row = 0; row < 50; ++row) {
      std::vector<float> x(64), rounded(64);
      Rng draws(5, row);
      for (float& v : x) v = static_cast<float>(draws.Normal());
      rounded = x;
      const float largest = AbsMax(x);
      format.round(rounded, largest);
      for (size_t i = 0; i < x.size(); ++i) {
        const double allowed =
            format.rounding.of_itself * std::abs(x[i]) +
            format.rounding.of_max * static_cast<double>(largest);
        CHECK(std::abs(rounded[i] - x[i]) <= allowed * (1 + 1e-6));
      }
      std::vector<float> again = rounded;
      format.round(again, AbsMax(rounded));
      if (format.name == "bf16") CHECK(again == rounded);
    }
  }
  std::vector<float> zeros(16, 0.0f);
  gpu::FormatOf("fp8").round(zeros, 0);
  gpu::FormatOf("nvfp4").round(zeros, 1.0f);
  CHECK(zeros == std::vector<float>(16, 0.0f));
}

TEST_CASE("one product by hand") {
  const auto target = MakeTarget("gpu:h100");
  REQUIRE(target);
  const auto p =
      (*target)->Predict("matmul", {{"m", "1"}, {"n", "6144"}, {"k", "4096"}});
  REQUIRE(p);
  // 64 padded rows, 2 bytes an element.
  const double compute = 2.0 * 64 * 6144 * 4096 / (0.79 * 989e12);
  const double memory = 2.0 * (6144.0 * 4096 + 4096 + 6144) / (0.83 * 3.35e12);
  const double seconds =
      3.4e-6 +
      std::pow(std::pow(compute, 4.2) + std::pow(memory, 4.2), 1 / 4.2);
  CHECK(p->at("seconds") == doctest::Approx(seconds).epsilon(1e-5));
  CHECK(p->at("energy_j") == doctest::Approx(seconds * 700).epsilon(1e-3));
}

// Products of one input are one launch, so are runs of elementwise work.
TEST_CASE("launches are joined as engines join them") {
  GraphBuilder b("launches");
  const ValueId x = b.Input("x", {kTokenRows, 64});
  const ValueId p = b.Add("matmul", "p", {x, b.Weight("w0", 64, 64)});
  const ValueId q = b.Add("matmul", "q", {x, b.Weight("w1", 64, 64)});
  const ValueId r = b.Add("silu", "r", {p});
  const ValueId s = b.Add("mul", "s", {r, q});
  const ValueId t = b.Add("matmul", "t", {s, b.Weight("w2", 64, 64)});
  b.AddEntry(Phase::kEncode, 0, t);
  const auto graph = b.Finish();
  REQUIRE(graph);
  const auto target = MakeTarget("gpu:h100");
  const auto program = (*target)->Compile(*graph, nullptr);
  REQUIRE(program);
  Ledger ledger;
  REQUIRE((*program)->Run({.phase = Phase::kEncode}, nullptr, ledger));
  // Two product launches of 3.4 us, one other of 3 us, little work, and two
  // transfers of 5 us.
  CHECK(Seconds(ledger.makespan()) > 19.8e-6);
  CHECK(Seconds(ledger.makespan()) < 20.2e-6);
}

TEST_CASE("kernel times of three GPUs: MAPE 10 %, p90 25 %") {
  const auto table = Table::Load("emulators/gpu/validation/kernels.csv");
  REQUIRE(table);
  const auto validation = Validate("gpu", {}, *table);
  REQUIRE(validation);
  REQUIRE(validation->scores.size() == 1);
  const Score& score = validation->scores[0];
  MESSAGE("MAPE " << score.mape_pct << " %, p90 " << score.p90_ape_pct
                  << " %, max " << score.max_ape_pct << " %");
  CHECK(score.rows == 15);
  CHECK(score.mape_pct < 10);
  CHECK(score.p90_ape_pct < 25);
}

}  // namespace
}  // namespace triptych
