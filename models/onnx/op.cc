// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/op.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/formats/byte_reader.h"

namespace triptych::onnx {
namespace {

// The value of an attribute as a T. Errors: another kind.
template <class T>
Result<T> Get(const Node& node, std::string_view name, T otherwise,
              std::string_view kind) {
  const Attribute* attribute = node.Find(name);
  if (attribute == nullptr) return otherwise;
  if (const T* value = std::get_if<T>(&attribute->value)) return *value;
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("attribute {}: must be {}", name, kind));
}

}  // namespace

Call::Call(const Node& node, std::span<const Tensor* const> inputs,
           int64_t opset, bool known, const Limits& limits)
    : node_(node),
      inputs_(inputs),
      opset_(opset),
      known_(known),
      limits_(limits) {}

std::unexpected<Error> Call::Fail(std::string what) const {
  return MakeError(ErrorCode::kInvalid, std::move(what));
}

std::unexpected<Error> Call::FailInput(size_t i, std::string_view what) const {
  return Fail(fmt::format("input {}: {}", i, what));
}

Result<std::vector<int64_t>> Call::Ints(size_t i) const {
  TRIPTYCH_TRY(ExpectInts(i));
  if (!In(i).known) {
    return FailInput(i, "depends on data; what decides a shape must not");
  }
  return In(i).ints;
}

Result<double> Call::Scalar(size_t i) const {
  const Tensor& t = In(i);
  if (t.count() != 1 || t.type == ElementType::kString) {
    return FailInput(i, TextOf(t.dims) + ": must be one number");
  }
  if (!t.known) return FailInput(i, "depends on data; must be known before");
  return IsFloat(t.type) ? t.floats[0] : static_cast<double>(t.ints[0]);
}

Result<int64_t> Call::Int(std::string_view name, int64_t otherwise) const {
  return Get<int64_t>(node_, name, otherwise, "an integer");
}
Result<double> Call::Float(std::string_view name, double otherwise) const {
  return Get<double>(node_, name, otherwise, "a float");
}
Result<std::string> Call::Text(std::string_view name,
                               std::string_view otherwise) const {
  return Get<std::string>(node_, name, std::string(otherwise), "a string");
}
Result<std::vector<int64_t>> Call::IntList(
    std::string_view name, std::vector<int64_t> otherwise) const {
  return Get<std::vector<int64_t>>(node_, name, std::move(otherwise),
                                   "a list of integers");
}

Result<std::vector<int64_t>> Call::IntsOf(std::string_view name,
                                          size_t i) const {
  if (Has(i)) return Ints(i);
  return IntList(name, {});
}

Result<size_t> Call::Axis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank) {
    return Fail(
        fmt::format("axis {}: must be {} to {}", axis, -rank, rank - 1));
  }
  return static_cast<size_t>(axis < 0 ? axis + rank : axis);
}

Result<std::vector<bool>> Call::Axes(const std::vector<int64_t>& axes,
                                     int64_t rank) const {
  std::vector<bool> chosen(static_cast<size_t>(rank), false);
  for (const int64_t axis : axes) {
    TRIPTYCH_ASSIGN(const size_t at, Axis(axis, rank));
    if (chosen[at]) return Fail(fmt::format("axis {}: is named twice", axis));
    chosen[at] = true;
  }
  return chosen;
}

Result<Tensor*> Call::Make(ElementType type, Dims dims) {
  int64_t most = 1;  // with 1 for 0, so that no part of the product overflows
  for (const int64_t size : dims) {
    if (size < 0) return Fail("output " + TextOf(dims) + ": a negative size");
    const int64_t factor = std::max<int64_t>(size, 1);
    if (most > limits_.elements / factor) {
      return Fail(fmt::format("output {}: more than {} elements", TextOf(dims),
                              limits_.elements));
    }
    most *= factor;
  }
  const int64_t count = CountOf(dims);
  Tensor t = ShapeOnly(type, std::move(dims));
  t.known = known_;
  const auto elements = static_cast<size_t>(known_ ? count : 0);
  if (IsFloat(type)) {
    t.floats.resize(elements);
  } else if (type == ElementType::kString) {
    t.strings.resize(elements);
  } else {
    t.ints.resize(elements);
  }
  // Addresses of outputs stay: nobody asks for more than a node has.
  if (outputs_.capacity() == 0) outputs_.reserve(node_.outputs.size() + 4);
  if (outputs_.size() == outputs_.capacity()) return Fail("too many outputs");
  outputs_.push_back(std::move(t));
  return &outputs_.back();
}

Status Call::ExpectFloat(size_t i) const {
  if (IsFloat(In(i).type)) return {};
  return FailInput(i,
                   fmt::format("{}: must be a float type", NameOf(In(i).type)));
}

Status Call::ExpectInts(size_t i) const {
  const ElementType type = In(i).type;
  if (!IsFloat(type) && type != ElementType::kString) return {};
  return FailInput(
      i, fmt::format("{}: must be an integer type or bool", NameOf(type)));
}

Status Call::ExpectRank(size_t i, int64_t low, int64_t high) const {
  if (In(i).rank() >= low && In(i).rank() <= high) return {};
  return FailInput(i, fmt::format("shape {}: must have {} to {} dimensions",
                                  TextOf(In(i).dims), low, high));
}

Status Call::ExpectWork(int64_t a, int64_t b, int64_t c) const {
  const double work =
      static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
  if (!known_ || work <= static_cast<double>(limits_.work)) return {};
  return Fail(fmt::format("computes more than {} products", limits_.work));
}

const Op* FindOp(const Node& node, int64_t opset) {
  if (!node.domain.empty()) return nullptr;
  const std::span<const Op> tables[] = {ElementwiseOps(), ReduceOps(),
                                        DataOps(), IndexOps(), ProductOps()};
  for (const std::span<const Op> table : tables) {
    for (const Op& op : table) {
      if (op.name == node.op && opset >= op.since && opset <= op.until) {
        return &op;
      }
    }
  }
  return nullptr;
}

}  // namespace triptych::onnx
