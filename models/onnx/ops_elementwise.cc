// Operators that work element by element, with broadcasting.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "models/onnx/op.h"

namespace triptych::onnx {
namespace {

// Arithmetic that wraps instead of overflowing.
int64_t AddInts(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) +
                              static_cast<uint64_t>(b));
}
int64_t SubInts(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) -
                              static_cast<uint64_t>(b));
}
int64_t MulInts(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) *
                              static_cast<uint64_t>(b));
}

// ---- one input --------------------------------------------------------

// y = f(x) for floats.
template <class F>
Status MapFloats(Call& c, const F& f) {
  TRIPTYCH_TRY(c.ExpectFloat(0));
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, x.dims));
  if (!c.known()) return {};
  std::transform(x.floats.begin(), x.floats.end(), y->floats.begin(), f);
  return {};
}

// y = f(x) for integers of x's type.
template <class F>
Status MapInts(Call& c, const F& f) {
  TRIPTYCH_TRY(c.ExpectInts(0));
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, x.dims));
  if (!c.known()) return {};
  std::transform(x.ints.begin(), x.ints.end(), y->ints.begin(),
                 [&](int64_t v) { return Wrap(x.type, f(v)); });
  return {};
}

template <class F, class G>
Status MapBoth(Call& c, const F& floats, const G& ints) {
  return IsFloat(c.In(0).type) ? MapFloats(c, floats) : MapInts(c, ints);
}

// b = f(x): truth of floats.
template <class F>
Status TestFloats(Call& c, const F& f) {
  TRIPTYCH_TRY(c.ExpectFloat(0));
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(ElementType::kBool, x.dims));
  if (!c.known()) return {};
  std::transform(x.floats.begin(), x.floats.end(), y->ints.begin(),
                 [&](double v) { return int64_t{f(v)}; });
  return {};
}

// A one-input operator whose meaning is one function of f64.
template <double (*kFunction)(double)>
Status Map(Call& c) {
  return MapFloats(c, kFunction);
}

double Exp(double x) { return std::exp(x); }
double Log(double x) { return std::log(x); }
double Sqrt(double x) { return std::sqrt(x); }
double Erf(double x) { return std::erf(x); }
double Tanh(double x) { return std::tanh(x); }
double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double Reciprocal(double x) { return 1 / x; }
double Sin(double x) { return std::sin(x); }
double Cos(double x) { return std::cos(x); }
double Tan(double x) { return std::tan(x); }
double Asin(double x) { return std::asin(x); }
double Acos(double x) { return std::acos(x); }
double Atan(double x) { return std::atan(x); }
double Sinh(double x) { return std::sinh(x); }
double Cosh(double x) { return std::cosh(x); }
double Asinh(double x) { return std::asinh(x); }
double Acosh(double x) { return std::acosh(x); }
double Atanh(double x) { return std::atanh(x); }
double Floor(double x) { return std::floor(x); }
double Ceil(double x) { return std::ceil(x); }
double RoundEven(double x) { return std::nearbyint(x); }
double Softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}
double Softsign(double x) { return x / (1 + std::abs(x)); }
double HardSwish(double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }

Status Abs(Call& c) {
  return MapBoth(
      c, [](double v) { return std::abs(v); },
      [](int64_t v) { return v < 0 ? SubInts(0, v) : v; });
}
Status Neg(Call& c) {
  return MapBoth(
      c, [](double v) { return -v; }, [](int64_t v) { return SubInts(0, v); });
}
Status Sign(Call& c) {
  return MapBoth(
      c, [](double v) { return v > 0   ? 1.0
                               : v < 0 ? -1.0
                                       : 0.0; },
      [](int64_t v) { return int64_t{v > 0} - int64_t{v < 0}; });
}
Status Relu(Call& c) {
  return MapBoth(
      c, [](double v) { return v > 0 || std::isnan(v) ? v : 0; },
      [](int64_t v) { return std::max<int64_t>(v, 0); });
}
Status Not(Call& c) {
  return MapInts(c, [](int64_t v) { return int64_t{v == 0}; });
}
Status IsNan(Call& c) {
  return TestFloats(c, [](double v) { return std::isnan(v); });
}
Status IsInf(Call& c) {
  TRIPTYCH_ASSIGN(const int64_t negative, c.Int("detect_negative", 1));
  TRIPTYCH_ASSIGN(const int64_t positive, c.Int("detect_positive", 1));
  return TestFloats(c, [&](double v) {
    return std::isinf(v) && (v < 0 ? negative : positive) != 0;
  });
}

