// Operators that multiply and add up: matrix products, convolutions, sums
// over indices, and the steps of quantised ones.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "models/onnx/op.h"

namespace triptych::onnx {
namespace {

// ---- matrix products ---------------------------------------------------

// The shapes of a product of stacks of matrices; a vector on the left is a
// row, on the right a column, and is no dimension of the result.
struct Stack {
  Dims batch, a_strides, b_strides;  // in matrices
  int64_t m = 1, k = 1, n = 1;
  Dims dims;  // of the result
};

Result<Stack> StackOf(Call& c, size_t i, size_t j) {
  const Dims &a = c.In(i).dims, &b = c.In(j).dims;
  TRIPTYCH_TRY(c.ExpectRank(i, 1, 64));
  TRIPTYCH_TRY(c.ExpectRank(j, 1, 64));
  Stack s;
  s.k = a.back();
  s.m = a.size() > 1 ? a.end()[-2] : 1;
  s.n = b.size() > 1 ? b.back() : 1;
  const int64_t rows = b.size() > 1 ? b.end()[-2] : b[0];
  if (rows != s.k) {
    return c.FailInput(
        j, fmt::format("{}: must have {} rows, the columns of input {}",
                       TextOf(b), s.k, i));
  }
  const auto lead = [](const Dims& dims) {
    return Dims(dims.begin(),
                dims.end() - std::min<ptrdiff_t>(2, std::ssize(dims)));
  };
  const Dims a_lead = lead(a), b_lead = lead(b);
  TRIPTYCH_ASSIGN(s.batch, Broadcast(a_lead, b_lead));
  s.a_strides = BroadcastStrides(a_lead, s.batch);
  s.b_strides = BroadcastStrides(b_lead, s.batch);
  s.dims = s.batch;
  if (a.size() > 1) s.dims.push_back(s.m);
  if (b.size() > 1) s.dims.push_back(s.n);
  return s;
}

// C[m,n] += A[m,k] * B[k,n]; row-major, contiguous.
template <class T>
void AddProduct(const T* a, const T* b, T* c, int64_t m, int64_t k, int64_t n) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t p = 0; p < k; ++p) {
      const T factor = a[i * k + p];
      for (int64_t j = 0; j < n; ++j) c[i * n + j] += factor * b[p * n + j];
    }
  }
}

template <class T>
void StackProduct(const Stack& s, const std::vector<T>& a,
                  const std::vector<T>& b, std::vector<T>* c) {
  Walk<2>(
      s.batch, {s.a_strides, s.b_strides}, [&](int64_t matrix, const auto& at) {
        AddProduct(a.data() + at[0] * s.m * s.k, b.data() + at[1] * s.k * s.n,
                   c->data() + matrix * s.m * s.n, s.m, s.k, s.n);
      });
}

Status MatMul(Call& c) {
  if (c.In(0).type != c.In(1).type) {
    return c.FailInput(1, "must have input 0's type");
  }
  if (!IsFloat(c.In(0).type)) TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_ASSIGN(const Stack s, StackOf(c, 0, 1));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(c.In(0).type, s.dims));
  TRIPTYCH_TRY(c.ExpectWork(CountOf(s.batch) * s.m, s.k, s.n));
  if (!c.known()) return {};
  if (IsFloat(y->type)) {
    StackProduct(s, c.In(0).floats, c.In(1).floats, &y->floats);
    return {};
  }
  // Unsigned: sums wrap.
  const std::vector<int64_t>&x = c.In(0).ints, &z = c.In(1).ints;
  std::vector<uint64_t> a(x.begin(), x.end()), b(z.begin(), z.end());
  std::vector<uint64_t> sums(y->ints.size());
  StackProduct(s, a, b, &sums);
  std::transform(sums.begin(), sums.end(), y->ints.begin(), [&](uint64_t v) {
    return Wrap(y->type, static_cast<int64_t>(v));
  });
  return {};
}

