// SPDX-License-Identifier: Apache-2.0
#include "models/chat.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "kernels/base/text.h"

namespace triptych {
namespace {

// Sources: the chat_template of each model's tokenizer_config.json.
std::vector<ChatTemplate> MakeTable() {
  constexpr std::string_view kImSystem =
      "{<|im_start|>}system\n{content}{<|im_end|>}\n";
  constexpr std::string_view kImUser =
      "{<|im_start|>}user\n{content}{<|im_end|>}\n";
  constexpr std::string_view kImAssistant =
      "{<|im_start|>}assistant\n{content}{<|im_end|>}\n";
  constexpr std::string_view kImGenerate = "{<|im_start|>}assistant\n";
  const ChatTemplate chatml = {.name = "chatml",
                               .signature = {"<|im_start|>", "<|im_end|>"},
                               .system = kImSystem,
                               .user = kImUser,
                               .assistant = kImAssistant,
                               .generate = kImGenerate,
                               .end_of_turn = "<|im_end|>"};
  ChatTemplate qwen25 = chatml;
  qwen25.name = "qwen2.5";
  qwen25.default_system =
      "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";
  qwen25.signature.push_back(*qwen25.default_system);
  ChatTemplate qwen2 = chatml;
  qwen2.name = "qwen2";
  qwen2.default_system = "You are a helpful assistant.";
  qwen2.signature.push_back("You are a helpful assistant");

  const ChatTemplate llama3 = {
      .name = "llama-3",
      .signature = {"<|start_header_id|>", "<|eot_id|>"},
      .begin = "{bos}",
      .system =
          "{<|start_header_id|>}system{<|end_header_id|>}\n\n"
          "{content}{<|eot_id|>}",
      .user =
          "{<|start_header_id|>}user{<|end_header_id|>}\n\n"
          "{content}{<|eot_id|>}",
      .assistant =
          "{<|start_header_id|>}assistant{<|end_header_id|>}\n\n"
          "{content}{<|eot_id|>}",
      .generate = "{<|start_header_id|>}assistant{<|end_header_id|>}\n\n",
      .end_of_turn = "<|eot_id|>",
      .trim = true};
  // The date is the one that the template itself falls back to: the same
  // conversation is the same tokens on any day.
  ChatTemplate llama31 = llama3;
  llama31.name = "llama-3.1";
  llama31.signature.push_back("Cutting Knowledge Date: December 2023");
  llama31.system =
      "{<|start_header_id|>}system{<|end_header_id|>}\n\n"
      "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
      "{content}{<|eot_id|>}";
  llama31.default_system = "";

  const ChatTemplate phi3 = {
      .name = "phi-3.5",
      .signature = {"<|user|>", "<|assistant|>", "<|end|>"},
      .system = "{<|system|>}\n{content}{<|end|>}\n",
      .user = "{<|user|>}\n{content}{<|end|>}\n",
      .assistant = "{<|assistant|>}\n{content}{<|end|>}\n",
      .generate = "{<|assistant|>}\n",
      .end_of_turn = "<|end|>"};
  ChatTemplate phi3_bos = phi3;
  phi3_bos.name = "phi-3";
  phi3_bos.signature.push_back("{{ bos_token }}");
  phi3_bos.begin = "{bos}";

  return {
      llama31,
      llama3,
      {.name = "phi-4",
       .signature = {"<|im_start|>", "<|im_sep|>", "<|im_end|>"},
       .system = "{<|im_start|>}system{<|im_sep|>}{content}{<|im_end|>}",
       .user = "{<|im_start|>}user{<|im_sep|>}{content}{<|im_end|>}",
       .assistant = "{<|im_start|>}assistant{<|im_sep|>}{content}{<|im_end|>}",
       .generate = "{<|im_start|>}assistant{<|im_sep|>}",
       .end_of_turn = "<|im_end|>"},
      qwen25,
      qwen2,
      chatml,
      phi3_bos,
      phi3,
      {.name = "llama-2",
       .signature = {"[INST]", "<<SYS>>"},
       .system = "{bos}[INST] <<SYS>>\n{content}\n<</SYS>>\n\n",
       .user = "{bos}[INST] {content} [/INST]",
       .assistant = " {content} {eos}",
       .user_after_system = "{content} [/INST]",
       .end_of_turn = "</s>",
       .trim = true,
       .marks = {"[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"}},
      {.name = "gemma",
       .signature = {"<start_of_turn>", "<end_of_turn>"},
       .begin = "{bos}",
       .user = "{<start_of_turn>}user\n{content}{<end_of_turn>}\n",
       .assistant = "{<start_of_turn>}model\n{content}{<end_of_turn>}\n",
       .generate = "{<start_of_turn>}model\n",
       .end_of_turn = "<end_of_turn>",
       .trim = true},
  };
}

std::unexpected<Error> Unknown(const std::string& what) {
  std::vector<std::string_view> names;
  for (const ChatTemplate& chat : AllChatTemplates()) {
    names.push_back(chat.name);
  }
  return MakeError(ErrorCode::kUnsupported,
                   fmt::format("chat template: {}; known are {}", what,
                               fmt::join(names, ", ")));
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\v\f";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Puts a conversation together: text gathers until a token comes.
class ChatEncoder {
 public:
  ChatEncoder(const Tokenizer& tokenizer, const ChatTemplate& chat)
      : tokenizer_(tokenizer), chat_(chat) {}

  Result<std::vector<TokenId>> Encode(std::span<const ChatMessage> messages) {
    TRIPTYCH_TRY(FindTokens());
    TRIPTYCH_TRY(Add(chat_.begin, ""));
    const bool asked =
        !messages.empty() && messages[0].role == ChatRole::kSystem;
    if (!asked && chat_.default_system) {
      TRIPTYCH_TRY(Add(chat_.system, *chat_.default_system));
    }
    for (size_t i = 0; i < messages.size(); ++i) {
      TRIPTYCH_TRY(AddMessage(messages, i));
    }
    TRIPTYCH_TRY(Add(chat_.generate, ""));
    TRIPTYCH_TRY(Flush());
    return std::move(ids_);
  }

  Result<TokenId> IdOf(std::string_view name) const {
    TokenId id = kNoToken;
    if (name == "bos") {
      id = tokenizer_.special().bos;
    } else if (name == "eos") {
      id = tokenizer_.special().eos;
    } else {
      id = tokenizer_.Find(name);
    }
    if (id != kNoToken) return id;
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("chat template {}: {}: the vocabulary has no "
                                 "such token",
                                 chat_.name, name));
  }

 private:
  // The part of `turn` up to where a "{...}" begins, which is taken off it;
  // then what is in the braces, "" at the end.
  static std::pair<std::string_view, std::string_view> TakePart(
      std::string_view& turn) {
    const size_t open = turn.find('{');
    const std::string_view text = turn.substr(0, open);
    if (open == turn.npos) {
      turn = {};
      return {text, {}};
    }
    const size_t close = turn.find('}', open);
    const std::string_view name = turn.substr(open + 1, close - open - 1);
    turn.remove_prefix(close + 1);
    return {text, name};
  }

  // Those that text must not become.
  Status FindTokens() {
    for (std::string_view turn :
         {chat_.begin, chat_.system, chat_.user, chat_.assistant,
          chat_.user_after_system, chat_.generate}) {
      while (!turn.empty()) {
        const auto [text, name] = TakePart(turn);
        if (name.empty() || name == "content") continue;
        TRIPTYCH_ASSIGN(const TokenId id, IdOf(name));
        tokens_.push_back(id);
      }
    }
    TRIPTYCH_ASSIGN(const TokenId end, IdOf(chat_.end_of_turn));
    tokens_.push_back(end);
    return {};
  }

  Status AddMessage(std::span<const ChatMessage> messages, size_t index) {
    const ChatMessage& message = messages[index];
    const bool after_system =
        index > 0 && messages[index - 1].role == ChatRole::kSystem;
    for (const std::string_view mark : chat_.marks) {
      if (message.text.find(mark) != std::string::npos) {
        return MakeError(
            ErrorCode::kInvalid,
            fmt::format("chat template {}: message {}: may not have {} in it",
                        chat_.name, index, mark));
      }
    }
    std::string_view turn = chat_.user;
    if (message.role == ChatRole::kSystem) {
      if (chat_.system.empty() || index > 0) {
        return MakeError(
            ErrorCode::kInvalid,
            fmt::format("chat template {}: a system message {}", chat_.name,
                        index > 0 ? "must be the first" : "has no turn"));
      }
      turn = chat_.system;
    } else if (message.role == ChatRole::kAssistant) {
      turn = chat_.assistant;
    } else if (after_system && !chat_.user_after_system.empty()) {
      turn = chat_.user_after_system;
    }
    return Add(turn, chat_.trim ? Trimmed(message.text)
                                : std::string_view(message.text));
  }

  Status Add(std::string_view turn, std::string_view content) {
    while (!turn.empty()) {
      const auto [text, name] = TakePart(turn);
      text_ += text;
      if (name == "content") {
        text_ += content;
      } else if (!name.empty()) {
        TRIPTYCH_TRY(Flush());
        TRIPTYCH_ASSIGN(const TokenId id, IdOf(name));
        ids_.push_back(id);
      }
    }
    return {};
  }

  // The text so far as ids, none of which is one of the template's.
  Status Flush() {
    const std::vector<TokenId> ids = tokenizer_.Encode(
        std::exchange(text_, {}), {.special = false, .barred = tokens_});
    const auto forged = std::find_first_of(ids.begin(), ids.end(),
                                           tokens_.begin(), tokens_.end());
    if (forged != ids.end()) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("chat template {}: {}: the vocabulary makes this token "
                      "of plain text",
                      chat_.name, Quoted(tokenizer_.piece(*forged).text)));
    }
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    return {};
  }

