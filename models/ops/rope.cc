// rope: rotates pairs of features of each head by an angle that grows with
// the token's position.
//
// Attributes: heads, head_dim; dim (features that rotate; default head_dim)
// and offset (where in a head they start; default 0); theta; half (1: pairs
// (i, i + dim/2), 0: pairs (2i, 2i + 1)); scaling_factor, scaling_low,
// scaling_high, scaling_context (Llama 3, or YaRN with yarn = 1). With frames,
// rows and columns (a video's token grid) and dim_frames, dim_rows,
// dim_columns, the features split into three runs, each turned by its own
// coordinate as if it were a head of its own.
// Work: 3 flops a rotated feature (two products, one sum). The tables of
// sines are a constant of the position and not counted.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/rope/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "kernels/ref/rope.h"
#include "models/ops/op_util.h"
#include "models/ops/ops.h"

namespace triptych {
namespace {

// A run of features of every head that turns with one coordinate.
struct RopePart {
  int64_t offset, dim;
  int64_t divide, modulo;  // coordinate = position / divide % modulo
};
constexpr int64_t kNoModulo = int64_t{1} << 40;  // beyond every position

std::vector<RopePart> PartsOf(const Node& node) {
  const Attributes& a = node.attributes;
  const int64_t offset = a.Int("offset", 0);
  if (a.Int("frames", 0) == 0) {
    return {{offset, a.Int("dim", a.Int("head_dim")), 1, kNoModulo}};
  }
  const int64_t rows = a.Int("rows"), columns = a.Int("columns");
  const int64_t t = a.Int("dim_frames"), y = a.Int("dim_rows");
  return {{offset, t, rows * columns, a.Int("frames")},
          {offset + t, y, columns, rows},
          {offset + t + y, a.Int("dim_columns"), 1, columns}};
}

// YaRN (Peng et al., arXiv 2309.00071): features that turn more often than
// `high` times in the original context keep their frequency, those that turn
// less often than `low` times are slowed by `factor`, with a ramp between.
std::vector<float> YarnFrequencies(const Attributes& a, int64_t dim) {
  const double theta = a.Get("theta"), context = a.Get("scaling_context");
  const auto features = static_cast<double>(dim);
  const auto feature = [&](double turns) {
    return features * std::log(context / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(theta));
  };
  const double first = std::max(std::floor(feature(a.Get("scaling_high"))), 0.);
  const double last =
      std::min(std::ceil(feature(a.Get("scaling_low"))), features - 1);
  std::vector<float> inv(static_cast<size_t>(dim / 2));
  for (size_t i = 0; i < inv.size(); ++i) {
    const auto pair = static_cast<double>(i);
    const double slow =
        std::clamp((pair - first) / std::max(last - first, 1e-3), 0., 1.);
    inv[i] = static_cast<float>(std::pow(theta, -2 * pair / features) *
                                (slow / a.Get("scaling_factor") + 1 - slow));
  }
  return inv;
}

std::vector<float> FrequenciesOf(const Node& node, int64_t dim) {
  const Attributes& a = node.attributes;
  if (a.Int("yarn", 0) != 0) return YarnFrequencies(a, dim);
  return InverseFrequencies(
      static_cast<size_t>(dim),
      {.theta = a.Get("theta"),
       .factor = a.Get("scaling_factor", 1.0),
       .low_freq_factor = a.Get("scaling_low", 1.0),
       .high_freq_factor = a.Get("scaling_high", 4.0),
       .original_context = a.Get("scaling_context", 0.0)});
}

std::vector<int32_t> PositionsOf(const Binding& b, size_t rows,
                                 const RopePart& part) {
  const size_t per_sequence = rows / static_cast<size_t>(b.batch);
  std::vector<int32_t> positions(rows);
  for (size_t r = 0; r < rows; ++r) {
    const int64_t p = b.context + static_cast<int64_t>(r % per_sequence);
    positions[r] = static_cast<int32_t>(p / part.divide % part.modulo);
  }
  return positions;
}

// Copies the input and calls apply(columns from the turn's first on, turn,
// style) on the output.
template <class T, class F>
void EachTurn(const OpArgs<T>& args, const F& apply) {
  const MatView<T>& out = args.output;
  for (size_t r = 0; r < out.rows(); ++r) {
    std::copy_n(args.inputs[0].row(r), out.cols(), out.row(r));
  }
  const auto style = args.node.attributes.Int("half") != 0
                         ? RopeStyle::kHalf
                         : RopeStyle::kInterleaved;
  for (const RopeTurn& t : RopeTurns(args.node, args.binding, out.rows())) {
    apply(out.Cols(t.first_column, out.cols() - t.first_column), t, style);
  }
}

}  // namespace

std::vector<RopeTurn> RopeTurns(const Node& node, const Binding& binding,
                                size_t rows) {
  const Attributes& a = node.attributes;
  std::vector<RopeTurn> turns;
  for (const RopePart& part : PartsOf(node)) {
    turns.push_back({.first_column = static_cast<size_t>(part.offset),
                     .heads = static_cast<size_t>(a.Int("heads")),
                     .head_dim = static_cast<size_t>(a.Int("head_dim")),
                     .inverse_frequency = FrequenciesOf(node, part.dim),
                     .position = PositionsOf(binding, rows, part)});
  }
  return turns;
}

Result<Shape> RopeShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 1, 1));
  const Attributes& a = node.attributes;
  TRIPTYCH_TRY(ExpectCols(graph, node, 0, a.Int("heads") * a.Int("head_dim"),
                          "heads * head_dim"));
  TRIPTYCH_TRY(Expect(node, a.Get("theta") > 1, "theta must be above 1"));
  for (const RopePart& part : PartsOf(node)) {
    TRIPTYCH_TRY(Expect(node,
                        part.dim >= 2 && part.dim % 2 == 0 &&
                            part.offset >= 0 &&
                            part.offset + part.dim <= a.Int("head_dim"),
                        "rotated features must be pairs inside a head"));
    TRIPTYCH_TRY(Expect(node, part.divide >= 1 && part.modulo >= 1,
                        "a token grid must have frames, rows and columns"));
  }
  return ShapeOf(graph, node, 0);
}

Work RopeWork(const Graph& graph, const Node& node, const Binding& b) {
  Work work = ElementwiseWork(graph, node, b, 0);
  int64_t rotated = 0;
  for (const RopePart& part : PartsOf(node)) rotated += part.dim;
  work.vector_flops =
      3 * rotated * node.attributes.Int("heads") * RowsOf(graph, node, 0, b);
  return work;
}

void RopeReference(const OpArgs<double>& args) {
  EachTurn(args, [](MatView<double> x, const RopeTurn& t, RopeStyle style) {
    ref::Rope<double>(x, t.heads, t.head_dim, t.inverse_frequency, t.position,
                      style);
  });
}
void RopeHost(const OpArgs<float>& args) {
  EachTurn(args, [&](MatView<float> x, const RopeTurn& t, RopeStyle style) {
    Rope(x, t.heads, t.head_dim, t.inverse_frequency, t.position, style,
         args.threads);
  });
}

}  // namespace triptych
