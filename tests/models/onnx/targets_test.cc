// Imported ONNX models on every target.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "emulators/session.h"
#include "emulators/target.h"
#include "models/build/build.h"
#include "models/graph_weights.h"
#include "models/onnx/import.h"
#include "models/reference.h"
#include "tests/models/onnx/build_models.h"

namespace triptych {
namespace {

struct Errors {
  double largest = 0;   // |target - reference|, over the largest logit
  double relative = 0;  // root of the mean square, over that of the logits
};

Errors ErrorsOf(const std::string& name, const Graph& graph,
                const Weights& weights) {
  const auto target = MakeTarget(name);
  REQUIRE(target);
  const auto program = (*target)->Compile(graph, &weights);
  REQUIRE_MESSAGE(program, (program ? "" : program.error().message));
  constexpr int64_t kTokens = 6;
  Session session(graph, **program, {.capacity = kTokens + 1});
  Reference reference(graph, weights, 1, kTokens + 1);
  const std::vector<int32_t> prompt = {3, 10, 17, 24, 31, 38};
  const int32_t next = 45;
  double square = 0, norm = 0, largest = 0, top = 0;
  for (const bool decode : {false, true}) {
    const auto got = decode ? session.Decode(next) : session.Prefill(prompt);
    const auto exact =
        decode ? reference.Feed({&next, 1}) : reference.Feed(prompt);
    REQUIRE_MESSAGE(got, (got ? "" : got.error().message));
    REQUIRE(exact);
    REQUIRE(got->size() == exact->size());
    for (size_t i = 0; i < got->size(); ++i) {
      const double e = exact->data()[i], d = got->data()[i] - e;
      square += d * d;
      norm += e * e;
      largest = std::isnan(d) ? INFINITY : std::max(largest, std::abs(d));
      top = std::max(top, std::abs(e));
    }
  }
  CHECK(!session.decode_ledger().rows().empty());
  return {largest / top, std::sqrt(square / norm)};
}

TEST_CASE("imported decoders run on every target, on cpu as in the reference") {
  const OnnxSizes sizes = {.vocab = 61, .kv_heads = 2};
  for (const bool llama : {true, false}) {
    const OnnxBytes bytes = llama ? LlamaOnnx(sizes, false) : Gpt2Onnx(sizes);
    const auto file = ParseOnnxModel(bytes, "m.onnx");
    REQUIRE(file);
    const auto graph = BuildGraph(*file);
    REQUIRE(graph);
    const auto weights = Weights::Bind(*graph, *file);
    REQUIRE(weights);
    // f32 on the host; elsewhere the target's own formats, which a model
    // this small and untrained feels.
    const Errors cpu = ErrorsOf("cpu", *graph, *weights);
    CHECK(cpu.largest < 2e-6);
    for (const char* name : {"mesh", "optical", "npu"}) {
      const Errors errors = ErrorsOf(name, *graph, *weights);
      MESSAGE(std::string(name) << ": relative error " << errors.relative);
      CHECK(errors.relative > 0);
      CHECK(errors.relative < 0.1);
    }
  }
}

}  // namespace
}  // namespace triptych
