// Any bytes as a tokenizer of any kind (GGUF's three, tokenizer.json, ranks,
// llama2.c's), and as text for it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "models/chat.h"
#include "models/formats/tokenizer_file.h"
#include "tests/fuzz/fuzz.h"

namespace triptych {
namespace {

// Ids are the vocabulary's, in whatever way they were come by.
void Use(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool control : {false, true}) {
    const auto ids = tokenizer.Encode(text, {.control_from_text = control});
    for (const TokenId id : ids) tokenizer.piece(id);  // checks
    tokenizer.Decode(ids);
  }
  const auto chat = RecogniseChatTemplate(tokenizer.spec().chat_template);
  if (!chat) return;
  const std::vector<ChatMessage> said = {{ChatRole::kUser, std::string(text)}};
  EncodeChat(tokenizer, **chat, said);
}

}  // namespace
}  // namespace triptych

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = triptych::FuzzFile(data, size);
  const auto tokenizer = triptych::ParseTokenizer(bytes, "f");
  // A tiktoken file's errors name the line: "f:2: ".
  if (!tokenizer) {
    const std::string& message = tokenizer.error().message;
    TRIPTYCH_CHECK(message.starts_with("f:"), message);
    return 0;
  }
  triptych::Touch(*tokenizer);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  triptych::Use(*tokenizer, text);
  return 0;
}
