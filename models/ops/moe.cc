// moe_route: logits [rows, experts] -> weights [rows, experts], zero but for
//   the chosen ones. Inputs: logits, and optionally a bias that is added for
//   choosing but not for weighing. Attributes: top_k; sigmoid (0: softmax);
//   groups and groups_used (experts come in groups, of which the best are
//   searched; a group's rank is the sum of its two best, as in DeepSeek-V3);
//   normalize (chosen weights add up to 1); scale.
//   Work a logit: its score (sigmoid 4, softmax 5: see activation.cc), 1 for
//   the bias if there is one, 1 comparison; and 2 a chosen expert (sum and
//   scale).
// moe_ffn: y = sum over chosen experts e of weight_e * down_e(silu(gate_e x) *
//   up_e x). Inputs: x, weights, gate [experts * f, k], up [experts * f, k],
//   down [experts * k, f]. Attributes: experts, top_k.
//   Work: 6 k f matrix flops a token and chosen expert; 5 f vector flops for
//   the gated product and 2 k for the sum. Touches the weights of
//   E (1 - (1 - top_k / E)^rows) experts, the expectation for even routing.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/base/parallel.h"
#include "kernels/base/units.h"
#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

// Scores of one token's experts, before any bias.
template <class T>
std::vector<double> Scores(std::span<const T> logits, bool sigmoid) {
  std::vector<double> score(logits.begin(), logits.end());
  if (sigmoid) {
    for (double& s : score) s = 1.0 / (1.0 + std::exp(-s));
    return score;
  }
  const double top = *std::max_element(score.begin(), score.end());
  double sum = 0;
  for (double& s : score) sum += s = std::exp(s - top);
  for (double& s : score) s /= sum;
  return score;
}

// Indices of the `count` largest; the lower index wins a tie.
std::vector<size_t> Largest(const std::vector<double>& values, size_t count) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::partial_sort(order.begin(), order.begin() + static_cast<long>(count),
                    order.end(), [&](size_t a, size_t b) {
                      return values[a] != values[b] ? values[a] > values[b]
                                                    : a < b;
                    });
  order.resize(count);
  return order;
}

// Rules out every expert outside the best groups.
void KeepBestGroups(std::vector<double>& rank, size_t groups, size_t used) {
  if (groups <= 1 || used >= groups) return;
  const size_t size = rank.size() / groups;
  std::vector<double> group_rank(groups);
  for (size_t g = 0; g < groups; ++g) {
    std::vector<double> members(
        rank.begin() + static_cast<long>(g * size),
        rank.begin() + static_cast<long>((g + 1) * size));
    std::sort(members.begin(), members.end(), std::greater<>());
    group_rank[g] = members[0] + (size > 1 ? members[1] : 0.0);
  }
  std::vector<bool> keep(groups, false);
  for (size_t g : Largest(group_rank, used)) keep[g] = true;
  for (size_t e = 0; e < rank.size(); ++e) {
    if (!keep[e / size]) rank[e] = -HUGE_VAL;
  }
}

template <class T>
void RouteRows(const OpArgs<T>& args) {
  const Attributes& a = args.node.attributes;
  const std::span<const float> bias = VectorOf(args, 1);
  const auto top_k = static_cast<size_t>(a.Int("top_k"));
  ParallelFor(args.output.rows(), args.threads, [&](size_t r) {
    const auto score = Scores(std::span<const T>(args.inputs[0].row_span(r)),
                              a.Int("sigmoid") != 0);
    std::vector<double> rank = score;
    for (size_t e = 0; e < bias.size(); ++e) rank[e] += bias[e];
    KeepBestGroups(rank, static_cast<size_t>(a.Int("groups", 1)),
                   static_cast<size_t>(a.Int("groups_used", 1)));
    const auto chosen = Largest(rank, top_k);
    double sum = 0;
    for (size_t e : chosen) sum += score[e];
    const double scale =
        a.Get("scale", 1.0) / (a.Int("normalize") != 0 ? sum : 1.0);
    std::fill_n(args.output.row(r), args.output.cols(), T{});
    for (size_t e : chosen) {
      args.output(r, e) = static_cast<T>(score[e] * scale);
    }
  });
}

// The tokens that one expert gets, with their shares of it.
struct Visit {
  size_t row;
  double weight;
};

// inner[f] = silu(gate x) * up x for each visit, in f64.
template <class T>
void GatedInner(const OpArgs<T>& args, size_t expert, size_t width,
                std::span<const Visit> visits, MatView<double> inner) {
  constexpr size_t kRows = WeightRows::kTileRows;
  ParallelFor(CeilDiv(width, kRows), args.threads, [&](size_t i) {
    const size_t first = i * kRows, count = std::min(kRows, width - first);
    WeightRows::Tile gate_tile, up_tile;
    const size_t row = expert * width + first;
    const auto gate = args.weights[2].Read(row, count, gate_tile);
    const auto up = args.weights[3].Read(row, count, up_tile);
    for (size_t v = 0; v < visits.size(); ++v) {
      const T* x = args.inputs[0].row(visits[v].row);
      for (size_t f = 0; f < count; ++f) {
        double g = 0, u = 0;
        for (size_t c = 0; c < gate.cols(); ++c) {
          g += static_cast<double>(x[c]) * gate(f, c);
          u += static_cast<double>(x[c]) * up(f, c);
        }
        inner(v, first + f) = g / (1.0 + std::exp(-g)) * u;
      }
    }
  });
}

