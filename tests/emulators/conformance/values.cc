// What a target computes, against exact arithmetic.
//
// The bound on a product follows from the target's Precision element by
// element. With a and w the exact operands, da and dw the most that rounding
// does to them, K the length and c the exact result:
//
//   |error| <= sum(da |w| + |a| dw + da dw)                  operands
//            + accumulate (K + 1) sum((|a| + da)(|w| + dw))  additions
//            + of_itself (|c| + that) + of_max max|c row|    result
//            + 6 noise_of_max max|c row|                     6 sigma
//
// For operators that are not linear, and for whole networks, the bound is
// found by trying: a twin of the target computes in f32 and moves every
// operand and result of a native operator by a random part of what Precision
// allows. The target may be kMargin times as far from the reference as the
// worst of kTrials twins, in root mean square. Why 4: twins draw errors
// uniformly, a target may use all it is allowed (a factor sqrt 3), and the
// worst of a few trials may be below the usual (the rest).
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/base/check.h"
#include "kernels/base/formats.h"
#include "kernels/base/rng.h"
#include "models/ops/op.h"
#include "models/reference.h"
#include "tests/emulators/conformance/checks.h"
#include "tests/emulators/conformance/rig.h"

namespace triptych::conformance {
namespace {

constexpr double kMargin = 4;
constexpr uint64_t kTrials = 6;
// What f32 kernels may lose by themselves, relative to the largest result:
// exponentials are good to a few units in the last place, sums of some
// hundred terms to ten more.
constexpr double kF32Floor = 0x1p-20;

// ---- The twin ----

class Twin : public Target {
 public:
  explicit Twin(const Target& original)
      : Target("twin", "", ParamSet(), HostParams()), original_(original) {}
  Roofline roofline() const override { return original_.roofline(); }
  Hertz clock() const override { return original_.clock(); }
  Support Supports(const Graph& graph, const Node& node) const override {
    return original_.Supports(graph, node);
  }
  Result<std::unique_ptr<Step>> Lower(const Graph& graph, const Node& node,
                                      const Weights* weights) const override;

 private:
  const Target& original_;
};

// Moves each element by a uniform part of what `rounding` allows it.
void Jitter(std::span<float> row, const Rounding& rounding, Rng& rng) {
  const double largest = AbsMax(row);
  for (float& x : row) {
    const double most =
        rounding.of_itself * std::abs(x) + rounding.of_max * largest;
    x += static_cast<float>(most * (2 * rng.Uniform() - 1));
  }
}

struct Copy {
  Copy(ConstMatView<float> from, const Rounding& rounding, Rng& rng)
      : data(from.size()) {
    for (size_t r = 0; r < from.rows(); ++r) {
      const auto row = std::span(data).subspan(r * from.cols(), from.cols());
      // Not std::ranges::copy: g++ 14 takes its length for one that may be
      // negative, and says so at -O3.
      for (size_t c = 0; c < row.size(); ++c) row[c] = from(r, c);
      Jitter(row, rounding, rng);
    }
    view = ConstMatView<float>(data.data(), from.rows(), from.cols());
  }
  AlignedVector<float> data;
  ConstMatView<float> view;
};

class TwinStep : public Step {
 public:
  TwinStep(const Precision& precision, const Graph& graph, const Node& node,
           const Weights& weights)
      : precision_(precision), weights_(weights.InputsOf(graph, node)) {}