Status HardSigmoid(Call& c) {
  TRIPTYCH_ASSIGN(const double alpha, c.Float("alpha", 0.2));
  TRIPTYCH_ASSIGN(const double beta, c.Float("beta", 0.5));
  return MapFloats(
      c, [&](double v) { return std::clamp(alpha * v + beta, 0.0, 1.0); });
}
Status LeakyRelu(Call& c) {
  TRIPTYCH_ASSIGN(const double alpha, c.Float("alpha", 0.01));
  return MapFloats(c, [&](double v) { return v < 0 ? alpha * v : v; });
}
Status Elu(Call& c) {
  TRIPTYCH_ASSIGN(const double alpha, c.Float("alpha", 1));
  return MapFloats(c,
                   [&](double v) { return v < 0 ? alpha * std::expm1(v) : v; });
}
Status Celu(Call& c) {
  TRIPTYCH_ASSIGN(const double alpha, c.Float("alpha", 1));
  return MapFloats(
      c, [&](double v) { return v < 0 ? alpha * std::expm1(v / alpha) : v; });
}
// Defaults: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
Status Selu(Call& c) {
  TRIPTYCH_ASSIGN(const double alpha, c.Float("alpha", 1.6732632423543772));
  TRIPTYCH_ASSIGN(const double gamma, c.Float("gamma", 1.0507009873554805));
  return MapFloats(
      c, [&](double v) { return gamma * (v > 0 ? v : alpha * std::expm1(v)); });
}
Status ThresholdedRelu(Call& c) {
  TRIPTYCH_ASSIGN(const double alpha, c.Float("alpha", 1));
  return MapFloats(c, [&](double v) { return v > alpha ? v : 0; });
}
Status Shrink(Call& c) {
  TRIPTYCH_ASSIGN(const double bias, c.Float("bias", 0));
  TRIPTYCH_ASSIGN(const double lambd, c.Float("lambd", 0.5));
  return MapFloats(c, [&](double v) {
    return v < -lambd ? v + bias : v > lambd ? v - bias : 0;
  });
}

Status Identity(Call& c) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(x.type, x.dims));
  if (c.known()) *y = x;
  return {};
}
Status IdentityOfAnyKind(Call& c) {
  if (c.In(0).kind == ValueKind::kTensor) return Identity(c);
  c.outputs().push_back(c.In(0));
  return {};
}

// ---- two inputs -------------------------------------------------------

Status ExpectSameType(Call& c, size_t i) {
  if (c.In(i).type == c.In(0).type) return {};
  return c.FailInput(
      i, fmt::format("{}: must be {}, as input 0", NameOf(c.In(i).type),
                     NameOf(c.In(0).type)));
}

// y of type `type` and the shape that a and b broadcast to.
Result<Tensor*> MakeBroadcast(Call& c, const Tensor& a, const Tensor& b,
                              ElementType type) {
  TRIPTYCH_ASSIGN(Dims dims, Broadcast(a.dims, b.dims));
  return c.Make(type, std::move(dims));
}

template <class A, class B, class Y, class F>
void Zip(const Tensor& a, const std::vector<A>& x, const Tensor& b,
         const std::vector<B>& z, const Dims& dims, std::vector<Y>* y,
         const F& f) {
  Walk<2>(dims,
          {BroadcastStrides(a.dims, dims), BroadcastStrides(b.dims, dims)},
          [&](int64_t k, const auto& at) {
            (*y)[static_cast<size_t>(k)] =
                f(x[static_cast<size_t>(at[0])], z[static_cast<size_t>(at[1])]);
          });
}

