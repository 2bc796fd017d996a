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
// embedding table bound its size. Errors name the key and its offset.
Result<Tokenizer> ReadGgufTokenizer(const GgufFile& file, int64_t vocab);

// The keys that ReadGgufTokenizer makes the same tokenizer from.
void AddGgufTokenizer(const Tokenizer& tokenizer, GgufWriter& writer);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_GGUF_TOKENIZER_H_
