// Files of ranks as OpenAI's tiktoken writes them: a line for each piece, its
// bytes in base64, a space and its rank, which is its id. Llama 3's
// tokenizer.model is one.
//
// The file has neither the rules that cut text nor the special tokens; both
// are known for the vocabularies of GPT-2, Llama 3 and Qwen, which are told
// apart by their size.
//
// Sources: openai/tiktoken, tiktoken/load.py and tiktoken_ext/openai_public.py;
// meta-llama/llama-models, models/llama3/tokenizer.py; QwenLM/Qwen,
// tokenization_qwen.py.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_TIKTOKEN_H_
#define TRIPTYCH_MODELS_FORMATS_TIKTOKEN_H_

#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/tokenizer.h"

namespace triptych {

// Whether the first line is one of base64, a space and a number.
bool LooksLikeTiktoken(std::string_view text);

// Errors: "file:line: what": a line that is none, a rank that is not the
// line's number, a piece twice, a number of pieces that is not known.
Result<Tokenizer> ParseTiktoken(std::string_view text, const std::string& file);

// The merges that encoding by ranks comes to: of any two pieces whose bytes
// together are a third, the lowest id of the third first.
std::vector<Merge> MergesByRank(const std::vector<Piece>& pieces);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_TIKTOKEN_H_