// y = a op b in the type of both. An integer operation may refuse.
template <class F, class G>
Status Arithmetic(Call& c, const F& floats, const G& ints) {
  const Tensor &a = c.In(0), &b = c.In(1);
  TRIPTYCH_TRY(ExpectSameType(c, 1));
  if (!IsFloat(a.type)) TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_ASSIGN(Tensor* const y, MakeBroadcast(c, a, b, a.type));
  if (!c.known()) return {};
  if (IsFloat(a.type)) {
    Zip(a, a.floats, b, b.floats, y->dims, &y->floats, floats);
  } else {
    Zip(a, a.ints, b, b.ints, y->dims, &y->ints,
        [&](int64_t p, int64_t q) { return Wrap(a.type, ints(p, q)); });
  }
  return {};
}

Status ExpectNoZero(Call& c, size_t i) {
  const std::vector<int64_t>& ints = c.In(i).ints;
  if (!c.known() || IsFloat(c.In(i).type)) return {};
  if (std::find(ints.begin(), ints.end(), 0) == ints.end()) return {};
  return c.FailInput(i, "has a zero; integers cannot be divided by it");
}

Status Add(Call& c) {
  return Arithmetic(
      c, [](double a, double b) { return a + b; }, AddInts);
}
Status Sub(Call& c) {
  return Arithmetic(
      c, [](double a, double b) { return a - b; }, SubInts);
}
Status Mul(Call& c) {
  return Arithmetic(
      c, [](double a, double b) { return a * b; }, MulInts);
}
Status Div(Call& c) {
  TRIPTYCH_TRY(ExpectNoZero(c, 1));
  return Arithmetic(
      c, [](double a, double b) { return a / b; },
      [](int64_t a, int64_t b) { return b == -1 ? SubInts(0, a) : a / b; });
}
// The sign of the divisor, or, with fmod, of the dividend.
Status Mod(Call& c) {
  TRIPTYCH_ASSIGN(const int64_t fmod, c.Int("fmod", 0));
  TRIPTYCH_TRY(ExpectNoZero(c, 1));
  return Arithmetic(
      c, [](double a, double b) { return std::fmod(a, b); },
      [&](int64_t a, int64_t b) -> int64_t {
        if (b == -1) return 0;
        const int64_t rest = a % b;
        return fmod == 0 && rest != 0 && (rest < 0) != (b < 0) ? rest + b
                                                               : rest;
      });
}
Status PRelu(Call& c) {
  return Arithmetic(
      c, [](double x, double slope) { return x < 0 ? x * slope : x; },
      [](int64_t x, int64_t slope) { return x < 0 ? MulInts(x, slope) : x; });
}
Status BitShift(Call& c) {
  TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_ASSIGN(const std::string direction, c.Text("direction", ""));
  if (direction != "LEFT" && direction != "RIGHT") {
    return c.Fail("attribute direction: must be LEFT or RIGHT");
  }
  const bool left = direction == "LEFT";
  return Arithmetic(
      c, [](double, double) { return 0.0; },
      [&](int64_t a, int64_t b) -> int64_t {
        if (b < 0 || b > 63) return 0;
        const auto bits = static_cast<uint64_t>(a);
        return static_cast<int64_t>(left ? bits << b : bits >> b);
      });
}

