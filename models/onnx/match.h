// Finds, in the small operators that exporters write, the operators of our
// graphs: norms, attention, rotations, activations, linear layers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_MATCH_H_
#define TRIPTYCH_MODELS_ONNX_MATCH_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/onnx/facts.h"

namespace triptych::onnx {

enum class StepKind : uint8_t {
  kEmbed,        // inputs ids; constants table
  kLinear,       // inputs x; constants W, bias or kAbsent
  kLayerNorm,    // inputs x; constants scale and bias, or kAbsent; number eps
  kRmsNorm,      // inputs x; constants scale; number eps
  kUnary,        // inputs x; `op` is ours
  kBinary,       // inputs a, b; `op` is ours
  kAddConstant,  // inputs x; constants what is added
  kRope,         // inputs x; constants cos, sin; flag: pairs are halves
  kAttention,    // inputs q, k (turned), v; number scale; flag: causal
  kReshape,      // inputs x: also squeezes, flattens
  kTranspose,    // inputs x; integers the order
  kExpand,       // inputs x
  kSlice,        // inputs x; integers axis, first, count, 1 if the axis goes;
                 // flag: counted from the end
  kConcat,       // inputs x; constants what comes first; integers axis
  kMean,         // inputs x; integers axis, 1 if the axis stays
  kConv,         // inputs x; constants W, bias or kAbsent
};

// One of our operators, or a change of view, made of one or more nodes.
struct Step {
  StepKind kind;
  const Node* node = nullptr;  // the last of those it is made of
  int output = kAbsent;        // the value it makes
  std::string_view op;         // kUnary, kBinary
  std::vector<int> inputs;     // values that depend on data
  std::vector<int> constants;  // values that do not
  std::vector<int64_t> integers;
  double number = 0;
  bool flag = false;
  bool turned = false;  // kLinear: W is [out, in]
};

// A node that is in no pattern of ours, and why.
struct Unmatched {
  const Node* node = nullptr;
  Error error;
};

struct Match {
  // What makes the output, in an order in which it can be done. Nodes that
  // nothing needed are left out.
  std::vector<Step> steps;
  // Empty if the steps are all there is. The last ones of the model come
  // first; what is in front of one is looked for all the same.
  std::vector<Unmatched> unmatched;
};
Match MatchAll(const Facts& facts, int output);
// The steps. Errors: the first of those that are unmatched.
Result<std::vector<Step>> MatchSteps(const Facts& facts, int output);

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_MATCH_H_
