// The weights of a graph: every weight value bound to its tensor in a file.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_GRAPH_WEIGHTS_H_
#define TRIPTYCH_MODELS_GRAPH_WEIGHTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/result.h"
#include "models/graph.h"
#include "models/weight_rows.h"

namespace triptych {

struct ModelFile;

// Read-only after binding; thread-safe. Keeps the file's storage alive, and in
// memory of its own nothing but weights of one row: norms and biases.
class Weights {
 public:
  // Every weight of `graph` by name. Errors: a tensor that is missing or has
  // another shape, with both shapes.
  static Result<Weights> Bind(const Graph& graph, const ModelFile& file);
  // Weights of a given spread, 1 / sqrt(cols), norms near one, biases near
  // zero: for shapes whose real weights nobody has here. An element is a
  // function of `seed`, the weight's name, its row and its column, rounded to
  // `dtype` (kF32 or kBf16): nothing is stored, and any graph of the same
  // model has the same weights.
  static Weights Random(const Graph& graph, uint64_t seed,
                        DType dtype = DType::kF32);

  // Of no other binding, ever: who keeps a form of a weight for several
  // programs knows it by this and its value.
  uint64_t id() const;
  // [rows, cols]; empty if `value` is no weight. Valid as long as this is.
  const WeightRows& Rows(ValueId value) const;
  // Of each input of `node`.
  std::vector<WeightRows> InputsOf(const Graph& graph, const Node& node) const;

  Weights(Weights&&) noexcept;
  Weights& operator=(Weights&&) noexcept;
  ~Weights();

 private:
  struct Impl;
  explicit Weights(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_GRAPH_WEIGHTS_H_
