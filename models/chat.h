// Conversations as tokens, the way chat models were trained on them.
//
// Files carry a template as a Jinja program. Here the known ones are data: a
// file's is recognised by what it says, and the turns are put together from
// pieces. A special token of the template is put in by its id; text is only
// ever text, so that nothing a user says can end a turn or begin another.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_CHAT_H_
#define TRIPTYCH_MODELS_CHAT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/tokenizer.h"

namespace triptych {

enum class ChatRole : uint8_t { kSystem, kUser, kAssistant };

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  std::string text;
};

// In turns, "{content}" is the message, "{bos}" and "{eos}" are the
// tokenizer's, any other "{...}" is the token that reads so, and what is
// outside of braces is text.
struct ChatTemplate {
  std::string_view name;
  // A Jinja template with all of these in it is this one.
  std::vector<std::string_view> signature;
  std::string_view begin;              // before the first turn
  std::string_view system;             // "": the model knows no system turn
  std::string_view user, assistant;    // turns
  std::string_view user_after_system;  // "": as any user turn
  std::string_view generate;           // how the turn to generate begins
  std::string_view end_of_turn;        // the token that the model ends it with
  // The system message of a chat that has none.
  std::optional<std::string_view> default_system = {};
  bool trim = false;  // white space around a message goes
  // Marks of turns that are no tokens but text. A message may not have them:
  // it could end its turn with them.
  std::vector<std::string_view> marks = {};
};

const std::vector<ChatTemplate>& AllChatTemplates();

// The template with that name, or the first one whose signature is in
// `jinja`. Errors: none; the message says which are known.
Result<const ChatTemplate*> ChatTemplateNamed(std::string_view name);
Result<const ChatTemplate*> RecogniseChatTemplate(std::string_view jinja);

// The messages and the beginning of the assistant's answer. Errors: a token
// of the template that the vocabulary lacks, a system message that the
// template has no turn for or that is not the first, a message with a mark in
// it, a text that the vocabulary spells with a token of the template.
Result<std::vector<TokenId>> EncodeChat(const Tokenizer& tokenizer,
                                        const ChatTemplate& chat,
                                        std::span<const ChatMessage> messages);

// The token that ends the assistant's turn. Errors: the vocabulary lacks it.
Result<TokenId> EndOfTurn(const Tokenizer& tokenizer, const ChatTemplate& chat);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_CHAT_H_
