// One conversation with one program: caches, position and ledgers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_SESSION_H_
#define TRIPTYCH_EMULATORS_SESSION_H_

#include <cstdint>
#include <span>
#include <utility>

#include "emulators/ledger.h"
#include "emulators/target.h"
#include "kernels/base/mat_view.h"
#include "kernels/base/result.h"
#include "models/tensors.h"

namespace triptych {

struct SessionOptions {
  int64_t capacity = 0;                     // tokens the caches hold
  uint64_t seed = 0;                        // of the machine's noise
  int threads = 1;                          // of the host
  Ledger::Mode mode = Ledger::Mode::kFold;  // kKeep for timelines
};

// Runs a decoder with one sequence. The graph and the program must outlive
// it. Not thread-safe.
class Session {
 public:
  Session(const Graph& graph, const Program& program,
          const SessionOptions& options);

  // Appends `tokens` (at least one) and returns logits that stay valid until
  // the next call: [tokens, vocab] or [1, vocab] as the graph was built; the
  // last row is for the token that comes next. A prompt may come in parts.
  Result<ConstMatView<float>> Prefill(std::span<const int32_t> tokens);
  // Appends one token: [1, vocab]. Errors of both: a graph without an input
  // "tokens", ids below zero, caches that are full.
  Result<ConstMatView<float>> Decode(int32_t token);

  // Forgets every token; the ledgers stay.
  void Reset() { context_ = 0; }

  int64_t context() const { return context_; }
  // Of all calls of a kind together, one after the other.
  const Ledger& prefill_ledger() const { return prefill_; }
  const Ledger& decode_ledger() const { return decode_; }
  // Both, of a session that has ended.
  struct Ledgers {
    Ledger prefill, decode;
  };
  Ledgers TakeLedgers() && { return {std::move(prefill_), std::move(decode_)}; }
  int64_t prefill_tokens() const { return prefill_tokens_; }
  int64_t decode_tokens() const { return decode_tokens_; }

 private:
  Result<ConstMatView<float>> Feed(Phase phase, std::span<const int32_t> tokens,
                                   Ledger& ledger);

  const Graph& graph_;
  const Program& program_;
  SessionOptions options_;
  TensorStore tensors_;
  Ledger prefill_, decode_;
  int64_t context_ = 0, prefill_tokens_ = 0, decode_tokens_ = 0;
  uint64_t position_ = 0;  // runs so far: the key of their noise
};

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_SESSION_H_