  Picos Run(const StepContext& ctx) const override {
    Rng rng(ctx.seed, ctx.node.id + (ctx.position << 32));
    std::vector<Copy> copies;
    copies.reserve(2 * weights_.size());
    std::vector<ConstMatView<float>> inputs(ctx.inputs.begin(),
                                            ctx.inputs.end());
    std::vector<WeightRows> weights = weights_;
    WeightRows::Tile tile;
    // Rows are moved, not rounded: token ids stay what they are.
    const bool moves_rows = ctx.node.op->kind == OpKind::kData;
    for (size_t i = 0; i < inputs.size() && !moves_rows; ++i) {
      inputs[i] =
          copies.emplace_back(inputs[i], precision_.activation, rng).view;
      const auto whole = weights_[i].Read(0, weights_[i].rows(), tile);
      weights[i] = copies.emplace_back(whole, precision_.weight, rng).view;
    }
    ctx.node.op->host({ctx.graph, ctx.node, ctx.binding, inputs, weights,
                       ctx.output, ctx.capacity, 1});
    Rounding output = precision_.output;
    output.of_max += std::sqrt(3.0) * precision_.noise_of_max;
    if (ctx.graph.value(ctx.node.output).kind == ValueKind::kCache)
      return ctx.begin;
    for (size_t r = 0; r < ctx.output.rows(); ++r) {
      Jitter(ctx.output.row_span(r), output, rng);
    }
    return ctx.begin;
  }

