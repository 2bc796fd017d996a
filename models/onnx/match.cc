// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/match.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numbers>
#include <optional>
#include <utility>

#include "models/onnx/look.h"

namespace triptych::onnx {
namespace {

// Constants of formulas are compared as floats of half precision may hold
// them.
bool About(double a, double b) { return std::abs(a - b) <= 1e-3 * std::abs(b); }

using Maybe = std::optional<Step>;

class Matcher : private Look {
 public:
  explicit Matcher(const Facts& facts) : Look(facts) {}

  // The step that makes `value`, which depends on data.
  Result<Step> Match(int value) const;

 private:
  // The x of 1 + op(x).
  std::optional<int> OnePlus(std::string_view op, int value) const;
  bool IsTanhArgument(int value, int x) const;
  // The input of a mean over the last axis that keeps it.
  std::optional<int> MeanOfLast(int value) const;
  std::optional<int> Square(int value) const;
  // The x of x - mean(x).
  std::optional<int> Centred(int value) const;
  // 1 / sqrt(inside): the value under the root.
  std::optional<int> InverseRoot(int value) const;

  struct Normalized {
    int x;
    double eps;
    bool centred;
  };
  // What is under the root of a norm, mean(y^2) + eps: y and eps.
  struct MeanSquare {
    int of;
    double eps;
  };
  std::optional<MeanSquare> MeanSquareOf(int value) const;
  // x / sqrt(mean(x^2) + eps), x perhaps centred.
  std::optional<Normalized> Norm(int value) const;

  struct Scores {
    int q, k;
    double scale = 1;
    bool causal = false;
  };
  Result<std::optional<Scores>> ScoresOf(int value) const;
  // What a mask is to a score: added to it, or the truth of keeping it or of
  // dropping it.
  enum class MaskUse : uint8_t { kAdded, kKeeps, kDrops };
  // Whether a mask changes nothing, or is causal. Errors: neither.
  Result<bool> IsCausal(int mask, const Node& where, MaskUse use) const;
  Result<bool> IsCausalAt(size_t probe, int mask, const Node& where,
                          MaskUse use) const;

  Maybe Gelu(int value) const;
  Maybe Silu(int value) const;
  Maybe AnyNorm(int value) const;
  Maybe FoldedNorm(int value) const;
  Maybe Rope(int value) const;
  // Whether `value` is x turned by a right angle, pair by pair: (-b, a) for
  // (a, b), and where the two of a pair are.
  enum class Style : uint8_t { kNone, kHalves, kNeighbours };
  Style Turned(int value, int x) const;
  bool IsHalf(int value, int x, bool second) const;
  bool IsEveryOther(int value, int x, bool second) const;
  Result<Maybe> Attention(int value) const;
  Maybe LinearStep(int value) const;
  Result<Step> Simple(int value) const;
  Result<Step> Sliced(const Node& node, int value) const;
  Result<Step> SplitOff(const Node& node, int value) const;
  Result<Step> Binary(const Node& node, int value) const;
  Result<Step> Concatenated(const Node& node, int value) const;
  Result<Step> Averaged(const Node& node, int value) const;

