// What is asked of the benchmark, and what it says of questions that make no
// sense.
// SPDX-License-Identifier: Apache-2.0
#include "bench/plan.h"

#include <doctest/doctest.h>

#include <set>

namespace triptych::bench {
namespace {

using Words = std::vector<std::string>;

std::vector<Job> Planned(const std::string& op, const Words& words) {
  auto jobs = PlanJobs(op, words);
  REQUIRE(jobs.has_value());
  return *jobs;
}

// The message, which has to begin with where it comes from.
std::string Refused(const std::string& op, const Words& words) {
  const auto jobs = PlanJobs(op, words);
  REQUIRE(!jobs.has_value());
  CHECK(jobs.error().message.starts_with("bench: "));
  return jobs.error().message;
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("Sizes that make no problem are refused by the row they are for") {
  const auto attention = [](const std::string& variant, const char* kv_heads,
                            const char* v_dim, const char* context) {
    return Words{"variant=" + variant,
                 "heads=4",
                 std::string("kv_heads=") + kv_heads,
                 "head_dim=32",
                 std::string("v_dim=") + v_dim,
                 "tokens=8",
                 std::string("context=") + context};
  };
  const auto jobs =
      Planned("attention", attention("cache_bf16_causal", "2", "48", "8,4096"));
  REQUIRE(jobs.size() == 1);
  REQUIRE(jobs[0].shapes.size() == 2);
  CHECK(jobs[0].shapes[1].shape == ProblemShape{4, 2, 32, 48, 8, 4096});
  CHECK(Has(Refused("attention", attention("f32_causal", "3", "32", "8")),
            "heads=4 kv_heads=3"));
  CHECK(Has(Refused("attention", attention("f32_causal", "2", "32", "7")),
            "context must hold"));
  CHECK(!Planned("attention", attention("f32_full", "2", "32", "7")).empty());
  CHECK(Has(Refused("attention", attention("cache_i8_latent", "1", "33", "9")),
            "v_dim must not exceed"));
  const Words turned = {"variant=half", "tokens=2", "heads=1", "head_dim=8"};
  for (const char* bad : {"rotated=10", "rotated=3"}) {
    Words words = turned;
    words.push_back(bad);
    CHECK(Has(Refused("rope", words), "rotated must"));
  }
}

TEST_CASE("A row by name, on a shape, on all combinations, on a list") {
  for (const char* key : {"dtype=bf16", "variant=bf16"}) {
    const auto jobs = Planned("matmul", {key, "m=5", "n=6", "k=7"});
    REQUIRE(jobs.size() == 1);
    CHECK(jobs[0].variant.name == "bf16");
    REQUIRE(jobs[0].shapes.size() == 1);
    CHECK(jobs[0].shapes[0].shape == ProblemShape{5, 6, 7});
    CHECK(jobs[0].shapes[0].list == "");
  }
  const auto crossed =
      Planned("matmul", {"dtype=f32", "k=1,2", "m=3,4", "n=5"})[0].shapes;
  REQUIRE(crossed.size() == 4);
  CHECK(crossed[1].shape == ProblemShape{3, 5, 2});
  CHECK(crossed[2].shape == ProblemShape{4, 5, 1});
  const auto listed =
      Planned("matmul", {"dtype=u8s8", "shapes=square,odd"})[0].shapes;
  REQUIRE(listed.size() == 10);
  CHECK(listed[0].shape == ProblemShape{64, 64, 64});
  CHECK(listed[0].list == "square");
  CHECK(listed[9].list == "odd");
}

TEST_CASE("The layers of Llama 3.2 1B, by its sizes") {
  // 2048 channels, 32 heads of 64, 8 of them for k and v, 8192 in the ffn.
  std::set<std::pair<size_t, size_t>> layers;
  const auto shapes =
      Planned("matmul", {"dtype=f32", "shapes=llama-3.2-1b"})[0].shapes;
  for (const ListedShape& s : shapes) layers.insert({s.shape[1], s.shape[2]});
  CHECK(layers == std::set<std::pair<size_t, size_t>>{{(32 + 8 + 8) * 64, 2048},
                                                      {2048, 2048},
                                                      {2 * 8192, 2048},
                                                      {2048, 8192}});
  CHECK(shapes.size() == 7 * layers.size());
}

TEST_CASE("Without words, every row of the operator on its own shapes") {
  const auto jobs = Planned("softmax", {});
  CHECK(!jobs.empty());
  for (const Job& job : jobs) {
    CHECK(job.variant.op == "softmax");
    CHECK(job.shapes.size() == job.variant.bench_shapes().size());
  }
}

TEST_CASE("Questions that make no sense are told what would") {
  CHECK(Has(Refused("matmull", {}),
            "matmull: no such operator; allowed: "
            "matmul, "));
  CHECK(Has(Refused("matmul", {"dtype=q9"}),
            "dtype=q9: no such variant of matmul; allowed: f32, "));
  CHECK(Has(Refused("matmul", {"shapes=huge"}),
            "shapes=huge: no such list; allowed: square, odd, "));
  CHECK(Has(Refused("matmul", {"shapes=square,"}), "shapes=: no such list"));
  CHECK(Has(Refused("matmul", {"m"}), "\"m\": expected key=value"));
  CHECK(Has(Refused("matmul", {"=3"}), "\"=3\": expected key=value"));
  CHECK(Has(Refused("matmul", {"m="}), "\"m=\": expected key=value"));
  CHECK(Has(Refused("matmul", {"m=1", "m=2"}), "m: given twice"));
  CHECK(
      Has(Refused("matmul", {"m=1", "n=2"}), "k: missing; sizes are m, n, k"));
  CHECK(Has(Refused("matmul", {"m=1", "n=2", "k=2", "q=1"}),
            "q: no such key; allowed for matmul/f32: dtype, variant, "
            "shapes, m, n, k"));
  CHECK(Has(Refused("matmul", {"m=1", "shapes=square"}),
            "shapes, m: allowed is one of them"));
  CHECK(Has(Refused("matmul", {"dtype=f32", "variant=f32"}),
            "dtype, variant: both name the row"));
  for (const char* size :
       {"0", "-1", "x", "1,", ",1", "1;2", "1.5", "99999999999999999999"}) {
    const std::string word = std::string("m=") + size;
    CHECK(Has(Refused("matmul", {word, "n=1", "k=1"}),
              word + ": must be numbers from 1 to 16777216"));
  }
  CHECK(Has(Refused("matmul", {"m=16777216", "n=16777216", "k=16777216"}),
            "the operands have to fit into"));
  CHECK(Has(Refused("attention", {"heads=3"}), "kv_heads: missing"));
  CHECK(Has(Refused("softmax", {"shapes=square"}),
            "softmax/f32 has sizes rows cols"));
}

}  // namespace
}  // namespace triptych::bench