int64_t PowInts(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    return Truncate(
        std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t power = 1;
  for (; exponent > 0; exponent >>= 1, base = MulInts(base, base)) {
    if (exponent & 1) power = MulInts(power, base);
  }
  return power;
}

double AsDouble(double v) { return v; }
double AsDouble(int64_t v) { return static_cast<double>(v); }

// The type of the base; the exponent may have another.
Status Pow(Call& c) {
  const Tensor &a = c.In(0), &b = c.In(1);
  for (const size_t i : {0, 1}) {
    if (!IsFloat(c.In(i).type)) TRIPTYCH_TRY(c.ExpectInts(i));
  }
  TRIPTYCH_ASSIGN(Tensor* const y, MakeBroadcast(c, a, b, a.type));
  if (!c.known()) return {};
  const auto real = [](auto p, auto q) {
    return std::pow(AsDouble(p), AsDouble(q));
  };
  const auto whole = [&](auto p, auto q) {
    return Wrap(a.type, Truncate(std::pow(AsDouble(p), AsDouble(q))));
  };
  if (IsFloat(a.type) && IsFloat(b.type)) {
    Zip(a, a.floats, b, b.floats, y->dims, &y->floats, real);
  } else if (IsFloat(a.type)) {
    Zip(a, a.floats, b, b.ints, y->dims, &y->floats, real);
  } else if (IsFloat(b.type)) {
    Zip(a, a.ints, b, b.floats, y->dims, &y->ints, whole);
  } else {
    Zip(a, a.ints, b, b.ints, y->dims, &y->ints,
        [&](int64_t p, int64_t q) { return Wrap(a.type, PowInts(p, q)); });
  }
  return {};
}

// b = a op b; the operation is one for every type.
template <class F>
Status Compare(Call& c, const F& f) {
  const Tensor &a = c.In(0), &b = c.In(1);
  TRIPTYCH_TRY(ExpectSameType(c, 1));
  if (!IsFloat(a.type)) TRIPTYCH_TRY(c.ExpectInts(0));
  TRIPTYCH_ASSIGN(Tensor* const y, MakeBroadcast(c, a, b, ElementType::kBool));
  if (!c.known()) return {};
  if (IsFloat(a.type)) {
    Zip(a, a.floats, b, b.floats, y->dims, &y->ints, f);
  } else {
    Zip(a, a.ints, b, b.ints, y->dims, &y->ints, f);
  }
  return {};
}

Status Equal(Call& c) {
  return Compare(c, [](auto a, auto b) { return int64_t{a == b}; });
}
Status Less(Call& c) {
  return Compare(c, [](auto a, auto b) { return int64_t{a < b}; });
}
Status LessOrEqual(Call& c) {
  return Compare(c, [](auto a, auto b) { return int64_t{a <= b}; });
}
Status Greater(Call& c) {
  return Compare(c, [](auto a, auto b) { return int64_t{a > b}; });
}
Status GreaterOrEqual(Call& c) {
  return Compare(c, [](auto a, auto b) { return int64_t{a >= b}; });
}

Status Logical(Call& c, int64_t (*f)(int64_t, int64_t)) {
  TRIPTYCH_TRY(c.ExpectInts(0));
  return Arithmetic(
      c, [](double, double) { return 0.0; }, f);
}
Status And(Call& c) {
  return Logical(c, [](int64_t a, int64_t b) { return a & b; });
}
Status Or(Call& c) {
  return Logical(c, [](int64_t a, int64_t b) { return a | b; });
}
Status Xor(Call& c) {
  return Logical(c, [](int64_t a, int64_t b) { return a ^ b; });
}

// ---- any number of inputs ---------------------------------------------

// y = a_0 op a_1 op ...
template <class F, class G>
Status Variadic(Call& c, const F& floats, const G& ints) {
  Dims dims;
  for (size_t i = 0; i < c.input_count(); ++i) {
    TRIPTYCH_TRY(ExpectSameType(c, i));
    if (!IsFloat(c.In(i).type)) TRIPTYCH_TRY(c.ExpectInts(i));
    TRIPTYCH_ASSIGN(dims, Broadcast(dims, c.In(i).dims));
  }
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(c.In(0).type, dims));
  if (!c.known()) return {};
  CopyStrided(c.In(0), BroadcastStrides(c.In(0).dims, dims), 0, y);
  for (size_t i = 1; i < c.input_count(); ++i) {
    const Tensor& b = c.In(i);
    if (IsFloat(y->type)) {
      Zip(*y, y->floats, b, b.floats, dims, &y->floats, floats);
    } else {
      Zip(*y, y->ints, b, b.ints, dims, &y->ints,
          [&](int64_t p, int64_t q) { return Wrap(y->type, ints(p, q)); });
    }
  }
  return {};
}

Status Max(Call& c) {
  const auto larger = [](auto a, auto b) { return std::max(a, b); };
  return Variadic(c, larger, larger);
}
Status Min(Call& c) {
  const auto smaller = [](auto a, auto b) { return std::min(a, b); };
  return Variadic(c, smaller, smaller);
}
Status Sum(Call& c) {
  return Variadic(
      c, [](double a, double b) { return a + b; }, AddInts);
}
Status Mean(Call& c) {
  TRIPTYCH_TRY(c.ExpectFloat(0));
  TRIPTYCH_TRY(Sum(c));
  const auto count = static_cast<double>(c.input_count());
  for (double& v : c.outputs()[0].floats) v /= count;
  return {};
}

