// A model with random weights, as tensors that a file can be written from.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_SEEDED_FILE_H_
#define TRIPTYCH_TESTS_MODELS_SEEDED_FILE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "kernels/base/aligned.h"
#include "kernels/base/formats.h"
#include "models/build/build.h"
#include "models/graph_weights.h"
#include "models/weights.h"

namespace triptych {

// The weights of Weights::Random(graph, seed, kBf16), vectors in f32 and
// matrices in bf16: what a BF16 GGUF holds bit by bit. Owns what its tensors
// point to.
struct SeededFile {
  ModelFile model;
  std::deque<AlignedVector<std::byte>> data;

  SeededFile(const ModelConfig& config, const Graph& graph, uint64_t seed) {
    model.config = config;
    const Weights weights = Weights::Random(graph, seed, DType::kBf16);
    for (const Value& value : graph.values()) {
      if (value.kind != ValueKind::kWeight) continue;
      Add(value.name, weights.Rows(value.id));
    }
  }
  SeededFile(const SeededFile&) = delete;

 private:
  void Add(const std::string& name, const WeightRows& w) {
    const bool vector = w.rows() == 1;
    const size_t size = vector ? sizeof(float) : sizeof(uint16_t);
    AlignedVector<std::byte>& bytes = data.emplace_back(w.size() * size);
    ForEachTile(w, 1, [&](size_t first, ConstMatView<float> rows) {
      for (size_t i = 0; i < rows.size(); ++i) {
        std::byte* const to = bytes.data() + (first * w.cols() + i) * size;
        if (vector) {
          *reinterpret_cast<float*>(to) = rows.data()[i];
        } else {
          *reinterpret_cast<uint16_t*>(to) = Bf16FromF32(rows.data()[i]);
        }
      }
    });
    std::vector<int64_t> shape;
    if (!vector) shape.push_back(static_cast<int64_t>(w.rows()));
    shape.push_back(static_cast<int64_t>(w.cols()));
    model.tensors.push_back({name, vector ? DType::kF32 : DType::kBf16,
                             std::move(shape), bytes.data(), bytes.size()});
  }
};

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_SEEDED_FILE_H_
