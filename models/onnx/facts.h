// What is known of a model before anything is made of it: who makes each
// value, what depends on data, and every shape as a multiple of the batch and
// of the tokens.
//
// Shapes are not inferred by rules of their own: the evaluator runs the model
// at two sizes with inputs of unknown elements, and what does not depend on
// data (positions, masks, rotations, weights) comes out as numbers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_FACTS_H_
#define TRIPTYCH_MODELS_ONNX_FACTS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/onnx/evaluate.h"
#include "models/onnx/model.h"

namespace triptych::onnx {

// coefficient * batch^batch * tokens^tokens.
struct SymbolicDim {
  int64_t coefficient = 1;
  int batch = 0, tokens = 0;
  friend bool operator==(const SymbolicDim&, const SymbolicDim&) = default;
};

// What an input of a model is for us.
enum class InputRole : uint8_t {
  kTokens,     // ids of tokens, [batch, tokens]
  kSegments,   // ids of segments, [batch, tokens]
  kMask,       // which tokens count: taken to be all of them
  kPositions,  // taken to be 0, 1, ...
  kFeatures,   // numbers: patches of an image, frames of sound
};

class Facts {
 public:
  // Errors: an input that we have no use for, operators that are not listed,
  // a size that is no multiple of batch and tokens.
  static Result<Facts> Of(const Model& model, const Limits& limits);

  const Model& model() const { return *model_; }
  const Node* Producer(int value) const;  // null: an input, an initialiser
  // Depends on no element of tokens, segments or features.
  bool IsConstant(int value) const;
  // The elements at the first probe, or null if nobody computed them.
  const Tensor* Elements(int value, size_t probe = 0) const;
  ElementType TypeOf(int value) const { return At(value).type; }
  int64_t Rank(int value) const { return At(value).rank(); }
  // Sizes at the first probe: for what is known to be fixed.
  const Dims& ShapeOf(int value) const { return At(value).dims; }
  Result<std::vector<SymbolicDim>> Sizes(int value) const;
  InputRole RoleOf(const InputInfo& input) const;
  int64_t ProbedTokens(size_t probe = 0) const;

  const Limits& limits() const { return limits_; }

  // "file: node 'x' (Op): what".
  std::unexpected<Error> Fail(const Node& node, const std::string& what) const;
  std::unexpected<Error> Fail(int value, const std::string& what) const;

 private:
  Facts(const Model& model, const Limits& limits)
      : model_(&model), limits_(limits) {}
  const Tensor& At(int value, size_t probe = 0) const {
    return probes_[probe][static_cast<size_t>(value)];
  }
  Status Probe(size_t probe);

  const Model* model_;
  Limits limits_;
  std::vector<int> producers_;  // by value; -1
  std::vector<bool> constant_;
  std::array<Values, 2> probes_;
};

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_FACTS_H_
