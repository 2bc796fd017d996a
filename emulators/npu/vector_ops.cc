// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/vector_ops.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "emulators/npu/exact_math.h"
#include "emulators/npu/numerics.h"
#include "kernels/base/formats.h"
#include "kernels/base/parallel.h"
#include "models/ops/ops.h"

namespace triptych::npu {
namespace {

using WeightInputs = std::span<const WeightRows>;

template <class F>
void EachElement(const StepContext& ctx, const F& f) {
  ParallelFor(ctx.output.rows(), ctx.threads, [&](size_t r) {
    for (size_t c = 0; c < ctx.output.cols(); ++c) {
      ctx.output(r, c) = static_cast<float>(f(double{ctx.inputs[0](r, c)}));
    }
  });
}

void Silu(const StepContext& ctx, WeightInputs) {
  EachElement(ctx, [](double x) { return x / (1 + ExactExp(-x)); });
}
void GeluTanh(const StepContext& ctx, WeightInputs) {
  const double slope = std::sqrt(2 / std::numbers::pi);
  EachElement(ctx, [=](double x) {
    return 0.5 * x * (1 + ExactTanh(slope * (x + 0.044715 * x * x * x)));
  });
}
void GeluErf(const StepContext& ctx, WeightInputs) {
  EachElement(ctx, [](double x) {
    return 0.5 * x * (1 + ExactErf(x / std::numbers::sqrt2));
  });
}
void Tanh(const StepContext& ctx, WeightInputs) { EachElement(ctx, ExactTanh); }

void Softmax(const StepContext& ctx, WeightInputs) {
  for (size_t r = 0; r < ctx.output.rows(); ++r) {
    const auto x = ctx.inputs[0].row_span(r);
    const double top = *std::ranges::max_element(x);
    double sum = 0;
    for (size_t c = 0; c < x.size(); ++c) sum += ExactExp(x[c] - top);
    for (size_t c = 0; c < x.size(); ++c) {
      ctx.output(r, c) = static_cast<float>(ExactExp(x[c] - top) / sum);
    }
  }
}

void RmsNorm(const StepContext& ctx, WeightInputs weights) {
  const Attributes& a = ctx.node.attributes;
  const size_t cols = ctx.output.cols();
  const auto width =
      static_cast<size_t>(a.Int("width", static_cast<int64_t>(cols)));
  const auto group =
      static_cast<size_t>(a.Int("group", static_cast<int64_t>(width)));
  const std::span<const float> weight = weights[1].vector();
  for (size_t r = 0; r < ctx.output.rows(); ++r) {
    const float* x = ctx.inputs[0].row(r);
    float* y = ctx.output.row(r);
    for (size_t g = 0; g < width; g += group) {
      double squares = 0;
      for (size_t c = 0; c < group; ++c) {
        squares += double{x[g + c]} * double{x[g + c]};
      }
      const double scale =
          1 / std::sqrt(squares / static_cast<double>(group) + a.Get("eps"));
      for (size_t c = 0; c < group; ++c) {
        y[g + c] = static_cast<float>(x[g + c] * scale * double{weight[c]});
      }
    }
    std::copy(x + width, x + cols, y + width);
  }
}

void LayerNorm(const StepContext& ctx, WeightInputs weights) {
  const auto cols = static_cast<double>(ctx.output.cols());
  const auto vector = [&](size_t i) {
    return i < weights.size() ? weights[i].vector() : std::span<const float>();
  };
  const std::span<const float> weight = vector(1), bias = vector(2);
  for (size_t r = 0; r < ctx.output.rows(); ++r) {
    const auto x = ctx.inputs[0].row_span(r);
    double sum = 0, squares = 0;
    for (const float v : x) sum += v;
    const double mean = sum / cols;
    for (const float v : x) squares += (v - mean) * (v - mean);
    const double scale =
        1 / std::sqrt(squares / cols + ctx.node.attributes.Get("eps"));
    for (size_t c = 0; c < x.size(); ++c) {
      double y = (x[c] - mean) * scale;
      if (!weight.empty()) y *= weight[c];
      if (!bias.empty()) y += bias[c];
      ctx.output(r, c) = static_cast<float>(y);
    }
  }
}

void Rope(const StepContext& ctx, WeightInputs) {
  for (size_t r = 0; r < ctx.output.rows(); ++r) {
    std::ranges::copy(ctx.inputs[0].row_span(r), ctx.output.row(r));
  }
  const bool half = ctx.node.attributes.Int("half") != 0;
  for (const RopeTurn& turn :
       RopeTurns(ctx.node, ctx.binding, ctx.output.rows())) {
    const size_t pairs = turn.inverse_frequency.size();
    for (size_t r = 0; r < ctx.output.rows(); ++r) {
      for (size_t i = 0; i < pairs; ++i) {
        const auto [sine, cosine] =
            ExactSinCos(double{turn.inverse_frequency[i]} * turn.position[r]);
        for (size_t h = 0; h < turn.heads; ++h) {
          float* x = ctx.output.row(r) + turn.first_column + h * turn.head_dim;
          float& a = half ? x[i] : x[2 * i];
          float& b = half ? x[i + pairs] : x[2 * i + 1];
          const double before = a;
          a = static_cast<float>(before * cosine - b * sine);
          b = static_cast<float>(before * sine + b * cosine);
        }
      }
    }
  }
}

// ---- Attention ----

// Rows of one head, quantised a row at a time.
struct HeadRows {
  std::vector<int8_t> codes;
  std::vector<float> scales;
  size_t dim = 0;