// alpha * A' * B' + beta * C, with C broadcast to the result.
Status Gemm(Call& c) {
  for (size_t i = 0; i < 3; ++i) {
    if (c.Has(i)) TRIPTYCH_TRY(c.ExpectFloat(i));
  }
  TRIPTYCH_TRY(c.ExpectRank(0, 2, 2));
  TRIPTYCH_TRY(c.ExpectRank(1, 2, 2));
  TRIPTYCH_ASSIGN(const double alpha, c.Float("alpha", 1));
  TRIPTYCH_ASSIGN(const double beta, c.Float("beta", 1));
  TRIPTYCH_ASSIGN(const int64_t trans_a, c.Int("transA", 0));
  TRIPTYCH_ASSIGN(const int64_t trans_b, c.Int("transB", 0));
  const Tensor &a = c.In(0), &b = c.In(1);
  const int64_t m = a.dims[trans_a != 0], k = a.dims[trans_a == 0];
  const int64_t n = b.dims[trans_b == 0];
  if (b.dims[trans_b != 0] != k) {
    return c.FailInput(1, fmt::format("{}: must have {} along the product",
                                      TextOf(b.dims), k));
  }
  if (c.Has(2)) {
    const auto fits = Broadcast(c.In(2).dims, {m, n});
    if (!fits || *fits != Dims{m, n}) {
      return c.FailInput(2, fmt::format("{}: must broadcast to {}",
                                        TextOf(c.In(2).dims), TextOf({m, n})));
    }
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(a.type, {m, n}));
  TRIPTYCH_TRY(c.ExpectWork(m, k, n));
  if (!c.known()) return {};
  Tensor left = ShapeOnly(a.type, {m, k}), right = ShapeOnly(a.type, {k, n});
  left.floats.resize(a.floats.size());
  right.floats.resize(b.floats.size());
  CopyStrided(a, trans_a != 0 ? Dims{1, m} : Dims{k, 1}, 0, &left);
  CopyStrided(b, trans_b != 0 ? Dims{1, k} : Dims{n, 1}, 0, &right);
  AddProduct(left.floats.data(), right.floats.data(), y->floats.data(), m, k,
             n);
  for (double& v : y->floats) v *= alpha;
  if (!c.Has(2)) return {};
  Walk<1>(y->dims, {BroadcastStrides(c.In(2).dims, y->dims)},
          [&](int64_t i, const auto& at) {
            y->floats[static_cast<size_t>(i)] +=
                beta * c.In(2).floats[static_cast<size_t>(at[0])];
          });
  return {};
}

// ---- Einsum ----------------------------------------------------------

// The letters of one term, with an ellipsis as the letters 0, 1, ... counted
// from the right, so that they broadcast.
Result<std::string> Letters(Call& c, std::string_view term, int64_t rank,
                            bool operand) {
  std::string letters;
  const auto named = std::count_if(term.begin(), term.end(),
                                   [](char l) { return l != '.' && l != ' '; });
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] == ' ') continue;
    if (term.substr(i).starts_with("...")) {
      const int64_t hidden = operand ? rank - named : rank;
      if (hidden < 0 || hidden > 10)
        return c.Fail("equation: too many letters");
      for (int64_t d = hidden; d-- > 0;) {
        letters += static_cast<char>('0' + d);
      }
      i += 2;
    } else if (std::isalpha(static_cast<unsigned char>(term[i]))) {
      letters += term[i];
    } else {
      return c.Fail("equation: letters, '...', ',' and '->' are allowed");
    }
  }
  return letters;
}

struct Sum {
  std::vector<std::string> terms;  // of the operands
  std::string output;
  std::map<char, int64_t> sizes;
};

Status AddSizes(Call& c, size_t i, const std::string& term, Sum* sum) {
  const Dims& dims = c.In(i).dims;
  if (term.size() != dims.size()) {
    return c.FailInput(i, TextOf(dims) + ": must have the letters " + term);
  }
  for (size_t d = 0; d < dims.size(); ++d) {
    int64_t& size = sum->sizes.try_emplace(term[d], 1).first->second;
    if (size != dims[d] && size != 1 && dims[d] != 1) {
      return c.FailInput(i, fmt::format("{}: '{}' has size {} elsewhere",
                                        TextOf(dims), term[d], size));
    }
    if (dims[d] != 1) size = dims[d];
  }
  return {};
}

