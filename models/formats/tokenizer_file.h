// A tokenizer from a file of whatever kind: its first bytes say which.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_TOKENIZER_FILE_H_
#define TRIPTYCH_MODELS_FORMATS_TOKENIZER_FILE_H_

#include <cstddef>
#include <span>
#include <string>

#include "kernels/base/result.h"
#include "models/tokenizer.h"

namespace triptych {

// Of any of these kinds, from a file's bytes; those of a GGUF file start at a
// multiple of 64. Errors begin with `file`.
Result<Tokenizer> ParseTokenizer(std::span<const std::byte> bytes,
                                 const std::string& file);

// `path`: a GGUF file, with or without a model in it; a tokenizer.json, with
// the tokenizer_config.json beside it if there is one; a folder with them; a
// file of tiktoken's ranks; or llama2.c's tokenizer.bin. Located errors.
Result<Tokenizer> LoadTokenizer(const std::string& path);

// The tokenizer.json that belongs to the model `path`: in that folder, or
// beside that file if it is one of Hugging Face's; "" if there is none.
std::string TokenizerBeside(const std::string& path);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_TOKENIZER_FILE_H_
