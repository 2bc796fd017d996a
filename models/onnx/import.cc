// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/import.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "models/build/build.h"
#include "models/onnx/emit.h"
#include "models/onnx/reader.h"

namespace triptych {
namespace {

// Both graphs, made once: they share the weights.
class ImportedGraphs : public GraphSource {
 public:
  ImportedGraphs(Graph last_logits, Graph all_logits)
      : last_(std::move(last_logits)), all_(std::move(all_logits)) {}
  Result<Graph> Build(const BuildOptions& options) const override {
    return options.all_logits ? all_ : last_;
  }

 private:
  Graph last_, all_;
};

// The output called "logits", or else the first.
Result<int> OutputOf(const onnx::Model& model) {
  for (const int output : model.outputs) {
    if (model.values[static_cast<size_t>(output)] == "logits") return output;
  }
  if (!model.outputs.empty()) return model.outputs[0];
  return MakeError(ErrorCode::kCorrupt, model.file + ": graph: has no output");
}

ModelConfig StartOf(const onnx::Model& model) {
  ModelConfig config;
  config.architecture = "onnx";
  const size_t name = model.file.find_last_of('/') + 1;  // npos + 1 is 0
  config.name = model.file.substr(name, model.file.find_last_of('.') - name);
  // Files do not say, unless by a table of positions.
  config.context = 2048;
  return config;
}

}  // namespace

Result<ModelFile> ParseOnnxModel(std::span<const std::byte> bytes,
                                 const std::string& file) {
  return ParseOnnxModel(bytes, file, onnx::Limits{});
}

Result<ModelFile> ParseOnnxModel(std::span<const std::byte> bytes,
                                 const std::string& file,
                                 const onnx::Limits& limits) {
  TRIPTYCH_ASSIGN(const onnx::Model model, onnx::ReadModel(bytes, file));
  TRIPTYCH_ASSIGN(const int output, OutputOf(model));
  TRIPTYCH_ASSIGN(const onnx::Facts facts, onnx::Facts::Of(model, limits));
  TRIPTYCH_ASSIGN(const std::vector<onnx::Step> steps,
                  onnx::MatchSteps(facts, output));
  onnx::Tables tables(facts);
  ModelFile result;
  result.config = StartOf(model);
  TRIPTYCH_ASSIGN(Graph all,
                  onnx::EmitGraph(facts, steps, output, {.all_logits = true},
                                  tables, result.config));
  // The sizes are those of one graph.
  ModelConfig same = StartOf(model);
  TRIPTYCH_ASSIGN(Graph last,
                  onnx::EmitGraph(facts, steps, output, {}, tables, same));
  result.graph =
      std::make_shared<ImportedGraphs>(std::move(last), std::move(all));
  result.tensors = tables.tensors();
  result.storage = tables.storage();
  return result;
}

}  // namespace triptych
