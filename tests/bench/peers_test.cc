// The products that peers compute, and that a wrong one would be noticed.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "bench/comparison.h"
#include "bench/peers/peer.h"
#include "bench/plan.h"
#include "kernels/base/formats.h"

namespace triptych::bench {
namespace {

// C as a straightforward loop has it.
void Multiply(Product& p) {
  for (size_t i = 0; i < p.m; ++i) {
    for (size_t j = 0; j < p.n; ++j) {
      float sum = 0;
      int32_t sum_s32 = 0;
      for (size_t x = 0; x < p.k; ++x) {
        if (p.arithmetic == DType::kI8) {
          sum_s32 += p.a_u8[i * p.k + x] * p.b_s8[x * p.n + j];
        } else {
          sum += p.a[i * p.k + x] * p.b[x * p.n + j];
        }
      }
      if (p.arithmetic == DType::kI8) {
        p.c_s32[i * p.n + j] = sum_s32;
      } else {
        p.c[i * p.n + j] = sum;
      }
    }
  }
}

TEST_CASE("A sample of a product is right, or it is noticed") {
  for (const DType arithmetic : {DType::kF32, DType::kBf16, DType::kI8}) {
    INFO(ProductName(arithmetic));
    Product p = DrawProduct(5, 7, 31, arithmetic, 1);
    CHECK(!CheckProduct(p).ok);  // nothing was computed
    Multiply(p);
    CHECK(CheckProduct(p).ok);
    // 64 samples of 35 elements do not all miss a row, and the last element
    // is always looked at.
    Product last = p, row = p;
    if (arithmetic == DType::kI8) {
      last.c_s32.back() += 1;
      for (size_t j = 0; j < p.n; ++j) row.c_s32[j] -= 1;
    } else {
      last.c.back() += 0.1f;
      for (size_t j = 0; j < p.n; ++j) row.c[j] = -row.c[j];
    }
    CHECK(CheckProduct(last).detail.find("row 4, column 6") !=
          std::string::npos);
    CHECK(!CheckProduct(row).ok);
  }
}

TEST_CASE("Operands are in their formats and are not all alike") {
  const Product bf16 = DrawProduct(3, 4, 64, DType::kBf16, 1);
  std::set<float> values;
  for (const float x : bf16.a) {
    CHECK(x == RoundToBf16(x));
    CHECK(std::abs(x) <= 1);
    values.insert(x);
  }
  CHECK(values.size() > 100);
  const Product i8 = DrawProduct(16, 16, 64, DType::kI8, 1);
  CHECK(std::ranges::max(i8.a_u8) > 240);
  CHECK(std::ranges::min(i8.b_s8) < -56);
  CHECK(std::ranges::min(i8.b_s8) >= -64);
  CHECK(std::ranges::max(i8.b_s8) <= 63);
  CHECK(std::ranges::max(i8.b_s8) > 56);
  CHECK(DrawProduct(3, 4, 64, DType::kBf16, 2).a != bf16.a);
}

// Every peer that is here, in everything it offers, with one thread and two.
TEST_CASE("Peers compute what they are asked to") {
  for (const Peer& peer : AllPeers()) {
    for (const int threads : {1, 2}) {
      const auto library = peer.open(threads);
      if (!library) {
        MESSAGE("skipped: ", std::string(peer.name), " with ", threads,
                " threads: ", library.error().message);
        continue;
      }
      for (const PeerProduct& offered : peer.products) {
        for (const size_t m : {1, 5}) {
          INFO(peer.name, " ", ProductName(offered.arithmetic), " m=", m);
          Product p = DrawProduct(m, 19, 33, offered.arithmetic, 3);
          auto run = (*library)->Prepare(p);
          REQUIRE(run.has_value());
          (*run)();
          const Verdict verdict = CheckProduct(p);
          CHECK_MESSAGE(verdict.ok, verdict.detail);
          // Operands are read when it is called, weights may be packed.
          const Product drawn = DrawProduct(m, 19, 33, offered.arithmetic, 3);
          CHECK(p.a == drawn.a);
          CHECK(p.b == drawn.b);
        }
      }
    }
  }
}

std::string Refused(const std::string& name, DType arithmetic) {
  const auto open = OpenPeers(std::vector<std::string>{name}, arithmetic, 1);
  REQUIRE(!open.has_value());
  return open.error().message;
}

TEST_CASE("A peer that is not there, or has no such product, is named") {
  CHECK(Refused("mkl", DType::kF32) ==
        "bench: --peers mkl: no such peer; allowed: onednn, openblas, blis, "
        "libxsmm, eigen, all");
  CHECK(Refused("eigen", DType::kI8) ==
        "bench: --peers eigen: has no u8s8 product; it has f32, bf16");
  for (const Peer& peer : AllPeers()) {
    if (peer.open(1)) continue;
    const std::string message = Refused(std::string(peer.name), DType::kF32);
    CHECK(message.find("--peers " + std::string(peer.name)) !=
          std::string::npos);
    CHECK(message.find(peer.package) != std::string::npos);
  }
}

TEST_CASE("A shape is measured against the roof and a peer") {
  const std::vector<std::string> words = {"dtype=f32", "m=8", "n=48", "k=64"};
  const auto jobs = PlanJobs("matmul", words);
  REQUIRE(jobs.has_value());
  const auto peers =
      OpenPeers(std::vector<std::string>{"eigen"}, DType::kF32, 1);
  REQUIRE(peers.has_value());
  for (const bool cold : {false, true}) {
    Roof roof;
    const Conditions conditions = {.cold = cold,
                                   .protocol = {.seconds = 0.001, .rounds = 5}};
    const Outcome o = CompareOn((*jobs)[0].variant, (*jobs)[0].shapes[0],
                                *peers, conditions, roof);
    CHECK(o.problem == "");
    CHECK(o.rounds >= 5);
    CHECK(o.work.flops.value == 2 * 8 * 48 * 64);
    CHECK(o.times.best_s > 0);
    CHECK(o.times.best_s <= o.times.median_s);
    CHECK(o.rates.flops_per_second ==
          doctest::Approx(2 * 8 * 48 * 64 / o.times.best_s));
    // 16 KB fit into L1; thousands of them into no cache.
    CHECK(o.ceiling.level == (cold ? "DRAM" : "L1"));
    const bool names_one =
        o.ceiling.bound == "compute" || o.ceiling.bound == o.ceiling.level;
    CHECK(names_one);
    REQUIRE(o.peers.size() == 1);
    CHECK(o.peers[0].problem == "");
    CHECK(o.peers[0].ratio.of_best ==
          doctest::Approx(o.peers[0].times.best_s / o.times.best_s));
  }
}

}  // namespace
}  // namespace triptych::bench
