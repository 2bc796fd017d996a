// SPDX-License-Identifier: Apache-2.0
#include "models/formats/tflite_operators.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <numbers>
#include <numeric>
#include <optional>
#include <utility>

#include "models/onnx/tensor.h"

namespace triptych::tflite {
namespace {

using onnx::Attribute;
using onnx::Dims;
using onnx::ElementType;

// The opset the operators are written in: it has HardSwish, its Softmax is of
// one axis, and its ReduceMean has its axes as an attribute.
constexpr int64_t kOpset = 14;

class Writer;
using Write = Status (Writer::*)();

struct Rule {
  std::string_view name;  // of the format
  size_t least, most;     // inputs
  Write write;
  std::string_view op = "";  // of ONNX, where it is one for one
};
const Rule* FindRule(const std::string& name);

class Writer {
 public:
  explicit Writer(const Model& model) : m_(model) {}
  Result<onnx::Model> Run();

  // The rules' functions, for the operator at hand.
  Status Unary();
  Status Binary();
  Status SquaredDifference();
  Status Rsqrt();
  Status Square();
  Status Copy();
  Status Gelu();
  Status FullyConnected();
  Status BatchMatMul();
  Status Softmax();
  Status Concatenation();
  Status Reshape();
  Status Gather();
  Status EmbeddingLookup();
  Status Transpose();
  Status Reduce();
  Status Cast();
  Status Split();
  Status Slice();
  Status StridedSlice();

 private:
  std::vector<bool> Needed() const;
  Status RefuseUnknown(const std::vector<bool>& needed) const;
  Status WriteOperator(const Operator& op);

  const Tensor& Of(int tensor) const {
    return m_.tensors[static_cast<size_t>(tensor)];
  }
  const Tensor& In(size_t i) const { return Of(op_->inputs[i]); }
  bool Has(size_t i) const {
    return i < op_->inputs.size() && op_->inputs[i] >= 0;
  }
  const Tensor& Out() const { return Of(op_->outputs[0]); }
  std::unexpected<Error> Fail(std::string_view what) const {
    return m_.Fail(*op_, what);
  }

  // The value of a tensor; that of a constant is written at its first use.
  Result<int> Value(int tensor);
  Result<int> Input(size_t i) { return Value(op_->inputs[i]); }
  Status Dequantized(int tensor);
  // The integers of input i, which must be a constant.
  Result<std::vector<int64_t>> Ints(size_t i) const;

  int NewValue(std::string name) {
    out_.values.push_back(std::move(name));
    return static_cast<int>(out_.values.size()) - 1;
  }
  template <class T>
  int Constant(ElementType type, Dims dims, const std::vector<T>& elements,
               const std::string& name);
  int Number(double number) {
    return Constant<float>(ElementType::kF32, {}, {static_cast<float>(number)},
                           "number");
  }
  int Integers(const std::vector<int64_t>& list) {
    return Constant<int64_t>(ElementType::kI64,
                             {static_cast<int64_t>(list.size())}, list,
                             "integers");
  }
  // A node of the operator at hand; its output is a new value, or `output`.
  int Node(std::string_view op, std::vector<int> inputs,
           std::vector<Attribute> attributes = {}, int output = -1);
  // What the operator makes, after its fused activation.
  Status Finish(int value);
  // The sizes that input `shape_at`, the options or the file say.
  Result<Dims> SizesOfOutput(size_t shape_at) const;
  int Reshaped(int value, const Dims& sizes) {
    return Node("Reshape", {value, Integers(sizes)});
  }
  // With the last two sizes the other way round.
  int Turned(int value, size_t rank);
  Status SliceAxis(int64_t axis, int64_t first, int64_t last, int64_t step,
                   int* value);

