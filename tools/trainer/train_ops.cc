// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/train_ops.h"

#include <algorithm>
#include <cmath>

// Lambdas cannot capture the sizeless vectors of SVE and RVV: Arm runs NEON.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_ALL_SVE | HWY_RVV)
#endif
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tools/trainer/train_ops.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::trainer {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Calls body(i, lanes) over [0, count) in whole vectors, the last one short.
// Loads and stores of a short vector go through LoadN and StoreN; the lanes
// that are not there read as zero.
template <class Body>
HWY_INLINE void ForVectors(size_t count, const Body& body) {
  const size_t lanes = hn::Lanes(D());
  for (size_t i = 0; i < count; i += lanes) {
    body(i, std::min(lanes, count - i));
  }
}

HWY_INLINE V Load(const float* p, size_t n) { return hn::LoadN(D(), p, n); }
HWY_INLINE void Store(V v, float* p, size_t n) { hn::StoreN(v, D(), p, n); }

HWY_INLINE float Sum(V v) { return hn::ReduceSum(D(), v); }

HWY_INLINE V Sigmoid(V x) {
  const V one = hn::Set(D(), 1.0f);
  return hn::Div(one, hn::Add(one, hn::Exp(D(), hn::Neg(x))));
}

float RmsNormRow(const float* x, const float* gain, float eps, float* y,
                 size_t n) {
  V squares = hn::Zero(D());
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    const V v = Load(x + i, lanes);
    squares = hn::MulAdd(v, v, squares);
  });
  const float inv =
      1.0f / std::sqrt(Sum(squares) / static_cast<float>(n) + eps);
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    const V scaled = hn::Mul(Load(x + i, lanes), hn::Set(D(), inv));
    Store(hn::Mul(scaled, Load(gain + i, lanes)), y + i, lanes);
  });
  return inv;
}

// With u = gain * d_y and r = 1 / rms: d_x = r * (u - x * r^2 * mean(u x)).
void RmsNormRowBackward(const float* x, const float* gain, float inv,
                        const float* d_y, float* d_x, float* d_gain,
                        size_t n) {
  V dot = hn::Zero(D());
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    const V xv = Load(x + i, lanes), dy = Load(d_y + i, lanes);
    dot = hn::MulAdd(hn::Mul(dy, Load(gain + i, lanes)), xv, dot);
    Store(hn::MulAdd(hn::Mul(dy, xv), hn::Set(D(), inv),
                     Load(d_gain + i, lanes)),
          d_gain + i, lanes);
  });
  const V pull =
      hn::Set(D(), Sum(dot) * inv * inv * inv / static_cast<float>(n));
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    const V u = hn::Mul(Load(d_y + i, lanes), Load(gain + i, lanes));
    const V grown =
        hn::MulAdd(u, hn::Set(D(), inv), Load(d_x + i, lanes));
    Store(hn::NegMulAdd(Load(x + i, lanes), pull, grown), d_x + i, lanes);
  });
}

// In place softmax(scale * x) over n elements; returns log of the sum of
// exponentials, of scale * x.
float SoftmaxRow(float* x, size_t n, float scale) {
  const V s = hn::Set(D(), scale);
  float largest = x[0];
  for (size_t i = 1; i < n; ++i) largest = std::max(largest, x[i]);
  const V top = hn::Set(D(), largest * scale);
  V sum = hn::Zero(D());
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    const V e = hn::Exp(D(), hn::MulSub(Load(x + i, lanes), s, top));
    Store(e, x + i, lanes);
    sum = hn::Add(sum, Load(x + i, lanes));  // without the missing lanes
  });
  const float total = Sum(sum);
  const V share = hn::Set(D(), 1.0f / total);
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    Store(hn::Mul(Load(x + i, lanes), share), x + i, lanes);
  });
  return std::log(total) + largest * scale;
}

