// Serving one language model on one chip, by shape.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_SERVING_H_
#define TRIPTYCH_EMULATORS_MESH_SERVING_H_

#include "emulators/target.h"

namespace triptych::mesh {

// A row of validation/llm_serving.csv: model (a preset's name), chips, batch,
// input_tokens -> decode_tokens_per_s_per_user on top of the input, and
// ttft_ms of one user's prompt. Nothing but the machine: no tokenizer, no
// sampling, no scheduler. Errors: several chips, a model that is not there.
Result<Prediction> PredictServing(const Target& target, const OpSpec& spec);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_SERVING_H_
