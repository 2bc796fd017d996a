// One operator alone: evaluated by its f64 reference and by its host kernels,
// and held to values that a test worked out by itself.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_MODELS_OP_RIG_H_
#define TRIPTYCH_TESTS_MODELS_OP_RIG_H_

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/base/rng.h"
#include "models/ops/op.h"
#include "models/tensors.h"

namespace triptych {

struct Matrix {
  size_t rows = 0, cols = 0;
  std::vector<double> values;

  Matrix(size_t rows, size_t cols)
      : rows(rows), cols(cols), values(rows * cols) {}
  Matrix(size_t rows, size_t cols, std::vector<double> values)
      : rows(rows), cols(cols), values(std::move(values)) {}
  double& operator()(size_t r, size_t c) { return values[r * cols + c]; }
  double operator()(size_t r, size_t c) const { return values[r * cols + c]; }
};

// Multiples of 1/8 in [-4, 4): f32 and f64 hold them alike, so that inputs
// are the same for both.
inline Matrix Draw(size_t rows, size_t cols, uint64_t stream) {
  Matrix m(rows, cols);
  Rng rng(99, stream);
  for (double& x : m.values) {
    x = (static_cast<double>(rng.Below(64)) - 32) / 8;
  }
  return m;
}

// m(r, c) = f(r, c).
inline Matrix Make(size_t rows, size_t cols,
                   const std::function<double(size_t, size_t)>& f) {
  Matrix m(rows, cols);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < cols; ++c) m(r, c) = f(r, c);
  }
  return m;
}

// What most cases run: two sequences of three new tokens each, with two in
// the caches already. Row r is token r % 3 of sequence r / 3.
inline constexpr Binding kTwo{.batch = 2, .tokens = 3, .context = 2};
inline constexpr size_t kRows = 6;

// Two sequences' cache, of six rows each: what a run must not read is NaN.
inline Matrix DrawCache(size_t cols, size_t filled, uint64_t stream) {
  const Matrix drawn = Draw(12, cols, stream);
  return Make(12, cols, [&](size_t r, size_t c) {
    return r % 6 < filled ? drawn(r, c)
                          : std::numeric_limits<double>::quiet_NaN();
  });
}

// What rounding may do: a result whose terms add up to `scale` in magnitude,
// through a chain of `terms` roundings, is off by less than
// (terms + kFunctions) * unit * scale.
struct Bound {
  double terms = 1, scale = 1;
  // An exponential, a root or a division is good to a few units; a chain of
  // them, with the products around it, to these.
  static constexpr double kFunctions = 16;
  double Of(double unit) const { return (terms + kFunctions) * unit * scale; }
};

class OpRig {
 public:
  explicit OpRig(std::string op, Binding binding = {},
                 Attributes attributes = {})
      : op_(std::move(op)),
        binding_(binding),
        attributes_(std::move(attributes)) {}

  // Operands, in the node's order.
  OpRig& Input(const Matrix& m, Dim rows = kTokenRows) {
    return Add(ValueKind::kInput, m, rows);
  }
  OpRig& Weight(const Matrix& m) {
    return Add(ValueKind::kWeight, m, FixedRows(static_cast<int64_t>(m.rows)));
  }
  // All rows that the cache has: [batch * capacity, cols].
  OpRig& Cache(const Matrix& m, Dim rows = kCacheRows) {
    if (rows.total) capacity_ = static_cast<int64_t>(m.rows) / binding_.batch;
    return Add(ValueKind::kCache, m, rows);
  }

  Result<Graph> Build() const {
    GraphBuilder b("rig");
    std::vector<ValueId> ids;
    for (const Operand& o : operands_) {
      const std::string name = "operand" + std::to_string(ids.size());
      const Shape shape{o.rows, static_cast<int64_t>(o.matrix.cols)};
      ids.push_back(o.kind == ValueKind::kInput ? b.Input(name, shape)
                    : o.kind == ValueKind::kCache
                        ? b.Cache(name, shape)
                        : b.Weight(name, shape.rows.coefficient, shape.cols));
    }
    const ValueId out = b.Add(op_, op_, ids, attributes_);
    b.AddEntry(Phase::kPrefill, 0, out);
    return b.Finish();
  }