  const Model& m_;
  const Operator* op_ = nullptr;
  const Rule* rule_ = nullptr;
  onnx::Model out_;
  std::vector<bool> written_;  // by tensor
};

// ---- values --------------------------------------------------------------

template <class T>
int Writer::Constant(ElementType type, Dims dims,
                     const std::vector<T>& elements, const std::string& name) {
  auto owned = std::make_shared<std::vector<T>>(elements);
  const int value = NewValue(name);
  onnx::Constant constant;
  constant.type = type;
  constant.dims = std::move(dims);
  constant.bytes = std::as_bytes(std::span<const T>(*owned));
  constant.owner = owned;
  out_.initializers[value] = std::move(constant);
  return value;
}

int Writer::Node(std::string_view op, std::vector<int> inputs,
                 std::vector<Attribute> attributes, int output) {
  onnx::Node node;
  node.name = Out().name.substr(0, Out().name.find(';'));
  node.op = op;
  node.source = op_->name();
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  if (output < 0) output = NewValue(node.name);
  node.outputs = {output};
  out_.nodes.push_back(std::move(node));
  return output;
}

Status Writer::Dequantized(int tensor) {
  const Tensor& t = Of(tensor);
  const Quantization& q = t.quantization;
  const int stored = NewValue(t.name);
  out_.initializers[stored] = {
      InfoOfType(t.type)->type, t.dims, t.data, nullptr, {}};
  const bool each = q.scales.size() > 1;
  const Dims dims = each ? Dims{static_cast<int64_t>(q.scales.size())} : Dims{};
  const int scale =
      Constant(ElementType::kF32, dims, q.scales, t.name + ".scale");
  // Biases have 32 bits and no zero point; the others have zero points of
  // their own type.
  std::vector<int> inputs = {stored, scale};
  const bool shifted = std::any_of(q.zero_points.begin(), q.zero_points.end(),
                                   [](int64_t zero) { return zero != 0; });
  if (shifted) {
    const ElementType type = InfoOfType(t.type)->type;
    const size_t bytes = onnx::BytesOf(type);
    std::vector<std::byte> zeros(q.zero_points.size() * bytes);
    for (size_t i = 0; i < q.zero_points.size(); ++i) {
      if (onnx::Wrap(type, q.zero_points[i]) != q.zero_points[i]) {
        return m_.Fail(
            t, fmt::format("quantization: zero point {}: {}: must "
                           "be an {}",
                           i, q.zero_points[i], InfoOfType(t.type)->name));
      }
      std::memcpy(zeros.data() + i * bytes, &q.zero_points[i], bytes);
    }
    inputs.push_back(Constant(type, dims, zeros, t.name + ".zero"));
  }
  onnx::Node node;
  node.name = t.name;
  node.op = "DequantizeLinear";
  node.source = "quantized constant";
  node.inputs = std::move(inputs);
  node.outputs = {tensor};
  if (each) node.attributes = {{"axis", q.dimension}};
  out_.nodes.push_back(std::move(node));
  return {};
}

Result<int> Writer::Value(int tensor) {
  const Tensor& t = Of(tensor);
  const auto i = static_cast<size_t>(tensor);
  if (written_[i] || !(t.constant || t.count() == 0)) return tensor;
  written_[i] = true;
  const ElementType type = InfoOfType(t.type)->type;
  if (onnx::BytesOf(type) == 0) {
    return m_.Fail(t, fmt::format("constants of type {} are not understood",
                                  InfoOfType(t.type)->name));
  }
  if (t.quantization.any() && !onnx::IsFloat(type)) {
    TRIPTYCH_TRY(Dequantized(tensor));
    return tensor;
  }
  out_.initializers[tensor] = {type, t.dims, t.data, nullptr, {}};
  return tensor;
}

Result<std::vector<int64_t>> Writer::Ints(size_t i) const {
  const Tensor& t = In(i);
  const ElementType type = InfoOfType(t.type)->type;
  if (!t.constant && t.count() != 0) {
    return Fail(fmt::format("input {}: must be a constant", i));
  }
  if (type != ElementType::kI32 && type != ElementType::kI64) {
    return Fail(fmt::format("input {}: {}: must be INT32 or INT64", i,
                            InfoOfType(t.type)->name));
  }
  constexpr int64_t kMost = 4096;  // axes and sizes, not data
  if (t.count() > kMost) {
    return Fail(
        fmt::format("input {}: {} numbers: at most {}", i, t.count(), kMost));
  }
  TRIPTYCH_ASSIGN(const onnx::Tensor wide,
                  onnx::Widen({type, t.dims, t.data, nullptr, {}}));
  return wide.ints;
}

Status Writer::Finish(int value) {
  const auto end = [&](std::string_view op, std::vector<int> inputs) {
    Node(op, std::move(inputs), {}, op_->outputs[0]);
  };
  switch (op_->options.fused) {
    case Fused::kNone:
      // The node made last is the operator, unless it changed nothing.
      if (!out_.nodes.empty() && out_.nodes.back().outputs[0] == value) {
        out_.nodes.back().outputs[0] = op_->outputs[0];
      } else {
        end("Identity", {value});
      }
      return {};
    case Fused::kRelu:
      end("Relu", {value});
      return {};
    case Fused::kTanh:
      end("Tanh", {value});
      return {};
    case Fused::kRelu6:
      end("Clip", {value, Number(0), Number(6)});
      return {};
    case Fused::kReluN1To1:
      end("Clip", {value, Number(-1), Number(1)});
      return {};
    case Fused::kSignBit:
      break;
  }
  return Fail("fused activation SIGN_BIT: is not understood");
}

// ---- one for one ---------------------------------------------------------

Status Writer::Unary() {
  TRIPTYCH_ASSIGN(const int x, Input(0));
  return Finish(Node(rule_->op, {x}));
}

Status Writer::Binary() {
  TRIPTYCH_ASSIGN(const int a, Input(0));
  TRIPTYCH_ASSIGN(const int b, Input(1));
  return Finish(Node(rule_->op, {a, b}));
}

Status Writer::SquaredDifference() {
  TRIPTYCH_ASSIGN(const int a, Input(0));
  TRIPTYCH_ASSIGN(const int b, Input(1));
  const int difference = Node("Sub", {a, b});
  return Finish(Node("Mul", {difference, difference}));
}

Status Writer::Rsqrt() {
  TRIPTYCH_ASSIGN(const int x, Input(0));
  return Finish(Node("Reciprocal", {Node("Sqrt", {x})}));
}

Status Writer::Square() {
  TRIPTYCH_ASSIGN(const int x, Input(0));
  return Finish(Node("Mul", {x, x}));
}

// Quantising and its inverse: the real number is the same. A table of halves
// becomes floats.
Status Writer::Copy() {
  TRIPTYCH_ASSIGN(const int x, Input(0));
  const auto f32 = static_cast<int64_t>(ElementType::kF32);
  if (InfoOfType(In(0).type)->type == ElementType::kF16) {
    return Finish(Node("Cast", {x}, {{"to", f32}}));
  }
  return Finish(Node("Identity", {x}));
}

Status Writer::Cast() {
  TRIPTYCH_ASSIGN(const int x, Input(0));
  const ElementType to = InfoOfType(Out().type)->type;
  if (onnx::BytesOf(to) == 0) {
    return Fail(
        fmt::format("to {}: is not understood", InfoOfType(Out().type)->name));
  }
  return Finish(Node("Cast", {x}, {{"to", static_cast<int64_t>(to)}}));
}

// x / 2 (1 + erf(x / sqrt 2)), or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)).
Status Writer::Gelu() {
  TRIPTYCH_ASSIGN(const int x, Input(0));
  int inner = 0;
  if (op_->options.approximate) {
    const int cube =
        Node("Mul", {Node("Pow", {x, Number(3)}), Number(0.044715)});
    inner =
        Node("Tanh", {Node("Mul", {Node("Add", {x, cube}),
                                   Number(std::sqrt(2 / std::numbers::pi))})});
  } else {
    inner = Node("Erf", {Node("Mul", {x, Number(std::numbers::sqrt2 / 2)})});
  }
  const int half = Node("Mul", {x, Number(0.5)});
  return Finish(Node("Mul", {half, Node("Add", {inner, Number(1)})}));
}

Status Writer::Softmax() {
  TRIPTYCH_ASSIGN(int x, Input(0));
  if (op_->options.beta != 1) {
    x = Node("Mul", {x, Number(op_->options.beta)});
  }
  return Finish(Node("Softmax", {x}, {{"axis", int64_t{-1}}}));
}

// ---- products ------------------------------------------------------------

int Writer::Turned(int value, size_t rank) {
  std::vector<int64_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[rank - 2], order[rank - 1]);
  return Node("Transpose", {value}, {{"perm", order}});
}

// y[r, n] = x[r, k] w[n, k]^T + bias[n], all rows of x in a row.
Status Writer::FullyConnected() {
  const Tensor &x = In(0), &w = In(1);
  if (op_->options.shuffled) {
    return Fail("weights in a processor's own order are not understood");
  }
  if (w.dims.size() != 2 || w.dims[1] < 1 || x.dims.empty()) {
    return Fail(fmt::format("input 1: {}: must be [outputs, inputs]",
                            onnx::TextOf(w.dims)));
  }
  TRIPTYCH_ASSIGN(int rows, Input(0));
  TRIPTYCH_ASSIGN(const int weights, Input(1));
  if (x.dims.size() != 2) rows = Reshaped(rows, {-1, w.dims[1]});
  std::vector<int> inputs = {rows, weights};
  int y = 0;
  if (w.constant) {
    if (Has(2)) {
      TRIPTYCH_ASSIGN(const int bias, Input(2));
      inputs.push_back(bias);
    }
    y = Node("Gemm", inputs, {{"transB", int64_t{1}}});
  } else {
    y = Node("MatMul", {rows, Turned(weights, 2)});
    if (Has(2)) {
      TRIPTYCH_ASSIGN(const int bias, Input(2));
      y = Node("Add", {y, bias});
    }
  }
  if (op_->options.keep_dims && x.dims.size() != 2) {
    Dims sizes = x.dims;
    sizes.back() = w.dims[0];
    y = Reshaped(y, sizes);
  }
  return Finish(y);
}

Status Writer::BatchMatMul() {
  std::array<int, 2> operands{};
  for (const size_t i : {0, 1}) {
    TRIPTYCH_ASSIGN(operands[i], Input(i));
    const bool turn = i == 0 ? op_->options.adjoint_x : op_->options.adjoint_y;
    if (In(i).dims.size() < 2) {
      return Fail(fmt::format("input {}: {}: must be matrices", i,
                              onnx::TextOf(In(i).dims)));
    }
    if (turn) operands[i] = Turned(operands[i], In(i).dims.size());
  }
  return Finish(Node("MatMul", {operands[0], operands[1]}));
}

// ---- shapes --------------------------------------------------------------

Result<Dims> Writer::SizesOfOutput(size_t shape_at) const {
  Dims sizes = Out().dims;
  if (Has(shape_at) && In(shape_at).constant) {
    TRIPTYCH_ASSIGN(sizes, Ints(shape_at));
  } else if (op_->options.shape) {
    sizes = *op_->options.shape;
  }
  if (std::count(sizes.begin(), sizes.end(), -1) > 1) {
    return Fail(
        fmt::format("{}: at most one size may be open", onnx::TextOf(sizes)));
  }
  return sizes;
}

Status Writer::Reshape() {
  TRIPTYCH_ASSIGN(const int x, Input(0));
  // The second input of SQUEEZE and EXPAND_DIMS are axes, and the file says
  // what comes out.
  const size_t shape_at = rule_->name == "RESHAPE" ? 1 : SIZE_MAX;
  TRIPTYCH_ASSIGN(const Dims sizes, SizesOfOutput(shape_at));
  return Finish(Reshaped(x, sizes));
}

Status Writer::Concatenation() {
  std::vector<int> inputs;
  for (size_t i = 0; i < op_->inputs.size(); ++i) {
    if (!Has(i)) return Fail(fmt::format("input {}: is missing", i));
    TRIPTYCH_ASSIGN(const int x, Input(i));
    inputs.push_back(x);
  }
  return Finish(Node("Concat", inputs, {{"axis", op_->options.axis}}));
}

Status Writer::Gather() {
  if (op_->options.batch_dims != 0) {
    return Fail("batch_dims: must be 0");
  }
  TRIPTYCH_ASSIGN(const int table, Input(0));
  TRIPTYCH_ASSIGN(const int ids, Input(1));
  return Finish(Node("Gather", {table, ids}, {{"axis", op_->options.axis}}));
}

Status Writer::EmbeddingLookup() {
  TRIPTYCH_ASSIGN(const int ids, Input(0));
  TRIPTYCH_ASSIGN(const int table, Input(1));
  return Finish(Node("Gather", {table, ids}));
}

Status Writer::Transpose() {
  TRIPTYCH_ASSIGN(const int x, Input(0));
  TRIPTYCH_ASSIGN(const std::vector<int64_t> order, Ints(1));
  return Finish(Node("Transpose", {x}, {{"perm", order}}));
}

Status Writer::Reduce() {
  TRIPTYCH_ASSIGN(const int x, Input(0));
  TRIPTYCH_ASSIGN(const std::vector<int64_t> axes, Ints(1));
  const Attribute keep = {"keepdims", int64_t{op_->options.keep_dims}};
  if (rule_->op == "ReduceSum") {
    return Finish(Node("ReduceSum", {x, Integers(axes)}, {keep}));
  }
  return Finish(Node(rule_->op, {x}, {{"axes", axes}, keep}));
}

Status Writer::Split() {
  TRIPTYCH_ASSIGN(const std::vector<int64_t> axis, Ints(0));
  TRIPTYCH_ASSIGN(const int x, Input(1));
  if (axis.size() != 1) return Fail("input 0: must be one axis");
  const int64_t parts = op_->options.splits;
  if (parts != 0 && std::cmp_not_equal(parts, op_->outputs.size())) {
    return Fail(
        fmt::format("{} outputs: must be {}", op_->outputs.size(), parts));
  }
  onnx::Node node;
  node.name = Out().name.substr(0, Out().name.find(';'));
  node.op = "Split";
  node.source = op_->name();
  node.inputs = {x};
  node.outputs = op_->outputs;
  node.attributes = {{"axis", axis[0]}};
  out_.nodes.push_back(std::move(node));
  return {};
}

Status Writer::SliceAxis(int64_t axis, int64_t first, int64_t last,
                         int64_t step, int* value) {
  *value = Node("Slice", {*value, Integers({first}), Integers({last}),
                          Integers({axis}), Integers({step})});
  return {};
}

Status Writer::Slice() {
  TRIPTYCH_ASSIGN(int x, Input(0));
  TRIPTYCH_ASSIGN(const std::vector<int64_t> begin, Ints(1));
  TRIPTYCH_ASSIGN(const std::vector<int64_t> size, Ints(2));
  const Dims& dims = In(0).dims;
  if (begin.size() != dims.size() || size.size() != dims.size()) {
    return Fail("inputs 1 and 2: must have a number for each dimension");
  }
  for (size_t d = 0; d < dims.size(); ++d) {
    const bool to_end = size[d] < 0 || begin[d] + size[d] == dims[d];
    if (begin[d] == 0 && to_end) continue;
    TRIPTYCH_TRY(SliceAxis(static_cast<int64_t>(d), begin[d],
                           to_end ? INT64_MAX : begin[d] + size[d], 1, &x));
  }
  return Finish(x);
}

Status Writer::StridedSlice() {
  TRIPTYCH_ASSIGN(int x, Input(0));
  TRIPTYCH_ASSIGN(const std::vector<int64_t> begin, Ints(1));
  TRIPTYCH_ASSIGN(const std::vector<int64_t> end, Ints(2));
  TRIPTYCH_ASSIGN(const std::vector<int64_t> step, Ints(3));
  const Options::Masks& masks = op_->options.masks;
  const Dims& dims = In(0).dims;
  if (masks.ellipsis != 0 || masks.new_axis != 0) {
    return Fail("ellipsis_mask and new_axis_mask: must be 0");
  }
  if (begin.size() != end.size() || begin.size() != step.size() ||
      begin.size() > dims.size()) {
    return Fail(
        "inputs 1, 2, 3: must have as many numbers, and one for a "
        "dimension at most");
  }
  // From the last axis on: those in front keep their numbers.
  for (size_t d = begin.size(); d-- > 0;) {
    const auto in = [&](int32_t mask) { return ((mask >> d) & 1) != 0; };
    const auto axis = static_cast<int64_t>(d);
    if (in(masks.shrink_axis)) {
      const int index =
          Constant<int64_t>(ElementType::kI64, {}, {begin[d]}, "index");
      x = Node("Gather", {x, index}, {{"axis", axis}});
      continue;
    }
    if (step[d] < 1) return Fail("input 3: steps must be 1 or more");
    const int64_t first = in(masks.begin) ? 0 : begin[d];
    const int64_t last = in(masks.end) ? INT64_MAX : end[d];
    const bool to_end = last == INT64_MAX || (dims[d] >= 0 && last >= dims[d]);
    if (first == 0 && to_end && step[d] == 1) continue;
    TRIPTYCH_TRY(SliceAxis(axis, first, last, step[d], &x));
  }
  return Finish(x);
}

// ---- all -----------------------------------------------------------------

constexpr Rule kRules[] = {
    {"ABS", 1, 1, &Writer::Unary, "Abs"},
    {"ADD", 2, 2, &Writer::Binary, "Add"},
    {"BATCH_MATMUL", 2, 2, &Writer::BatchMatMul},
    {"CAST", 1, 1, &Writer::Cast},
    {"CEIL", 1, 1, &Writer::Unary, "Ceil"},
    {"CONCATENATION", 1, 1 << 16, &Writer::Concatenation},
    {"COS", 1, 1, &Writer::Unary, "Cos"},
    {"DEQUANTIZE", 1, 1, &Writer::Copy},
    {"DIV", 2, 2, &Writer::Binary, "Div"},
    {"EMBEDDING_LOOKUP", 2, 2, &Writer::EmbeddingLookup},
    {"EXP", 1, 1, &Writer::Unary, "Exp"},
    {"EXPAND_DIMS", 1, 2, &Writer::Reshape},
    {"FLOOR", 1, 1, &Writer::Unary, "Floor"},
    {"FULLY_CONNECTED", 2, 3, &Writer::FullyConnected},
    {"GATHER", 2, 2, &Writer::Gather},
    {"GELU", 1, 1, &Writer::Gelu},
    {"HARD_SWISH", 1, 1, &Writer::Unary, "HardSwish"},
    {"LOG", 1, 1, &Writer::Unary, "Log"},
    {"LOGISTIC", 1, 1, &Writer::Unary, "Sigmoid"},
    {"MAXIMUM", 2, 2, &Writer::Binary, "Max"},
    {"MEAN", 2, 2, &Writer::Reduce, "ReduceMean"},
    {"MINIMUM", 2, 2, &Writer::Binary, "Min"},
    {"MUL", 2, 2, &Writer::Binary, "Mul"},
    {"NEG", 1, 1, &Writer::Unary, "Neg"},
    {"POW", 2, 2, &Writer::Binary, "Pow"},
    {"QUANTIZE", 1, 1, &Writer::Copy},
    {"REDUCE_MAX", 2, 2, &Writer::Reduce, "ReduceMax"},
    {"REDUCE_MIN", 2, 2, &Writer::Reduce, "ReduceMin"},
    {"RELU", 1, 1, &Writer::Unary, "Relu"},
    {"RESHAPE", 1, 2, &Writer::Reshape},
    {"RSQRT", 1, 1, &Writer::Rsqrt},
    {"SIN", 1, 1, &Writer::Unary, "Sin"},
    {"SLICE", 3, 3, &Writer::Slice},
    {"SOFTMAX", 1, 1, &Writer::Softmax},
    {"SPLIT", 2, 2, &Writer::Split},
    {"SQRT", 1, 1, &Writer::Unary, "Sqrt"},
    {"SQUARE", 1, 1, &Writer::Square},
    {"SQUARED_DIFFERENCE", 2, 2, &Writer::SquaredDifference},
    {"SQUEEZE", 1, 1, &Writer::Reshape},
    {"STRIDED_SLICE", 4, 4, &Writer::StridedSlice},
    {"SUB", 2, 2, &Writer::Binary, "Sub"},
    {"SUM", 2, 2, &Writer::Reduce, "ReduceSum"},
    {"TANH", 1, 1, &Writer::Unary, "Tanh"},
    {"TRANSPOSE", 2, 2, &Writer::Transpose},
};

const Rule* FindRule(const std::string& name) {
  for (const Rule& rule : kRules) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

// By operator, backwards from the output.
std::vector<bool> Writer::Needed() const {
  std::vector<bool> tensors(m_.tensors.size(), false);
  tensors[static_cast<size_t>(m_.outputs[0])] = true;
  std::vector<bool> needed(m_.operators.size(), false);
  for (size_t i = m_.operators.size(); i-- > 0;) {
    const Operator& op = m_.operators[i];
    needed[i] = std::any_of(
        op.outputs.begin(), op.outputs.end(),
        [&](int output) { return tensors[static_cast<size_t>(output)]; });
    if (!needed[i]) continue;
    // Sizes that are computed are those that the file says come out.
    const bool of_shape = op.name() == "RESHAPE" && op.inputs.size() > 1;
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      if (op.inputs[k] < 0 || (of_shape && k == 1)) continue;
      tensors[static_cast<size_t>(op.inputs[k])] = true;
    }
  }
  return needed;
}

Status Writer::RefuseUnknown(const std::vector<bool>& needed) const {
  std::map<std::string, size_t> unknown;
  const Operator* first = nullptr;
  for (size_t i = 0; i < m_.operators.size(); ++i) {
    const Operator& op = m_.operators[i];
    if (!needed[i] || FindRule(op.name()) != nullptr) continue;
    ++unknown[op.name()];
    if (first == nullptr) first = &op;
  }
  if (unknown.empty()) return {};
  std::vector<std::string> names;
  for (const auto& [name, count] : unknown) {
    names.push_back(count == 1 ? name : fmt::format("{} ({})", name, count));
  }
  return MakeError(
      ErrorCode::kUnsupported,
      fmt::format(
          "{}: offset {}: operators: {}: not understood; allowed are {}",
          m_.file, first->offset, fmt::join(names, ", "),
          UnderstoodOperators()));
}

Status Writer::WriteOperator(const Operator& op) {
  op_ = &op;
  rule_ = FindRule(op.name());
  if (op.inputs.size() < rule_->least || op.inputs.size() > rule_->most) {
    return Fail(fmt::format("{} inputs: must be {} to {}", op.inputs.size(),
                            rule_->least, rule_->most));
  }
  for (size_t i = 0; i < rule_->least; ++i) {
    if (!Has(i)) return Fail(fmt::format("input {}: is missing", i));
  }
  const bool one = rule_->write != &Writer::Split;
  if (op.outputs.empty() || (one && op.outputs.size() != 1)) {
    return Fail(fmt::format("{} outputs: must be 1", op.outputs.size()));
  }
  return (this->*rule_->write)();
}

Result<onnx::Model> Writer::Run() {
  if (m_.outputs.empty()) {
    return MakeError(ErrorCode::kCorrupt,
                     m_.file + ": offset 0: graph: has no output");
  }
  out_.file = m_.file;
  out_.name = m_.graph;
  out_.producer = m_.description;
  out_.opset = kOpset;
  for (const Tensor& tensor : m_.tensors) out_.values.push_back(tensor.name);
  written_.assign(m_.tensors.size(), false);
  const std::vector<bool> needed = Needed();
  TRIPTYCH_TRY(RefuseUnknown(needed));
  for (size_t i = 0; i < m_.operators.size(); ++i) {
    if (!needed[i]) continue;
    TRIPTYCH_TRY(WriteOperator(m_.operators[i]));
  }
  for (const int input : m_.inputs) {
    const Tensor& t = Of(input);
    onnx::InputInfo info;
    info.value = input;
    info.type =
        t.quantization.any() ? ElementType::kF32 : InfoOfType(t.type)->type;
    info.dims = t.dims;
    info.symbols.assign(t.dims.size(), "");
    out_.inputs.push_back(std::move(info));
  }
  // An output that is a constant, too, is a value.
  TRIPTYCH_ASSIGN(const int output, Value(m_.outputs[0]));
  out_.outputs = {output};
  return std::move(out_);
}

}  // namespace

Result<onnx::Model> ToOperators(const Model& model) {
  return Writer(model).Run();
}

std::string UnderstoodOperators() {
  std::vector<std::string_view> names;
  for (const Rule& rule : kRules) names.push_back(rule.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace triptych::tflite