Result<Sum> SumOf(Call& c) {
  TRIPTYCH_ASSIGN(const std::string equation, c.Text("equation", ""));
  const size_t arrow = equation.find("->");
  std::string_view left = std::string_view(equation).substr(0, arrow);
  Sum sum;
  size_t hidden = 0;
  for (size_t i = 0; i < c.input_count(); ++i) {
    TRIPTYCH_TRY(c.ExpectFloat(i));
    const size_t comma = left.find(',');
    if ((comma == left.npos) != (i + 1 == c.input_count())) {
      return c.Fail("equation: must have a term for each input");
    }
    TRIPTYCH_ASSIGN(std::string term,
                    Letters(c, left.substr(0, comma), c.In(i).rank(), true));
    TRIPTYCH_TRY(AddSizes(c, i, term, &sum));
    const auto digits = std::count_if(term.begin(), term.end(),
                                      [](char l) { return l <= '9'; });
    hidden = std::max(hidden, static_cast<size_t>(digits));
    sum.terms.push_back(std::move(term));
    left = comma == left.npos ? "" : left.substr(comma + 1);
  }
  if (arrow != equation.npos) {
    TRIPTYCH_ASSIGN(sum.output,
                    Letters(c, std::string_view(equation).substr(arrow + 2),
                            static_cast<int64_t>(hidden), false));
    for (const char letter : sum.output) {
      if (sum.sizes.contains(letter)) continue;
      return c.Fail("equation: the result has a letter that no input has");
    }
    return sum;
  }
  // Without an arrow: the ellipsis, then what occurs once, in order.
  for (size_t d = hidden; d-- > 0;) sum.output += static_cast<char>('0' + d);
  for (const auto& [letter, size] : sum.sizes) {
    int64_t uses = 0;
    for (const std::string& term : sum.terms) {
      uses += std::count(term.begin(), term.end(), letter);
    }
    if (letter > '9' && uses == 1) sum.output += letter;
  }
  return sum;
}

Status Einsum(Call& c) {
  TRIPTYCH_ASSIGN(const Sum sum, SumOf(c));
  std::string order = sum.output;  // the result's letters, then the others
  for (const auto& [letter, size] : sum.sizes) {
    if (order.find(letter) == order.npos) order += letter;
  }
  Dims all, dims;
  for (const char letter : order) all.push_back(sum.sizes.at(letter));
  dims.assign(all.begin(), all.begin() + std::ssize(sum.output));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(c.In(0).type, dims));
  double work = 1;
  for (const int64_t size : all) work *= static_cast<double>(size);
  if (work > static_cast<double>(c.limits().work)) {
    return c.Fail("computes too many products");
  }
  if (!c.known()) return {};
  // Step of each operand along each letter; a repeated one is a diagonal.
  std::vector<Dims> strides;
  for (size_t i = 0; i < sum.terms.size(); ++i) {
    const Dims own = BroadcastStrides(c.In(i).dims, c.In(i).dims);
    Dims along(order.size(), 0);
    for (size_t d = 0; d < own.size(); ++d) {
      along[order.find(sum.terms[i][d])] += own[d];
    }
    strides.push_back(along);
  }
  Dims steps = StridesOf(dims);
  steps.resize(order.size(), 0);
  const Dims counts = StridesOf(all);
  Walk<1>(all, {steps}, [&](int64_t k, const auto& at) {
    double product = 1;
    for (size_t i = 0; i < strides.size(); ++i) {
      int64_t from = 0;
      for (size_t d = 0; d < all.size(); ++d) {
        from += k / counts[d] % all[d] * strides[i][d];
      }
      product *= c.In(i).floats[static_cast<size_t>(from)];
    }
    y->floats[static_cast<size_t>(at[0])] += product;
  });
  return {};
}

// ---- convolutions ------------------------------------------------------

struct Window {
  int64_t kernel = 1, stride = 1, dilation = 1, before = 0, in = 1, out = 1;
};

