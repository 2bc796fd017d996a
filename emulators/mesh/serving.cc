// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/serving.h"

#include <string>

#include "emulators/mesh/noc.h"
#include "models/build/build.h"
#include "models/presets/presets.h"

namespace triptych::mesh {

Result<Prediction> PredictServing(const Target& target, const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const int64_t chips, WholeNumber(spec, "chips"));
  if (chips != 1) {
    return MakeError(
        ErrorCode::kUnsupported,
        "chips: " + std::to_string(chips) + " is not modelled; allowed 1");
  }
  TRIPTYCH_ASSIGN(const int64_t batch, WholeNumber(spec, "batch"));
  TRIPTYCH_ASSIGN(const int64_t tokens, WholeNumber(spec, "input_tokens"));
  TRIPTYCH_ASSIGN(const ModelConfig config,
                  PresetByName(TextOf(spec, "model")));
  TRIPTYCH_ASSIGN(const Graph graph, BuildGraph(config));
  TRIPTYCH_ASSIGN(const auto program, target.Compile(graph, nullptr));
  Ledger prefill(Ledger::Mode::kFold), decode(Ledger::Mode::kFold);
  TRIPTYCH_TRY(program->Run(
      {.phase = Phase::kPrefill, .binding = {1, tokens, 0}}, nullptr, prefill));
  TRIPTYCH_TRY(
      program->Run({.phase = Phase::kDecode, .binding = {batch, 1, tokens}},
                   nullptr, decode));
  return Prediction{
      {"decode_tokens_per_s_per_user", 1 / Seconds(decode.makespan())},
      {"ttft_ms", Seconds(prefill.makespan()) * 1e3}};
}

}  // namespace triptych::mesh
