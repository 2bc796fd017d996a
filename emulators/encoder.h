// An encoder with one program: features in, one result a sequence out.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_ENCODER_H_
#define TRIPTYCH_EMULATORS_ENCODER_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "emulators/ledger.h"
#include "emulators/target.h"
#include "kernels/base/mat_view.h"
#include "kernels/base/result.h"
#include "models/tensors.h"

namespace triptych {

struct EncoderOptions {
  uint64_t seed = 0;                        // of the machine's noise
  int threads = 1;                          // of the host
  Ledger::Mode mode = Ledger::Mode::kFold;  // kKeep for timelines
};

// Runs graphs that have one input, of a fixed number of rows, a sequence at a
// time. The graph and the program must outlive it. Not thread-safe.
class Encoder {
 public:
  Encoder(const Graph& graph, const Program& program,
          const EncoderOptions& options);

  // `features` are the input, row-major. The result is valid until the next
  // run. Errors: a graph without an encoder or with other inputs, another
  // number of features, what the program refuses.
  Result<ConstMatView<float>> Run(std::span<const float> features);

  // Of all runs together, one after the other.
  const Ledger& ledger() const { return ledger_; }
  Ledger TakeLedger() && { return std::move(ledger_); }
  uint64_t runs() const { return position_; }

 private:
  const Graph& graph_;
  const Program& program_;
  EncoderOptions options_;
  TensorStore tensors_;
  Ledger ledger_;
  uint64_t position_ = 0;  // the key of each run's noise
};

// exp(x - max) / sum, in f64.
std::vector<double> ProbabilitiesOf(std::span<const float> logits);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_ENCODER_H_
