// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "kernels/base/formats.h"

namespace triptych::onnx {
namespace {

template <class T, class Wide, class F>
void WidenAs(const Constant& constant, std::vector<Wide>* to, const F& widen) {
  const size_t count = constant.bytes.size() / sizeof(T);
  to->reserve(count);
  for (size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, constant.bytes.data() + i * sizeof(T), sizeof(T));
    to->push_back(widen(value));
  }
}

template <class T>
void WidenInts(const Constant& constant, Tensor* tensor) {
  WidenAs<T>(constant, &tensor->ints,
             [](T v) { return static_cast<int64_t>(v); });
}

}  // namespace

int64_t Tensor::count() const {
  if (kind == ValueKind::kTensor) return CountOf(dims);
  int64_t sum = 0;
  for (const Tensor& item : items) sum += item.count();
  return sum;
}

Tensor Holding(ValueKind kind, std::vector<Tensor> items) {
  Tensor value;
  value.kind = kind;
  value.known = std::all_of(items.begin(), items.end(),
                            [](const Tensor& item) { return item.known; });
  value.items = std::move(items);
  return value;
}

Tensor FloatTensor(Dims dims, std::vector<double> values) {
  Tensor tensor = ShapeOnly(ElementType::kF32, std::move(dims));
  tensor.known = true;
  tensor.floats = std::move(values);
  return tensor;
}

Tensor IntTensor(Dims dims, std::vector<int64_t> values) {
  Tensor tensor = ShapeOnly(ElementType::kI64, std::move(dims));
  tensor.known = true;
  tensor.ints = std::move(values);
  return tensor;
}

Tensor ShapeOnly(ElementType type, Dims dims) {
  Tensor tensor;
  tensor.type = type;
  tensor.dims = std::move(dims);
  return tensor;
}

Result<Tensor> Widen(const Constant& constant) {
  Tensor t = ShapeOnly(constant.type, constant.dims);
  t.known = true;
  switch (constant.type) {
    case ElementType::kF32:
      WidenAs<float>(constant, &t.floats, [](float v) { return double{v}; });
      break;
    case ElementType::kF64:
      WidenAs<double>(constant, &t.floats, [](double v) { return v; });
      break;
    case ElementType::kF16:
      WidenAs<uint16_t>(constant, &t.floats,
                        [](uint16_t v) { return double{F32FromF16(v)}; });
      break;
    case ElementType::kBf16:
      WidenAs<uint16_t>(constant, &t.floats,
                        [](uint16_t v) { return double{F32FromBf16(v)}; });
      break;
    case ElementType::kU8:
      WidenInts<uint8_t>(constant, &t);
      break;
    case ElementType::kI8:
      WidenInts<int8_t>(constant, &t);
      break;
    case ElementType::kU16:
      WidenInts<uint16_t>(constant, &t);
      break;
    case ElementType::kI16:
      WidenInts<int16_t>(constant, &t);
      break;
    case ElementType::kI32:
      WidenInts<int32_t>(constant, &t);
      break;
    case ElementType::kU32:
      WidenInts<uint32_t>(constant, &t);
      break;
    case ElementType::kI64:
    case ElementType::kU64:
      WidenInts<int64_t>(constant, &t);
      break;
    case ElementType::kBool:
      WidenAs<uint8_t>(constant, &t.ints,
                       [](uint8_t v) { return int64_t{v != 0}; });
      break;
    case ElementType::kString:
      t.strings = constant.strings;
      break;
    case ElementType::kNone:
      break;
  }
  if (constant.type == ElementType::kU64 &&
      std::any_of(t.ints.begin(), t.ints.end(),
                  [](int64_t v) { return v < 0; })) {
    return MakeError(ErrorCode::kUnsupported,
                     "a uint64 above 2^63 - 1: smaller ones are allowed");
  }
  return t;
}

int64_t Wrap(ElementType type, int64_t value) {
  switch (type) {
    case ElementType::kU8:
      return static_cast<uint8_t>(value);
    case ElementType::kI8:
      return static_cast<int8_t>(value);
    case ElementType::kU16:
      return static_cast<uint16_t>(value);
    case ElementType::kI16:
      return static_cast<int16_t>(value);
    case ElementType::kI32:
      return static_cast<int32_t>(value);
    case ElementType::kU32:
      return static_cast<uint32_t>(value);
    case ElementType::kBool:
      return value != 0 ? 1 : 0;
    default:
      return value;
  }
}

int64_t Truncate(double value) {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  if (std::isnan(value)) return 0;
  if (value >= kEnd) return std::numeric_limits<int64_t>::max();
  if (value < -kEnd) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

double RoundTo(ElementType type, double value) {
  switch (type) {
    case ElementType::kF32:
      return static_cast<float>(value);
    case ElementType::kF16:
      return F32FromF16(F16FromF32(static_cast<float>(value)));
    case ElementType::kBf16:
      return F32FromBf16(Bf16FromF32(static_cast<float>(value)));
    default:
      return value;
  }
}

Dims StridesOf(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t d = dims.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= dims[d];
  }
  return strides;
}

Dims BroadcastStrides(const Dims& dims, const Dims& to) {
  const Dims own = StridesOf(dims);
  Dims strides(to.size(), 0);
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] != 1) strides[to.size() - dims.size() + d] = own[d];
  }
  return strides;
}

Result<Dims> Broadcast(const Dims& a, const Dims& b) {
  Dims out(std::max(a.size(), b.size()));
  for (size_t k = 1; k <= out.size(); ++k) {
    const int64_t x = k <= a.size() ? a[a.size() - k] : 1;
    const int64_t y = k <= b.size() ? b[b.size() - k] : 1;
    if (x != y && x != 1 && y != 1) {
      return MakeError(ErrorCode::kInvalid,
                       "shapes " + TextOf(a) + " and " + TextOf(b) +
                           ": sizes must be the same or 1");
    }
    out[out.size() - k] = x == 1 ? y : x;
  }
  return out;
}

void CopyStrided(const Tensor& x, const Dims& strides, int64_t start,
                 Tensor* y) {
  WithElements(x, y, [&](const auto& from, auto& to) {
    Walk<1>(y->dims, {strides}, {start}, [&](int64_t k, const auto& at) {
      to[static_cast<size_t>(k)] = from[static_cast<size_t>(at[0])];
    });
  });
}

}  // namespace triptych::onnx
