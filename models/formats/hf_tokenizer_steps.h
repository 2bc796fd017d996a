// What a tokenizer.json does around its model: steps before, tokens after.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_HF_TOKENIZER_STEPS_H_
#define TRIPTYCH_MODELS_FORMATS_HF_TOKENIZER_STEPS_H_

#include <optional>
#include <string>
#include <vector>

#include "models/formats/json_at.h"
#include "models/tokenizers/normalizer.h"
#include "models/tokenizers/pre_tokenizer.h"

namespace triptych {

struct HfSteps {
  std::vector<NormalizeStep> normalize;
  std::vector<SplitRule> split;
  bool byte_level = false;  // pieces are written in GPT-2's letters
  bool marks = false;       // ... with U+2581 for a space
  // A space goes in front of the text, or of every run between added tokens,
  // or only where there is none yet.
  bool space_prefix = false, every_run = false, unless_there = false;
  std::optional<std::string> begin, end;  // tokens around a text
};

// From the root of the file. Errors: what is not understood.
Result<HfSteps> ReadHfSteps(const JsonAt& root);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_HF_TOKENIZER_STEPS_H_
