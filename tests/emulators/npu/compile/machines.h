// Small machines that cut the same work in unlike ways, and graphs run on them.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_NPU_COMPILE_MACHINES_H_
#define TRIPTYCH_TESTS_EMULATORS_NPU_COMPILE_MACHINES_H_

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "emulators/target.h"
#include "kernels/base/rng.h"
#include "models/graph.h"
#include "models/weights.h"

namespace triptych::npu {

using Sets = std::vector<std::string>;

inline std::vector<float> RandomRow(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> row(n);
  for (float& x : row) x = static_cast<float>(rng.Normal());
  return row;
}

inline std::string TextOf(const Sets& sets) {
  std::string text;
  for (const std::string& set : sets) text += set + " ";
  return text;
}

// Machines that cut the same work in very different ways.
inline const Sets kMachines[] = {
    {},
    {"cores=1"},
    {"cores=3", "array.rows=8", "array.cols=4", "scratchpad_kib=16"},
    {"cores=16", "array.rows=4", "array.cols=16", "accumulator.kib=1",
     "scratchpad_kib=8"},
    {"cores=2", "array.rows=5", "array.cols=3", "l2_kib=0"},
};

// What a graph of one phase gives on an NPU with these parameters; all its
// inputs are `input`.
inline std::vector<float> OutputOf(const Graph& graph, const Weights& weights,
                                   std::span<const float> input,
                                   const Binding& binding, const Sets& sets,
                                   int threads = 1) {
  const auto target = MakeTarget("npu", sets);
  REQUIRE_MESSAGE(target.has_value(), (target ? "" : target.error().message));
  const auto program = (*target)->Compile(graph, &weights);
  REQUIRE_MESSAGE(program.has_value(),
                  (program ? "" : program.error().message));
  TensorStore tensors(graph, binding.batch, binding.tokens + 1);
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kInput) continue;
    const auto view = tensors.Make(value.id, value.shape.rows.Bind(binding),
                                   value.shape.cols);
    std::copy_n(input.begin(), view.size(), view.data());
  }
  Ledger ledger;
  const Entry& entry = graph.entries()[0];
  const RunRequest request{
      .phase = entry.phase, .binding = binding, .threads = threads};
  REQUIRE((*program)->Run(request, &tensors, ledger));
  const auto out = tensors.At(entry.output);
  return {out.data(), out.data() + out.size()};
}
inline std::vector<float> OutputOf(const Graph& graph, const Weights& weights,
                                   std::span<const float> input, int64_t tokens,
                                   const Sets& sets, int threads = 1) {
  return OutputOf(graph, weights, input, Binding{.tokens = tokens}, sets,
                  threads);
}

}  // namespace triptych::npu

#endif  // TRIPTYCH_TESTS_EMULATORS_NPU_COMPILE_MACHINES_H_
