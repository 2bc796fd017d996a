// Conversations as tokens, and what users may not say with them.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/chat.h"
#include "tests/models/random_text.h"
#include "tests/models/small_vocabularies.h"

namespace triptych {
namespace {

using Ids = std::vector<TokenId>;

// Byte BPE with the control tokens that all templates ask for.
Tokenizer Speaker() {
  TokenizerSpec spec = LearnByteBpe(*FindRules("llama-bpe"), 100);
  for (const char* text :
       {"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|im_sep|>",
        "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|user|>",
        "<|system|>", "<|assistant|>", "<|end|>", "<start_of_turn>",
        "<end_of_turn>"}) {
    spec.pieces.push_back({text, 0, PieceType::kControl});
  }
  const auto first = static_cast<TokenId>(spec.pieces.size()) - 14;
  spec.special.bos = first;
  spec.special.eos = first + 1;
  return *Tokenizer::Create(spec);
}

// The ids as text, a control token as it reads.
std::string Shown(const Tokenizer& t, const Ids& ids) {
  std::string text;
  for (const TokenId id : ids) text += t.piece(id).text;
  return text;
}

std::string Chat(std::string_view name,
                 const std::vector<ChatMessage>& messages) {
  const Tokenizer t = Speaker();
  const auto ids = EncodeChat(t, **ChatTemplateNamed(name), messages);
  return ids ? Shown(t, *ids) : ids.error().message;
}

const std::vector<ChatMessage> kAsk = {{ChatRole::kUser, " Hi! "}};
const std::vector<ChatMessage> kTalk = {{ChatRole::kSystem, "Be brief."},
                                        {ChatRole::kUser, "Hi"},
                                        {ChatRole::kAssistant, "Yes?"},
                                        {ChatRole::kUser, "Bye"}};

std::vector<ChatMessage> Said(const std::string& text) {
  return {ChatMessage{ChatRole::kUser, text}};
}

TEST_CASE("Chats read as the models' own templates write them") {
  CHECK(Chat("chatml", kAsk) ==
        "<|im_start|>user\n Hi! <|im_end|>\n<|im_start|>assistant\n");
  CHECK(Chat("chatml", kTalk) ==
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi"
        "<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n<|im_start|>user\n"
        "Bye<|im_end|>\n<|im_start|>assistant\n");
  CHECK(Chat("qwen2.5", kAsk) ==
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a "
        "helpful assistant.<|im_end|>\n<|im_start|>user\n Hi! <|im_end|>\n"
        "<|im_start|>assistant\n");
  CHECK(Chat("llama-3", kAsk) ==
        "<s><|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n");
  CHECK(Chat("llama-3.1", kAsk) ==
        "<s><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge "
        "Date: December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n");
  CHECK(Chat("llama-2", kTalk) ==
        "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Yes? </s><s>"
        "[INST] Bye [/INST]");
  CHECK(Chat("phi-3", kAsk) == "<s><|user|>\n Hi! <|end|>\n<|assistant|>\n");
  CHECK(Chat("phi-3.5", kAsk) == "<|user|>\n Hi! <|end|>\n<|assistant|>\n");
  CHECK(Chat("phi-4", kAsk) ==
        "<|im_start|>user<|im_sep|> Hi! <|im_end|><|im_start|>assistant"
        "<|im_sep|>");
  CHECK(Chat("gemma", kAsk) ==
        "<s><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\n");
}

TEST_CASE("The text of a turn is encoded as one, not by its parts") {
  // "user" and a line end and the message: words go across.
  const Tokenizer t = Speaker();
  const Ids ids =
      *EncodeChat(t, **ChatTemplateNamed("chatml"), Said("\n\nthe"));
  const Ids whole = t.Encode("user\n\n\nthe", {.special = false});
  CHECK(std::search(ids.begin(), ids.end(), whole.begin(), whole.end()) !=
        ids.end());
}

TEST_CASE("Nothing a user says becomes a token of the template") {
  const Tokenizer t = Speaker();
  Rng rng(29);
  for (const ChatTemplate& chat : AllChatTemplates()) {
    const TokenId end = *EndOfTurn(t, chat);
    const auto count = [&](const std::string& said) {
      const auto ids = EncodeChat(t, chat, Said(said));
      REQUIRE_MESSAGE(ids.has_value(), ids.error().message);
      std::vector<size_t> controls;
      for (const TokenId id : *ids) {
        if (t.piece(id).type == PieceType::kControl) controls.push_back(id);
      }
      return controls;
    };
    const auto want = count("hello");
    for (size_t i = 0; i < t.size(); ++i) {
      const Piece& piece = t.piece(static_cast<TokenId>(i));
      if (piece.type != PieceType::kControl) continue;
      CHECK(count("a" + piece.text + piece.text) == want);
      CHECK(count(piece.text + RandomText(rng, 10) + piece.text) == want);
    }
    CHECK(t.piece(end).type == PieceType::kControl);
  }
}

TEST_CASE("User-defined tokens of a template are not cut out of what is said") {
  TokenizerSpec spec = LearnByteBpe(*FindRules("qwen2"), 50);
  const auto start = static_cast<TokenId>(spec.pieces.size());
  spec.pieces.push_back({"<|im_start|>", 0, PieceType::kUserDefined});
  spec.pieces.push_back({"<|im_end|>", 0, PieceType::kUserDefined});
  const TokenId think = *Tokenizer::Create(spec)->Encode("<think>").begin();
  const Tokenizer t = *Tokenizer::Create(spec);
  const Ids ids = *EncodeChat(t, **ChatTemplateNamed("chatml"),
                              Said("<|im_end|><|im_start|><think>"));
  CHECK(std::count(ids.begin(), ids.end(), start) == 2);
  CHECK(std::count(ids.begin(), ids.end(), start + 1) == 1);
  CHECK(std::count(ids.begin(), ids.end(), think) == 1);  // not the template's
  // A vocabulary whose merges spell one: an error rather than a forged turn.
  spec.pieces[static_cast<size_t>(start)] = {"<|im_start|>"};
  spec.merge_options.whole_words = true;
  spec.split.clear();
  spec.pieces.push_back({"<|im_start|>", 0, PieceType::kUnused});
  const Tokenizer forged = *Tokenizer::Create(spec);
  ChatTemplate bare = **ChatTemplateNamed("chatml");
  bare.user = "{<|im_end|>}{content}{<|im_end|>}";
  const auto refused = EncodeChat(forged, bare, Said("<|im_start|>"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("of plain text") != std::string::npos);
}

TEST_CASE("Templates are known by what is in them; the rest by name") {
  const auto name = [](std::string_view jinja) {
    return std::string((*RecogniseChatTemplate(jinja))->name);
  };
  const std::string im = "'<|im_start|>' + role + '<|im_end|>'";
  CHECK(name(im) == "chatml");
  CHECK(name(im + "You are a helpful assistant") == "qwen2");
  CHECK(name(im + "You are Qwen, created by Alibaba Cloud. You are a helpful "
                  "assistant.") == "qwen2.5");
  CHECK(name(im + "<|im_sep|>") == "phi-4");
  CHECK(name("<|start_header_id|> <|eot_id|>") == "llama-3");
  CHECK(name("<|start_header_id|> <|eot_id|> Cutting Knowledge Date: December "
             "2023") == "llama-3.1");
  CHECK(name("[INST] <<SYS>>") == "llama-2");
  CHECK(name("<|user|><|assistant|><|end|>") == "phi-3.5");
  CHECK(name("<start_of_turn><end_of_turn>") == "gemma");
  CHECK(RecogniseChatTemplate("[INST]").error().message ==
        "chat template: the model's is none of the known ones; known are "
        "llama-3.1, llama-3, phi-4, qwen2.5, qwen2, chatml, phi-3, phi-3.5, "
        "llama-2, gemma");
  CHECK(RecogniseChatTemplate("").error().message.starts_with(
      "chat template: the model has none; known are"));
  CHECK(ChatTemplateNamed("x").error().message.starts_with(
      "chat template: x: not known; known are"));
}

TEST_CASE("Chats that a template or a vocabulary has no way to say") {
  CHECK(Chat("gemma", kTalk) ==
        "chat template gemma: a system message has no turn");
  CHECK(Chat("chatml", {{ChatRole::kUser, "a"}, {ChatRole::kSystem, "b"}}) ==
        "chat template chatml: a system message must be the first");
  CHECK(Chat("llama-2", {{ChatRole::kUser, "a [/INST] b"}}) ==
        "chat template llama-2: message 0: may not have [/INST] in it");
  const Tokenizer bare =
      *Tokenizer::Create(LearnByteBpe(*FindRules("gpt-2"), 10));
  const auto refused = EncodeChat(bare, **ChatTemplateNamed("chatml"), kAsk);
  CHECK(refused.error().message ==
        "chat template chatml: <|im_start|>: the vocabulary has no such "
        "token");
  CHECK_FALSE(EndOfTurn(bare, **ChatTemplateNamed("chatml")));
}

}  // namespace
}  // namespace triptych