  const Tokenizer& tokenizer_;
  const ChatTemplate& chat_;
  std::vector<TokenId> tokens_;  // of the template
  std::string text_;             // since the last token
  std::vector<TokenId> ids_;
};

}  // namespace

const std::vector<ChatTemplate>& AllChatTemplates() {
  static const std::vector<ChatTemplate> kTable = MakeTable();
  return kTable;
}

Result<const ChatTemplate*> ChatTemplateNamed(std::string_view name) {
  for (const ChatTemplate& chat : AllChatTemplates()) {
    if (chat.name == name) return &chat;
  }
  return Unknown(std::string(name) + ": not known");
}

Result<const ChatTemplate*> RecogniseChatTemplate(std::string_view jinja) {
  if (jinja.empty()) return Unknown("the model has none");
  for (const ChatTemplate& chat : AllChatTemplates()) {
    const bool all = std::all_of(
        chat.signature.begin(), chat.signature.end(),
        [&](std::string_view sign) { return jinja.find(sign) != jinja.npos; });
    if (all) return &chat;
  }
  return Unknown("the model's is none of the known ones");
}

Result<std::vector<TokenId>> EncodeChat(const Tokenizer& tokenizer,
                                        const ChatTemplate& chat,
                                        std::span<const ChatMessage> messages) {
  return ChatEncoder(tokenizer, chat).Encode(messages);
}

Result<TokenId> EndOfTurn(const Tokenizer& tokenizer,
                          const ChatTemplate& chat) {
  return ChatEncoder(tokenizer, chat).IdOf(chat.end_of_turn);
}

}  // namespace triptych