  HeadRows(ConstMatView<float> rows, int bits)
      : codes(rows.size()), scales(rows.rows()), dim(rows.cols()) {
    for (size_t r = 0; r < rows.rows(); ++r) {
      scales[r] = QuantizeRowInt<int8_t>(
          rows.row_span(r), bits, std::span(codes).subspan(r * dim, dim));
    }
  }
  const int8_t* row(size_t r) const { return codes.data() + r * dim; }
};

int32_t Dot(const int8_t* a, const int8_t* b, size_t n) {
  int32_t sum = 0;
  for (size_t i = 0; i < n; ++i) sum += int32_t{a[i]} * b[i];
  return sum;
}

// e = exp(score - max) in f32, in place; returns their sum.
double ExpScores(std::span<float> score) {
  const float top = *std::ranges::max_element(score);
  double sum = 0;
  for (float& s : score) {
    s = static_cast<float>(ExactExp(double{s} - double{top}));
    sum += s;
  }
  return sum;
}

void AttendIntegers(std::span<const float> q, const HeadRows& k,
                    const HeadRows& v, size_t keys, int bits, float scale,
                    std::span<float> out) {
  std::vector<int8_t> q_codes(q.size());
  const float q_scale = QuantizeRowInt<int8_t>(q, bits, q_codes) * scale;
  std::vector<float> weight(keys);
  for (size_t t = 0; t < keys; ++t) {
    weight[t] = static_cast<float>(Dot(q_codes.data(), k.row(t), q.size())) *
                q_scale * k.scales[t];
  }
  const double sum = ExpScores(weight);
  for (size_t t = 0; t < keys; ++t) weight[t] *= v.scales[t];
  std::vector<int8_t> codes(keys);
  const float w_scale = QuantizeRowInt<int8_t>(weight, bits, codes);
  std::vector<int32_t> acc(out.size(), 0);
  for (size_t t = 0; t < keys; ++t) {
    const int8_t* row = v.row(t);
    for (size_t d = 0; d < out.size(); ++d) acc[d] += codes[t] * row[d];
  }
  for (size_t d = 0; d < out.size(); ++d) {
    out[d] = static_cast<float>(acc[d] * double{w_scale} / sum);
  }
}

void AttendFloats(std::span<const float> q, ConstMatView<float> k,
                  ConstMatView<float> v, size_t keys, float scale,
                  std::span<float> out) {
  std::vector<float> weight(keys);
  for (size_t t = 0; t < keys; ++t) {
    double dot = 0;
    for (size_t d = 0; d < q.size(); ++d) dot += double{q[d]} * k(t, d);
    weight[t] = static_cast<float>(dot * scale);
  }
  const double sum = ExpScores(weight);
  for (size_t d = 0; d < out.size(); ++d) {
    double value = 0;
    for (size_t t = 0; t < keys; ++t) value += double{weight[t]} * v(t, d);
    out[d] = static_cast<float>(value / sum);
  }
}

struct Op {
  std::string_view name;
  PlainOp run;
};
constexpr Op kOps[] = {
    {"silu", Silu},           {"gelu_tanh", GeluTanh}, {"gelu_erf", GeluErf},
    {"tanh", Tanh},           {"softmax", Softmax},    {"rmsnorm", RmsNorm},
    {"layernorm", LayerNorm}, {"rope", Rope},
};

}  // namespace

PlainOp FindPlainOp(std::string_view op) {
  for (const Op& row : kOps) {
    if (row.name == op) return row.run;
  }
  return nullptr;
}

void Attend(const StepContext& ctx, int bits) {
  const Attributes& a = ctx.node.attributes;
  const auto heads = static_cast<size_t>(a.Int("heads"));
  const auto kv_heads = static_cast<size_t>(a.Int("kv_heads"));
  const auto dim = static_cast<size_t>(a.Int("head_dim"));
  const auto v_dim = static_cast<size_t>(a.Int("v_dim", a.Int("head_dim")));
  const bool causal = a.Int("causal") != 0;
  const auto scale = static_cast<float>(
      a.Get("scale", 1 / std::sqrt(static_cast<double>(dim))));
  const Shape& cache = ctx.graph.value(ctx.node.inputs[1]).shape;
  const auto batch = static_cast<size_t>(ctx.binding.batch);
  const size_t queries = ctx.output.rows() / batch;
  const auto keys = static_cast<size_t>(cache.rows.Bind(ctx.binding)) / batch;
  const size_t stride =
      cache.rows.total ? static_cast<size_t>(ctx.capacity) : keys;
  ParallelFor(batch * kv_heads, ctx.threads, [&](size_t task) {
    const size_t s = task / kv_heads, h = task % kv_heads;
    const auto k = ctx.inputs[1].Rows(s * stride, keys).Cols(h * dim, dim);
    const auto v = ctx.inputs[2].Rows(s * stride, keys).Cols(h * v_dim, v_dim);
    const bool integer = bits > 0;
    const ConstMatView<float> none;
    const HeadRows k_rows(integer ? k : none, bits);
    const HeadRows v_rows(integer ? v : none, bits);
    for (size_t i = 0; i < queries; ++i) {
      const size_t visible = causal ? keys - queries + i + 1 : keys;
      for (size_t g = 0; g < heads / kv_heads; ++g) {
        const size_t head = h * (heads / kv_heads) + g;
        const auto q =
            ctx.inputs[0].row_span(s * queries + i).subspan(head * dim, dim);
        const auto out =
            ctx.output.row_span(s * queries + i).subspan(head * v_dim, v_dim);
        if (integer) {
          AttendIntegers(q, k_rows, v_rows, visible, bits, scale, out);
        } else {
          AttendFloats(q, k, v, visible, scale, out);
        }
      }
    }
  });
}

}  // namespace triptych::npu