// ---- choices and conversions ------------------------------------------

Status Where(Call& c) {
  TRIPTYCH_TRY(c.ExpectInts(0));
  const Tensor &choice = c.In(0), &a = c.In(1), &b = c.In(2);
  if (a.type != b.type) return c.FailInput(2, "must have input 1's type");
  TRIPTYCH_ASSIGN(Dims dims, Broadcast(a.dims, b.dims));
  TRIPTYCH_ASSIGN(dims, Broadcast(dims, choice.dims));
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(a.type, dims));
  if (!c.known()) return {};
  const auto choose = [&](const auto& from_a, const auto& from_b, auto& to) {
    Walk<3>(
        y->dims,
        {BroadcastStrides(choice.dims, y->dims),
         BroadcastStrides(a.dims, y->dims), BroadcastStrides(b.dims, y->dims)},
        [&](int64_t k, const auto& at) {
          const bool first = choice.ints[static_cast<size_t>(at[0])] != 0;
          to[static_cast<size_t>(k)] = first
                                           ? from_a[static_cast<size_t>(at[1])]
                                           : from_b[static_cast<size_t>(at[2])];
        });
  };
  WithElements(a, y, [&](const auto& from, auto& to) {
    if constexpr (std::is_same_v<decltype(to), std::vector<double>&>) {
      choose(from, b.floats, to);
    } else if constexpr (std::is_same_v<decltype(to), std::vector<int64_t>&>) {
      choose(from, b.ints, to);
    } else {
      choose(from, b.strings, to);
    }
  });
  return {};
}

// Bounds are attributes before opset 11 and inputs since.
Status Clip(Call& c) {
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  if (c.opset() < 11) {
    TRIPTYCH_ASSIGN(low, c.Float("min", low));
    TRIPTYCH_ASSIGN(high, c.Float("max", high));
  } else if (c.known()) {
    if (c.Has(1)) {
      TRIPTYCH_ASSIGN(low, c.Scalar(1));
    }
    if (c.Has(2)) {
      TRIPTYCH_ASSIGN(high, c.Scalar(2));
    }
  }
  return MapBoth(
      c, [&](double v) { return std::min(std::max(v, low), high); },
      [&](int64_t v) {
        if (static_cast<double>(v) < low) v = Truncate(low);
        return static_cast<double>(v) > high ? Truncate(high) : v;
      });
}

// The fewest digits that read back as the same float or integer.
std::string TextOfNumber(ElementType type, double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char text[64];
  const auto end =
      type == ElementType::kF64
          ? std::to_chars(text, text + sizeof(text), value)
          : std::to_chars(text, text + sizeof(text), static_cast<float>(value));
  return std::string(text, end.ptr);
}

Result<double> NumberOf(const std::string& text) {
  double value = 0;
  const size_t sign = text.starts_with('+') ? 1 : 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + sign, end, value);
  if (read.ec == std::errc() && read.ptr == end && !text.empty()) return value;
  return MakeError(ErrorCode::kInvalid, "input 0: a string that is no number");
}

double FloatAt(const Tensor& t, size_t k) {
  return IsFloat(t.type) ? t.floats[k] : static_cast<double>(t.ints[k]);
}

