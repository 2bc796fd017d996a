// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/workloads.h"

#include <fmt/format.h>

#include <optional>

#include "emulators/mesh/clock.h"
#include "emulators/mesh/graph_bounds.h"
#include "emulators/mesh/noc.h"
#include "models/build/build.h"
#include "models/presets/presets.h"

namespace triptych::mesh {
namespace {

std::unexpected<Error> NotModelled(std::string_view key, std::string_view text,
                                   std::string_view allowed) {
  return MakeError(ErrorCode::kUnsupported,
                   fmt::format("{}: \"{}\" is not modelled; allowed {}", key,
                               text, allowed));
}

// The denoiser at a row's resolution and number of frames.
Result<ModelConfig> Denoiser(const OpSpec& spec) {
  const std::string_view workload = TextOf(spec, "workload");
  if (workload != "wan2.2-t2v-a14b" && workload != "wan2.2-i2v-a14b") {
    return NotModelled("workload", workload,
                       "wan2.2-t2v-a14b, wan2.2-i2v-a14b");
  }
  const std::string_view stage = TextOf(spec, "stage");
  if (stage != "total" && stage != "denoise") {
    return NotModelled("stage", stage, "total, denoise");
  }
  const std::string_view variant = TextOf(spec, "variant");
  if (variant.contains("dbcache")) {
    return NotModelled("variant", variant, "one that runs every step");
  }
  TRIPTYCH_ASSIGN(ModelConfig config, PresetByName("wan2.2-t2v-a14b"));
  // With an image: its latents and a mask beside the noise.
  if (workload.contains("i2v")) config.patch.channels = 36;
  const std::string_view resolution = TextOf(spec, "resolution");
  const auto& stride = config.diffusion.vae_stride;
  if (resolution == "480p") {
    config.patch.height = 480 / stride[1];
    config.patch.width = 832 / stride[2];
  } else if (resolution != "720p") {
    return NotModelled("resolution", resolution, "480p, 720p");
  }
  TRIPTYCH_ASSIGN(const int64_t frames, WholeNumber(spec, "frames"));
  config.patch.frames = (frames - 1) / stride[0] + 1;
  return config;
}

struct Pass {
  double seconds = 0;
  Prediction bounds;  // of this pass
  int64_t sequence = 1;
};

// One forward with `sequence` of the chips dividing rows.
Result<Pass> OnePass(const Params& params, const MachineMaker& make,
                     const Graph& graph, int64_t sequence) {
  Params divided = params;
  // As tt-metal's models/tt_dit runs its products: no shared exponents, sums
  // in f32.
  divided.weights = "bf16";
  divided.dst = "f32";
  divided.dispatch = "traced";
  divided.resident = "none";
  // Rows and columns divide all chips: no stages, no experts.
  divided.parallel_sequence = sequence;
  divided.parallel_pipeline = divided.parallel_expert = 1;
  divided.parallel_stream = 0;
  const auto target = make(divided);
  TRIPTYCH_ASSIGN(const auto program, target->Compile(graph, nullptr));
  Ledger ledger(Ledger::Mode::kFold);
  TRIPTYCH_TRY(program->Run({.phase = Phase::kEncode, .binding = {1, 1, 0}},
                            nullptr, ledger));
  const double seconds = Seconds(ledger.makespan());
  const double joules =
      DynamicJoules(*target, ledger) / static_cast<double>(params.chips());
  // Steps follow each other for minutes: nothing is left of the window.
  divided.power_window_ms = 0;
  Pass pass{seconds * Slowdown(divided, seconds, joules), {}, sequence};
  AddBounds(*target, ledger, pass.bounds);
  return pass;
}

// The faster of the two ways in which rows and columns of the model each take
// one axis of the mesh of chips.
Result<std::optional<Pass>> BestPass(const Params& params,
                                     const MachineMaker& make,
                                     const Graph& graph,
                                     const ModelConfig& config) {
  std::optional<Pass> best;
  for (const int64_t sequence : {params.chips_cols, params.chips_rows}) {
    // Whole heads a chip.
    if (config.heads % (params.chips() / sequence) != 0) continue;
    TRIPTYCH_ASSIGN(const Pass pass, OnePass(params, make, graph, sequence));
    if (!best || pass.seconds < best->seconds) best = pass;
  }
  return best;
}

}  // namespace

Result<Prediction> PredictWorkload(const Params& params,
                                   const MachineMaker& make,
                                   const OpSpec& spec) {
  TRIPTYCH_ASSIGN(const ModelConfig config, Denoiser(spec));
  int64_t forwards = config.diffusion.steps * config.diffusion.passes_per_step;
  if (!TextOf(spec, "forwards").empty()) {
    TRIPTYCH_ASSIGN(forwards, WholeNumber(spec, "forwards"));
  }
  TRIPTYCH_ASSIGN(const Graph graph, BuildGraph(config));
  TRIPTYCH_ASSIGN(const std::optional<Pass> best,
                  BestPass(params, make, graph, config));
  if (!best) {
    return NotModelled("chips", std::to_string(params.chips()),
                       "a number of which some divisor divides the heads");
  }
  Prediction prediction{
      {"seconds", best->seconds * static_cast<double>(forwards)},
      {"seconds_per_forward", best->seconds},
      {"sequence_ways", static_cast<double>(best->sequence)}};
  prediction.insert(best->bounds.begin(), best->bounds.end());
  return prediction;
}

}  // namespace triptych::mesh