 private:
  Precision precision_;
  std::vector<WeightRows> weights_;
};

Result<std::unique_ptr<Step>> Twin::Lower(const Graph& graph, const Node& node,
                                          const Weights* weights) const {
  return std::make_unique<TwinStep>(original_.precision(), graph, node,
                                    *weights);
}

// ---- One operator ----

// Inputs that every format but the narrowest holds exactly: multiples of 1/8
// below 4. Ids for tables.
float InputValue(const Node& node, uint64_t index) {
  if (node.op->name == "embed") return static_cast<float>(index * 7 % 120);
  const uint32_t word = Rng(23, node.id).At(index)[0];
  return static_cast<float>(static_cast<int>(word % 63) - 31) / 8;
}

constexpr int64_t kContext = 3;
constexpr int64_t kCapacity = kContext + kTokens;

RunRequest OperatorRequest(const Graph& graph, uint64_t seed) {
  const Phase phase = graph.entries()[0].phase;
  const int64_t context = phase == Phase::kEncode ? 0 : kContext;
  return {.phase = phase, .binding = {1, kTokens, context}, .seed = seed};
}

template <class T>
void FillStore(const Graph& graph, BasicTensorStore<T>& store) {
  const Node& node = graph.node(0);
  const Binding binding = OperatorRequest(graph, 0).binding;
  uint64_t index = 0;
  for (const ValueId id : node.inputs) {
    const Value& value = graph.value(id);
    if (value.kind == ValueKind::kWeight) continue;
    MatView<T> view = store.At(id);
    if (value.kind == ValueKind::kInput) {
      view = store.Make(id, value.shape.rows.Bind(binding), value.shape.cols);
    }
    for (size_t r = 0; r < view.rows(); ++r) {
      for (T& x : view.row_span(r)) {
        x = static_cast<T>(InputValue(node, index++));
      }
    }
  }
}

std::vector<double> RunOperator(const Target& target, const Graph& graph,
                                const Weights& weights, uint64_t seed) {
  const auto program = target.Compile(graph, &weights);
  TRIPTYCH_CHECK(program.has_value(), graph.name(),
                 program ? "" : program.error().message);
  TensorStore tensors(graph, 1, kCapacity);
  FillStore(graph, tensors);
  Ledger ledger(Ledger::Mode::kFold);
  const Status status =
      (*program)->Run(OperatorRequest(graph, seed), &tensors, ledger);
  TRIPTYCH_CHECK(status.has_value(), graph.name(),
                 status ? "" : status.error().message);
  const auto out = tensors.At(graph.entries()[0].output);
  return {out.data(), out.data() + out.size()};
}

double RmsDistance(const std::vector<double>& a, const std::vector<double>& b) {
  TRIPTYCH_CHECK(a.size() == b.size(), a.size(), b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

double Largest(const std::vector<double>& values) {
  double largest = 0;
  for (const double v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

template <class T>
double RowMax(ConstMatView<T> view, size_t row) {
  double largest = 0;
  for (const T x : view.row_span(row)) {
    largest = std::max(largest, std::abs(static_cast<double>(x)));
  }
  return largest;
}

// The bound at the top of this file, for row m and output n.
double ProductBound(const Precision& p, ConstMatView<double> a,
                    ConstMatView<float> w, ConstMatView<double> c, size_t m,
                    size_t n) {
  const double a_max = RowMax(a, m), w_max = RowMax(w, n);
  double operands = 0, magnitudes = 0;
  for (size_t k = 0; k < a.cols(); ++k) {
    const double x = std::abs(a(m, k));
    const double y = std::abs(static_cast<double>(w(n, k)));
    const double dx = p.activation.of_itself * x + p.activation.of_max * a_max;
    const double dy = p.weight.of_itself * y + p.weight.of_max * w_max;
    operands += dx * y + x * dy + dx * dy;
    magnitudes += (x + dx) * (y + dy);
  }
  const double sums =
      p.accumulate * static_cast<double>(a.cols() + 1) * magnitudes;
  const double exact = std::abs(c(m, n)), row = RowMax(c, m);
  return operands + sums + p.output.of_itself * (exact + operands + sums) +
         (p.output.of_max + 6 * p.noise_of_max) * row + 0x1p-22 * row;
}

// "" if the product is within its bound.
std::string CheckProduct(const Target& target, const Graph& graph,
                         const Weights& weights, Reference& reference) {
  const Node& node = graph.node(0);
  const auto a = ConstMatView<double>(reference.store().At(node.inputs[0]));
  const auto c = ConstMatView<double>(reference.store().At(node.output));
  const WeightRows& rows = weights.Rows(node.inputs[1]);
  WeightRows::Tile tile;
  const auto w = rows.Read(0, rows.rows(), tile);
  const auto got = RunOperator(target, graph, weights, 1);
  double worst = 0;
  for (size_t m = 0; m < c.rows(); ++m) {
    for (size_t n = 0; n < c.cols(); ++n) {
      const double bound = ProductBound(target.precision(), a, w, c, m, n);
      const double error = std::abs(got[m * c.cols() + n] - c(m, n));
      worst = std::isnan(error) ? INFINITY : std::max(worst, error / bound);
    }
  }
  if (worst <= 1) return "";
  return fmt::format("{} times the bound of a product", worst);
}

std::string CheckByTwin(const Target& target, const Graph& graph,
                        const Weights& weights, Reference& reference) {
  const auto out = reference.store().At(graph.entries()[0].output);
  const std::vector<double> exact(out.data(), out.data() + out.size());
  const Twin twin(target);
  double allowed = 0;
  for (uint64_t trial = 0; trial < kTrials; ++trial) {
    allowed = std::max(
        allowed, RmsDistance(RunOperator(twin, graph, weights, trial), exact));
  }
  allowed = kMargin * allowed + kF32Floor * Largest(exact);
  // Rows that only move are rounded once, when they are stored.
  if (graph.node(0).op->kind == OpKind::kData) {
    const Precision p = target.precision();
    allowed +=
        (p.activation.of_itself + p.activation.of_max + p.output.of_itself +
         p.output.of_max + p.weight.of_itself + p.weight.of_max) *
        Largest(exact);
  }
  const double error =
      RmsDistance(RunOperator(target, graph, weights, 1), exact);
  if (error <= allowed) return "";
  return fmt::format("rms error {}, its formats explain {}", error, allowed);
}

std::string CheckOperator(const Target& target, const Graph& original,
                          const Node& node) {
  const Graph graph = Isolate(original, node);
  const Weights weights = Weights::Random(graph, 5);
  Reference reference(graph, weights, 1, kCapacity);
  FillStore(graph, reference.store());
  const RunRequest request = OperatorRequest(graph, 0);
  const auto result = reference.Run(request.phase, request.binding);
  TRIPTYCH_CHECK(result.has_value(), node.name,
                 result ? "" : result.error().message);
  return node.op->name == "matmul"
             ? CheckProduct(target, graph, weights, reference)
             : CheckByTwin(target, graph, weights, reference);
}

// ---- The network ----

std::vector<double> Logits(const Target& target, const Graph& graph,
                           const Weights& weights, uint64_t seed) {
  const auto program = target.Compile(graph, &weights);
  TRIPTYCH_CHECK(program.has_value());
  TensorStore tensors(graph, 1, kTokens);
  const MatView<float> ids =
      tensors.Make(graph.FindValue("tokens")->id, kTokens, 1);
  for (size_t i = 0; i < kTokens; ++i) {
    ids(i, 0) = static_cast<float>(i * 13 + 1);
  }
  Ledger ledger(Ledger::Mode::kFold);
  const Status status = (*program)->Run(
      {.phase = Phase::kPrefill, .binding = {1, kTokens, 0}, .seed = seed},
      &tensors, ledger);
  TRIPTYCH_CHECK(status.has_value());
  const auto out = tensors.At(graph.entries()[0].output);
  return {out.data(), out.data() + out.size()};
}

std::vector<double> ExactLogits(const Graph& graph, const Weights& weights) {
  Reference reference(graph, weights, 1, kTokens);
  std::vector<int32_t> tokens(kTokens);
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<int32_t>(i * 13 + 1);
  }
  const auto logits = reference.Feed(tokens);
  TRIPTYCH_CHECK(logits.has_value());
  return {logits->data(), logits->data() + logits->size()};
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(a, b, {}, std::bit_cast<uint32_t, float>,
                            std::bit_cast<uint32_t, float>);
}

}  // namespace

Findings CheckOperators(const Subject& subject) {
  Findings findings;
  const auto target = MakeDefault(subject);
  for (const Graph& graph : {TinyLlama(), TinyDeepseek(), TinyVit()}) {
    for (const Node& node : graph.nodes()) {
      // Choosing experts is not continuous: a rounding may choose others.
      if (node.op->name == "moe_route") continue;
      if (target->Supports(graph, node) != Support::kNative) continue;
      const std::string finding = CheckOperator(*target, graph, node);
      if (finding.empty()) continue;
      findings.push_back(fmt::format("{}: {} ({}): {}", graph.name(), node.name,
                                     node.op->name, finding));
    }
  }
  return findings;
}

Findings CheckNetwork(const Subject& subject) {
  const auto target = MakeDefault(subject);
  const Graph graph = TinyLlama();
  const Weights weights = Weights::Random(graph, 3);
  const auto exact = ExactLogits(graph, weights);
  const Twin twin(*target);
  double allowed = 0;
  for (uint64_t trial = 0; trial < kTrials; ++trial) {
    allowed = std::max(allowed,
                       RmsDistance(Logits(twin, graph, weights, trial), exact));
  }
  allowed = kMargin * allowed + kF32Floor * Largest(exact);
  const double error = RmsDistance(Logits(*target, graph, weights, 1), exact);
  if (error <= allowed) return {};
  return {fmt::format("rms error of the logits {}, formats explain {}", error,
                      allowed)};
}

Findings CheckRepeats(const Subject& subject) {
  Findings findings;
  const auto target = MakeDefault(subject);
  const Graph graph = TinyLlama();
  const Weights weights = Weights::Random(graph, 3);
  const auto first = RunAll(*target, graph, &weights, 1);
  for (const int threads : {1, 2}) {
    const auto second = RunAll(*target, graph, &weights, threads);
    for (size_t i = 0; i < first.size(); ++i) {
      const std::string where = fmt::format(
          "{}, {} threads", PhaseName(first[i].request.phase), threads);
      if (!SameBits(first[i].output, second[i].output)) {
        findings.push_back(where + ": other outputs");
      }
      bool same = std::ranges::equal(first[i].ledger.charges(),
                                     second[i].ledger.charges());
      if (target->measured()) {
        same = std::ranges::equal(
            first[i].ledger.rows(), second[i].ledger.rows(),
            [](const auto& a, const auto& b) {
              return a.first == b.first && a.second.count == b.second.count;
            });
      }
      if (!same) findings.push_back(where + ": another ledger");
    }
  }
  return findings;
}

}  // namespace triptych::conformance
