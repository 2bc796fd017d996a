// accuracy: NLL, perplexity, KL and top-1 against the f64 reference, and a
// gate on them.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "tools/cli/gate.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

Result<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be read");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Texts of the reference's own, no longer each than the model was made for.
Result<std::vector<Segment>> OwnSegments(const Model& model,
                                         const AccuracyOptions& o) {
  const Tokenizer& tokenizer = model.file.tokenizer;
  const int32_t bos = tokenizer.empty() ? 1 : tokenizer.start();
  const int64_t longest = model.file.config.context - 1;  // and BOS
  Progress progress("reference's text");
  std::vector<Segment> segments;
  for (int64_t left = o.self_tokens; left > 0; left -= longest) {
    TRIPTYCH_ASSIGN(
        const auto more,
        SelfSegments(model.graph, *model.weights, bos, std::min(left, longest),
                     o.seed + segments.size(), std::ref(progress)));
    segments.insert(segments.end(), more.begin(), more.end());
  }
  return segments;
}

Result<std::vector<Segment>> SegmentsOf(const Model& model,
                                        const AccuracyOptions& o) {
  if (o.text.empty()) return OwnSegments(model, o);
  TRIPTYCH_TRY(CheckTokenizer(model));
  TRIPTYCH_ASSIGN(const std::string text, ReadText(o.text));
  const Tokenizer& tokenizer = model.file.tokenizer;
  auto segments = o.protocol == "story"
                      ? StorySegments(text, tokenizer)
                      : ChunkSegments(text, tokenizer, o.context);
  if (!segments) return Locate(std::move(segments).error(), o.text);
  size_t longest = 0;
  for (const Segment& segment : *segments) {
    longest = std::max(longest, segment.tokens.size());
  }
  TRIPTYCH_TRY(
      CheckContext(model.file.config, static_cast<int64_t>(longest), o.text));
  return segments;
}

Result<ScoredTarget> RunOn(const Model& model, const AccuracyTest& test,
                           const std::string& spec, const AccuracyOptions& o) {
  TRIPTYCH_ASSIGN(const auto target,
                  MakeTarget(spec, OverridesFor(spec, o.set)));
  TRIPTYCH_ASSIGN(const auto program,
                  target->Compile(model.graph, &*model.weights));
  Progress progress(target->name());
  ScoredTarget scored{
      std::string(target->name()), std::string(target->preset()), {}, ""};
  TRIPTYCH_ASSIGN(scored.accuracy,
                  test.Run(*program, o.seed, ThreadsOf(o), std::ref(progress)));
  return scored;
}

Result<std::vector<ScoredTarget>> RunAll(const Model& model,
                                         const AccuracyOptions& o) {
  TRIPTYCH_ASSIGN(auto segments, SegmentsOf(model, o));
  Progress progress("f64 reference");
  TRIPTYCH_ASSIGN(const AccuracyTest test,
                  AccuracyTest::Make(model.graph, *model.weights,
                                     std::move(segments), std::ref(progress)));
  std::vector<ScoredTarget> all;
  for (const std::string& spec : TargetsOr(o, {"cpu"})) {
    TRIPTYCH_ASSIGN(ScoredTarget scored, RunOn(model, test, spec, o));
    all.push_back(std::move(scored));
  }
  return all;
}

std::string TextOf(const std::vector<ScoredTarget>& all) {
  Table table({"target", "predictions", "NLL nats/token", "perplexity",
               "KL nats/token", "top-1", "class"});
  for (const ScoredTarget& scored : all) {
    const Accuracy& a = scored.accuracy;
    table.Add(
        {scored.Label(), std::to_string(a.predictions),
         fmt::format("{:.6f} +- {:.3f}", a.nll_nats_per_token, a.nll_stderr),
         fmt::format("{:.4f}", a.perplexity),
         fmt::format("{:.3e} +- {:.0e}", a.kl_nats_per_token, a.kl_stderr),
         Percent(a.top1_agreement), std::string(a.accuracy_class)});
  }
  return table.Text();
}

// Says on stderr which targets failed.
int ExitCodeOf(const std::vector<ScoredTarget>& all) {
  int code = kOk;
  for (const ScoredTarget& scored : all) {
    if (scored.failure.empty()) continue;
    fmt::print(stderr, "triptych: {}: {}\n", scored.Label(), scored.failure);
    code = kGateFailed;
  }
  return code;
}

}  // namespace

Result<int> AccuracyCommand(const AccuracyOptions& options) {
  const bool gated = !options.baseline.empty();
  if (options.accept && !gated) {
    return MakeError(ErrorCode::kInvalid,
                     "accuracy: --accept needs --baseline FILE to write");
  }
  if (options.accept) TRIPTYCH_TRY(CheckWritable(options.baseline));
  TRIPTYCH_TRY(CheckWritable(options.junit));
  TRIPTYCH_ASSIGN(const auto model, OpenModel(options.model, options.tokenizer,
                                              {.all_logits = true}));
  TRIPTYCH_TRY(CheckWeights(*model));
  TRIPTYCH_ASSIGN(std::vector<ScoredTarget> all, RunAll(*model, options));
  if (gated && !options.accept) {
    TRIPTYCH_TRY(JudgeByBaseline(options.baseline, all));
  }
  nlohmann::json results = nlohmann::json::array();
  for (const ScoredTarget& scored : all) results.push_back(ToJson(scored));
  Print(options.json, TextOf(all));
  TRIPTYCH_TRY(WriteJson(options.json, "accuracy", results));
  if (options.accept) {
    TRIPTYCH_TRY(WriteJson(options.baseline, "accuracy", results));
  }
  TRIPTYCH_TRY(WriteJunit(options.junit, all));
  return ExitCodeOf(all);
}

}  // namespace triptych::cli
