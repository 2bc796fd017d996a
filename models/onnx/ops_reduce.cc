// Operators that look along an axis: reductions, softmax, norms, sums.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "models/onnx/op.h"

namespace triptych::onnx {
namespace {

// A tensor as [outer, size, inner] around one axis, or around the axes from
// `first` on ([outer, size] with inner 1).
struct Lines {
  int64_t outer = 1, size = 1, inner = 1;
  int64_t stride() const { return inner; }
  // First element of line i of outer * inner.
  size_t Start(int64_t i) const {
    return static_cast<size_t>(i / inner * size * inner + i % inner);
  }
  int64_t count() const { return outer * inner; }
};

Lines LinesAlong(const Dims& dims, size_t axis) {
  Lines lines;
  for (size_t d = 0; d < dims.size(); ++d) {
    (d < axis ? lines.outer : d == axis ? lines.size : lines.inner) *= dims[d];
  }
  return lines;
}

// ---- Reduce... ---------------------------------------------------------

// What a reduction does with the numbers of one group, given one at a time.
struct Reduction {
  double start;
  double (*add)(double sum, double x);
  double (*finish)(double sum, double count);
};

double Same(double sum, double) { return sum; }

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Reduction kSum = {0, [](double s, double x) { return s + x; }, Same};
constexpr Reduction kMean = {0, kSum.add,
                             [](double s, double n) { return s / n; }};
constexpr Reduction kProd = {1, [](double s, double x) { return s * x; }, Same};
constexpr Reduction kMax = {
    -kInfinity, [](double s, double x) { return std::max(s, x); }, Same};
constexpr Reduction kMin = {
    kInfinity, [](double s, double x) { return std::min(s, x); }, Same};
constexpr Reduction kL1 = {
    0, [](double s, double x) { return s + std::abs(x); }, Same};
constexpr Reduction kSumSquare = {
    0, [](double s, double x) { return s + x * x; }, Same};
constexpr Reduction kL2 = {0, kSumSquare.add,
                           [](double s, double) { return std::sqrt(s); }};
constexpr Reduction kLogSum = {0, kSum.add,
                               [](double s, double) { return std::log(s); }};
// Below: the group's maximum is taken off first.
constexpr Reduction kLogSumExp = {
    0, [](double s, double x) { return s + std::exp(x); }, kLogSum.finish};

// The shape after the reduction, and the strides that lead from an element of
// the input to its group in the output (0 along what is reduced).
struct Groups {
  Dims dims, strides;
  int64_t size = 1;
};

Result<Groups> GroupsOf(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const std::vector<int64_t> axes, c.IntsOf("axes", 1));
  TRIPTYCH_ASSIGN(const int64_t keep, c.Int("keepdims", 1));
  TRIPTYCH_ASSIGN(const int64_t noop, c.Int("noop_with_empty_axes", 0));
  TRIPTYCH_ASSIGN(std::vector<bool> reduced, c.Axes(axes, x.rank()));
  if (axes.empty() && noop == 0) reduced.assign(reduced.size(), true);
  Groups g;
  Dims kept(x.dims);
  for (size_t d = 0; d < kept.size(); ++d) {
    if (reduced[d]) {
      g.size *= kept[d];
      kept[d] = 1;
    }
    if (!reduced[d] || keep != 0) g.dims.push_back(kept[d]);
  }
  g.strides = BroadcastStrides(kept, x.dims);
  return g;
}

Status ReduceInts(Call& c, const Reduction& r, const Groups& g, Tensor* y) {
  const Tensor& x = c.In(0);
  std::vector<double> sums(y->ints.size(), r.start);
  Walk<1>(x.dims, {g.strides}, [&](int64_t k, const auto& at) {
    double& sum = sums[static_cast<size_t>(at[0])];
    sum = r.add(sum, static_cast<double>(x.ints[static_cast<size_t>(k)]));
  });
  std::transform(sums.begin(), sums.end(), y->ints.begin(), [&](double s) {
    return Wrap(x.type, Truncate(r.finish(s, static_cast<double>(g.size))));
  });
  return {};
}

template <const Reduction& kReduction>
Status Reduce(Call& c) {
  constexpr const Reduction& r = kReduction;
  const Tensor& x = c.In(0);
  if (!IsFloat(x.type)) TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_ASSIGN(const Groups g, GroupsOf(c));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, g.dims));
  if (!c.known()) return {};
  if (!IsFloat(x.type)) return ReduceInts(c, r, g, y);
  std::vector<double> largest(y->floats.size(), 0);
  constexpr bool kShifted = &kReduction == &kLogSumExp;
  if constexpr (kShifted) {
    std::fill(largest.begin(), largest.end(), -kInfinity);
    Walk<1>(x.dims, {g.strides}, [&](int64_t k, const auto& at) {
      double& top = largest[static_cast<size_t>(at[0])];
      top = std::max(top, x.floats[static_cast<size_t>(k)]);
    });
    for (double& top : largest) top = std::isfinite(top) ? top : 0;
  }
  std::fill(y->floats.begin(), y->floats.end(), r.start);
  Walk<1>(x.dims, {g.strides}, [&](int64_t k, const auto& at) {
    const auto i = static_cast<size_t>(at[0]);
    y->floats[i] =
        r.add(y->floats[i], x.floats[static_cast<size_t>(k)] - largest[i]);
  });
  for (size_t i = 0; i < y->floats.size(); ++i) {
    y->floats[i] =
        r.finish(y->floats[i], static_cast<double>(g.size)) + largest[i];
  }
  return {};
}

