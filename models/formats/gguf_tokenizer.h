// The keys tokenizer.ggml.* of a GGUF file, as a tokenizer and back.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_GGUF_TOKENIZER_H_
#define TRIPTYCH_MODELS_FORMATS_GGUF_TOKENIZER_H_

#include <cstdint>

#include "kernels/base/result.h"
#include "models/tokenizer.h"

namespace triptych {

class GgufFile;
class GgufWriter;

// The tokenizer in `file`; empty() if there is none. `vocab` rows of the
// embedding table bound its size. tokenizer.ggml.model may be llama, gpt2 or
// bert. As with llama.cpp, whose format this is, text for gpt2 is never
// normalised, not even for models whose tokenizer.json asks for NFC. Errors
// name the key and its offset.
Result<Tokenizer> ReadGgufTokenizer(const GgufFile& file, int64_t vocab);

// The keys that ReadGgufTokenizer makes the same tokenizer from. Errors: a
// tokenizer that GGUF has no keys for (it cuts or normalises in a way that
// has no name, or merges characters).
Status AddGgufTokenizer(const Tokenizer& tokenizer, GgufWriter& writer);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_GGUF_TOKENIZER_H_