// How the kernel moves along each spatial dimension of x [n, channels, ...].
Result<std::vector<Window>> WindowsOf(Call& c) {
  const Dims &x = c.In(0).dims, &w = c.In(1).dims;
  const size_t axes = x.size() - 2;
  TRIPTYCH_ASSIGN(const auto strides, c.IntList("strides", Dims(axes, 1)));
  TRIPTYCH_ASSIGN(const auto dilations, c.IntList("dilations", Dims(axes, 1)));
  TRIPTYCH_ASSIGN(const auto pads, c.IntList("pads", Dims(2 * axes, 0)));
  TRIPTYCH_ASSIGN(const std::string pad, c.Text("auto_pad", "NOTSET"));
  if (strides.size() != axes || dilations.size() != axes ||
      pads.size() != 2 * axes) {
    return c.Fail("strides, dilations and pads must fit the kernel");
  }
  std::vector<Window> windows(axes);
  for (size_t d = 0; d < axes; ++d) {
    Window& v = windows[d];
    v = {w[d + 2], strides[d], dilations[d], pads[d], x[d + 2], 0};
    const int64_t most = c.limits().elements;
    if (v.stride < 1 || v.stride > most || v.kernel > most || v.dilation < 1 ||
        v.dilation > most || v.kernel < 1 || pads[d] < 0 || pads[d] > most ||
        pads[d + axes] < 0 || pads[d + axes] > most) {
      return c.Fail("strides and dilations must be 1 or more, pads 0 or more");
    }
    const int64_t reach = (v.kernel - 1) * v.dilation + 1;
    int64_t padding = pads[d] + pads[d + axes];
    if (pad == "VALID") {
      padding = v.before = 0;
    } else if (pad == "SAME_UPPER" || pad == "SAME_LOWER") {
      const int64_t out = (v.in + v.stride - 1) / v.stride;
      padding = std::max<int64_t>(0, (out - 1) * v.stride + reach - v.in);
      v.before = (padding + (pad == "SAME_LOWER" ? 1 : 0)) / 2;
    }
    const int64_t span = v.in + padding - reach;
    v.out = span < 0 ? 0 : span / v.stride + 1;
  }
  return windows;
}

// y[n,o,...] += sum over channels and kernel of x * w.
template <class T>
void Convolve(const Dims& x_dims, const Dims& w_dims, int64_t groups,
              const std::vector<Window>& windows, const std::vector<T>& x,
              const std::vector<T>& w, std::vector<T>* y) {
  Dims outs, kernels;
  for (const Window& v : windows) {
    outs.push_back(v.out);
    kernels.push_back(v.kernel);
  }
  const Dims x_strides = StridesOf(x_dims), w_strides = StridesOf(w_dims);
  const Dims out_steps = StridesOf(outs), taps = StridesOf(kernels);
  const int64_t places = CountOf(outs), area = CountOf(kernels);
  const int64_t outputs = w_dims[0], channels = w_dims[1];
  for (int64_t k = 0; k < x_dims[0] * outputs * places; ++k) {
    const int64_t place = k % places, o = k / places % outputs;
    const int64_t n = k / places / outputs;
    const int64_t first = o / (outputs / groups) * channels;
    T sum{};
    for (int64_t tap = 0; tap < area; ++tap) {
      int64_t at = n * x_strides[0] + first * x_strides[1];
      bool inside = true;
      for (size_t d = 0; d < windows.size(); ++d) {
        const Window& v = windows[d];
        const int64_t i = place / out_steps[d] % v.out * v.stride - v.before +
                          tap / taps[d] % v.kernel * v.dilation;
        inside = inside && i >= 0 && i < v.in;
        at += i * x_strides[d + 2];
      }
      for (int64_t ch = 0; inside && ch < channels; ++ch) {
        sum +=
            x[static_cast<size_t>(at + ch * x_strides[1])] *
            w[static_cast<size_t>(o * w_strides[0] + ch * w_strides[1] + tap)];
      }
    }
    (*y)[static_cast<size_t>(k)] = sum;
  }
}