Status Convert(Call& c, ElementType to) {
  const Tensor& x = c.In(0);
  TRIPTYCH_ASSIGN(Tensor* const y, c.Make(to, x.dims));
  if (!c.known()) return {};
  Tensor numbers;
  const Tensor* from = &x;
  if (x.type == ElementType::kString && to != ElementType::kString) {
    numbers = ShapeOnly(ElementType::kF64, x.dims);
    for (const std::string& text : x.strings) {
      TRIPTYCH_ASSIGN(const double number, NumberOf(text));
      numbers.floats.push_back(number);
    }
    from = &numbers;
  }
  // A float of the same type, or of a wider one, is not rounded: the values
  // here are the unrounded ones.
  const bool widens = from->type == to || to == ElementType::kF64 ||
                      (to == ElementType::kF32 && IsFloat(from->type) &&
                       from->type != ElementType::kF64);
  const auto count = static_cast<size_t>(x.count());
  for (size_t k = 0; k < count; ++k) {
    if (IsFloat(to)) {
      const double v = FloatAt(*from, k);
      y->floats[k] = widens ? v : RoundTo(to, v);
    } else if (to == ElementType::kString) {
      y->strings[k] = x.type == ElementType::kString ? x.strings[k]
                      : IsFloat(x.type) ? TextOfNumber(x.type, x.floats[k])
                                        : std::to_string(x.ints[k]);
    } else if (to == ElementType::kBool) {
      y->ints[k] = FloatAt(*from, k) != 0 ? 1 : 0;
    } else {
      y->ints[k] = Wrap(
          to, IsFloat(from->type) ? Truncate(from->floats[k]) : from->ints[k]);
    }
  }
  return {};
}

Status Cast(Call& c) {
  TRIPTYCH_ASSIGN(const int64_t to, c.Int("to", 0));
  const auto type = static_cast<ElementType>(to);
  if (to < 1 || to > 255 ||
      (BytesOf(type) == 0 && type != ElementType::kString)) {
    return c.Fail(fmt::format("attribute to: {}: no element type of ours", to));
  }
  return Convert(c, type);
}

Status CastLike(Call& c) { return Convert(c, c.In(1).type); }

// The elements that training keeps: drawn by MT19937 as a number in [0, 1) of
// 53 bits each, which is how the recorded outputs of ONNX were.
std::vector<int64_t> Kept(size_t count, double ratio, int64_t seed) {
  std::mt19937 generator(static_cast<uint32_t>(seed));
  std::vector<int64_t> kept(count);
  for (int64_t& keep : kept) {
    const auto high = static_cast<double>(generator() >> 5);
    const auto low = static_cast<double>(generator() >> 6);
    keep = (high * 67108864 + low) / 9007199254740992 >= ratio ? 1 : 0;
  }
  return kept;
}

// Nothing in inference. Training, which is asked for by input 2, drops and
// scales.
Status Dropout(Call& c) {
  double ratio = 0, training = 0;
  if (c.Has(2)) {
    TRIPTYCH_ASSIGN(training, c.Scalar(2));
  }
  if (training != 0) {
    ratio = 0.5;
    if (c.Has(1)) {
      TRIPTYCH_ASSIGN(ratio, c.Scalar(1));
    }
    TRIPTYCH_TRY(c.ExpectFloat(0));
  }
  TRIPTYCH_ASSIGN(const int64_t seed, c.Int("seed", 0));
  TRIPTYCH_TRY(Identity(c));
  TRIPTYCH_ASSIGN(Tensor* const mask, c.Make(ElementType::kBool, c.In(0).dims));
  if (!c.known()) return {};
  std::fill(mask->ints.begin(), mask->ints.end(), 1);
  if (ratio == 0) return {};
  mask->ints = Kept(mask->ints.size(), ratio, seed);
  std::vector<double>& y = c.outputs()[0].floats;
  for (size_t k = 0; k < y.size(); ++k) {
    y[k] *= static_cast<double>(mask->ints[k]) / (1 - ratio);
  }
  return {};
}

constexpr int64_t kOld = kOldestOpset, kNew = kNewestOpset;

