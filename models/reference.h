// The reference: a graph evaluated in f64, operator by operator, with the
// plain twins of kernels/ref. Everything that claims accuracy is held to it.
// Weights are read a tile at a time: a model of any size runs.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_REFERENCE_H_
#define TRIPTYCH_MODELS_REFERENCE_H_

#include <cstdint>
#include <span>

#include "kernels/base/mat_view.h"
#include "kernels/base/parallel.h"
#include "kernels/base/result.h"
#include "models/graph.h"
#include "models/graph_weights.h"
#include "models/tensors.h"

namespace triptych {

// One session in f64. Not thread-safe. The graph and the weights must outlive
// it.
class Reference {
 public:
  // The values are the same for any number of threads.
  Reference(const Graph& graph, const Weights& weights, int64_t batch,
            int64_t capacity, int threads = MaxThreads());

  // Inputs are filled by the caller: store().Make(input, rows, cols).
  BasicTensorStore<double>& store() { return store_; }

  // Evaluates an entry; the result is valid until the next run. Errors: no
  // such phase, more tokens than the caches hold, or an input that is not
  // there or has another shape.
  Result<ConstMatView<double>> Run(Phase phase, const Binding& binding);

  // For decoders of batch 1: appends `tokens` to the session and returns
  // logits, [tokens, vocab] or [1, vocab] as the graph was built.
  Result<ConstMatView<double>> Feed(std::span<const int32_t> tokens);

  int64_t context() const { return context_; }

 private:
  Status CheckInputs(const Entry& entry, const Binding& binding);
  void Evaluate(const Node& node, const Binding& binding);
  const Graph& graph_;
  const Weights& weights_;
  BasicTensorStore<double> store_;
  int threads_;
  int64_t context_ = 0;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_REFERENCE_H_
