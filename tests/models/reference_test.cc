// The f64 reference against published numbers of weights nobody here
// trained: stories260K (provenance in ../shared/data), where present.
// SPDX-License-Identifier: Apache-2.0
#include "models/reference.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/build/build.h"
#include "models/weights.h"
#include "tests/models/tiny_config.h"
#include "tests/shared_data.h"

namespace triptych {
namespace {

int32_t ArgMax(std::span<const double> row) {
  return static_cast<int32_t>(std::max_element(row.begin(), row.end()) -
                              row.begin());
}

TEST_CASE("stories260K: greedy tokens from BOS, from .bin and from GGUF") {
  const auto bin = SharedData("stories260K.bin");
  const auto gguf = SharedData("stories260K-F32.gguf");
  const auto tokenizer = SharedData("tok512.bin");
  if (bin.empty() || gguf.empty() || tokenizer.empty()) return;
  // Ids printed by llama2.c's run at temperature 0 (models reference, 1b).
  const std::vector<int32_t> expected = {1,   403, 407, 261, 378, 432, 383,
                                         286, 261, 376, 298, 315, 421, 395,
                                         317, 426, 338, 401, 396, 267};
  std::vector<std::vector<double>> last_logits;
  for (const auto& [path, tok] :
       {std::pair{bin, tokenizer}, std::pair{gguf, std::string()}}) {
    CAPTURE(path);
    const auto file = LoadModel(path, tok);
    REQUIRE_MESSAGE(file, (file ? "" : file.error().message));
    CHECK(file->config.layers == 5);
    const auto graph = BuildGraph(file->config);
    REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
    // The GGUF's converter wrote the tied head out.
    const int64_t head = file->config.tied_head ? 0 : 512 * 64;
    CHECK(graph->Parameters() == 260032 + head);
    const auto weights = Weights::Bind(*graph, *file);
    REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
    Reference reference(*graph, *weights, 1, 64);
    std::vector<int32_t> ids = {1};
    std::vector<double> logits;
    while (ids.size() < expected.size()) {
      const auto row = reference.Feed(std::span(ids).last(1));
      REQUIRE(row);
      logits.assign(row->row(0), row->row(0) + row->cols());
      ids.push_back(ArgMax(logits));
    }
    CHECK(ids == expected);
    last_logits.push_back(logits);
  }
  CHECK(last_logits[0] == last_logits[1]);
}

TEST_CASE("stories260K: top logits after a prompt") {
  const auto bin = SharedData("stories260K.bin");
  const auto tokenizer = SharedData("tok512.bin");
  if (bin.empty() || tokenizer.empty()) return;
  const auto file = LoadModel(bin, tokenizer);
  REQUIRE(file);
  const auto graph = BuildGraph(file->config);
  REQUIRE(graph);
  const auto weights = Weights::Bind(*graph, *file);
  REQUIRE(weights);
  Reference reference(*graph, *weights, 1, 64);
  const auto ids =
      file->tokenizer.Encode("Once upon a time, there was a little");
  CHECK(ids ==
        std::vector<int32_t>{1, 403, 407, 261, 378, 432, 383, 286, 261, 376});
  const auto logits = reference.Feed(ids);
  REQUIRE(logits);
  // models reference, 1b: a float64 evaluation made for this project.
  for (const auto& [id, logit] : {std::pair{298, 16.951442},
                                  {268, 16.107662},
                                  {400, 13.555623},
                                  {280, 12.970650},
                                  {272, 12.771921}}) {
    CHECK(std::abs((*logits)(0, static_cast<size_t>(id)) - logit) < 2e-6);
  }
}

TEST_CASE("prefill at once and token by token give the same logits") {
  const auto graph = BuildGraph(TinyLlama(), {.all_logits = true});
  REQUIRE(graph);
  const Weights weights = Weights::Random(*graph, 7);
  const std::vector<int32_t> ids = {3, 1, 4, 1, 5, 9, 2};
  Reference at_once(*graph, weights, 1, 16), stepwise(*graph, weights, 1, 16);
  const auto all = at_once.Feed(ids);
  REQUIRE(all);
  for (size_t t = 0; t < ids.size(); ++t) {
    const auto one = stepwise.Feed(std::span(ids).subspan(t, 1));
    REQUIRE(one);
    for (size_t v = 0; v < one->cols(); ++v) {
      CHECK((*one)(0, v) == (*all)(t, v));
    }
  }
  CHECK(!at_once.Feed(std::vector<int32_t>(10, 0)));  // 17 tokens in 16
  const auto unfed = Reference(*graph, weights, 1, 16).Run(Phase::kPrefill, {});
  REQUIRE(!unfed);
  CHECK(unfed.error().message == "tiny: input tokens: 0 x 0: must be 1 x 1");
  CHECK(!at_once.Run(Phase::kEncode, {}));
}

}  // namespace
}  // namespace triptych
