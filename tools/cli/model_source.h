// Where the model of a command comes from (a file with weights, the name of a
// shape preset, or such a shape with random weights), and which overrides go
// to which target.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_MODEL_SOURCE_H_
#define TRIPTYCH_TOOLS_CLI_MODEL_SOURCE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/base/result.h"
#include "models/build/build.h"
#include "models/graph_weights.h"
#include "models/weights.h"

namespace triptych::cli {

// A graph with its weights, if there are any. Not copied or moved once made:
// programs keep pointers into it.
struct Model {
  ModelFile file;  // config and tokenizer; no tensors for a preset
  Graph graph;
  std::optional<Weights> weights;
  std::optional<uint64_t> seed;  // of weights that no file has

  // The same weights for another graph of the model.
  Result<Weights> WeightsOf(const Graph& other) const;
};

// The shipped model: beside the sources this was built from, or where it was
// installed; $TRIPTYCH_MODEL replaces it.
std::string DefaultModelPath();

// `model`: a path, a preset's name, or "" for the default model. In front of
// a preset's name, "random:" gives it bf16 weights drawn by a generator that
// stores none of them, and ":SEED" after it chooses others than seed 0's; its
// tokenizer spells text in bytes. Errors are located; a name that is nothing
// of this says which presets there are.
Result<std::unique_ptr<Model>> OpenModel(const std::string& model,
                                         const std::string& tokenizer,
                                         const BuildOptions& build);

// Errors of commands that compute values: no weights, no tokenizer.
Status CheckWeights(const Model& model);
Status CheckTokenizer(const Model& model);

// The names of all targets.
std::vector<std::string> TargetNames();

// Whether a model may be given `tokens` in a row. With learned positions not
// more than it was made for: an error that starts with `where`. Rotations go
// on for ever, so there it is a warning: files understate their context, and
// whoever studies what lies beyond it knows.
Status CheckContext(const ModelConfig& config, int64_t tokens,
                    const std::string& where);

// The overrides that are for the target named by `spec`: "key=value" is for
// every target, "mesh:key=value" for mesh alone.
std::vector<std::string> OverridesFor(const std::string& spec,
                                      const std::vector<std::string>& set);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_MODEL_SOURCE_H_