// The checks that Conv and ConvInteger share; `dims` gets the result's shape.
Result<std::vector<Window>> ConvShape(Call& c, int64_t* groups, Dims* dims) {
  TRIPTYCH_TRY(c.ExpectRank(0, 3, 6));
  const Dims &x = c.In(0).dims, &w = c.In(1).dims;
  TRIPTYCH_TRY(c.ExpectRank(1, c.In(0).rank(), c.In(0).rank()));
  TRIPTYCH_ASSIGN(*groups, c.Int("group", 1));
  if (*groups < 1 || *groups > w[0] || w[0] % *groups != 0 ||
      x[1] != w[1] * *groups) {
    return c.FailInput(
        1, fmt::format("{}: {} groups of {} channels: must be the {} of "
                       "input 0",
                       TextOf(w), *groups, w[1], x[1]));
  }
  TRIPTYCH_ASSIGN(std::vector<Window> windows, WindowsOf(c));
  *dims = {x[0], w[0]};
  for (const Window& v : windows) dims->push_back(v.out);
  return windows;
}

Status Conv(Call& c) {
  for (size_t i = 0; i < 3; ++i) {
    if (c.Has(i)) TRIPTYCH_TRY(c.ExpectFloat(i));
  }
  int64_t groups = 1;
  Dims dims;
  TRIPTYCH_ASSIGN(const std::vector<Window> windows,
                  ConvShape(c, &groups, &dims));
  const Tensor &x = c.In(0), &w = c.In(1);
  if (c.Has(2) && c.In(2).dims != Dims{w.dims[0]}) {
    return c.FailInput(2, "must have one number an output channel");
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, dims));
  TRIPTYCH_TRY(c.ExpectWork(y->count(), w.count(), 1));
  if (!c.known()) return {};
  Convolve(x.dims, w.dims, groups, windows, x.floats, w.floats, &y->floats);
  if (!c.Has(2)) return {};
  const int64_t places = CountOf(Dims(dims.begin() + 2, dims.end()));
  for (int64_t k = 0; k < y->count(); ++k) {
    y->floats[static_cast<size_t>(k)] +=
        c.In(2).floats[static_cast<size_t>(k / places % dims[1])];
  }
  return {};
}

// ---- quantised ---------------------------------------------------------

// Zero points: none, one, or one for each index along an axis.
struct ZeroPoints {
  const Tensor* tensor = nullptr;
  int64_t stride = 1;  // elements a step along the axis
  int64_t At(int64_t element) const {
    if (tensor == nullptr) return 0;
    const int64_t count = tensor->count();
    return tensor->ints[static_cast<size_t>(element / stride % count)];
  }
};

// Input i as the zero points of input `of`, along `axis` if they are many.
Result<ZeroPoints> ZeroPointsOf(Call& c, size_t i, size_t of, int64_t axis) {
  ZeroPoints zero;
  if (!c.Has(i)) return zero;
  TRIPTYCH_TRY(c.ExpectInts(i));
  const Tensor& x = c.In(of);
  zero.tensor = &c.In(i);
  if (c.In(i).count() == 1) return zero;
  TRIPTYCH_ASSIGN(const size_t at, c.Axis(axis, x.rank()));
  if (c.In(i).count() != x.dims[at]) {
    return c.FailInput(i, fmt::format("{}: must be one number, or {}",
                                      TextOf(c.In(i).dims), x.dims[at]));
  }
  zero.stride = std::max<int64_t>(1, StridesOf(x.dims)[at]);
  return zero;
}

std::vector<int64_t> Centred(const Tensor& x, const ZeroPoints& zero) {
  std::vector<int64_t> centred(x.ints.size());
  for (size_t k = 0; k < centred.size(); ++k) {
    centred[k] = x.ints[k] - zero.At(static_cast<int64_t>(k));
  }
  return centred;
}

Status MatMulInteger(Call& c) {
  TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_TRY(c.ExpectInts(1));
  TRIPTYCH_ASSIGN(const Stack s, StackOf(c, 0, 1));
  TRIPTYCH_ASSIGN(const ZeroPoints a, ZeroPointsOf(c, 2, 0, -2));
  TRIPTYCH_ASSIGN(const ZeroPoints b, ZeroPointsOf(c, 3, 1, -1));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(ElementType::kI32, s.dims));
  TRIPTYCH_TRY(c.ExpectWork(CountOf(s.batch) * s.m, s.k, s.n));
  if (!c.known()) return {};
  StackProduct(s, Centred(c.In(0), a), Centred(c.In(1), b), &y->ints);
  for (int64_t& v : y->ints) v = Wrap(y->type, v);
  return {};
}

