// SPDX-License-Identifier: Apache-2.0
#include "emulators/session.h"

#include <fmt/format.h>

namespace triptych {

Session::Session(const Graph& graph, const Program& program,
                 const SessionOptions& options)
    : graph_(graph),
      program_(program),
      options_(options),
      tensors_(graph, /*batch=*/1, options.capacity),
      prefill_(options.mode),
      decode_(options.mode) {}

Result<ConstMatView<float>> Session::Prefill(std::span<const int32_t> tokens) {
  TRIPTYCH_ASSIGN(const ConstMatView<float> logits,
                  Feed(Phase::kPrefill, tokens, prefill_));
  prefill_tokens_ += static_cast<int64_t>(tokens.size());
  return logits;
}

Result<ConstMatView<float>> Session::Decode(int32_t token) {
  TRIPTYCH_ASSIGN(const ConstMatView<float> logits,
                  Feed(Phase::kDecode, std::span(&token, 1), decode_));
  ++decode_tokens_;
  return logits;
}

Result<ConstMatView<float>> Session::Feed(Phase phase,
                                          std::span<const int32_t> tokens,
                                          Ledger& ledger) {
  const Value* input = graph_.FindValue("tokens");
  const Entry* entry = graph_.FindEntry(phase);
  if (input == nullptr || entry == nullptr) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: not a decoder: it has no {}", graph_.name(),
                    input == nullptr ? "input \"tokens\"" : PhaseName(phase)));
  }
  const auto count = static_cast<int64_t>(tokens.size());
  const MatView<float> ids = tensors_.Make(input->id, count, 1);
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0) {
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("{}: token {} is {}; allowed 0 and up",
                                   graph_.name(), i, tokens[i]));
    }
    ids(i, 0) = static_cast<float>(tokens[i]);
  }
  const RunRequest request{.phase = phase,
                           .binding = {1, count, context_},
                           .seed = options_.seed,
                           .position = position_,
                           .threads = options_.threads};
  TRIPTYCH_TRY(program_.Run(request, &tensors_, ledger));
  context_ += count;
  ++position_;
  return ConstMatView<float>(tensors_.At(entry->output));
}

}  // namespace triptych