// y += weight * down(inner) for each visit.
template <class T>
void AddDown(const OpArgs<T>& args, size_t expert,
             std::span<const Visit> visits, ConstMatView<double> inner) {
  constexpr size_t kRows = WeightRows::kTileRows;
  const size_t width = args.output.cols();
  ParallelFor(CeilDiv(width, kRows), args.threads, [&](size_t i) {
    const size_t first = i * kRows, count = std::min(kRows, width - first);
    WeightRows::Tile tile;
    const auto down = args.weights[4].Read(expert * width + first, count, tile);
    for (size_t v = 0; v < visits.size(); ++v) {
      T* y = args.output.row(visits[v].row) + first;
      for (size_t c = 0; c < count; ++c) {
        double sum = 0;
        for (size_t f = 0; f < inner.cols(); ++f)
          sum += inner(v, f) * down(c, f);
        y[c] = static_cast<T>(y[c] + visits[v].weight * sum);
      }
    }
  });
}

// Expert by expert, in order: each one's weights are read once.
template <class T>
void ExpertRows(const OpArgs<T>& args) {
  const auto experts = static_cast<size_t>(args.node.attributes.Int("experts"));
  const size_t width = args.weights[2].rows() / experts;
  for (size_t r = 0; r < args.output.rows(); ++r) {
    std::ranges::fill(args.output.row_span(r), T{});
  }
  for (size_t e = 0; e < experts; ++e) {
    std::vector<Visit> visits;
    for (size_t r = 0; r < args.output.rows(); ++r) {
      const double weight = args.inputs[1](r, e);
      if (weight != 0) visits.push_back({r, weight});
    }
    if (visits.empty()) continue;
    std::vector<double> values(visits.size() * width);
    const MatView<double> inner(values.data(), visits.size(), width);
    GatedInner(args, e, width, std::span<const Visit>(visits), inner);
    AddDown<T>(args, e, visits, inner);
  }
}

}  // namespace

Result<Shape> MoeRouteShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 1, 2));
  const Attributes& a = node.attributes;
  const int64_t experts = ColsOf(graph, node, 0);
  const int64_t groups = a.Int("groups", 1), used = a.Int("groups_used", 1);
  TRIPTYCH_TRY(Expect(node, groups >= 1 && experts % groups == 0,
                      "groups must divide the number of experts"));
  TRIPTYCH_TRY(Expect(node, used >= 1 && used <= groups,
                      "groups_used must be 1 to groups"));
  TRIPTYCH_TRY(Expect(
      node, a.Int("top_k") >= 1 && a.Int("top_k") <= experts / groups * used,
      "top_k must be 1 to the number of experts in the groups used"));
  if (node.inputs.size() == 2) {
    TRIPTYCH_TRY(ExpectWeight(graph, node, 1, true));
    TRIPTYCH_TRY(ExpectCols(graph, node, 1, experts, "the number of experts"));
  }
  return ShapeOf(graph, node, 0);
}
Work MoeRouteWork(const Graph& graph, const Node& node, const Binding& b) {
  const int64_t score = node.attributes.Int("sigmoid") != 0 ? 4 : 5;
  const auto bias = static_cast<int64_t>(node.inputs.size()) - 1;
  Work work = ElementwiseWork(graph, node, b, score + bias + 1);
  work.vector_flops +=
      2 * RowsOf(graph, node, 0, b) * node.attributes.Int("top_k");
  return work;
}
void MoeRouteReference(const OpArgs<double>& args) { RouteRows(args); }
void MoeRouteHost(const OpArgs<float>& args) { RouteRows(args); }

Result<Shape> MoeFfnShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 5, 5));
  const int64_t k = ColsOf(graph, node, 0);
  const int64_t experts = node.attributes.Int("experts");
  const int64_t inner = ColsOf(graph, node, 4);
  for (size_t i = 2; i < 5; ++i) {
    TRIPTYCH_TRY(ExpectWeight(graph, node, i, true));
    TRIPTYCH_TRY(Expect(node,
                        ShapeOf(graph, node, i).rows ==
                            FixedRows(experts * (i == 4 ? k : inner)),
                        "gate and up must have experts * f rows, down "
                        "experts * k"));
  }
  TRIPTYCH_TRY(ExpectCols(graph, node, 1, experts, "the number of experts"));
  TRIPTYCH_TRY(ExpectCols(graph, node, 2, k, "the input"));
  TRIPTYCH_TRY(ExpectCols(graph, node, 3, k, "the input"));
  return ShapeOf(graph, node, 0);
}

double ExpertsReached(const Node& node, int64_t rows) {
  const auto experts = static_cast<double>(node.attributes.Int("experts"));
  const double missed = 1.0 - node.attributes.Get("top_k") / experts;
  return experts * (1.0 - std::pow(missed, static_cast<double>(rows)));
}

Work MoeFfnWork(const Graph& graph, const Node& node, const Binding& b) {
  const int64_t rows = RowsOf(graph, node, 0, b);
  const int64_t k = ColsOf(graph, node, 0);
  const int64_t inner = ColsOf(graph, node, 4);
  const int64_t visits = rows * node.attributes.Int("top_k");
  Work work;
  work.matrix_flops = 6 * visits * k * inner;
  work.vector_flops = visits * (5 * inner + 2 * k);
  work.weight_elements = static_cast<int64_t>(std::llround(
      ExpertsReached(node, rows) * static_cast<double>(3 * k * inner)));
  work.input_elements = rows * k + SizeOf(graph, node, 1, b);
  work.output_elements = rows * k;
  return work;
}
void MoeFfnReference(const OpArgs<double>& args) { ExpertRows(args); }
void MoeFfnHost(const OpArgs<float>& args) { ExpertRows(args); }

}  // namespace triptych