// ---- along one axis ------------------------------------------------------

// better(a, b): a replaces b as the best so far.
template <class Better>
Status ArgBest(Call& c, const Better& better) {
  const Tensor& x = c.In(0);
  if (!IsFloat(x.type)) TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_ASSIGN(const int64_t given, c.Int("axis", 0));
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(given, x.rank()));
  TRIPTYCH_ASSIGN(const int64_t keep, c.Int("keepdims", 1));
  TRIPTYCH_ASSIGN(const int64_t last, c.Int("select_last_index", 0));
  Dims dims = x.dims;
  if (dims[axis] == 0) return c.FailInput(0, "has nothing along the axis");
  dims[axis] = 1;
  if (keep == 0) dims.erase(dims.begin() + static_cast<ptrdiff_t>(axis));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(ElementType::kI64, dims));
  if (!c.known()) return {};
  const Lines lines = LinesAlong(x.dims, axis);
  const auto search = [&](const auto& from) {
    for (int64_t i = 0; i < lines.count(); ++i) {
      const auto* line = from.data() + lines.Start(i);
      int64_t best = 0;
      for (int64_t k = 1; k < lines.size; ++k) {
        const auto a = line[k * lines.inner], b = line[best * lines.inner];
        if (better(a, b) || (last != 0 && a == b)) best = k;
      }
      y->ints[static_cast<size_t>(i)] = best;
    }
  };
  IsFloat(x.type) ? search(x.floats) : search(x.ints);
  return {};
}

Status ArgMax(Call& c) {
  return ArgBest(c, [](auto a, auto b) { return a > b; });
}
Status ArgMin(Call& c) {
  return ArgBest(c, [](auto a, auto b) { return a < b; });
}