// d_p becomes p * (d_p - sum(p d_p)) * scale.
void SoftmaxRowBackward(const float* p, float scale, float* d_p, size_t n) {
  V dot = hn::Zero(D());
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    dot = hn::MulAdd(Load(p + i, lanes), Load(d_p + i, lanes), dot);
  });
  const V mean = hn::Set(D(), Sum(dot)), s = hn::Set(D(), scale);
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    const V d = hn::Sub(Load(d_p + i, lanes), mean);
    Store(hn::Mul(hn::Mul(Load(p + i, lanes), d), s), d_p + i, lanes);
  });
}

void SwiGluRow(const float* gate, const float* up, float* h, size_t n) {
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    const V g = Load(gate + i, lanes);
    Store(hn::Mul(hn::Mul(g, Sigmoid(g)), Load(up + i, lanes)), h + i, lanes);
  });
}

// silu'(g) = s * (1 + g * (1 - s)) with s = sigmoid(g).
void SwiGluRowBackward(const float* gate, const float* up, const float* d_h,
                       float* d_gate, float* d_up, size_t n) {
  const V one = hn::Set(D(), 1.0f);
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    const V g = Load(gate + i, lanes), d = Load(d_h + i, lanes);
    const V s = Sigmoid(g);
    const V slope = hn::Mul(s, hn::MulAdd(g, hn::Sub(one, s), one));
    Store(hn::Mul(hn::Mul(d, Load(up + i, lanes)), slope), d_gate + i, lanes);
    Store(hn::Mul(d, hn::Mul(g, s)), d_up + i, lanes);
  });
}

void Scale(float* x, size_t n, float factor) {
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    Store(hn::Mul(Load(x + i, lanes), hn::Set(D(), factor)), x + i, lanes);
  });
}

void Add(const float* from, float* to, size_t n) {
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    Store(hn::Add(Load(from + i, lanes), Load(to + i, lanes)), to + i, lanes);
  });
}

double Squares(const float* x, size_t n) {
  constexpr size_t kBlock = 4096;
  double total = 0;
  for (size_t first = 0; first < n; first += kBlock) {
    V sum = hn::Zero(D());
    const auto body = [&](size_t i, size_t lanes) HWY_ATTR {
      const V v = Load(x + first + i, lanes);
      sum = hn::MulAdd(v, v, sum);
    };
    ForVectors(std::min(kBlock, n - first), body);
    total += Sum(sum);
  }
  return total;
}

