// Text from one target, with what it cost and how far it was from f64.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_GENERATE_H_
#define TRIPTYCH_TOOLS_CLI_GENERATE_H_

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/layer_report.h"
#include "emulators/profile.h"
#include "emulators/session.h"
#include "kernels/base/result.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"

namespace triptych::cli {

struct Generation {
  std::vector<int32_t> tokens;  // prompt and continuation
  std::string text;             // of both
  double kl_nats_per_token = 0;
  double top1_agreement = 0;  // fraction of generated tokens
  // The class of quantised files with no more KL: "Q8", "Q5", ...
  std::string_view accuracy_class;
  Profile prefill, decode;
  double prefill_s = 0;
  // Of decode steps; 0 if one token was all, which the prefill gives.
  double decode_s_per_token = 0;
  double energy_j_per_token = 0;
  double assumed_energy_fraction = 0;
  double host_wall_s = 0;  // what the emulation took on this machine
  // What ended it early (hardware that is gone): all else is of what was
  // generated before.
  std::optional<Error> interrupted;
};

// A generation, the machine it came from, and what it was charged: a timeline
// is made of the ledgers. The program is gone, with all its weights.
struct TargetRun {
  std::unique_ptr<Target> target;
  Session::Ledgers ledgers;
  Generation generation;
  // If options.layers; the decoding one if there was a step.
  std::optional<LayerReport> prefill_layers, decode_layers;
};

// Continues options.prompt, or answers it as a user's turn of a chat, by up to
// options.tokens, or until the model ends the text, on the target named by
// `spec`. The KL is taken on the target's own text, position by position.
// `model` has weights. Errors: a target, an override or a sampling option that
// is not allowed, no tokenizer, a chat template that is not known, a text
// longer than the model was made for, a machine that fails before the first
// token; later, that is `interrupted`.
Result<TargetRun> RunOn(const Model& model, const std::string& spec,
                        const GenerateOptions& options);

// One of the results[] of run and compare.
nlohmann::json ToJson(const TargetRun& run);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_GENERATE_H_