Status CumSum(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const double given, c.Scalar(1));
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(Truncate(given), x.rank()));
  TRIPTYCH_ASSIGN(const int64_t exclusive, c.Int("exclusive", 0));
  TRIPTYCH_ASSIGN(const int64_t reverse, c.Int("reverse", 0));
  if (!IsFloat(x.type)) TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, x.dims));
  if (!c.known()) return {};
  const Lines lines = LinesAlong(x.dims, axis);
  const auto add_up = [&](const auto& from, auto& to) {
    for (int64_t i = 0; i < lines.count(); ++i) {
      std::remove_cvref_t<decltype(from[0])> sum{};
      for (int64_t k = 0; k < lines.size; ++k) {
        const int64_t step = reverse != 0 ? lines.size - 1 - k : k;
        const size_t at =
            lines.Start(i) + static_cast<size_t>(step * lines.inner);
        if (exclusive != 0) to[at] = sum;
        sum = sum + from[at];
        if (exclusive == 0) to[at] = sum;
      }
    }
  };
  if (IsFloat(x.type)) {
    add_up(x.floats, y->floats);
    return {};
  }
  // Unsigned: sums wrap.
  std::vector<uint64_t> from(x.ints.begin(), x.ints.end()), to(from.size());
  add_up(from, to);
  std::transform(to.begin(), to.end(), y->ints.begin(), [&](uint64_t v) {
    return Wrap(x.type, static_cast<int64_t>(v));
  });
  return {};
}

// Since opset 13 along one axis, the last by default; before that over all
// dimensions from `axis` on, the second by default.
Result<Lines> SoftmaxLines(Call& c) {
  const Tensor& x = c.In(0);
  const bool one = c.opset() >= 13;
  TRIPTYCH_ASSIGN(const int64_t given, c.Int("axis", one ? -1 : 1));
  if (!one && given == x.rank()) return Lines{CountOf(x.dims), 1, 1};
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(given, x.rank()));
  Lines lines = LinesAlong(x.dims, axis);
  if (!one) {
    lines.size *= lines.inner;
    lines.inner = 1;
  }
  return lines;
}

// Calls f(line, stride, size, out) for each line.
template <class F>
Status AlongLines(Call& c, const F& f) {
  TRIPTYCH_TRY(c.ExpectFloat(0));
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(const Lines lines, SoftmaxLines(c));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, x.dims));
  if (!c.known() || lines.size == 0) return {};
  for (int64_t i = 0; i < lines.count(); ++i) {
    f(x.floats.data() + lines.Start(i), lines.inner, lines.size,
      y->floats.data() + lines.Start(i));
  }
  return {};
}

double LargestOf(const double* x, int64_t stride, int64_t size) {
  double largest = -kInfinity;
  for (int64_t k = 0; k < size; ++k) largest = std::max(largest, x[k * stride]);
  return largest;
}

Status Softmax(Call& c) {
  return AlongLines(
      c, [](const double* x, int64_t stride, int64_t size, double* y) {
        const double largest = LargestOf(x, stride, size);
        double sum = 0;
        for (int64_t k = 0; k < size; ++k) {
          sum += y[k * stride] = std::exp(x[k * stride] - largest);
        }
        for (int64_t k = 0; k < size; ++k) y[k * stride] /= sum;
      });
}

Status LogSoftmax(Call& c) {
  return AlongLines(
      c, [](const double* x, int64_t stride, int64_t size, double* y) {
        const double largest = LargestOf(x, stride, size);
        double sum = 0;
        for (int64_t k = 0; k < size; ++k) {
          sum += std::exp(x[k * stride] - largest);
        }
        const double shift = largest + std::log(sum);
        for (int64_t k = 0; k < size; ++k)
          y[k * stride] = x[k * stride] - shift;
      });
}

Status Hardmax(Call& c) {
  return AlongLines(
      c, [](const double* x, int64_t stride, int64_t size, double* y) {
        int64_t best = 0;
        for (int64_t k = 1; k < size; ++k) {
          if (x[k * stride] > x[best * stride]) best = k;
        }
        y[best * stride] = 1;
      });
}

// ---- norms -----------------------------------------------------------

struct Moments {
  double mean = 0, variance = 0;  // of the population
};

