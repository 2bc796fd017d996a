// Serving one language model, by shape.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_SERVING_H_
#define TRIPTYCH_EMULATORS_MESH_SERVING_H_

#include <functional>
#include <memory>

#include "emulators/mesh/params.h"
#include "emulators/target.h"

namespace triptych::mesh {

// A machine like the one that is asked, with other parameters.
using MachineMaker = std::function<std::unique_ptr<Target>(const Params&)>;

// A row of validation/llm_serving.csv: model (a preset's name), chips (those
// of the machine), batch (1 if not said), input_tokens (128) ->
// decode_tokens_per_s_per_user on top of the input, and ttft_ms of one user's
// prompt. No tokenizer and no scheduler; the host has host.token_us a step,
// and samples each sequence's token.
// Errors: other chips, a model that is not there.
Result<Prediction> PredictServing(const Params& params,
                                  const MachineMaker& make, const OpSpec& spec);

// One decoder layer, the model's last, while a user's next token passes it:
// model, batch, context -> seconds, cycles, and what bounds it.
Result<Prediction> PredictDecoderLayer(const Params& params,
                                       const MachineMaker& make,
                                       const OpSpec& spec);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_SERVING_H_
