// Any bytes as a GGUF model: what is read as one also builds and binds.
// SPDX-License-Identifier: Apache-2.0
#include "models/build/build.h"
#include "models/formats/gguf_model.h"
#include "models/graph_weights.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace triptych;
  const auto bytes = FuzzFile(data, size);
  const auto model = ParseGgufModel(bytes, "f");
  TouchOrFail(model);
  if (!model) return 0;
  const auto graph = BuildGraph(model->config);
  TRIPTYCH_CHECK(graph, (graph ? "" : graph.error().message));
  const auto weights = Weights::Bind(*graph, *model);
  TRIPTYCH_CHECK(weights, (weights ? "" : weights.error().message));
  return 0;
}
