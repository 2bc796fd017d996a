// The weights of a graph: every weight value bound to its tensor in a file.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_GRAPH_WEIGHTS_H_
#define TRIPTYCH_MODELS_GRAPH_WEIGHTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/mat_view.h"
#include "kernels/base/result.h"
#include "models/graph.h"

namespace triptych {

struct ModelFile;

// Read-only after binding; thread-safe. Keeps the file's storage alive.
class Weights {
 public:
  // Every weight of `graph` by name. Errors: a tensor that is missing or has
  // another shape, with both shapes.
  static Result<Weights> Bind(const Graph& graph, const ModelFile& file);
  // Seeded normal weights scaled by 1 / sqrt(cols), norms near one, biases
  // near zero: for shapes whose real weights nobody has here.
  static Weights Random(const Graph& graph, uint64_t seed);

  // [rows, cols] as f32: a view into the file if it stores f32, else
  // dequantised at the first call and kept.
  ConstMatView<float> F32(ValueId weight) const;
  // F32 of each input of `node`; empty where that is no weight.
  std::vector<ConstMatView<float>> InputsOf(const Graph& graph,
                                            const Node& node) const;

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
