// tokenizer.json of Hugging Face's tokenizers library.
//
// Read: models BPE (of bytes, as GPT-2's, or of characters with byte
// fallback, as Llama-2's) and WordPiece (BERT's), the normalizers NFC NFD
// NFKC NFKD Lowercase StripAccents Strip Replace (of a string) Prepend and
// BertNormalizer, the pre-tokenizers ByteLevel Split Digits Punctuation
// WhitespaceSplit BertPreTokenizer and Metaspace, sequences of both, the
// tokens that the post-processor puts around a text, and added tokens. What
// else a file asks for is refused with its path. Not looked at: truncation
// and padding, which a model's own context decides, and the decoder, which
// follows from the rest.
//
// Source: huggingface/tokenizers, tokenizers/src/.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_HF_TOKENIZER_H_
#define TRIPTYCH_MODELS_FORMATS_HF_TOKENIZER_H_

#include <string>
#include <string_view>

#include "kernels/base/result.h"
#include "models/tokenizer.h"

namespace triptych {

// Whether this may be one: an object of JSON, from its first characters.
bool LooksLikeJson(std::string_view text);

// The tokenizer in `text`, which is the tokenizer.json `file`. Which token
// ends a text that file does not say; `config`, the tokenizer_config.json of
// that name beside it, or "", does, as well as how chats are written. Without
// it the special token of a usual name ("</s>", "<|endoftext|>", ...) is
// taken. Errors: "file: offset N: path: what".
Result<Tokenizer> ParseHfTokenizer(std::string_view text,
                                   const std::string& file,
                                   std::string_view config = {},
                                   const std::string& config_file = {});

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_HF_TOKENIZER_H_