  Step Made(StepKind kind, int value) const {
    Step step;
    step.kind = kind;
    step.node = f_.Producer(value);
    step.output = value;
    return step;
  }
};

// ---- activations -----------------------------------------------------------

std::optional<int> Matcher::OnePlus(std::string_view op, int value) const {
  const Node* add = Is(value, "Add");
  if (add == nullptr) return {};
  std::optional<int> found;
  EitherWay(*add, [&](int one, int other) {
    const Node* inner = Is(other, op);
    if (Number(one) != 1.0 || inner == nullptr) return false;
    found = inner->inputs[0];
    return true;
  });
  return found;
}

// sqrt(2 / pi) (x + 0.044715 x^3), also with x taken out of the bracket.
bool Matcher::IsTanhArgument(int value, int x) const {
  constexpr double kCubic = 0.044715;
  const double root = std::sqrt(2 / std::numbers::pi);
  const Product y = ProductOf(value);
  if (!About(y.coefficient, root) || y.factors.empty() ||
      y.factors.size() > 2) {
    return false;
  }
  const bool outside = y.factors.size() == 2;
  for (const int factor : y.factors) {
    const Node* add = Is(factor, "Add");
    if (add == nullptr) continue;
    const bool sum = EitherWay(*add, [&](int first, int second) {
      const bool start =
          outside ? Number(first) == 1.0 : Peel(first) == Peel(x);
      const Product cube = ProductOf(second);
      return start && About(cube.coefficient, kCubic) &&
             PowerOf(cube, x) == (outside ? 2 : 3);
    });
    if (!sum) continue;
    return !outside || y.factors[0] == Peel(x) || y.factors[1] == Peel(x);
  }
  return false;
}

// x / 2 (1 + erf(x / sqrt 2)), or with tanh.
Maybe Matcher::Gelu(int value) const {
  if (!Is(value, "Mul") && !Is(value, "Div")) return {};
  const Product p = ProductOf(value);
  if (!About(p.coefficient, 0.5) || p.factors.size() != 2) return {};
  for (const size_t i : {0, 1}) {
    const int x = p.factors[i], other = p.factors[1 - i];
    Step step = Made(StepKind::kUnary, value);
    step.inputs = {x};
    if (const auto erf = OnePlus("Erf", other)) {
      const Product y = ProductOf(*erf);
      step.op = "gelu_erf";
      if (About(y.coefficient, std::numbers::sqrt2 / 2) && PowerOf(y, x) == 1) {
        return step;
      }
    }
    if (const auto tanh = OnePlus("Tanh", other)) {
      step.op = "gelu_tanh";
      if (IsTanhArgument(*tanh, x)) return step;
    }
  }
  return {};
}

Maybe Matcher::Silu(int value) const {
  const Node* mul = Is(value, "Mul");
  if (mul == nullptr) return {};
  Maybe found;
  EitherWay(*mul, [&](int x, int gate) {
    const Node* sigmoid = Is(gate, "Sigmoid");
    if (sigmoid == nullptr || Peel(sigmoid->inputs[0]) != Peel(x)) return false;
    found = Made(StepKind::kUnary, value);
    found->op = "silu";
    found->inputs = {x};
    return true;
  });
  return found;
}

// ---- norms -------------------------------------------------------------

std::optional<int> Matcher::MeanOfLast(int value) const {
  const Node* mean = Is(value, "ReduceMean");
  if (mean == nullptr || mean->Get<int64_t>("keepdims", 1) == 0) return {};
  const int64_t last = f_.Rank(mean->inputs[0]) - 1;
  std::vector<int64_t> axes = mean->Get("axes", Dims{});
  if (mean->inputs.size() > 1) {
    const auto axis = Number(mean->inputs[1]);
    if (axis) axes = {Truncate(*axis)};
  }
  if (axes.size() != 1 || (axes[0] != -1 && axes[0] != last)) return {};
  return mean->inputs[0];
}

std::optional<int> Matcher::Square(int value) const {
  if (const Node* pow = Is(value, "Pow")) {
    if (Number(pow->inputs[1]) == 2.0) return Peel(pow->inputs[0]);
  }
  if (const Node* mul = Is(value, "Mul")) {
    if (Peel(mul->inputs[0]) == Peel(mul->inputs[1])) {
      return Peel(mul->inputs[0]);
    }
  }
  return {};
}

std::optional<int> Matcher::Centred(int value) const {
  const Node* sub = Is(value, "Sub");
  if (sub == nullptr) return {};
  const auto mean = MeanOfLast(sub->inputs[1]);
  if (!mean || Peel(*mean) != Peel(sub->inputs[0])) return {};
  return Peel(*mean);
}

std::optional<int> Matcher::InverseRoot(int value) const {
  int root = kAbsent;
  if (const Node* pow = Is(value, "Pow")) {
    if (Number(pow->inputs[1]) == -0.5) return pow->inputs[0];
  }
  if (const Node* one = Is(value, "Reciprocal")) root = one->inputs[0];
  if (const Node* div = Is(value, "Div")) {
    if (Number(div->inputs[0]) == 1.0) root = div->inputs[1];
  }
  const Node* sqrt = Is(root, "Sqrt");
  return sqrt == nullptr ? std::nullopt : std::optional(sqrt->inputs[0]);
}

std::optional<Matcher::Normalized> Matcher::Norm(int value) const {
  int top = kAbsent, inside = kAbsent;
  if (const Node* div = Is(value, "Div")) {
    if (const Node* sqrt = Is(div->inputs[1], "Sqrt")) {
      top = Peel(div->inputs[0]);
      inside = sqrt->inputs[0];
    }
  } else if (const Node* mul = Is(value, "Mul")) {
    EitherWay(*mul, [&](int x, int inverse) {
      const auto found = InverseRoot(inverse);
      if (!found) return false;
      top = Peel(x);
      inside = *found;
      return true;
    });
  }
  const auto square = top == kAbsent ? std::nullopt : MeanSquareOf(inside);
  if (!square) return {};
  const auto x = Centred(top), of_variance = Centred(square->of);
  if (x && of_variance == x) return Normalized{*x, square->eps, true};
  if (square->of == top) return Normalized{top, square->eps, false};
  return {};
}

std::optional<Matcher::MeanSquare> Matcher::MeanSquareOf(int value) const {
  const Node* add = Is(value, "Add");
  if (add == nullptr) return {};
  std::optional<MeanSquare> found;
  EitherWay(*add, [&](int mean, int eps) {
    const auto inner = MeanOfLast(mean);
    const auto number = Number(eps);
    const auto squared = inner ? Square(*inner) : std::nullopt;
    if (number && squared) found = MeanSquare{*squared, *number};
    return found.has_value();
  });
  return found;
}

// A layer norm with the scale taken into the root, as TensorFlow has it: with
// s = w / sqrt(var + eps), x s + (b - mean s); without b, x s - mean s.
Maybe Matcher::FoldedNorm(int value) const {
  const auto product = [&](int v, auto use) {
    const Node* mul = Is(v, "Mul");
    return mul != nullptr && EitherWay(*mul, use);
  };
  Maybe found;
  const auto match = [&](int scaled, int subtracted, int bias) {
    return product(scaled, [&](int x, int s) {
      return product(subtracted, [&](int mean, int other) {
        if (Peel(s) != Peel(other) || MeanOfLast(mean) != x) return false;
        int root = s, scale = kAbsent;
        product(s, [&](int inverse, int w) {
          if (!f_.IsConstant(w)) return false;
          root = inverse;
          scale = w;
          return true;
        });
        const auto inside = InverseRoot(root);
        const auto square = inside ? MeanSquareOf(*inside) : std::nullopt;
        if (!square || Centred(square->of) != Peel(x)) return false;
        if (scale == kAbsent && bias != kAbsent) return false;
        found = Made(StepKind::kLayerNorm, value);
        found->inputs = {Peel(x)};
        found->constants = {scale, bias};
        found->number = square->eps;
        return true;
      });
    });
  };
  if (const Node* add = Is(value, "Add")) {
    EitherWay(*add, [&](int scaled, int rest) {
      const Node* sub = Is(rest, "Sub");
      return sub != nullptr && f_.IsConstant(sub->inputs[0]) &&
             match(scaled, sub->inputs[1], sub->inputs[0]);
    });
  } else if (const Node* sub = Is(value, "Sub")) {
    match(sub->inputs[0], sub->inputs[1], kAbsent);
  }
  return found;
}

Maybe Matcher::AnyNorm(int value) const {
  int scaled = value, scale = kAbsent, bias = kAbsent;
  if (const Node* add = Is(value, "Add")) {
    EitherWay(*add, [&](int x, int b) {
      if (!f_.IsConstant(b) || f_.IsConstant(x) || Number(b)) return false;
      scaled = x;
      bias = b;
      return true;
    });
    if (bias == kAbsent) return {};
  }
  int normalized = scaled;
  if (const Node* mul = Is(scaled, "Mul")) {
    EitherWay(*mul, [&](int x, int w) {
      if (!f_.IsConstant(w) || f_.IsConstant(x)) return false;
      normalized = x;
      scale = w;
      return true;
    });
  }
  const auto norm = Norm(normalized);
  if (!norm || (scale == kAbsent && bias != kAbsent)) return {};
  if (!norm->centred && bias != kAbsent) return {};
  Step step =
      Made(norm->centred ? StepKind::kLayerNorm : StepKind::kRmsNorm, value);
  step.inputs = {norm->x};
  step.constants = {scale, bias};
  step.number = norm->eps;
  return step;
}

// ---- rotations ---------------------------------------------------------

// The first or the second half of x's last axis, sliced or split off.
bool Matcher::IsHalf(int value, int x, bool second) const {
  const Node* node = Make(value);
  if (node == nullptr || f_.IsConstant(value)) return false;
  if (Peel(node->inputs[0]) != Peel(x)) return false;
  const int64_t all = f_.ShapeOf(x).back();
  if (f_.ShapeOf(value).back() * 2 != all) return false;
  if (node->op == "Split") {
    return node->outputs.size() == 2 &&
           node->outputs[second ? 1 : 0] == Peel(value);
  }
  if (node->op != "Slice") return false;
  const auto part = Sliced(*node, Peel(value));
  return part && part->integers[0] == f_.Rank(x) - 1 &&
         part->integers[1] == (second ? all / 2 : 0);
}

// Every other feature of x's last axis, from the first or the second on.
bool Matcher::IsEveryOther(int value, int x, bool second) const {
  const Node* slice = Is(value, "Slice");
  if (slice == nullptr || slice->inputs.size() < 5) return false;
  const auto axis = Number(slice->inputs[3]);
  const auto last = static_cast<double>(f_.Rank(x) - 1);
  return Peel(slice->inputs[0]) == Peel(x) && axis &&
         (*axis == -1 || *axis == last) &&
         Number(slice->inputs[1]) == (second ? 1.0 : 0.0) &&
         Number(slice->inputs[4]) == 2.0 &&
         f_.ShapeOf(value).back() * 2 == f_.ShapeOf(x).back();
}

Matcher::Style Matcher::Turned(int value, int x) const {
  if (f_.IsConstant(value) || f_.ShapeOf(value) != f_.ShapeOf(x)) {
    return Style::kNone;
  }
  // -a, b: the value that is a and the one that is b.
  const auto parts = [&](const Node* concat, auto through) {
    std::pair found(kAbsent, kAbsent);
    if (concat == nullptr || concat->inputs.size() != 2) return found;
    const int front = through(concat->inputs[0]);
    const Node* neg = front == kAbsent ? nullptr : Is(front, "Neg");
    if (neg) found = {neg->inputs[0], through(concat->inputs[1])};
    return found;
  };
  const auto halves = parts(Is(value, "Concat"), [](int v) { return v; });
  if (halves.second != kAbsent && IsHalf(halves.first, x, true) &&
      IsHalf(halves.second, x, false)) {
    return Style::kHalves;
  }
  // Stacked along a new last axis, which is then joined.
  const Node* reshape = Is(value, "Reshape");
  if (reshape == nullptr) return Style::kNone;
  const auto others = parts(Is(reshape->inputs[0], "Concat"), [&](int v) {
    const Node* added = Is(v, "Unsqueeze");
    return added ? added->inputs[0] : kAbsent;
  });
  if (others.second != kAbsent && IsEveryOther(others.first, x, true) &&
      IsEveryOther(others.second, x, false)) {
    return Style::kNeighbours;
  }
  return Style::kNone;
}

// x cos + turned(x) sin.
Maybe Matcher::Rope(int value) const {
  const Node* add = Is(value, "Add");
  if (add == nullptr) return {};
  Maybe found;
  const auto factors = [&](int product, const auto& use) {
    const Node* mul = Is(product, "Mul");
    return mul != nullptr && EitherWay(*mul, [&](int x, int table) {
             return !f_.IsConstant(x) && f_.IsConstant(table) && use(x, table);
           });
  };
  EitherWay(*add, [&](int straight, int turned) {
    return factors(straight, [&](int x, int cos) {
      return factors(turned, [&](int r, int sin) {
        const Style style = Turned(r, x);
        if (style == Style::kNone) return false;
        found = Made(StepKind::kRope, value);
        found->inputs = {x};
        found->constants = {cos, sin};
        found->flag = style == Style::kHalves;
        return true;
      });
    });
  });
  return found;
}

// ---- attention ---------------------------------------------------------

// At one probe: false if nothing is masked, true if it is causal.
Result<bool> Matcher::IsCausalAt(size_t probe, int mask, const Node& where,
                                 MaskUse use) const {
  const Tensor* t = f_.Elements(mask, probe);
  if (t == nullptr) return f_.Fail(where, "a mask that cannot be computed");
  // Far below every score, whatever the exporter's "minus infinity".
  constexpr double kMasked = -1e4;
  bool none = true, causal = true;
  const int64_t cols = t->rank() > 0 ? t->dims.back() : 1;
  const int64_t rows = t->rank() > 1 ? t->dims.end()[-2] : 1;
  for (int64_t k = 0; k < t->count(); ++k) {
    const auto i = static_cast<size_t>(k);
    const bool added = use == MaskUse::kAdded;
    const bool open = added ? t->floats[i] == 0
                            : (t->ints[i] != 0) == (use == MaskUse::kKeeps);
    if (added && !open && t->floats[i] > kMasked) {
      return f_.Fail(where,
                     "a mask that only weakens: 0 and less than -10000 "
                     "are understood");
    }
    none = none && open;
    causal = causal && open == (k % cols <= k / cols % rows);
  }
  if (none) return false;
  if (causal && rows == f_.ProbedTokens(probe) && rows == cols) return true;
  return f_.Fail(where, "a mask that is neither causal nor empty");
}

Result<bool> Matcher::IsCausal(int mask, const Node& where, MaskUse use) const {
  TRIPTYCH_ASSIGN(const bool first, IsCausalAt(0, mask, where, use));
  TRIPTYCH_ASSIGN(const bool second, IsCausalAt(1, mask, where, use));
  if (first == second) return first;
  return f_.Fail(where, "a mask that depends on the number of tokens");
}

// q k^T, scaled and masked in any order.
Result<std::optional<Matcher::Scores>> Matcher::ScoresOf(int value) const {
  Scores scores;
  const auto scale_of = [&](int v) {
    const Product p = ProductOf(v);
    if (p.factors.size() != 1) return Peel(v);
    scores.scale *= p.coefficient;
    return p.factors[0];
  };
  for (int depth = 0; depth < 16; ++depth) {
    value = PeelOnes(scale_of(PeelOnes(value)));
    const Node* node = Make(value);
    if (node == nullptr) return std::optional<Scores>();
    if (node->op == "MatMul") {
      scores.q = scale_of(node->inputs[0]);
      scores.k = scale_of(node->inputs[1]);
      return std::optional(scores);
    }
    if (node->op == "Add") {
      const int mask = node->inputs[f_.IsConstant(node->inputs[1]) ? 1 : 0];
      value = node->inputs[mask == node->inputs[0] ? 1 : 0];
      if (!f_.IsConstant(mask)) return std::optional<Scores>();
      TRIPTYCH_ASSIGN(const bool causal,
                      IsCausal(mask, *node, MaskUse::kAdded));
      scores.causal = scores.causal || causal;
    } else if (node->op == "Where") {
      const bool drops = Number(node->inputs[1]).has_value();
      const auto masked = Number(node->inputs[drops ? 1 : 2]);
      if (!f_.IsConstant(node->inputs[0]) || !masked || *masked > -1e4) {
        return std::optional<Scores>();
      }
      TRIPTYCH_ASSIGN(const bool causal,
                      IsCausal(node->inputs[0], *node,
                               drops ? MaskUse::kDrops : MaskUse::kKeeps));
      scores.causal = scores.causal || causal;
      value = node->inputs[drops ? 2 : 1];
    } else {
      return std::optional<Scores>();
    }
  }
  return std::optional<Scores>();
}

Result<Maybe> Matcher::Attention(int value) const {
  const Node* product = Is(value, "MatMul");
  if (product == nullptr || f_.IsConstant(product->inputs[0]) ||
      f_.IsConstant(product->inputs[1])) {
    return Maybe();
  }
  int weights = PeelOnes(product->inputs[0]);
  // Rows without any key: NaN becomes 0. Ours always have one.
  if (const Node* where = Is(weights, "Where")) {
    if (Is(where->inputs[0], "IsNaN")) weights = where->inputs[2];
  }
  const Node* softmax = Is(weights, "Softmax");
  if (softmax == nullptr) return Maybe();
  const int64_t last = f_.Rank(weights) - 1;
  const int64_t axis =
      softmax->Get<int64_t>("axis", f_.model().opset >= 13 ? -1 : 1);
  if (axis != -1 && axis != last) return Maybe();
  TRIPTYCH_ASSIGN(const auto scores, ScoresOf(softmax->inputs[0]));
  if (!scores) return Maybe();
  Step step = Made(StepKind::kAttention, value);
  step.inputs = {scores->q, scores->k, product->inputs[1]};
  step.number = scores->scale;
  step.flag = scores->causal;
  return Maybe(step);
}

// ---- one node, or two ------------------------------------------------------

Maybe Matcher::LinearStep(int value) const {
  const Node* node = Make(value);
  if (node == nullptr) return {};
  int bias = kAbsent, product = value;
  if (node->op == "Add") {
    EitherWay(*node, [&](int x, int b) {
      if (!f_.IsConstant(b) || f_.IsConstant(x) || f_.Rank(b) != 1 ||
          !Is(x, "MatMul")) {
        return false;
      }
      bias = b;
      product = x;
      return true;
    });
    if (bias == kAbsent) return {};
  }
  Step step = Made(StepKind::kLinear, value);
  if (const Node* matmul = Is(product, "MatMul")) {
    if (!f_.IsConstant(matmul->inputs[1]) || f_.Rank(matmul->inputs[1]) != 2) {
      return {};
    }
    step.inputs = {matmul->inputs[0]};
    step.constants = {matmul->inputs[1], bias};
    return step;
  }
  const Node* gemm = Is(product, "Gemm");
  if (gemm == nullptr) return {};
  const bool plain =
      gemm->Get("alpha", 1.0) == 1 && gemm->Get("beta", 1.0) == 1 &&
      gemm->Get<int64_t>("transA", 0) == 0 && f_.IsConstant(gemm->inputs[1]);
  if (!plain) return {};
  if (gemm->inputs.size() > 2) bias = gemm->inputs[2];
  if (bias != kAbsent && (!f_.IsConstant(bias) || f_.Rank(bias) != 1))
    return {};
  step.inputs = {gemm->inputs[0]};
  step.constants = {gemm->inputs[1], bias};
  step.turned = gemm->Get<int64_t>("transB", 0) != 0;
  return step;
}

Result<Step> Matcher::Binary(const Node& node, int value) const {
  const int a = node.inputs[0], b = node.inputs[1];
  if (!f_.IsConstant(a) && !f_.IsConstant(b)) {
    Step step = Made(StepKind::kBinary, value);
    step.op = node.op == "Add" ? "add" : "mul";
    step.inputs = {a, b};
    return step;
  }
  const int constant = f_.IsConstant(a) ? a : b;
  const auto number = Number(constant);
  if (number && *number == (node.op == "Add" ? 0 : 1)) {
    Step step = Made(StepKind::kReshape, value);
    step.inputs = {f_.IsConstant(a) ? b : a};
    return step;
  }
  if (node.op != "Add") {
    return f_.Fail(node,
                   "a product with a constant that belongs to no norm, "
                   "GELU or attention");
  }
  Step step = Made(StepKind::kAddConstant, value);
  step.inputs = {f_.IsConstant(a) ? b : a};
  step.constants = {constant};
  return step;
}

// Gather of one index, or a slice of neighbours along one axis.
Result<Step> Matcher::Sliced(const Node& node, int value) const {
  Step step = Made(StepKind::kSlice, value);
  step.inputs = {node.inputs[0]};
  const Dims& shape = f_.ShapeOf(node.inputs[0]);
  const auto rank = static_cast<int64_t>(shape.size());
  if (node.op == "Gather") {
    const auto index = Number(node.inputs[1]);
    if (!index) return f_.Fail(node, "input 1: must be one known index");
    int64_t axis = node.Get<int64_t>("axis", 0);
    if (axis < 0) axis += rank;
    const int64_t size = shape[static_cast<size_t>(axis)];
    int64_t at = Truncate(*index);
    if (at < -size || at >= size) {
      return f_.Fail(node, fmt::format("input 1: {}: must be {} to {}", at,
                                       -size, size - 1));
    }
    step.flag = at < 0;
    if (at < 0) at += size;
    step.integers = {axis, at, 1, f_.Rank(node.inputs[1]) == 0 ? 1 : 0};
    return step;
  }
  // Which axis got shorter, and from where: the model's own shapes say.
  const Dims& after = f_.ShapeOf(value);
  const auto starts =
      node.inputs.size() > 1 ? f_.Elements(node.inputs[1]) : nullptr;
  const bool stepped = node.inputs.size() > 4 && node.inputs[4] != kAbsent &&
                       Number(node.inputs[4]) != 1.0;
  if (starts == nullptr || starts->count() != 1 || stepped) {
    return f_.Fail(node, "must slice one axis, with step 1");
  }
  int64_t axis = 0;
  if (node.inputs.size() > 3 && node.inputs[3] != kAbsent) {
    axis = Truncate(Number(node.inputs[3]).value_or(0));
  }
  if (axis < 0) axis += rank;
  const auto d = static_cast<size_t>(axis);
  int64_t first = starts->ints[0];
  step.flag = first < 0;
  if (first < 0) first += shape[d];
  step.integers = {axis, std::clamp<int64_t>(first, 0, shape[d]), after[d], 0};
  return step;
}

Result<Step> Matcher::SplitOff(const Node& node, int value) const {
  Step step = Made(StepKind::kSlice, value);
  step.inputs = {node.inputs[0]};
  int64_t axis = node.Get<int64_t>("axis", 0);
  if (axis < 0) axis += f_.Rank(node.inputs[0]);
  int64_t first = 0;
  for (const int output : node.outputs) {
    if (output == value) break;
    if (output == kAbsent) return f_.Fail(node, "an output is left out");
    first += f_.ShapeOf(output)[static_cast<size_t>(axis)];
  }
  step.integers = {axis, first, f_.ShapeOf(value)[static_cast<size_t>(axis)],
                   0};
  return step;
}

Result<Step> Matcher::Concatenated(const Node& node, int value) const {
  if (node.inputs.size() != 2 || !f_.IsConstant(node.inputs[0])) {
    return f_.Fail(node, "only a constant before what depends on data");
  }
  Step step = Made(StepKind::kConcat, value);
  int64_t axis = node.Get<int64_t>("axis", 0);
  if (axis < 0) axis += f_.Rank(value);
  step.inputs = {node.inputs[1]};
  step.constants = {node.inputs[0]};
  step.integers = {axis};
  return step;
}

Result<Step> Matcher::Averaged(const Node& node, int value) const {
  Step step = Made(StepKind::kMean, value);
  step.inputs = {node.inputs[0]};
  const Dims &before = f_.ShapeOf(node.inputs[0]), &after = f_.ShapeOf(value);
  const bool keep = node.Get<int64_t>("keepdims", 1) != 0;
  for (size_t d = 0; d < before.size(); ++d) {
    const bool gone = keep ? after[d] != before[d]
                           : d >= after.size() || after[d] != before[d];
    if (!gone) continue;
    step.integers = {static_cast<int64_t>(d), keep ? 1 : 0};
    return step;
  }
  return f_.Fail(node, "an axis to average must be more than one long");
}

Result<Step> Matcher::Simple(int value) const {
  const Node* made = f_.Producer(value);
  const Node& node = *made;
  if (node.outputs[0] != value && node.op != "Split") {
    return f_.Fail(node, "only its first output is understood");
  }
  const auto view = [&](StepKind kind) {
    Step step = Made(kind, value);
    step.inputs = {node.inputs[0]};
    return step;
  };
  if (node.op == "Reshape" || node.op == "Flatten" || node.op == "Squeeze" ||
      node.op == "Unsqueeze" || node.op == "Identity" || node.op == "Dropout" ||
      node.op == "Cast") {
    return view(StepKind::kReshape);
  }
  if (node.op == "Expand") return view(StepKind::kExpand);
  if (node.op == "Tanh") {
    Step step = view(StepKind::kUnary);
    step.op = "tanh";
    return step;
  }
  if (node.op == "Transpose") {
    Step step = view(StepKind::kTranspose);
    for (int64_t d = f_.Rank(value); d-- > 0;) step.integers.push_back(d);
    step.integers = node.Get("perm", step.integers);
    return step;
  }
  if (node.op == "Gather" && f_.IsConstant(node.inputs[0])) {
    Step step = Made(StepKind::kEmbed, value);
    step.inputs = {node.inputs[1]};
    step.constants = {node.inputs[0]};
    if (node.Get<int64_t>("axis", 0) != 0) {
      return f_.Fail(node, "a table must be looked up by rows");
    }
    return step;
  }
  if (node.op == "Gather" || node.op == "Slice") return Sliced(node, value);
  if (node.op == "Split") return SplitOff(node, value);
  if (node.op == "Add" || node.op == "Mul") return Binary(node, value);
  if (node.op == "Concat") return Concatenated(node, value);
  if (node.op == "ReduceMean") return Averaged(node, value);
  if (node.op == "LayerNormalization") {
    Step step = view(StepKind::kLayerNorm);
    const int64_t axis = node.Get<int64_t>("axis", -1);
    if (axis != -1 && axis != f_.Rank(value) - 1) {
      return f_.Fail(node, "attribute axis: must be the last");
    }
    step.number = node.Get("epsilon", 1e-5);
    step.constants = {node.inputs[1],
                      node.inputs.size() > 2 ? node.inputs[2] : kAbsent};
    return step;
  }
  if (node.op == "Conv") {
    Step step = view(StepKind::kConv);
    step.constants = {node.inputs[1],
                      node.inputs.size() > 2 ? node.inputs[2] : kAbsent};
    return step;
  }
  if (node.op == "MatMul") {
    return f_.Fail(node,
                   "a product that is neither a linear layer nor the "
                   "end of an attention");
  }
  return f_.Fail(node,
                 "is in no pattern of ours: linear layers, norms, GELU, "
                 "SiLU, tanh, attention, rotations and changes of shape "
                 "are");
}

Result<Step> Matcher::Match(int value) const {
  for (const Maybe& step : {AnyNorm(value), FoldedNorm(value), Gelu(value),
                            Silu(value), Rope(value)}) {
    if (step) return *step;
  }
  TRIPTYCH_ASSIGN(const Maybe attention, Attention(value));
  if (attention) return *attention;
  if (const Maybe linear = LinearStep(value)) return *linear;
  return Simple(value);
}

}  // namespace

Match MatchAll(const Facts& facts, int output) {
  const Model& model = facts.model();
  const Matcher matcher(facts);
  std::vector<bool> needed(model.values.size(), false);
  needed[static_cast<size_t>(output)] = true;
  Match match;
  const auto refuse = [&](const Node& node, Error error) {
    match.unmatched.push_back({&node, std::move(error)});
    for (const int input : node.inputs) {
      if (input == kAbsent || facts.IsConstant(input)) continue;
      needed[static_cast<size_t>(input)] = true;
    }
  };
  for (size_t n = model.nodes.size(); n-- > 0;) {
    for (const int value : model.nodes[n].outputs) {
      if (value == kAbsent || !needed[static_cast<size_t>(value)]) continue;
      Result<Step> step = matcher.Match(value);
      if (!step) {
        refuse(model.nodes[n], std::move(step).error());
        continue;
      }
      const bool constant =
          std::any_of(step->inputs.begin(), step->inputs.end(),
                      [&](int input) { return facts.IsConstant(input); });
      if (constant) {
        refuse(*step->node,
               facts.Fail(*step->node, "works on constants alone").error());
        continue;
      }
      for (const int input : step->inputs) {
        needed[static_cast<size_t>(input)] = true;
      }
      match.steps.push_back(*std::move(step));
    }
  }
  std::reverse(match.steps.begin(), match.steps.end());
  return match;
}

Result<std::vector<Step>> MatchSteps(const Facts& facts, int output) {
  Match match = MatchAll(facts, output);
  if (match.unmatched.empty()) return std::move(match.steps);
  return std::unexpected(std::move(match.unmatched.front().error));
}

}  // namespace triptych::onnx