Moments MomentsOf(const double* x, int64_t stride, int64_t size) {
  Moments m;
  for (int64_t k = 0; k < size; ++k) m.mean += x[k * stride];
  m.mean /= static_cast<double>(size);
  for (int64_t k = 0; k < size; ++k) {
    const double centred = x[k * stride] - m.mean;
    m.variance += centred * centred;
  }
  m.variance /= static_cast<double>(size);
  return m;
}

// Inputs x, scale and optionally bias; over all dimensions from `axis` on.
Status LayerNormalization(Call& c) {
  const Tensor& x = c.In(0);
  for (size_t i = 0; i < 3; ++i) {
    if (c.Has(i)) TRIPTYCH_TRY(c.ExpectFloat(i));
  }
  TRIPTYCH_ASSIGN(const int64_t given, c.Int("axis", -1));
  TRIPTYCH_ASSIGN(const double epsilon, c.Float("epsilon", 1e-5));
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(given, x.rank()));
  const Dims inner(x.dims.begin() + static_cast<ptrdiff_t>(axis), x.dims.end());
  Dims moments = x.dims;
  std::fill(moments.begin() + static_cast<ptrdiff_t>(axis), moments.end(), 1);
  const int64_t size = CountOf(inner);
  for (size_t i = 1; i < 3; ++i) {
    if (!c.Has(i)) continue;
    const auto fits = Broadcast(c.In(i).dims, inner);
    if (!fits || *fits != inner) {
      return c.FailInput(i, "must broadcast to " + TextOf(inner));
    }
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, x.dims));
  TRIPTYCH_ASSIGN(Tensor* const mean, c.Make(ElementType::kF32, moments));
  TRIPTYCH_ASSIGN(Tensor* const inverse, c.Make(ElementType::kF32, moments));
  if (!c.known() || size == 0) return {};
  const Dims scale = BroadcastStrides(c.In(1).dims, inner);
  const Dims bias =
      c.Has(2) ? BroadcastStrides(c.In(2).dims, inner) : Dims(inner.size(), 0);
  for (size_t g = 0; g < mean->floats.size(); ++g) {
    const double* from = x.floats.data() + g * static_cast<size_t>(size);
    double* to = y->floats.data() + g * static_cast<size_t>(size);
    const Moments m = MomentsOf(from, 1, size);
    mean->floats[g] = m.mean;
    inverse->floats[g] = 1 / std::sqrt(m.variance + epsilon);
    Walk<2>(inner, {scale, bias}, [&](int64_t k, const auto& at) {
      const double b =
          c.Has(2) ? c.In(2).floats[static_cast<size_t>(at[1])] : 0;
      to[k] = (from[k] - m.mean) * inverse->floats[g] *
                  c.In(1).floats[static_cast<size_t>(at[0])] +
              b;
    });
  }
  return {};
}

// Inputs x [n, channels, ...], scale, bias: a mean of its own for each
// instance and channel.
Status InstanceNormalization(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_TRY(c.ExpectRank(0, 3, 8));
  const Dims channels = {x.dims[1]};
  for (size_t i = 0; i < 3; ++i) {
    TRIPTYCH_TRY(c.ExpectFloat(i));
    if (i > 0 && c.In(i).dims != channels) {
      return c.FailInput(i, "must have one number a channel");
    }
  }
  TRIPTYCH_ASSIGN(const double epsilon, c.Float("epsilon", 1e-5));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, x.dims));
  if (!c.known() || x.count() == 0) return {};
  const int64_t size = x.count() / (x.dims[0] * x.dims[1]);
  for (int64_t g = 0; g < x.dims[0] * x.dims[1]; ++g) {
    const auto channel = static_cast<size_t>(g % x.dims[1]);
    const auto start = static_cast<size_t>(g * size);
    const Moments m = MomentsOf(x.floats.data() + start, 1, size);
    const double scale =
        c.In(1).floats[channel] / std::sqrt(m.variance + epsilon);
    for (size_t k = start; k < start + static_cast<size_t>(size); ++k) {
      y->floats[k] = (x.floats[k] - m.mean) * scale + c.In(2).floats[channel];
    }
  }
  return {};
}