Status ConvInteger(Call& c) {
  TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_TRY(c.ExpectInts(1));
  int64_t groups = 1;
  Dims dims;
  TRIPTYCH_ASSIGN(const std::vector<Window> windows,
                  ConvShape(c, &groups, &dims));
  TRIPTYCH_ASSIGN(const ZeroPoints x, ZeroPointsOf(c, 2, 0, 1));
  TRIPTYCH_ASSIGN(const ZeroPoints w, ZeroPointsOf(c, 3, 1, 0));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(ElementType::kI32, dims));
  TRIPTYCH_TRY(c.ExpectWork(y->count(), c.In(1).count(), 1));
  if (!c.known()) return {};
  Convolve(c.In(0).dims, c.In(1).dims, groups, windows, Centred(c.In(0), x),
           Centred(c.In(1), w), &y->ints);
  for (int64_t& v : y->ints) v = Wrap(y->type, v);
  return {};
}

// Rounded to even and held within the type.
int64_t Saturate(ElementType type, double value) {
  const bool is_signed = type == ElementType::kI8;
  return Truncate(std::clamp(std::nearbyint(value), is_signed ? -128.0 : 0.0,
                             is_signed ? 127.0 : 255.0));
}

Result<ElementType> QuantizedType(Call& c, size_t zero_point) {
  if (!c.Has(zero_point)) return ElementType::kU8;
  const ElementType type = c.In(zero_point).type;
  if (type == ElementType::kU8 || type == ElementType::kI8) return type;
  return c.FailInput(zero_point, "must be uint8 or int8");
}

// Scales as zero points are: one, or one for each index along an axis.
struct Scales {
  const Tensor* tensor;
  int64_t stride = 1;
  double At(int64_t element) const {
    return tensor
        ->floats[static_cast<size_t>(element / stride % tensor->count())];
  }
};

Result<Scales> ScalesOf(Call& c, size_t i, size_t of, int64_t axis) {
  TRIPTYCH_TRY(c.ExpectFloat(i));
  const Tensor& x = c.In(of);
  Scales scales{&c.In(i)};
  if (c.In(i).count() == 1) return scales;
  TRIPTYCH_ASSIGN(const size_t at, c.Axis(axis, x.rank()));
  if (c.In(i).count() != x.dims[at] || x.dims[at] == 0) {
    return c.FailInput(i, fmt::format("{}: must be one number, or {}",
                                      TextOf(c.In(i).dims), x.dims[at]));
  }
  scales.stride = std::max<int64_t>(1, StridesOf(x.dims)[at]);
  return scales;
}

Status QuantizeLinear(Call& c) {
  const Tensor& x = c.In(0);
  if (!IsFloat(x.type)) TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_ASSIGN(const int64_t axis, c.Int("axis", 1));
  TRIPTYCH_ASSIGN(const ElementType type, QuantizedType(c, 2));
  TRIPTYCH_ASSIGN(const Scales scale, ScalesOf(c, 1, 0, axis));
  TRIPTYCH_ASSIGN(const ZeroPoints zero, ZeroPointsOf(c, 2, 0, axis));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(type, x.dims));
  if (!c.known()) return {};
  for (int64_t k = 0; k < x.count(); ++k) {
    const auto i = static_cast<size_t>(k);
    const double value =
        IsFloat(x.type) ? x.floats[i] : static_cast<double>(x.ints[i]);
    // Scale and quotient are floats to whoever defined this.
    const double step = RoundTo(c.In(1).type, scale.At(k));
    const double steps = RoundTo(ElementType::kF32, value / step);
    y->ints[i] =
        Saturate(type, std::nearbyint(steps) + static_cast<double>(zero.At(k)));
  }
  return {};
}

Status DequantizeLinear(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_ASSIGN(const int64_t axis, c.Int("axis", 1));
  TRIPTYCH_ASSIGN(const Scales scale, ScalesOf(c, 1, 0, axis));
  TRIPTYCH_ASSIGN(const ZeroPoints zero, ZeroPointsOf(c, 2, 0, axis));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(c.In(1).type, x.dims));
  if (!c.known()) return {};
  for (int64_t k = 0; k < x.count(); ++k) {
    const auto i = static_cast<size_t>(k);
    y->floats[i] = static_cast<double>(x.ints[i] - zero.At(k)) * scale.At(k);
  }
  return {};
}

