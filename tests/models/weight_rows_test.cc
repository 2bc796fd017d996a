// SPDX-License-Identifier: Apache-2.0
#include "models/weight_rows.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/formats.h"
#include "models/build/build.h"
#include "models/formats/gguf_model.h"
#include "models/graph_weights.h"
#include "models/reference.h"
#include "tests/models/seeded_file.h"
#include "tests/models/temp_file.h"
#include "tests/models/tiny_model.h"

namespace triptych {
namespace {

// W(r, c) = 1000 r + c, made and in memory.
float Expected(size_t r, size_t c) { return static_cast<float>(1000 * r + c); }

WeightRows Made(size_t rows, size_t cols) {
  return WeightRows(rows, cols, [](size_t first, MatView<float> out) {
    for (size_t r = 0; r < out.rows(); ++r) {
      for (size_t c = 0; c < out.cols(); ++c)
        out(r, c) = Expected(first + r, c);
    }
  });
}

size_t Wrong(ConstMatView<float> rows, size_t first) {
  size_t wrong = 0;
  for (size_t r = 0; r < rows.rows(); ++r) {
    for (size_t c = 0; c < rows.cols(); ++c) {
      wrong += rows(r, c) != Expected(first + r, c);
    }
  }
  return wrong;
}

TEST_CASE(
    "rows are the same wherever they come from and however they are cut") {
  const size_t rows = 75, cols = 19;
  std::vector<float> values(rows * cols);
  const MatView<float> memory(values.data(), rows, cols);
  Made(rows, cols).CopyTo(0, memory);
  CHECK(Wrong(memory, 0) == 0);
  WeightRows::Tile tile;
  for (const WeightRows& w : {WeightRows(memory), Made(rows, cols)}) {
    for (const size_t count : {size_t{1}, size_t{7}, rows}) {
      const size_t first = rows - count;
      CHECK(Wrong(w.Read(first, count, tile), first) == 0);
      const WeightRows part = w.Rows(first, count);
      CHECK(part.rows() == count);
      CHECK(Wrong(part.Read(0, count, tile), first) == 0);
    }
    for (const int threads : {1, 3}) {
      std::vector<int> seen(rows);
      ForEachTile(w, threads, [&](size_t first, ConstMatView<float> piece) {
        CHECK(Wrong(piece, first) == 0);
        for (size_t r = 0; r < piece.rows(); ++r) ++seen[first + r];
      });
      CHECK(seen == std::vector<int>(rows, 1));
    }
    const WeightRows doubled = w.Changed([](MatView<float> piece) {
      for (size_t r = 0; r < piece.rows(); ++r) {
        for (float& x : piece.row_span(r)) x *= 2;
      }
    });
    CHECK(doubled.ReadRow(5, tile)[3] == 2 * Expected(5, 3));
  }
  // What is in memory is not copied.
  CHECK(WeightRows(memory).Read(3, 2, tile).data() == memory.row(3));
  CHECK(WeightRows(memory.Rows(4, 1)).vector().data() == memory.row(4));
}

Graph TinyGraph(bool all_logits) {
  return *BuildGraph(TinyModel(true).model.config, {.all_logits = all_logits});
}

std::vector<float> ValuesOf(const WeightRows& w) {
  std::vector<float> values(w.size());
  w.CopyTo(0, MatView<float>(values.data(), w.rows(), w.cols()));
  return values;
}

TEST_CASE("a random weight is a function of seed, name, row and column") {
  const Graph last = TinyGraph(false), all = TinyGraph(true);
  const Weights weights = Weights::Random(last, 5);
  const Weights same = Weights::Random(all, 5);
  const Weights other = Weights::Random(last, 6);
  const Weights rounded = Weights::Random(last, 5, DType::kBf16);
  CHECK(weights.id() != same.id());
  WeightRows::Tile tile;
  std::vector<std::vector<float>> matrices;
  for (const Value& value : last.values()) {
    if (value.kind != ValueKind::kWeight) continue;
    INFO(value.name);
    const WeightRows& w = weights.Rows(value.id);
    std::vector<float> values = ValuesOf(w);
    CHECK(values == ValuesOf(same.Rows(all.FindValue(value.name)->id)));
    CHECK(values != ValuesOf(other.Rows(value.id)));
    // Odd columns start in the middle of a generator's block.
    for (const size_t r : {size_t{0}, w.rows() - 1}) {
      CHECK(std::ranges::equal(
          w.ReadRow(r, tile),
          std::span(values).subspan(r * w.cols(), w.cols())));
    }
    for (float& x : values) x = RoundToBf16(x);
    CHECK(values == ValuesOf(rounded.Rows(value.id)));
    // No two weights are alike.
    for (const auto& known : matrices) CHECK(known != values);
    matrices.push_back(std::move(values));
  }
}

TEST_CASE("random weights have the spread they are said to have") {
  const Graph graph = TinyGraph(false);
  const Weights weights = Weights::Random(graph, 1);
  const auto moments = [&](const char* name) {
    double sum = 0, squares = 0;
    const auto values = ValuesOf(weights.Rows(graph.FindValue(name)->id));
    for (const double x : values) sum += x;
    const double mean = sum / static_cast<double>(values.size());
    for (const double x : values) squares += (x - mean) * (x - mean);
    return std::pair(mean, squares / static_cast<double>(values.size()));
  };
  // 8672 elements of variance 1 / 32. Five standard errors: of the mean
  // 5 sqrt(1 / 32 / 8672) = 0.0095; of the variance, for a kurtosis below 3,
  // 5 sqrt(2 / 8672) = 7.6 %.
  const auto [mean, variance] = moments("tok_embed");
  CHECK(std::abs(mean) < 0.0095);
  CHECK(std::abs(variance * 32 - 1) < 0.076);
  // 32 elements about one, of standard deviation 0.1: 5 * 0.1 / sqrt(32).
  CHECK(std::abs(moments("norm.final").first - 1) < 0.089);
}

// The reference's logits of a few tokens.
std::vector<double> LogitsOf(const Graph& graph, const Weights& weights,
                             int threads) {
  Reference reference(graph, weights, 1, 8, threads);
  const auto logits = reference.Feed(std::vector<int32_t>{1, 200, 77, 3, 9});
  REQUIRE(logits);
  return {logits->data(), logits->data() + logits->size()};
}

TEST_CASE(
    "weights that are drawn, mapped as bf16 or kept as f32 are the same") {
  const TinyModel tiny(true);
  const Graph graph = TinyGraph(true);
  SeededFile seeded(tiny.model.config, graph, 3);
  seeded.model.tokenizer = tiny.model.tokenizer;
  const auto drawn =
      LogitsOf(graph, Weights::Random(graph, 3, DType::kBf16), 1);
  for (const DType dtype : {DType::kBf16, DType::kF32}) {
    INFO(InfoOf(dtype).name);
    const TempFile temp("");
    REQUIRE(WriteGgufModel(seeded.model, dtype, temp.path()));
    const auto file = LoadModel(temp.path());
    REQUIRE(file);
    const auto weights = Weights::Bind(graph, *file);
    REQUIRE(weights);
    for (const int threads : {1, 2, 5}) {
      CHECK(LogitsOf(graph, *weights, threads) == drawn);
    }
  }
}

}  // namespace
}  // namespace triptych
