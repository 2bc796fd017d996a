// What an ONNX operator is to the evaluator: a row of a table.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_OP_H_
#define TRIPTYCH_MODELS_ONNX_OP_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/onnx/model.h"
#include "models/onnx/tensor.h"

namespace triptych::onnx {

// What nobody's file may make us allocate or compute.
struct Limits {
  int64_t elements = int64_t{1} << 28;  // of one tensor
  int64_t all = int64_t{1} << 32;       // elements of all tensors together
  int64_t work = int64_t{1} << 36;      // multiply-adds of one node
};

// One evaluation of one node. An operator reads its inputs, makes its outputs
// with Make, and fills them only if known(): without values, shapes are all
// that is asked for.
class Call {
 public:
  Call(const Node& node, std::span<const Tensor* const> inputs, int64_t opset,
       bool known, const Limits& limits);

  const Node& node() const { return node_; }
  int64_t opset() const { return opset_; }
  bool known() const { return known_; }
  const Limits& limits() const { return limits_; }

  // Inputs that the node has (Has, or the row's count, says so).
  bool Has(size_t i) const { return i < inputs_.size() && inputs_[i]; }
  const Tensor& In(size_t i) const { return *inputs_[i]; }
  size_t input_count() const { return inputs_.size(); }
  size_t output_count() const { return node_.outputs.size(); }

  // The integers or the numbers of input i, which must be known. Errors: it
  // is not, or has another type.
  Result<std::vector<int64_t>> Ints(size_t i) const;
  Result<double> Scalar(size_t i) const;

  // Attributes, or what holds without them. Errors: another kind.
  Result<int64_t> Int(std::string_view name, int64_t otherwise) const;
  Result<double> Float(std::string_view name, double otherwise) const;
  Result<std::string> Text(std::string_view name,
                           std::string_view otherwise) const;
  Result<std::vector<int64_t>> IntList(std::string_view name,
                                       std::vector<int64_t> otherwise) const;
  // Axes, repeats or sizes that were an attribute once and are input i since.
  // Empty where there is neither.
  Result<std::vector<int64_t>> IntsOf(std::string_view name, size_t i) const;

  // `axis` counted from the end if negative. Errors: outside the rank.
  Result<size_t> Axis(int64_t axis, int64_t rank) const;
  // One flag a dimension. Errors: outside, or named twice.
  Result<std::vector<bool>> Axes(const std::vector<int64_t>& axes,
                                 int64_t rank) const;

  // Output `next`: zeroed elements if known(), none otherwise. Errors: more
  // elements than limits().
  Result<Tensor*> Make(ElementType type, Dims dims);
  std::vector<Tensor>& outputs() { return outputs_; }

  // "what"; the evaluator puts the file and the node in front.
  std::unexpected<Error> Fail(std::string what) const;
  // "input i: what".
  std::unexpected<Error> FailInput(size_t i, std::string_view what) const;
  // An error unless input i is a float (an integer, a boolean).
  Status ExpectFloat(size_t i) const;
  Status ExpectInts(size_t i) const;
  Status ExpectRank(size_t i, int64_t low, int64_t high) const;
  // An error if a node computes more than limits() allow.
  Status ExpectWork(int64_t a, int64_t b, int64_t c) const;

 private:
  const Node& node_;
  std::span<const Tensor* const> inputs_;
  int64_t opset_;
  bool known_;
  const Limits& limits_;
  std::vector<Tensor> outputs_;
};

struct Op {
  std::string_view name;
  int64_t since, until;  // opsets, both included
  size_t least_inputs;   // that must be present
  size_t most_inputs;
  Status (*run)(Call&);
  bool takes_any_kind = false;  // sequences and optional values too
};

inline constexpr size_t kAnyNumber = SIZE_MAX;

// The rows, by the file that holds them; an operator whose meaning changed
// has several.
std::span<const Op> ElementwiseOps();
std::span<const Op> ReduceOps();
std::span<const Op> DataOps();
std::span<const Op> IndexOps();
std::span<const Op> ProductOps();

// The row of the default domain for a node; null if it is not listed.
const Op* FindOp(const Node& node, int64_t opset);

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_OP_H_
