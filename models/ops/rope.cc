// rope: rotates pairs of features of each head by an angle that grows with
// the token's position.
//
// Attributes: heads, head_dim; dim (features that rotate; default head_dim)
// and offset (where in a head they start; default 0); theta; half (1: pairs
// (i, i + dim/2), 0: pairs (2i, 2i + 1)); scaling_factor, scaling_low,
// scaling_high, scaling_context (Llama 3, or YaRN with yarn = 1). With frames, rows and
// columns (a video's token grid) and dim_frames, dim_rows, dim_columns, the
// features split into three runs, each turned by its own coordinate.
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

std::vector<RopePart> PartsOf(const Node& node) {
  const Attributes& a = node.attributes;
  const int64_t offset = a.Int("offset", 0);
  if (a.Int("frames", 0) == 0) {
    return {{offset, a.Int("dim", a.Int("head_dim")), 1, int64_t{1} << 40}};
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
void ScaleYarn(const Attributes& a, double theta, std::vector<float>& inv) {
  const auto dim = static_cast<double>(2 * inv.size());
  const double context = a.Get("scaling_context");
  const auto feature = [&](double turns) {
    return dim * std::log(context / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(theta));
  };
  const double first = std::max(std::floor(feature(a.Get("scaling_high"))), 0.);
  const double last =
      std::min(std::ceil(feature(a.Get("scaling_low"))), dim - 1);
  for (size_t i = 0; i < inv.size(); ++i) {
    const double slow = std::clamp(
        (static_cast<double>(i) - first) / std::max(last - first, 1e-3), 0.,
        1.);
    inv[i] *= static_cast<float>(slow / a.Get("scaling_factor") + 1 - slow);
  }
}

std::vector<float> FrequenciesOf(const Node& node, int64_t dim) {
  const Attributes& a = node.attributes;
  const bool yarn = a.Int("yarn", 0) != 0;
  RopeFrequencies spec;
  spec.theta = a.Get("theta");
  if (!yarn) {
    spec.factor = a.Get("scaling_factor", 1.0);
    spec.low_freq_factor = a.Get("scaling_low", 1.0);
    spec.high_freq_factor = a.Get("scaling_high", 4.0);
    spec.original_context = a.Get("scaling_context", 0.0);
  }
  auto inv = InverseFrequencies(static_cast<size_t>(dim), spec);
  if (yarn) ScaleYarn(a, spec.theta, inv);
  return inv;
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

// Copies the input and calls turn(features of a head, turn) on the output.
template <class T, class F>
void EachHead(const OpArgs<T>& args, const F& turn) {
  const MatView<T>& out = args.output;
  for (size_t r = 0; r < out.rows(); ++r) {
    std::copy_n(args.inputs[0].row(r), out.cols(), out.row(r));
  }
  const auto style = args.node.attributes.Int("half") != 0
                         ? RopeStyle::kHalf
                         : RopeStyle::kInterleaved;
  for (const RopeTurn& t : RopeTurns(args.node, args.binding, out.rows())) {
    const size_t dim = 2 * t.inverse_frequency.size();
    for (const size_t first : t.first_column) {
      turn(out.Cols(first, dim), t, style);
    }
  }
}

}  // namespace

std::vector<RopeTurn> RopeTurns(const Node& node, const Binding& binding,
                                size_t rows) {
  const Attributes& a = node.attributes;
  const auto head_dim = static_cast<size_t>(a.Int("head_dim"));
  std::vector<RopeTurn> turns;
  for (const RopePart& part : PartsOf(node)) {
    RopeTurn turn{{},
                  FrequenciesOf(node, part.dim),
                  PositionsOf(binding, rows, part)};
    for (size_t h = 0; h < static_cast<size_t>(a.Int("heads")); ++h) {
      turn.first_column.push_back(h * head_dim +
                                  static_cast<size_t>(part.offset));
    }
    turns.push_back(std::move(turn));
  }
  return turns;
}

Result<Shape> RopeShape(const Graph& graph, const Node& node) {
  TRIPTYCH_TRY(ExpectInputs(node, 1, 1));
  const Attributes& a = node.attributes;
  TRIPTYCH_TRY(ExpectCols(graph, node, 0, a.Int("heads") * a.Int("head_dim"),
                          "heads * head_dim"));
  for (const RopePart& part : PartsOf(node)) {
    if (part.dim % 2 != 0 || part.offset + part.dim > a.Int("head_dim")) {
      return MakeError(ErrorCode::kInvalid,
                       "rope: rotated features must be pairs inside a head");
    }
  }
  return ShapeOf(graph, node, 0);
}

Work RopeWork(const Graph& graph, const Node& node, const Binding& b) {
  Work work = ElementwiseWork(graph, node, b, 0);
  int64_t rotated = 0;
  for (const RopePart& part : PartsOf(node)) rotated += part.dim;
  work.vector_flops = 3 * rotated * node.attributes.Int("heads") *
                      RowsOf(graph, node, 0, b);
  return work;
}

void RopeReference(const OpArgs<double>& args) {
  EachHead(args, [](MatView<double> x, const RopeTurn& t, RopeStyle style) {
    ref::Rope<double>(x, 1, x.cols(), t.inverse_frequency, t.position, style);
  });
}
void RopeHost(const OpArgs<float>& args) {
  EachHead(args, [](MatView<float> x, const RopeTurn& t, RopeStyle style) {
    Rope(x, 1, x.cols(), t.inverse_frequency, t.position, style);
  });
}

}  // namespace triptych
