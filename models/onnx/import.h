// ONNX models as models of ours.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_IMPORT_H_
#define TRIPTYCH_MODELS_ONNX_IMPORT_H_

#include <cstddef>
#include <span>
#include <string>

#include "kernels/base/result.h"
#include "models/weights.h"

namespace triptych {

namespace onnx {
struct Limits;
}

// Whether `bytes` start as an ONNX file does.
bool LooksLikeOnnx(std::span<const std::byte> bytes);

// The transformer in `bytes`, which need not outlive the result. The result
// brings its own graph (ModelFile::graph); its config has the sizes that
// could be told, and no family's graph may be built from it. The tensors keep
// the names of the file's initialisers.
//
// Ids of tokens are the graph's input "tokens", of segments "segments"; masks
// are taken to be all ones and positions to be 0, 1, ..., as for sequences
// that are not padded. Numbers are "patches" if a convolution cuts them into
// patches ([batch * patches, channels * height * width of a patch]), and else
// keep their name. A model with causal attention becomes a decoder with our
// caches (prefill and decode), any other an encoder. The first output of the
// model, or the one called "logits", is the graph's.
//
// Errors are "file: node 'x' (Op): what": a node in no pattern of ours, or
// what ReadModel and Evaluate refuse. In a build without the feature `onnx`
// everything is refused, with how to get it.
Result<ModelFile> ParseOnnxModel(std::span<const std::byte> bytes,
                                 const std::string& file);
// The same within other limits (models/onnx/op.h) on what a file may make us
// compute.
Result<ModelFile> ParseOnnxModel(std::span<const std::byte> bytes,
                                 const std::string& file,
                                 const onnx::Limits& limits);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_ONNX_IMPORT_H_