// Moments of each channel of x [n, channels, ...].
std::vector<Moments> ChannelMoments(const Tensor& x) {
  const Lines lines = LinesAlong(x.dims, 1);
  std::vector<Moments> channels;
  for (int64_t ch = 0; ch < lines.size; ++ch) {
    std::vector<double> all;
    for (int64_t i = 0; i < lines.count(); ++i) {
      all.push_back(
          x.floats[lines.Start(i) + static_cast<size_t>(ch * lines.inner)]);
    }
    channels.push_back(
        MomentsOf(all.data(), 1, static_cast<int64_t>(all.size())));
  }
  return channels;
}

// Inputs x, scale, bias, mean, variance. In training mode the batch's own
// moments serve, and the running ones come out too.
Status BatchNormalization(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_TRY(c.ExpectRank(0, 2, 8));
  const Dims channels = {x.dims[1]};
  for (size_t i = 0; i < 5; ++i) {
    TRIPTYCH_TRY(c.ExpectFloat(i));
    if (i > 0 && c.In(i).dims != channels) {
      return c.FailInput(i, "must have one number a channel");
    }
  }
  TRIPTYCH_ASSIGN(const double epsilon, c.Float("epsilon", 1e-5));
  TRIPTYCH_ASSIGN(const double momentum, c.Float("momentum", 0.9));
  TRIPTYCH_ASSIGN(const int64_t training, c.Int("training_mode", 0));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, x.dims));
  Tensor *mean = nullptr, *variance = nullptr;
  if (training != 0) {
    TRIPTYCH_ASSIGN(mean, c.Make(x.type, channels));
    TRIPTYCH_ASSIGN(variance, c.Make(x.type, channels));
  }
  if (!c.known() || x.count() == 0) return {};
  std::vector<Moments> moments;
  if (training != 0) moments = ChannelMoments(x);
  const Lines lines = LinesAlong(x.dims, 1);
  for (int64_t ch = 0; ch < lines.size; ++ch) {
    const auto n = static_cast<size_t>(ch);
    Moments m = {c.In(3).floats[n], c.In(4).floats[n]};
    if (training != 0) {
      mean->floats[n] = m.mean * momentum + moments[n].mean * (1 - momentum);
      variance->floats[n] =
          m.variance * momentum + moments[n].variance * (1 - momentum);
      m = moments[n];
    }
    const double scale = c.In(1).floats[n] / std::sqrt(m.variance + epsilon);
    for (int64_t i = 0; i < lines.count(); ++i) {
      const size_t at = lines.Start(i) + static_cast<size_t>(ch * lines.inner);
      y->floats[at] = (x.floats[at] - m.mean) * scale + c.In(2).floats[n];
    }
  }
  return {};
}

Status GlobalPool(Call& c, const Reduction& r) {
  TRIPTYCH_TRY(c.ExpectFloat(0));
  TRIPTYCH_TRY(c.ExpectRank(0, 3, 8));
  const Tensor& x = c.In(0);
  Dims dims = x.dims;
  std::fill(dims.begin() + 2, dims.end(), 1);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  if (!c.known()) return {};
  const size_t size =
      y->floats.empty() ? 0 : x.floats.size() / y->floats.size();
  for (size_t g = 0; g < y->floats.size(); ++g) {
    const double* from = x.floats.data() + g * size;
    y->floats[g] = r.finish(std::accumulate(from, from + size, r.start, r.add),
                            static_cast<double>(size));
  }
  return {};
}
Status GlobalAveragePool(Call& c) { return GlobalPool(c, kMean); }
Status GlobalMaxPool(Call& c) { return GlobalPool(c, kMax); }

