// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/serving.h"

#include <algorithm>
#include <string>

#include "emulators/mesh/clock.h"
#include "emulators/mesh/graph_bounds.h"
#include "emulators/mesh/noc.h"
#include "emulators/mesh/tile.h"
#include "models/build/build.h"
#include "models/presets/presets.h"

namespace triptych::mesh {
namespace {

// What tt-metal's transformer library sets for gated networks where speed
// counts (models/tt_transformers/PERF.md: MLP BFP4 LoFi, attention BFP8
// HiFi2); models with code of their own have one format.
Params FormatsServed(Params p, const ModelConfig& config) {
  const bool library =
      config.family == Family::kLlama || config.family == Family::kQwen3;
  if (library && config.activation == Activation::kSwiGlu) {
    // Who sets a format means it.
    if (p.mlp_weights == "same") p.mlp_weights = "bfp4";
    if (p.mlp_fidelity == "same") p.mlp_fidelity = "lofi";
  }
  return p;
}

// What the host does between two steps, in s.
double HostSeconds(const Params& p, const ModelConfig& config, int64_t batch) {
  const auto logits = static_cast<double>(batch * config.vocab);
  return p.host_token_us * 1e-6 +
         logits * p.host_sampler_ops / (p.host.vector_gflops * 1e9);
}

Result<int64_t> NumberOr(const OpSpec& spec, std::string_view key,
                         int64_t otherwise) {
  if (TextOf(spec, key).empty()) return otherwise;
  return WholeNumber(spec, key);
}

}  // namespace

Result<Prediction> PredictServing(const Params& params,
                                  const MachineMaker& make,
                                  const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const int64_t chips, NumberOr(spec, "chips", params.chips()));
  if (chips != params.chips()) {
    return MakeError(ErrorCode::kUnsupported,
                     "chips: " + std::to_string(chips) +
                         " is not this machine; allowed " +
                         std::to_string(params.chips()));
  }
  // Rows that do not say: one user, and the length that their neighbours have.
  TRIPTYCH_ASSIGN(const int64_t batch, NumberOr(spec, "batch", 1));
  TRIPTYCH_ASSIGN(const int64_t tokens, NumberOr(spec, "input_tokens", 128));
  TRIPTYCH_ASSIGN(const ModelConfig config,
                  PresetByName(TextOf(spec, "model")));
  TRIPTYCH_ASSIGN(const Graph graph, BuildGraph(config));
  const auto target = make(FormatsServed(params, config));
  TRIPTYCH_ASSIGN(const auto program, target->Compile(graph, nullptr));
  Ledger first(Ledger::Mode::kFold), decode(Ledger::Mode::kFold);
  if (graph.FindEntry(Phase::kEncode) != nullptr) {  // speech before text
    TRIPTYCH_TRY(program->Run(
        {.phase = Phase::kEncode, .binding = {1, tokens, 0}}, nullptr, first));
  }
  TRIPTYCH_TRY(program->Run(
      {.phase = Phase::kPrefill, .binding = {1, tokens, 0}}, nullptr, first));
  TRIPTYCH_TRY(
      program->Run({.phase = Phase::kDecode, .binding = {batch, 1, tokens}},
                   nullptr, decode));
  const double step =
      Seconds(decode.makespan()) + HostSeconds(params, config, batch);
  Prediction prediction{
      {"decode_tokens_per_s_per_user", 1 / step},
      {"ttft_ms",
       (Seconds(first.makespan()) + HostSeconds(params, config, 1)) * 1e3},
      {"seconds", step}};
  AddBounds(*target, decode, prediction);
  return prediction;
}

Result<Prediction> PredictDecoderLayer(const Params& params,
                                       const MachineMaker& make,
                                       const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const int64_t batch, NumberOr(spec, "batch", 1));
  TRIPTYCH_ASSIGN(const int64_t context, NumberOr(spec, "context", 4096));
  TRIPTYCH_ASSIGN(ModelConfig config, PresetByName(TextOf(spec, "model")));
  // Its last layer alone: the stage of a ring, which holds no vocabulary.
  if (config.layers > config.moe.dense_layers) config.moe.dense_layers = 0;
  config.layers = 1;
  config.vocab = kTile;
  TRIPTYCH_ASSIGN(const Graph graph, BuildGraph(config));
  const auto target = make(params);
  TRIPTYCH_ASSIGN(const auto program, target->Compile(graph, nullptr));
  Ledger ledger(Ledger::Mode::kFold);
  TRIPTYCH_TRY(
      program->Run({.phase = Phase::kDecode, .binding = {batch, 1, context}},
                   nullptr, ledger));
  const auto in_layer = [&](NodeId node) {
    return graph.node(node).layer == 0;
  };
  double seconds = 0;
  for (const auto& [key, row] : ledger.rows()) {
    const auto& [node, unit, action] = key;
    if (unit == kSchedule && in_layer(node)) seconds += Seconds(row.busy);
  }
  Prediction prediction{{"seconds", seconds},
                        {"us", seconds * 1e6},
                        {"cycles", seconds * params.clock.value}};
  AddBounds(*target, ledger, prediction, in_layer);
  return prediction;
}

}  // namespace triptych::mesh
