// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/rotation.h"

#include <fmt/format.h>

#include <cmath>

namespace triptych::onnx {
namespace {

// A table of angles by position and feature, in a tensor that repeats it for
// batches and heads.
class Angles {
 public:
  Angles(const Tensor& tensor, size_t from_end)
      : tensor_(tensor), from_end_(from_end) {}

  // [.., tokens, .., head_dim], everything else 1 or the same again.
  bool Fits(int64_t tokens, int64_t head_dim) const {
    const Dims& dims = tensor_.dims;
    return IsFloat(tensor_.type) && dims.size() >= from_end_ &&
           dims.back() == head_dim && dims[dims.size() - from_end_] == tokens;
  }

  // The largest distance of any element from f(position, feature).
  template <class F>
  double Distance(const F& f) const {
    const Dims strides = StridesOf(tensor_.dims);
    const size_t axis = tensor_.dims.size() - from_end_;
    const int64_t tokens = tensor_.dims[axis], cols = tensor_.dims.back();
    double distance = 0;
    for (int64_t k = 0; k < tensor_.count(); ++k) {
      const double expected = f(k / strides[axis] % tokens, k % cols);
      distance =
          std::max(distance,
                   std::abs(tensor_.floats[static_cast<size_t>(k)] - expected));
    }
    return distance;
  }

  double At(int64_t position, int64_t feature) const {
    const size_t axis = tensor_.dims.size() - from_end_;
    const int64_t at = position * StridesOf(tensor_.dims)[axis] + feature;
    return tensor_.floats[static_cast<size_t>(at)];
  }

 private:
  const Tensor& tensor_;
  size_t from_end_;
};

// Thetas are round numbers; what f32 angles tell of one is not.
double Rounded(double theta) {
  const double whole = std::round(theta);
  return std::abs(theta - whole) < 1e-4 * whole ? whole : theta;
}

}  // namespace

Result<double> ThetaOf(const Facts& facts, const Node& node, int cos, int sin,
                       size_t from_end, int64_t head_dim, bool half) {
  // What f32 arithmetic may do to an angle of a few radians.
  constexpr double kClose = 1e-5;
  double theta = 0;
  for (const size_t probe : {0, 1}) {
    const Tensor *c = facts.Elements(cos, probe),
                 *s = facts.Elements(sin, probe);
    if (c == nullptr || s == nullptr || head_dim < 2 || head_dim % 2 != 0) {
      return facts.Fail(node, "a rotation by what cannot be computed");
    }
    const Angles cosines(*c, from_end), sines(*s, from_end);
    const int64_t tokens = facts.ProbedTokens(probe);
    if (!cosines.Fits(tokens, head_dim) || !sines.Fits(tokens, head_dim)) {
      return facts.Fail(
          node, fmt::format("a rotation by {} and {}: must have "
                            "a row of {} for each token",
                            TextOf(c->dims), TextOf(s->dims), head_dim));
    }
    const int64_t pairs = head_dim / 2;
    if (probe == 0) {
      // The slowest pair shows theta best: its exponent is the largest.
      const int64_t last = half ? pairs - 1 : head_dim - 1;
      const double slow = std::atan2(sines.At(1, last), cosines.At(1, last));
      const double exponent =
          2 * static_cast<double>(pairs - 1) / static_cast<double>(head_dim);
      theta = pairs == 1 || slow <= 0 ? 10000
                                      : Rounded(std::pow(slow, -1 / exponent));
    }
    const auto angle = [&](int64_t position, int64_t feature) {
      const int64_t pair = half ? feature % pairs : feature / 2;
      return static_cast<double>(position) *
             std::pow(theta, -2 * static_cast<double>(pair) /
                                 static_cast<double>(head_dim));
    };
    const double far = std::max(cosines.Distance([&](int64_t p, int64_t i) {
      return std::cos(angle(p, i));
    }),
                                sines.Distance([&](int64_t p, int64_t i) {
                                  return std::sin(angle(p, i));
                                }));
    if (far > kClose) {
      return facts.Fail(
          node, fmt::format("a rotation that is {} from that of theta {}: only "
                            "frequencies theta^(-2i / {}) are understood",
                            far, theta, head_dim));
    }
  }
  return theta;
}

}  // namespace triptych::onnx