// Outputs y, scale and zero point: uint8 over the range of x and 0.
Status DynamicQuantizeLinear(Call& c) {
  TRIPTYCH_TRY(c.ExpectFloat(0));
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(ElementType::kU8, x.dims));
  TRIPTYCH_ASSIGN(Tensor* const scale, c.Make(ElementType::kF32, {}));
  TRIPTYCH_ASSIGN(Tensor* const zero, c.Make(ElementType::kU8, {}));
  if (!c.known()) return {};
  double low = 0, high = 0;
  for (const double v : x.floats) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  const double step = RoundTo(ElementType::kF32, (high - low) / 255);
  const double origin = step == 0 ? 0 : std::nearbyint(-low / step);
  scale->floats[0] = step;
  zero->ints[0] = Saturate(ElementType::kU8, origin);
  for (size_t k = 0; k < x.floats.size(); ++k) {
    const double steps =
        step == 0 ? 0 : RoundTo(ElementType::kF32, x.floats[k] / step);
    y->ints[k] =
        Saturate(ElementType::kU8,
                 std::nearbyint(steps) + static_cast<double>(zero->ints[0]));
  }
  return {};
}

// Inputs a, its scale and zero point; b, its own; the result's.
Status QLinearMatMul(Call& c) {
  TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_TRY(c.ExpectInts(3));
  TRIPTYCH_ASSIGN(const Stack s, StackOf(c, 0, 3));
  TRIPTYCH_ASSIGN(const Scales a_scale, ScalesOf(c, 1, 0, -2));
  TRIPTYCH_ASSIGN(const Scales b_scale, ScalesOf(c, 4, 3, -1));
  TRIPTYCH_ASSIGN(const ZeroPoints a_zero, ZeroPointsOf(c, 2, 0, -2));
  TRIPTYCH_ASSIGN(const ZeroPoints b_zero, ZeroPointsOf(c, 5, 3, -1));
  TRIPTYCH_ASSIGN(const ElementType type, QuantizedType(c, 7));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(type, s.dims));
  TRIPTYCH_TRY(c.ExpectWork(CountOf(s.batch) * s.m, s.k, s.n));
  if (!c.known()) return {};
  TRIPTYCH_ASSIGN(const double y_scale, c.Scalar(6));
  TRIPTYCH_ASSIGN(const double y_zero, c.Scalar(7));
  const std::vector<int64_t> a = Centred(c.In(0), a_zero);
  const std::vector<int64_t> b = Centred(c.In(3), b_zero);
  std::vector<int64_t> sums(y->ints.size());
  StackProduct(s, a, b, &sums);
  // Scales of rows of a and columns of b: those of any element of them.
  for (size_t i = 0; i < sums.size(); ++i) {
    const auto k = static_cast<int64_t>(i);
    const double scale =
        a_scale.At(k / s.n % s.m * s.k) * b_scale.At(k % s.n) / y_scale;
    y->ints[i] = Saturate(
        type, std::nearbyint(static_cast<double>(sums[i]) * scale) + y_zero);
  }
  return {};
}

constexpr int64_t kOld = kOldestOpset, kNew = kNewestOpset;

constexpr Op kOps[] = {
    {"Conv", kOld, kNew, 2, 3, Conv},
    {"ConvInteger", 10, kNew, 2, 4, ConvInteger},
    {"DequantizeLinear", 10, kNew, 2, 3, DequantizeLinear},
    {"DynamicQuantizeLinear", 11, kNew, 1, 1, DynamicQuantizeLinear},
    {"Einsum", 12, kNew, 1, kAnyNumber, Einsum},
    {"Gemm", kOld, kNew, 2, 3, Gemm},
    {"MatMul", kOld, kNew, 2, 2, MatMul},
    {"MatMulInteger", 10, kNew, 2, 4, MatMulInteger},
    {"QLinearMatMul", 10, kNew, 8, 8, QLinearMatMul},
    {"QuantizeLinear", 10, kNew, 2, 3, QuantizeLinear},
};

}  // namespace

std::span<const Op> ProductOps() { return kOps; }

}  // namespace triptych::onnx