// The k largest or smallest along an axis, ties in order of their index.
Status TopK(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_TRY(c.ExpectFloat(0));
  int64_t k = 0;
  if (c.opset() < 10) {
    TRIPTYCH_ASSIGN(k, c.Int("k", -1));
  } else {
    TRIPTYCH_ASSIGN(const double given, c.Scalar(1));
    k = Truncate(given);
  }
  TRIPTYCH_ASSIGN(const int64_t at, c.Int("axis", -1));
  TRIPTYCH_ASSIGN(const int64_t largest, c.Int("largest", 1));
  TRIPTYCH_ASSIGN(const size_t axis, c.Axis(at, x.rank()));
  Dims dims = x.dims;
  if (k < 0 || k > dims[axis]) {
    return c.Fail(fmt::format("k {}: must be 0 to {}", k, dims[axis]));
  }
  dims[axis] = k;
  TRIPTYCH_ASSIGN(Tensor* const values, c.Make(x.type, dims));
  TRIPTYCH_ASSIGN(Tensor* const indices, c.Make(ElementType::kI64, dims));
  if (!c.known()) return {};
  const Lines in = LinesAlong(x.dims, axis), out = LinesAlong(dims, axis);
  std::vector<int64_t> order(static_cast<size_t>(in.size));
  for (int64_t i = 0; i < out.count() && k > 0; ++i) {
    const double* line = x.floats.data() + in.Start(i);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      const double p = line[a * in.inner], q = line[b * in.inner];
      return largest != 0 ? p > q : p < q;
    });
    for (int64_t j = 0; j < k; ++j) {
      const size_t to = out.Start(i) + static_cast<size_t>(j * out.inner);
      indices->ints[to] = order[static_cast<size_t>(j)];
      values->floats[to] = line[indices->ints[to] * in.inner];
    }
  }
  return {};
}

constexpr int64_t kOld = kOldestOpset, kNew = kNewestOpset;

// Axes of reductions are an attribute in files of old opsets and an input
// since 13 (ReduceSum) and 18 (the others); either is read.
constexpr Op kOps[] = {
    {"ArgMax", kOld, kNew, 1, 1, ArgMax},
    {"ArgMin", kOld, kNew, 1, 1, ArgMin},
    {"BatchNormalization", 9, kNew, 5, 5, BatchNormalization},
    {"CumSum", 11, kNew, 2, 2, CumSum},
    {"GlobalAveragePool", kOld, kNew, 1, 1, GlobalAveragePool},
    {"GlobalMaxPool", kOld, kNew, 1, 1, GlobalMaxPool},
    {"Hardmax", kOld, kNew, 1, 1, Hardmax},
    {"InstanceNormalization", kOld, kNew, 3, 3, InstanceNormalization},
    {"LayerNormalization", 17, kNew, 2, 3, LayerNormalization},
    {"LogSoftmax", kOld, kNew, 1, 1, LogSoftmax},
    {"ReduceL1", kOld, kNew, 1, 2, Reduce<kL1>},
    {"ReduceL2", kOld, kNew, 1, 2, Reduce<kL2>},
    {"ReduceLogSum", kOld, kNew, 1, 2, Reduce<kLogSum>},
    {"ReduceLogSumExp", kOld, kNew, 1, 2, Reduce<kLogSumExp>},
    {"ReduceMax", kOld, kNew, 1, 2, Reduce<kMax>},
    {"ReduceMean", kOld, kNew, 1, 2, Reduce<kMean>},
    {"ReduceMin", kOld, kNew, 1, 2, Reduce<kMin>},
    {"ReduceProd", kOld, kNew, 1, 2, Reduce<kProd>},
    {"ReduceSum", kOld, kNew, 1, 2, Reduce<kSum>},
    {"ReduceSumSquare", kOld, kNew, 1, 2, Reduce<kSumSquare>},
    {"Softmax", kOld, kNew, 1, 1, Softmax},
    {"TopK", kOld, kNew, 1, 2, TopK},
};

}  // namespace

std::span<const Op> ReduceOps() { return kOps; }

}  // namespace triptych::onnx
