// SPDX-License-Identifier: Apache-2.0
#include "models/config.h"

#include "kernels/base/check.h"

namespace triptych {

std::string_view NameOf(Family family) {
  switch (family) {
    case Family::kLlama:
      return "llama";
    case Family::kQwen3:
      return "qwen3";
    case Family::kDeepseek:
      return "deepseek";
    case Family::kGpt2:
      return "gpt2";
    case Family::kBert:
      return "bert";
    case Family::kVit:
      return "vit";
    case Family::kKwt:
      return "kwt";
    case Family::kWhisper:
      return "whisper";
    case Family::kWan:
      return "wan";
  }
  TRIPTYCH_CHECK(false, "family", static_cast<int>(family));
}

}  // namespace triptych
