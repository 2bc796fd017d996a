// A model of any family: the weights that its graph asks for, seeded.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_SEEDED_MODEL_H_
#define TRIPTYCH_TESTS_MODELS_SEEDED_MODEL_H_

#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "kernels/base/aligned.h"
#include "kernels/base/rng.h"
#include "models/build/build.h"
#include "models/weights.h"

namespace triptych {

// Every tensor is f32 and owns its values: matrices spread as 1 / sqrt(cols),
// norms near one, biases near zero. `config` must build (it throws if not).
inline ModelFile SeededModel(const ModelConfig& config, uint64_t seed = 1) {
  const Graph graph = BuildGraph(config).value();
  ModelFile model;
  model.config = config;
  for (const Value& value : graph.values()) {
    if (value.kind != ValueKind::kWeight) continue;
    const int64_t rows = value.shape.rows.coefficient;
    const int64_t cols = value.shape.cols;
    auto values = std::make_shared<AlignedVector<float>>(
        static_cast<size_t>(rows * cols));
    Rng rng(seed, value.id);
    const bool bias = value.name.ends_with("bias");
    const double centre = rows == 1 && !bias ? 1 : 0;
    const double spread =
        rows == 1 ? 0.1 : 1 / std::sqrt(static_cast<double>(cols));
    for (float& x : *values) {
      x = static_cast<float>(centre + spread * rng.Normal());
    }
    std::vector<int64_t> shape = {cols};
    if (rows != 1) shape.insert(shape.begin(), rows);
    const auto bytes = std::as_bytes(std::span<const float>(*values));
    model.tensors.push_back({value.name, DType::kF32, std::move(shape),
                             bytes.data(), bytes.size(), {},
                             std::move(values)});
  }
  return model;
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_SEEDED_MODEL_H_
