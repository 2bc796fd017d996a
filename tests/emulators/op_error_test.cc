// SPDX-License-Identifier: Apache-2.0
#include "emulators/op_error.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "models/build/build.h"
#include "tests/emulators/fake_target.h"
#include "tests/models/tiny_config.h"

namespace triptych {
namespace {

// A tiny model, what it is fed, and the fake: only its products are rounded.
struct Rig {
  Graph graph = *BuildGraph(TinyLlama(), {.all_logits = true});
  Weights weights = Weights::Random(graph, 7);
  // More tokens than are fed at once.
  std::vector<Segment> text = *SelfSegments(graph, weights, 1, 40, 3);

  std::vector<OpError> Errors(OpErrorOptions options = {},
                              Fault fault = Fault::kNone) const {
    const auto target =
        *MakeFake(*Config::Parse(FakePreset(), "fake.toml"), fault);
    const auto errors = OperatorErrors(graph, weights, *target, text, options);
    REQUIRE_MESSAGE(errors, (errors ? "" : errors.error().message));
    return *errors;
  }
};

TEST_CASE("only what an operator does wrong by itself is its own error") {
  const Rig rig;
  const std::vector<OpError> own = rig.Errors();
  const std::vector<OpError> all =
      rig.Errors({.inputs = OpInputs::kPropagated});
  REQUIRE(own.size() ==
          rig.graph.NodesOf(*rig.graph.FindEntry(Phase::kPrefill)).size());
  for (size_t i = 0; i < own.size(); ++i) {
    CAPTURE(own[i].name);
    CHECK(own[i].outputs > 0);
    CHECK(own[i].outputs % 40 == 0);
    CHECK(own[i].mean_abs <= own[i].rms() * (1 + 1e-9));
    CHECK(own[i].rms() <= own[i].max_abs * (1 + 1e-9));
    if (own[i].op == "matmul") {
      // Elements off by up to 2^-9, evenly: 2^-9 / sqrt(3) of the inputs' rms.
      CHECK(own[i].rms() > 1e-4);
      CHECK(own[i].rms() < 0x1p-8);
    } else {
      CHECK(own[i].rms() < 1e-5);  // f32
    }
  }
  // After the first products nothing is exact any more, and it adds up.
  CHECK(all.back().rms() > 1.5 * own.back().rms());
  const auto norm =
      std::ranges::find(own, std::string("norm.final"), &OpError::name);
  REQUIRE(norm != own.end());
  CHECK(all[static_cast<size_t>(norm - own.begin())].rms() > 1e-4);
}

TEST_CASE("a digest is of the bits: the same seed gives the same") {
  const Rig rig;
  const auto once = rig.Errors({.seed = 5}), again = rig.Errors({.seed = 5});
  const auto other = rig.Errors({.seed = 6});
  for (size_t i = 0; i < once.size(); ++i) {
    CAPTURE(once[i].name);
    CHECK(once[i].digest == again[i].digest);
    CHECK((once[i].digest != other[i].digest) == (once[i].op == "matmul"));
  }
}

TEST_CASE("several seeds at once are the same as one by one") {
  const Rig rig;
  const auto target = *MakeFake(*Config::Parse(FakePreset(), "fake.toml"));
  const auto both = OperatorErrorsOverSeeds(rig.graph, rig.weights, *target,
                                            rig.text, {.seed = 5}, 2);
  REQUIRE(both);
  REQUIRE(both->size() == 2);
  const auto first = rig.Errors({.seed = SeedOfRepeat(5, 0)});
  const auto second = rig.Errors({.seed = SeedOfRepeat(5, 1)});
  for (size_t i = 0; i < first.size(); ++i) {
    CHECK((*both)[0][i].digest == first[i].digest);
    CHECK((*both)[1][i].digest == second[i].digest);
    CHECK((*both)[1][i].mean_square == second[i].mean_square);
  }
}

TEST_CASE("the largest error shows what the mean hides") {
  const Rig rig;
  const auto right = rig.Errors(), wrong = rig.Errors({}, Fault::kWrongOutput);
  for (size_t i = 0; i < right.size(); ++i) {
    if (right[i].op != "matmul") continue;
    CAPTURE(right[i].name);
    CHECK(wrong[i].max_abs > 2 * right[i].max_abs);
  }
}

TEST_CASE("the standard error is what other seeds do") {
  const Rig rig;
  constexpr int kSeeds = 40;
  std::vector<std::vector<OpError>> repeats;
  for (int i = 0; i < kSeeds; ++i) {
    repeats.push_back(
        rig.Errors({.seed = SeedOfRepeat(1, static_cast<uint64_t>(i))}));
  }
  const auto pooled = Pooled(repeats);
  double ratio = 0, products = 0;
  for (size_t k = 0; k < pooled.size(); ++k) {
    if (pooled[k].op != "matmul") continue;
    double squares = 0, stated = 0;
    for (const auto& repeat : repeats) {
      const double off = repeat[k].mean_square - pooled[k].mean_square;
      squares += off * off / (kSeeds - 1);
      stated += repeat[k].mean_square_stderr / kSeeds;
    }
    ratio += std::sqrt(squares) / stated;
    ++products;
    CHECK(pooled[k].mean_square_stderr ==
          doctest::Approx(stated / std::sqrt(kSeeds)).epsilon(0.05));
    CHECK(pooled[k].outputs == kSeeds * repeats[0][k].outputs);
  }
  // The fake's outputs share their inputs' noise: a little more than stated.
  MESSAGE("spread over seeds / stated standard error: ", ratio / products);
  CHECK(ratio / products > 0.5);
  CHECK(ratio / products < 3);
}

TEST_CASE("layers are pooled by name") {
  const Rig rig;
  const auto nodes = rig.Errors();
  const auto groups = AcrossLayers(nodes);
  const auto q =
      std::ranges::find(groups, std::string("attn.q"), &OpError::name);
  REQUIRE(q != groups.end());
  CHECK(q->nodes == 2);
  CHECK(q->layer == -1);
  double sum = 0;
  for (const OpError& node : nodes) {
    if (node.name.ends_with("attn.q")) sum += node.mean_square;
  }
  CHECK(q->mean_square == doctest::Approx(sum / 2));
  CHECK(NameInLayer("layers.11.attn.q", 11) == "attn.q");
  CHECK(NameInLayer("layers.1.attn.q", 11) == "layers.1.attn.q");
  CHECK(NameInLayer("head", -1) == "head");
}

class NotANumber : public Step {
 public:
  explicit NotANumber(std::unique_ptr<Step> step) : step_(std::move(step)) {}
  Picos Run(const StepContext& ctx) const override {
    const Picos end = step_->Run(ctx);
    ctx.output(0, 0) = std::numeric_limits<float>::quiet_NaN();
    return end;
  }

 private:
  std::unique_ptr<Step> step_;
};

TEST_CASE("what is not a number does not hide") {
  const Rig rig;
  OpErrorOptions options;
  options.compile.wrap =
      [](const Node& node,
         std::unique_ptr<Step> step) -> std::unique_ptr<Step> {
    if (node.name != "norm.final") return step;
    return std::make_unique<NotANumber>(std::move(step));
  };
  for (const OpError& e : rig.Errors(options)) {
    CAPTURE(e.name);
    CHECK(std::isnan(e.mean_square) == (e.name == "norm.final"));
    CHECK(std::isnan(e.max_abs) == (e.name == "norm.final"));
  }
}

}  // namespace
}  // namespace triptych
