// One product on an optical target, for tests.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_OPTICAL_PRODUCT_H_
#define TRIPTYCH_TESTS_EMULATORS_OPTICAL_PRODUCT_H_

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "emulators/target.h"
#include "kernels/base/rng.h"
#include "models/graph.h"
#include "models/graph_weights.h"

namespace triptych {

using Overrides = std::vector<std::string>;

// Small planes, so that a small product has several tiles both ways.
inline const Overrides kSmallPlanes = {"plane.rows=128", "plane.cols=64",
                                       "cores=2"};
// Nothing but rounding.
inline const Overrides kRoundingOnly = {"noise.physical=false",
                                        "dac.unit_sigma=0", "adc.unit_sigma=0",
                                        "vector.encoding=offset", "adc.bits=0"};

inline Overrides operator+(Overrides a, const Overrides& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline std::unique_ptr<Target> Make(const Overrides& set) {
  auto target = MakeTarget("optical", set);
  REQUIRE_MESSAGE(target.has_value(), target.error().message);
  return std::move(*target);
}

// y[m, n] = x[m, k] * w^T + b.
struct Product {
  Graph graph;
  ValueId x = 0, w = 0, y = 0;

  Product(int64_t n, int64_t k, bool bias) {
    GraphBuilder builder("product");
    x = builder.Input("x", {kTokenRows, k});
    w = builder.Weight("w", n, k);
    std::vector<ValueId> inputs{x, w};
    if (bias) inputs.push_back(builder.Weight("w.bias", 1, n));
    y = builder.Add("matmul", "y", inputs);
    builder.AddEntry(Phase::kEncode, 0, y);
    graph = std::move(*builder.Finish());
  }

  // Runs m seeded normal vectors into `out`; fills `ledger`.
  Status TryRun(const Target& target, int64_t m, Ledger& ledger, int threads,
                uint64_t seed, std::vector<float>* out) const {
    const Weights weights = Weights::Random(graph, 3);
    const auto program = target.Compile(graph, &weights);
    REQUIRE(program.has_value());
    TensorStore store(graph, 1, 1);
    const int64_t k = graph.value(x).shape.cols;
    const MatView<float> in = store.Make(x, m, k);
    Rng rng(17);
    for (int64_t i = 0; i < m * k; ++i) {
      in.data()[i] = static_cast<float>(rng.Normal());
    }
    const Binding binding{.tokens = m};
    TRIPTYCH_TRY((*program)->Run({.phase = Phase::kEncode,
                                  .binding = binding,
                                  .seed = seed,
                                  .threads = threads},
                                 &store, ledger));
    const MatView<float> made = store.At(y);
    out->assign(made.data(), made.data() + made.size());
    return {};
  }
  std::vector<float> Run(const Target& target, int64_t m, Ledger& ledger,
                         int threads = 1, uint64_t seed = 5) const {
    std::vector<float> out;
    const Status status = TryRun(target, m, ledger, threads, seed, &out);
    REQUIRE_MESSAGE(status.has_value(), status.error().message);
    return out;
  }
  std::vector<float> Run(const Target& target, int64_t m, int threads = 1,
                         uint64_t seed = 5) const {
    Ledger ledger;
    return Run(target, m, ledger, threads, seed);
  }
};

inline double RelativeError(const std::vector<float>& a,
                            const std::vector<float>& b) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    error += std::pow(a[i] - b[i], 2);
    norm += std::pow(b[i], 2);
  }
  return std::sqrt(error / norm);
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_EMULATORS_OPTICAL_PRODUCT_H_