  Work work() const {
    const Result<Graph> graph = Build();
    REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
    return WorkOf(*graph, graph->node(0), binding_);
  }

  // Both evaluations, element by element.
  void Check(const Matrix& expected, Bound bound = {}) const {
    Compare(Run<double>(1), expected, bound.Of(0x1p-52));
    for (const int threads : {1, 2}) {
      Compare(Run<float>(threads), expected, bound.Of(0x1p-24));
    }
  }

  // The message of the mistake in this node, "" if there is none.
  std::string Complaint() const {
    const Result<Graph> graph = Build();
    return graph ? "" : graph.error().message;
  }

 private:
  struct Operand {
    ValueKind kind;
    Matrix matrix;
    Dim rows;
  };

  OpRig& Add(ValueKind kind, const Matrix& m, Dim rows) {
    operands_.push_back({kind, m, rows});
    return *this;
  }

  template <class T>
  Matrix Run(int threads) const {
    const Result<Graph> graph = Build();
    REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
    const Node& node = graph->node(0);
    BasicTensorStore<T> store(*graph, binding_.batch, capacity_);
    std::vector<ConstMatView<T>> inputs(operands_.size());
    std::vector<WeightRows> weights(operands_.size());
    std::vector<std::vector<float>> weight_values(operands_.size());
    for (size_t i = 0; i < operands_.size(); ++i) {
      const Matrix& m = operands_[i].matrix;
      if (operands_[i].kind == ValueKind::kWeight) {
        weight_values[i].assign(m.values.begin(), m.values.end());
        weights[i] = WeightRows(
            ConstMatView<float>(weight_values[i].data(), m.rows, m.cols));
      } else {
        inputs[i] = Fill(store, *graph, node.inputs[i], m);
      }
    }
    const Value& output = graph->value(node.output);
    const MatView<T> out =
        output.kind == ValueKind::kCache
            ? store.At(output.id)
            : store.Make(output.id, output.shape.rows.Bind(binding_),
                         output.shape.cols);
    const OpArgs<T> args{*graph,  node, binding_,  inputs,
                         weights, out,  capacity_, threads};
    if constexpr (std::is_same_v<T, double>) {
      node.op->reference(args);
    } else {
      node.op->host(args);
    }
    return {out.rows(), out.cols(), {out.data(), out.data() + out.size()}};
  }

  template <class T>
  MatView<T> Fill(BasicTensorStore<T>& store, const Graph& graph, ValueId id,
                  const Matrix& m) const {
    const Value& value = graph.value(id);
    const MatView<T> view =
        value.kind == ValueKind::kCache
            ? store.At(id)
            : store.Make(id, value.shape.rows.Bind(binding_), value.shape.cols);
    REQUIRE(view.rows() == m.rows);
    REQUIRE(view.cols() == m.cols);
    std::copy(m.values.begin(), m.values.end(), view.data());
    return view;
  }

  void Compare(const Matrix& got, const Matrix& expected, double bound) const {
    CAPTURE(op_);
    REQUIRE(got.rows == expected.rows);
    REQUIRE(got.cols == expected.cols);
    for (size_t r = 0; r < got.rows; ++r) {
      for (size_t c = 0; c < got.cols; ++c) {
        CAPTURE(r);
        CAPTURE(c);
        if (std::isnan(expected(r, c))) {
          CHECK(std::isnan(got(r, c)));  // rows nobody may touch
        } else {
          CAPTURE(got(r, c));
          CAPTURE(expected(r, c));
          CHECK(std::abs(got(r, c) - expected(r, c)) <= bound);
        }
      }
    }
  }

  std::string op_;
  Binding binding_;
  Attributes attributes_;
  std::vector<Operand> operands_;
  int64_t capacity_ = 0;
};

// An operator, and the function that checks it.
struct OpCase {
  std::string_view op;
  void (*run)();
};

// Every operator of these kinds must have a case.
inline void RunCases(std::span<const OpCase> cases,
                     std::initializer_list<OpKind> kinds) {
  for (const OpDef& op : AllOps()) {
    if (std::ranges::find(kinds, op.kind) == kinds.end()) continue;
    const auto found = std::ranges::find(cases, op.name, &OpCase::op);
    REQUIRE_MESSAGE(found != cases.end(), op.name << " has no case here");
    found->run();
  }
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_MODELS_OP_RIG_H_
