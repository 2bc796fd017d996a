// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/import_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "models/build/build.h"
#include "models/onnx/cut.h"
#include "models/onnx/emit.h"

namespace triptych::onnx {
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
Result<int> OutputOf(const Model& model) {
  for (const int output : model.outputs) {
    if (model.values[static_cast<size_t>(output)] == "logits") return output;
  }
  if (!model.outputs.empty()) return model.outputs[0];
  return MakeError(ErrorCode::kCorrupt, model.file + ": graph: has no output");
}

ModelConfig StartOf(const Model& model, const std::string& architecture) {
  ModelConfig config;
  config.architecture = architecture;
  const size_t name = model.file.find_last_of('/') + 1;  // npos + 1 is 0
  config.name = model.file.substr(name, model.file.find_last_of('.') - name);
  // Files do not say, unless by a table of positions.
  config.context = 2048;
  return config;
}

// The first of them, and where the others are.
std::unexpected<Error> Refuse(const Model& model,
                              const std::vector<Unmatched>& unmatched) {
  Error error = unmatched.front().error;
  constexpr size_t kMost = 8;
  std::vector<std::string> others;
  for (size_t i = 1; i < unmatched.size() && i <= kMost; ++i) {
    others.push_back(model.Label(*unmatched[i].node));
  }
  if (!others.empty()) {
    error.message += fmt::format("; neither are {} others: {}{}",
                                 unmatched.size() - 1, fmt::join(others, ", "),
                                 unmatched.size() - 1 > kMost ? ", ..." : "");
  }
  return std::unexpected(std::move(error));
}

Result<ModelFile> ImportMatched(const Facts& facts,
                                const std::vector<Step>& steps, int output,
                                const std::string& architecture) {
  Tables tables(facts);
  ModelFile result;
  result.config = StartOf(facts.model(), architecture);
  TRIPTYCH_ASSIGN(Graph all,
                  EmitGraph(facts, steps, output, {.all_logits = true}, tables,
                            result.config));
  // The sizes are those of one graph.
  ModelConfig same = StartOf(facts.model(), architecture);
  TRIPTYCH_ASSIGN(Graph last,
                  EmitGraph(facts, steps, output, {}, tables, same));
  result.graph =
      std::make_shared<ImportedGraphs>(std::move(last), std::move(all));
  result.tensors = tables.tensors();
  result.storage = tables.storage();
  return result;
}

// What only a whole keyword transformer tells: where its input is from, and
// that its output is classes.
void DescribeSound(const FrontEnd& front, const std::vector<Step>& steps,
                   int64_t classes, ModelConfig* config) {
  config->family = Family::kKwt;
  config->patch = {.frames = front.rows(),
                   .height = front.cols(),
                   .width = 1,
                   .patch_height = front.cols(),
                   .patch_width = 1};
  config->classes = classes;
  config->norm_place = NormPlace::kPost;
  for (const Step& step : steps) {
    if (step.kind == StepKind::kAttention) break;
    if (step.kind == StepKind::kLayerNorm || step.kind == StepKind::kRmsNorm) {
      config->norm_place = NormPlace::kPre;
    }
  }
}

}  // namespace

Result<ModelFile> ImportModel(const Model& model, const Limits& limits,
                              const std::string& architecture) {
  TRIPTYCH_ASSIGN(const int output, OutputOf(model));
  TRIPTYCH_ASSIGN(const Facts facts, Facts::Of(model, limits));
  const Match match = MatchAll(facts, output);
  if (match.unmatched.empty()) {
    return ImportMatched(facts, match.steps, output, architecture);
  }
  const auto cut = FindCut(facts, output, *match.unmatched.front().node);
  if (!cut) return Refuse(model, match.unmatched);
  Halves halves = CutAt(facts, output, *cut);
  TRIPTYCH_ASSIGN(const Facts rest, Facts::Of(halves.after, limits));
  const Match matched = MatchAll(rest, output);
  if (!matched.unmatched.empty()) return Refuse(model, matched.unmatched);
  // Else it is some other network, and its last layer is no transformer.
  const bool attends = std::any_of(
      matched.steps.begin(), matched.steps.end(),
      [](const Step& step) { return step.kind == StepKind::kAttention; });
  if (!attends) return Refuse(model, match.unmatched);
  TRIPTYCH_ASSIGN(ModelFile result,
                  ImportMatched(rest, matched.steps, output, architecture));
  TRIPTYCH_ASSIGN(result.front_end,
                  MakeFrontEnd(std::move(halves.before), limits));
  DescribeSound(*result.front_end, matched.steps, rest.ShapeOf(output).back(),
                &result.config);
  return result;
}

}  // namespace triptych::onnx
