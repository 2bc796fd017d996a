// A model in two: a front end that makes features of raw numbers, and the
// transformer that they are for.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_CUT_H_
#define TRIPTYCH_MODELS_ONNX_CUT_H_

#include <memory>
#include <optional>

#include "models/audio/front_end.h"
#include "models/onnx/facts.h"
#include "models/onnx/model.h"
#include "models/onnx/op.h"

namespace triptych::onnx {

struct Halves {
  Model before;  // its only output is the only input of `after`
  Model after;
};

// The value after which nothing else that depends on data is needed for
// `output`, made by `last` or by the first node behind it for which there is
// such a value. Nothing if there is none in front of `output`, or if what lies
// before it is no front end: one input of a fixed number of samples ([samples]
// or [batch, samples]), and no softmax (that is the transformer itself).
std::optional<int> FindCut(const Facts& facts, int output, const Node& last);

// `model` cut at `value`, which becomes the input "patches". Constants go to
// whoever uses them.
Halves CutAt(const Facts& facts, int output, int value);

// Evaluates `before` for one sequence at a time; keeps what its constants
// point into if they do. Errors: what Evaluate refuses.
Result<std::shared_ptr<const FrontEnd>> MakeFrontEnd(Model before,
                                                     const Limits& limits);

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_CUT_H_