void Adam(const AdamStep& s, const float* gradient, float* moment1,
          float* moment2, float* parameters, size_t n) {
  const D d;
  ForVectors(n, [&](size_t i, size_t lanes) HWY_ATTR {
    const V g = hn::Mul(Load(gradient + i, lanes),
                        hn::Set(d, s.gradient_scale));
    const V m = hn::MulAdd(hn::Set(d, s.beta1), Load(moment1 + i, lanes),
                           hn::Mul(hn::Set(d, 1 - s.beta1), g));
    const V v =
        hn::MulAdd(hn::Set(d, s.beta2), Load(moment2 + i, lanes),
                   hn::Mul(hn::Set(d, 1 - s.beta2), hn::Mul(g, g)));
    const V root = hn::Sqrt(hn::Mul(v, hn::Set(d, s.correction2)));
    const V step = hn::Div(hn::Mul(m, hn::Set(d, s.correction1)),
                           hn::Add(root, hn::Set(d, s.eps)));
    const V p = Load(parameters + i, lanes);
    const V pull = hn::MulAdd(p, hn::Set(d, s.weight_decay), step);
    Store(m, moment1 + i, lanes);
    Store(v, moment2 + i, lanes);
    Store(hn::NegMulAdd(hn::Set(d, s.learning_rate), pull, p),
          parameters + i, lanes);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace triptych::trainer
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::trainer {
namespace {

HWY_EXPORT(RmsNormRow);
HWY_EXPORT(RmsNormRowBackward);
HWY_EXPORT(SoftmaxRow);
HWY_EXPORT(SoftmaxRowBackward);
HWY_EXPORT(SwiGluRow);
HWY_EXPORT(SwiGluRowBackward);
HWY_EXPORT(Scale);
HWY_EXPORT(Add);
HWY_EXPORT(Squares);
HWY_EXPORT(Adam);

}  // namespace

void RmsNormForward(ConstMatView<float> x, std::span<const float> gain,
                    float eps, MatView<float> y, std::span<float> inv_rms) {
  for (size_t t = 0; t < x.rows(); ++t) {
    inv_rms[t] = HWY_DYNAMIC_DISPATCH(RmsNormRow)(x.row(t), gain.data(), eps,
                                                  y.row(t), x.cols());
  }
}

void RmsNormBackward(ConstMatView<float> x, std::span<const float> gain,
                     std::span<const float> inv_rms, ConstMatView<float> d_y,
                     MatView<float> d_x, std::span<float> d_gain) {
  for (size_t t = 0; t < x.rows(); ++t) {
    HWY_DYNAMIC_DISPATCH(RmsNormRowBackward)
    (x.row(t), gain.data(), inv_rms[t], d_y.row(t), d_x.row(t), d_gain.data(),
     x.cols());
  }
}

void CausalSoftmaxForward(MatView<float> scores, float scale) {
  for (size_t t = 0; t < scores.rows(); ++t) {
    HWY_DYNAMIC_DISPATCH(SoftmaxRow)(scores.row(t), t + 1, scale);
    std::fill(scores.row(t) + t + 1, scores.row(t) + scores.cols(), 0.0f);
  }
}

void CausalSoftmaxBackward(ConstMatView<float> p, float scale,
                           MatView<float> d_p) {
  for (size_t t = 0; t < p.rows(); ++t) {
    HWY_DYNAMIC_DISPATCH(SoftmaxRowBackward)
    (p.row(t), scale, d_p.row(t), t + 1);
    std::fill(d_p.row(t) + t + 1, d_p.row(t) + d_p.cols(), 0.0f);
  }
}

void SwiGluForward(ConstMatView<float> gate_up, MatView<float> h) {
  const size_t f = h.cols();
  for (size_t t = 0; t < h.rows(); ++t) {
    const float* gate = gate_up.row(t);
    HWY_DYNAMIC_DISPATCH(SwiGluRow)(gate, gate + f, h.row(t), f);
  }
}

void SwiGluBackward(ConstMatView<float> gate_up, ConstMatView<float> d_h,
                    MatView<float> d_gate_up) {
  const size_t f = d_h.cols();
  for (size_t t = 0; t < d_h.rows(); ++t) {
    const float* gate = gate_up.row(t);
    float* d_gate = d_gate_up.row(t);
    HWY_DYNAMIC_DISPATCH(SwiGluRowBackward)
    (gate, gate + f, d_h.row(t), d_gate, d_gate + f, f);
  }
}

double CrossEntropy(MatView<float> logits, std::span<const int32_t> targets,
                    float weight) {
  double sum = 0;
  for (size_t t = 0; t < logits.rows(); ++t) {
    float* const row = logits.row(t);
    const float wanted = row[targets[t]];
    sum += HWY_DYNAMIC_DISPATCH(SoftmaxRow)(row, logits.cols(), 1.0f) - wanted;
    row[targets[t]] -= 1;
    HWY_DYNAMIC_DISPATCH(Scale)(row, logits.cols(), weight);
  }
  return sum;
}

void AddTo(std::span<const float> from, std::span<float> to) {
  HWY_DYNAMIC_DISPATCH(Add)(from.data(), to.data(), to.size());
}

double SumOfSquares(std::span<const float> x) {
  return HWY_DYNAMIC_DISPATCH(Squares)(x.data(), x.size());
}

void AdamUpdate(const AdamStep& step, std::span<const float> gradient,
                std::span<float> moment1, std::span<float> moment2,
                std::span<float> parameters) {
  HWY_DYNAMIC_DISPATCH(Adam)
  (step, gradient.data(), moment1.data(), moment2.data(), parameters.data(),
   parameters.size());
}

}  // namespace triptych::trainer
#endif