constexpr Op kOps[] = {
    {"Abs", kOld, kNew, 1, 1, Abs},
    {"Acos", kOld, kNew, 1, 1, Map<Acos>},
    {"Acosh", 9, kNew, 1, 1, Map<Acosh>},
    {"Add", kOld, kNew, 2, 2, Add},
    {"And", kOld, kNew, 2, 2, And},
    {"Asin", kOld, kNew, 1, 1, Map<Asin>},
    {"Asinh", 9, kNew, 1, 1, Map<Asinh>},
    {"Atan", kOld, kNew, 1, 1, Map<Atan>},
    {"Atanh", 9, kNew, 1, 1, Map<Atanh>},
    {"BitShift", 11, kNew, 2, 2, BitShift},
    {"Cast", kOld, kNew, 1, 1, Cast},
    {"CastLike", 15, kNew, 2, 2, CastLike},
    {"Ceil", kOld, kNew, 1, 1, Map<Ceil>},
    {"Celu", 12, kNew, 1, 1, Celu},
    {"Clip", kOld, kNew, 1, 3, Clip},
    {"Cos", kOld, kNew, 1, 1, Map<Cos>},
    {"Cosh", 9, kNew, 1, 1, Map<Cosh>},
    {"Div", kOld, kNew, 2, 2, Div},
    {"Dropout", kOld, kNew, 1, 3, Dropout},
    {"Elu", kOld, kNew, 1, 1, Elu},
    {"Equal", kOld, kNew, 2, 2, Equal},
    {"Erf", 9, kNew, 1, 1, Map<Erf>},
    {"Exp", kOld, kNew, 1, 1, Map<Exp>},
    {"Floor", kOld, kNew, 1, 1, Map<Floor>},
    {"Greater", kOld, kNew, 2, 2, Greater},
    {"GreaterOrEqual", 12, kNew, 2, 2, GreaterOrEqual},
    {"HardSigmoid", kOld, kNew, 1, 1, HardSigmoid},
    {"HardSwish", 14, kNew, 1, 1, Map<HardSwish>},
    {"Identity", kOld, 13, 1, 1, Identity},
    {"Identity", 14, kNew, 1, 1, IdentityOfAnyKind, true},
    {"IsInf", 10, kNew, 1, 1, IsInf},
    {"IsNaN", 9, kNew, 1, 1, IsNan},
    {"LeakyRelu", kOld, kNew, 1, 1, LeakyRelu},
    {"Less", kOld, kNew, 2, 2, Less},
    {"LessOrEqual", 12, kNew, 2, 2, LessOrEqual},
    {"Log", kOld, kNew, 1, 1, Map<Log>},
    {"Max", kOld, kNew, 1, kAnyNumber, Max},
    {"Mean", kOld, kNew, 1, kAnyNumber, Mean},
    {"Min", kOld, kNew, 1, kAnyNumber, Min},
    {"Mod", 10, kNew, 2, 2, Mod},
    {"Mul", kOld, kNew, 2, 2, Mul},
    {"Neg", kOld, kNew, 1, 1, Neg},
    {"Not", kOld, kNew, 1, 1, Not},
    {"Or", kOld, kNew, 2, 2, Or},
    {"PRelu", kOld, kNew, 2, 2, PRelu},
    {"Pow", kOld, kNew, 2, 2, Pow},
    {"Reciprocal", kOld, kNew, 1, 1, Map<Reciprocal>},
    {"Relu", kOld, kNew, 1, 1, Relu},
    {"Round", 11, kNew, 1, 1, Map<RoundEven>},
    {"Selu", kOld, kNew, 1, 1, Selu},
    {"Shrink", 9, kNew, 1, 1, Shrink},
    {"Sigmoid", kOld, kNew, 1, 1, Map<Sigmoid>},
    {"Sign", 9, kNew, 1, 1, Sign},
    {"Sin", kOld, kNew, 1, 1, Map<Sin>},
    {"Sinh", 9, kNew, 1, 1, Map<Sinh>},
    {"Softplus", kOld, kNew, 1, 1, Map<Softplus>},
    {"Softsign", kOld, kNew, 1, 1, Map<Softsign>},
    {"Sqrt", kOld, kNew, 1, 1, Map<Sqrt>},
    {"Sub", kOld, kNew, 2, 2, Sub},
    {"Sum", kOld, kNew, 1, kAnyNumber, Sum},
    {"Tan", kOld, kNew, 1, 1, Map<Tan>},
    {"Tanh", kOld, kNew, 1, 1, Map<Tanh>},
    {"ThresholdedRelu", 10, kNew, 1, 1, ThresholdedRelu},
    {"Where", 9, kNew, 3, 3, Where},
    {"Xor", kOld, kNew, 2, 2, Xor},
};

}  // namespace

std::span<const Op> ElementwiseOps() { return kOps; }

}  // namespace triptych::onnx
