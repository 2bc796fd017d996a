// Text from one target, with what it cost and how far it was from f64.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_GENERATE_H_
#define TRIPTYCH_TOOLS_CLI_GENERATE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "emulators/profile.h"
#include "emulators/session.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"

namespace triptych::cli {

// The reference's logits for a row of tokens, one row a token.
using ReferenceLogits = std::vector<std::vector<double>>;

struct Generation {
  std::vector<int32_t> tokens;  // prompt and continuation
  std::string text;             // of both
  double kl_nats_per_token = 0;
  double top1_agreement = 0;  // fraction of generated tokens
  // The class of quantised files with no more KL: "Q8", "Q5", ...
  std::string_view accuracy_class;
  Profile prefill, decode;
  double prefill_s = 0;
  double decode_s_per_token = 0;
  double energy_j_per_token = 0;  // of decode
  double assumed_energy_fraction = 0;
  double host_wall_s = 0;  // what the emulation took on this machine
};

// Continues options.prompt by options.tokens on `target`. The session's
// ledgers are left in `session_out` for a trace, if it is not null. The KL is
// taken on the target's own text, position by position.
Result<Generation> Generate(const Model& model, const Target& target,
                            const GenerateOptions& options,
                            std::unique_ptr<Session>* session_out,
                            std::unique_ptr<Program>* program_out);

// As design.md section 3 names the keys.
nlohmann::json ToJson(const Target& target, const Generation& generation);
nlohmann::json ToJson(const std::vector<OpCost>& costs);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_GENERATE_H_
