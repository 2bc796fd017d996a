// Our graphs as ONNX, for viewers.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_EXPORT_H_
#define TRIPTYCH_MODELS_ONNX_EXPORT_H_

#include <string>

#include "kernels/base/result.h"
#include "models/graph.h"

namespace triptych {

// The graph as the bytes of a .onnx file without weights. Nodes are of the
// domain "ai.triptych" and have our names and attributes; every value has its
// shape, with rows like "batch*tokens" for what a run decides. Weights are
// initialisers whose elements are said to be in "weights.bin", which nobody
// writes: viewers show their shapes. A cache is an input, and what a node
// appends to it an output called ".next"; the results of the entries are the
// other outputs. The same graph gives the same bytes. Errors: a build without
// the feature `onnx`.
Result<std::string> OnnxGraphBytes(const Graph& graph);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_ONNX_EXPORT_H_
